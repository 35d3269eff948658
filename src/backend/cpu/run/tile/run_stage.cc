#include "backend/cpu/run/tile/run_stage.h"

#include <algorithm>
#include <cstring>

#include "backend/cpu/run/tile/move.h"
#include "backend/cpu/run/tile/reduce.h"

namespace temper::cpu::tile {
namespace {

// Floor and ceiling of a / b for b > 0.
int64_t floor_of(int64_t a, int64_t b) { return b == 1 ? a : a >= 0 ? a / b : -((-a + b - 1) / b); }
int64_t ceil_of(int64_t a, int64_t b) { return -floor_of(-a, b); }

// A tile being worked on. Axes: what does not vary along an axis is held once along it; a value that varies along rows only is
// held as one dense row of `rows` elements.
class TileRun {
 public:
  TileRun(const StagePlan& plan, const StageRun& run, const int64_t* forms, int64_t rows, int64_t cols)
      : plan_(plan), run_(run), forms_(forms), rows_(rows), cols_(cols) {}

  void code() {
    for (const MicroOp& op : plan_.code) {
      switch (op.kind) {
        case MicroOp::Kind::kCompute:
          compute(op);
          break;
        case MicroOp::Kind::kLoad:
          load(op);
          break;
        case MicroOp::Kind::kForm:
          form(op);
          break;
        case MicroOp::Kind::kCheck:
          check(op);
          break;
        case MicroOp::Kind::kExpand:
          expand(op);
          break;
      }
    }
  }

  void stores() {
    for (const StoreOp& s : plan_.stores) {
      if (s.done) continue;
      const Value& v = plan_.values[static_cast<size_t>(s.value)];
      store(s, address(v), step(v), {v.varies.rows, v.varies.cols}, rows_, cols_);
    }
  }

  // `rows` x `cols` kept elements, dense in memory, as results of a reduction.
  void store_result(const StoreOp& s, const std::byte* data, RegType type, int64_t rows, int64_t cols) {
    store(s, data, cols * reg_bytes(type), {true, true}, rows, cols);
  }

  void fold(int64_t count) {
    const Value& v = plan_.values[static_cast<size_t>(plan_.result)];
    FoldCall call;
    call.src = address(v);
    call.src_step = step(v);
    call.rows = rows_;
    call.cols = cols_;
    call.fold_rows = plan_.rows_reduced;
    call.fold_cols = plan_.cols_reduced;
    for (int k = 0; k < kStateArrays; ++k) call.state[k] = run_.state[k];
    call.count = count;
    const size_t p = static_cast<size_t>(plan_.position_form);
    call.position = forms_[p];
    call.row_position = plan_.row_step[p];
    call.col_position = plan_.col_step[p];
    plan_.fold(call);
  }

 private:
  const Value& value(int v) const { return plan_.values[static_cast<size_t>(v)]; }
  std::byte* raw() const { return run_.registers + ((plan_.register_bytes + 63) & ~int64_t{63}); }

  const std::byte* address(const Value& v) const {
    switch (v.kind) {
      case Value::Kind::kRegister:
        if (v.dynamic >= 0 && views_[v.dynamic].data != nullptr) return views_[v.dynamic].data;
        return run_.registers + v.offset;
      case Value::Kind::kConstant:
        return plan_.constants.data() + v.offset;
      case Value::Kind::kView:
        break;
    }
    if (v.place < 0) return run_.tile;
    return run_.places[v.place] + forms_[v.form] * reg_bytes(v.type);
  }
  // Distance of rows; of a value that varies along the rows only, the size of an element.
  int64_t step(const Value& v) const {
    const int64_t size = reg_bytes(v.type);
    if (v.kind == Value::Kind::kView) return v.place < 0 ? run_.tile_step : plan_.row_step[static_cast<size_t>(v.form)] * size;
    if (v.dynamic >= 0 && views_[v.dynamic].data != nullptr) return views_[v.dynamic].step;
    if (!v.varies.rows) return 0;
    return v.varies.cols ? cols_ * size : size;
  }

  // Where an operation writes: its register, or the tensor itself.
  void destination(const MicroOp& op, const Value& result, std::byte*& dst, int64_t& step) const {
    const int64_t size = reg_bytes(result.type);
    if (op.direct_store < 0) {
      dst = run_.registers + result.offset;
      step = result.varies.cols ? cols_ * size : size;
      return;
    }
    const StoreOp& s = plan_.stores[static_cast<size_t>(op.direct_store)];
    dst = s.place < 0 ? run_.tile : run_.places[s.place] + forms_[s.form] * size;
    step = s.place < 0 ? run_.tile_step : plan_.row_step[static_cast<size_t>(s.form)] * size;
  }

  void compute(const MicroOp& op) const {
    const Value& result = value(op.result);
    OpCall call;
    const int64_t size = reg_bytes(result.type);
    destination(op, result, call.dst, call.dst_step);
    call.single = op.single;
    const bool by_rows = result.varies.rows && result.varies.cols;
    bool dense = by_rows && call.dst_step == cols_ * size;
    for (int k = 0; k < op.count; ++k) {
      const Value& a = value(op.args[k]);
      call.src[k] = address(a);
      if (!by_rows) continue;
      call.src_step[k] = step(a);
      dense = dense && (a.varies.cols ? call.src_step[k] == cols_ * reg_bytes(a.type) : call.src_step[k] == 0);
    }
    if (by_rows && !dense) {
      call.rows = rows_;
      call.cols = cols_;
    } else {
      call.rows = 1;
      call.cols = (result.varies.rows ? rows_ : 1) * (result.varies.cols ? cols_ : 1);
    }
    op.fn(call);
  }

  // The tile's elements as the mover sees them, axes that do not vary left out.
  Block block_of(int form, Variance varies, int64_t rows, int64_t cols) const {
    const size_t f = static_cast<size_t>(form);
    if (varies.rows && varies.cols) return {rows, cols, forms_[f], plan_.row_step[f], plan_.col_step[f]};
    if (varies.rows) return {1, rows, forms_[f], 0, plan_.row_step[f]};
    if (varies.cols) return {1, cols, forms_[f], 0, plan_.col_step[f]};
    return {1, 1, forms_[f], 0, 0};
  }

  IndexOperand index_operand(int v, Variance result) const {
    if (v < 0) return {};
    const Value& x = value(v);
    IndexOperand out{address(x), 0, false};
    if (result.rows && result.cols) {
      out.step = step(x);
      out.single = !x.varies.cols;
    } else {
      out.single = !x.varies.rows && !x.varies.cols;
    }
    return out;
  }

  void load(const MicroOp& op) {
    const Value& result = value(op.result);
    const Block b = block_of(op.form, result.varies, rows_, cols_);
    std::byte* registers;
    int64_t step_bytes;
    destination(op, result, registers, step_bytes);
    const std::byte* tensor = run_.places[op.place];
    const bool dense = op.index < 0 && op.guard < 0 && op.size != 0 && (b.col == 1 || b.cols == 1);
    if (op.fn != nullptr && dense && (op.guards == 0 || inside(op, result.varies, b))) {
      OpCall call;
      call.dst = registers;
      call.dst_step = b.cols * reg_bytes(result.type);
      call.src[0] = tensor + b.base * op.size;
      call.src_step[0] = b.row * op.size;
      call.rows = b.rows;
      call.cols = b.cols;
      op.fn(call);
      return;
    }
    std::byte* tile = op.fn != nullptr ? raw() : registers;
    if (op.index >= 0 || op.guard >= 0) {
      static constexpr int64_t kNoIndex = 0;
      IndexOperand index = index_operand(op.index, result.varies);
      if (index.data == nullptr) index = {reinterpret_cast<const std::byte*>(&kNoIndex), 0, true};
      if (!gather(tile, tensor, b, op.size, index, index_operand(op.guard, result.varies), op.fill, op.limit)) raise();
    } else {
      const int64_t tile_row = op.direct_store >= 0 ? step_bytes / op.size : b.cols;
      const bool open = op.guards == 0 || inside(op, result.varies, b);
      if (result.dynamic >= 0) views_[result.dynamic].data = nullptr;
      if (!open) {
        guarded(op, result.varies, b, tile, tile_row, tensor);
      } else if (result.dynamic >= 0) {
        views_[result.dynamic] = {tensor + b.base * op.size, b.row * op.size};
      } else {
        fetch(tile, tensor, b, op.size, tile_row);
      }
    }
    if (op.fn != nullptr) convert(op.fn, registers, tile, b.rows * b.cols);
  }

  static void convert(OpFn fn, std::byte* to, const std::byte* from, int64_t n) {
    OpCall call;
    call.dst = to;
    call.src[0] = from;
    call.cols = n;
    fn(call);
  }

  // Whether the guards, being linear, hold on the whole tile, and the tile is inside the tensor: the corners tell.
  bool inside(const MicroOp& op, Variance varies, const Block& b) const {
    auto span = [](int64_t n, int64_t step) { return (n - 1) * step; };
    for (int g = 0; g < op.guards; ++g) {
      const Block guard = block_of(op.first_guard + g, varies, rows_, cols_);
      if (guard.base + std::min<int64_t>(0, span(b.rows, guard.row)) + std::min<int64_t>(0, span(b.cols, guard.col)) < 0)
        return false;
    }
    const int64_t low = b.base + std::min<int64_t>(0, span(b.rows, b.row)) + std::min<int64_t>(0, span(b.cols, b.col));
    const int64_t high = b.base + std::max<int64_t>(0, span(b.rows, b.row)) + std::max<int64_t>(0, span(b.cols, b.col));
    return low >= 0 && high < op.limit;
  }

  // Row by row: the guards are linear, so they hold on an interval of each row.
  void guarded(const MicroOp& op, Variance varies, const Block& b, std::byte* tile, int64_t tile_row,
               const std::byte* tensor) const {
    const int64_t width = std::max(op.size, 1);
    for (int64_t r = 0; r < b.rows; ++r) {
      int64_t lo = 0, hi = b.cols;
      for (int g = 0; g < op.guards; ++g) {
        const Block guard = block_of(op.first_guard + g, varies, rows_, cols_);
        const int64_t at = guard.base + r * guard.row;
        if (guard.col == 0) {
          if (at < 0) hi = 0;
        } else if (guard.col > 0) {
          lo = std::max(lo, ceil_of(-at, guard.col));
        } else {
          hi = std::min(hi, floor_of(at, -guard.col) + 1);
        }
      }
      std::byte* d = tile + r * tile_row * width;
      lo = std::min(lo, b.cols);
      if (lo >= hi) {
        fill(d, b.cols, op.fill, op.size);
        continue;
      }
      const int64_t first = b.base + r * b.row + lo * b.col, last = first + (hi - lo - 1) * b.col;
      if (first < 0 || last < 0 || first >= op.limit || last >= op.limit) {
        raise();
        fill(d, b.cols, op.fill, op.size);
        continue;
      }
      if (lo > 0) fill(d, lo, op.fill, op.size);
      fetch(d + lo * width, tensor, {1, hi - lo, first, 0, b.col}, op.size);
      if (hi < b.cols) fill(d + hi * width, b.cols - hi, op.fill, op.size);
    }
  }

  void form(const MicroOp& op) const {
    const Value& result = value(op.result);
    const Block b = block_of(op.form, result.varies, rows_, cols_);
    auto* d = reinterpret_cast<int64_t*>(run_.registers + result.offset);
    for (int64_t r = 0; r < b.rows; ++r) {
      const int64_t base = b.base + r * b.row;
      for (int64_t c = 0; c < b.cols; ++c) *d++ = base + c * b.col;
    }
  }

  void check(const MicroOp& op) const {
    const Value& x = value(op.args[0]);
    if (op.guard < 0) {
      auto* p = reinterpret_cast<const int64_t*>(address(x));
      const int64_t step_of = x.kind == Value::Kind::kView && x.varies.rows ? step(x) / 8 : 0;
      const int64_t rows = x.varies.rows && x.varies.cols ? rows_ : 1;
      const int64_t cols = x.varies.cols ? cols_ : x.varies.rows ? rows_ : 1;
      const int64_t dense = step_of != 0 ? step_of : cols;
      bool good = true;
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t c = 0; c < cols; ++c)
          good = good && static_cast<uint64_t>(p[r * dense + c]) < static_cast<uint64_t>(op.limit);
      }
      if (!good) raise();
      return;
    }
    const Value& mask = value(op.guard);
    const bool any_cols = x.varies.cols || mask.varies.cols, any_rows = x.varies.rows || mask.varies.rows;
    bool good = true;
    for (int64_t r = 0; r < (any_rows ? rows_ : 1); ++r) {
      const std::byte* px = address(x) + (x.varies.rows ? r * step(x) : 0);
      const std::byte* pm = address(mask) + (mask.varies.rows ? r * step(mask) : 0);
      for (int64_t c = 0; c < (any_cols ? cols_ : 1); ++c) {
        if (std::to_integer<int>(pm[mask.varies.cols ? c : 0]) == 0) continue;
        const int64_t v = reinterpret_cast<const int64_t*>(px)[x.varies.cols ? c : 0];
        good = good && static_cast<uint64_t>(v) < static_cast<uint64_t>(op.limit);
      }
    }
    if (!good) raise();
  }

  void expand(const MicroOp& op) const {
    const Value& a = value(op.args[0]);
    const Value& result = value(op.result);
    spread(run_.registers + result.offset, address(a), step(a), a.varies, reg_bytes(a.type), rows_, cols_);
  }

  // A dense tile from a value of a lower class.
  static void spread(std::byte* d, const std::byte* from, int64_t step, Variance varies, int size, int64_t rows, int64_t cols) {
    for (int64_t r = 0; r < rows; ++r) {
      const std::byte* s = from + (varies.rows ? r * step : 0);
      if (varies.cols)
        std::memcpy(d + r * cols * size, s, static_cast<size_t>(cols * size));
      else
        fill(d + r * cols * size, cols, s, size);
    }
  }

  void store(const StoreOp& s, const std::byte* data, int64_t data_step, Variance varies, int64_t rows, int64_t cols) const {
    const size_t f = static_cast<size_t>(s.form);
    const int register_size = s.width;
    std::byte* base = s.place < 0 ? run_.tile : run_.places[s.place];
    Block b{rows, cols, s.place < 0 ? 0 : forms_[f], s.place < 0 ? run_.tile_step / 4 : plan_.row_step[f],
            s.place < 0 ? 1 : plan_.col_step[f]};
    const bool whole = (varies.rows || rows == 1) && (varies.cols || cols == 1);
    if (whole && s.size != 0 && (b.col == 1 || cols == 1)) {
      std::byte* to = base + b.base * s.size;
      if (s.fn == nullptr) {
        for (int64_t r = 0; r < rows; ++r)
          std::memcpy(to + r * b.row * s.size, data + r * data_step, static_cast<size_t>(cols * s.size));
      } else {
        OpCall call;
        call.dst = to;
        call.dst_step = b.row * s.size;
        call.src[0] = data;
        call.src_step[0] = data_step;
        call.rows = rows;
        call.cols = cols;
        s.fn(call);
      }
      return;
    }
    std::byte* tile = raw();
    if (!whole || data_step != cols * register_size) {
      spread(tile, data, data_step, {varies.rows || rows == 1, varies.cols || cols == 1}, register_size, rows, cols);
      data = tile;
    }
    // Narrowing in place is safe: a narrower element never overtakes the wider one that is read.
    if (s.fn != nullptr) {
      convert(s.fn, tile, data, rows * cols);
      data = tile;
    }
    put_back(base, data, b, s.size);
  }

  void raise() const { run_.fault->store(static_cast<int>(Fault::kIndex), std::memory_order_relaxed); }

  const StagePlan& plan_;
  const StageRun& run_;
  const int64_t* forms_;
  int64_t rows_, cols_;
  struct View {
    const std::byte* data;
    int64_t step;
  };
  View views_[kMaxDynamic];  // set by the load before anything reads them
};

// The loops of a stage, outermost first; each level has its own values of the forms.
class StageLoops {
 public:
  StageLoops(const StagePlan& plan, const StageRun& run)
      : plan_(plan), run_(run), forms_(static_cast<size_t>(plan.form_count())) {}

  void kept(size_t level, const int64_t* forms) {
    if (level == plan_.kept.size()) {
      if (plan_.reduce)
        reduction(forms);
      else
        run_tile(plan_, run_, forms, rows_, cols_);
      return;
    }
    loop(plan_.kept[level], forms, [&](const int64_t* next) { kept(level + 1, next); });
  }

 private:
  template <class F>
  void loop(const Loop& l, const int64_t* forms, F body) {
    int64_t next[kMaxForms];
    std::copy(forms, forms + forms_, next);
    for (int64_t i = 0; i < l.extent; i += l.step) {
      const int64_t n = std::min(l.step, l.extent - i);
      if (l.kind == Loop::Kind::kRows) rows_ = n;
      if (l.kind == Loop::Kind::kCols) cols_ = n;
      body(static_cast<const int64_t*>(next));
      for (size_t f = 0; f < forms_; ++f) next[f] += l.advance[f] * l.step;
    }
  }

  void reduction(const int64_t* forms) {
    // Along reduced axes rows_ and cols_ are set by the loops inside; along kept ones they are set already.
    const int64_t rows = plan_.rows_reduced ? 1 : rows_, cols = plan_.cols_reduced ? 1 : cols_, n = rows * cols;
    clear_state(plan_.monoid, plan_.value_type, run_.state, n);
    count_ = 0;
    reduced(0, forms);
    TileRun tile(plan_, run_, forms, rows, cols);
    std::byte* results = run_.registers;  // the code's registers are free now
    for (const StoreOp& s : plan_.stores) {
      const DType dtype = plan_.result_dtypes[static_cast<size_t>(s.value)];
      finish_state(plan_.monoid, plan_.value_type, run_.state, n, count_, s.value, dtype, results);
      tile.store_result(s, results, reg_type(dtype), rows, cols);
    }
  }

  void reduced(size_t level, const int64_t* forms) {
    if (level < plan_.reduced.size()) {
      loop(plan_.reduced[level], forms, [&](const int64_t* next) { reduced(level + 1, next); });
      return;
    }
    TileRun tile(plan_, run_, forms, rows_, cols_);
    tile.code();
    tile.fold(count_);
    count_ += (plan_.rows_reduced ? rows_ : 1) * (plan_.cols_reduced ? cols_ : 1);
  }

  const StagePlan& plan_;
  const StageRun& run_;
  size_t forms_;
  int64_t rows_ = 1, cols_ = 1;
  int64_t count_ = 0;
};

}  // namespace

void run_tile(const StagePlan& plan, const StageRun& run, const int64_t* forms, int64_t rows, int64_t cols) {
  TileRun tile(plan, run, forms, rows, cols);
  tile.code();
  tile.stores();
}

void run_stage(const StagePlan& plan, const StageRun& run, const int64_t* forms) {
  if (!plan.empty) StageLoops(plan, run).kept(0, forms);
}

}  // namespace temper::cpu::tile
