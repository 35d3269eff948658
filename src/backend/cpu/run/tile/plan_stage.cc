#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "backend/cpu/run/tile/plan.h"

namespace temper::cpu::tile {
namespace {

int64_t magnitude(int64_t x) { return x < 0 ? -x : x; }
int64_t round_up(int64_t x, int64_t to) { return (x + to - 1) / to * to; }

// Chooses tile and loops for a stage, then binds its code to them.
class StagePlanner {
 public:
  explicit StagePlanner(StageInput input) : in_(std::move(input)), stage_(*in_.stage) {}

  StagePlan plan() {
    plan_.reduce = stage_.reduce;
    plan_.monoid = stage_.monoid;
    plan_.result_dtypes = stage_.result_dtypes;
    plan_.start = in_.start;
    number_forms();
    shape_tile();
    bind();
    return std::move(plan_);
  }

 private:
  // --- forms -------------------------------------------------------------------------------------------------------
  void number_forms() {
    access_form_ = static_cast<int>(stage_.forms.size());
    int next = access_form_ + static_cast<int>(stage_.accesses.size());
    for (const Access& a : stage_.accesses) {
      guard_form_.push_back(next);
      next += static_cast<int>(a.guards.size());
    }
    store_form_ = next;
    next += static_cast<int>(stage_.stores.size());
    if (stage_.reduce) {
      plan_.position_form = next;
      plan_.start.push_back(0);
      int64_t stride = 1;
      for (size_t k = in_.dims.size(); k-- > 0;) {
        LocalDim& d = in_.dims[k];
        d.step.push_back(d.reduced ? stride : 0);
        if (d.reduced) stride *= d.extent;
      }
    }
  }

  // The form whose strides say in which order memory is walked: what a map writes, what a reduction reads.
  int leading_form() const {
    if (!stage_.reduce && !stage_.stores.empty()) return store_form_;
    int best = -1, rank = -1;
    for (size_t a = 0; a < stage_.accesses.size(); ++a) {
      int used = 0;
      for (const LocalDim& d : in_.dims) used += d.step[static_cast<size_t>(access_form_) + a] != 0;
      if (used > rank) rank = used, best = access_form_ + static_cast<int>(a);
    }
    return best >= 0 ? best : store_form_;
  }

  // --- tile --------------------------------------------------------------------------------------------------------
  void shape_tile() {
    std::vector<LocalDim>& dims = in_.dims;
    for (const LocalDim& d : dims) {
      if (!d.reduced && d.extent == 0) plan_.empty = true;
    }
    plan_.elements = 1;
    for (const LocalDim& d : dims) plan_.elements *= d.extent;
    const int forms = static_cast<int>(plan_.start.size());
    plan_.row_step.assign(static_cast<size_t>(forms), 0);
    plan_.col_step.assign(static_cast<size_t>(forms), 0);
    if (in_.fixed_tile) {
      tile_of_epilogue();
      return;
    }
    std::erase_if(dims, [](const LocalDim& d) { return d.extent == 1; });
    const int lead = leading_form();
    auto key = [&](const LocalDim& d) { return lead < 0 ? 0 : magnitude(d.step[static_cast<size_t>(lead)]); };
    const auto middle = std::stable_partition(dims.begin(), dims.end(), [](const LocalDim& d) { return !d.reduced; });
    std::stable_sort(dims.begin(), middle, [&](const LocalDim& a, const LocalDim& b) { return key(a) > key(b); });
    std::stable_sort(middle, dims.end(), [&](const LocalDim& a, const LocalDim& b) { return key(a) > key(b); });
    merge_dims();
    limit_ = in_.program->tile_elements != 0 ? in_.program->tile_elements : default_tile();
    const int col = choose_col();
    int row = transposed_row(col);
    int64_t most_cols = limit_;
    if (row >= 0) {
      most_cols = std::max<int64_t>(16, limit_ / even_part(dims[static_cast<size_t>(row)].extent, 32));
    } else {
      row = choose_row(col);
    }
    if (col >= 0) {
      const LocalDim& d = dims[static_cast<size_t>(col)];
      plan_.cols_reduced = d.reduced;
      plan_.cols = even_part(d.extent, most_cols);
      plan_.col_step = d.step;
    }
    if (row >= 0) {
      const LocalDim& d = dims[static_cast<size_t>(row)];
      plan_.rows_reduced = d.reduced;
      plan_.rows = even_part(d.extent, std::max<int64_t>(1, limit_ / plan_.cols));
      plan_.row_step = d.step;
    }
    for (int k = 0; k < static_cast<int>(dims.size()); ++k) {
      if (k == row || k == col) continue;
      const LocalDim& d = dims[static_cast<size_t>(k)];
      loops(d).push_back({Loop::Kind::kPlain, d.extent, 1, d.step});
    }
    if (row >= 0)
      loops(dims[static_cast<size_t>(row)])
          .push_back(
              {Loop::Kind::kRows, dims[static_cast<size_t>(row)].extent, plan_.rows, dims[static_cast<size_t>(row)].step});
    if (col >= 0)
      loops(dims[static_cast<size_t>(col)])
          .push_back(
              {Loop::Kind::kCols, dims[static_cast<size_t>(col)].extent, plan_.cols, dims[static_cast<size_t>(col)].step});
  }

  std::vector<Loop>& loops(const LocalDim& d) { return d.reduced ? plan_.reduced : plan_.kept; }

  // Two neighbours are one dimension where every form goes on across the border.
  void merge_dims() {
    std::vector<LocalDim>& dims = in_.dims;
    for (size_t k = dims.size(); k-- > 1;) {
      LocalDim& a = dims[k - 1];
      const LocalDim& b = dims[k];
      if (a.reduced != b.reduced) continue;
      bool goes_on = true;
      for (size_t f = 0; f < a.step.size(); ++f) goes_on = goes_on && a.step[f] == b.step[f] * b.extent;
      if (!goes_on) continue;
      a.extent *= b.extent;
      a.step = b.step;
      dims.erase(dims.begin() + static_cast<int64_t>(k));
    }
  }

  int64_t default_tile() const {
    // The registers that are alive at once should stay in the L1 cache; a chain needs few however long it is.
    return stage_.code.size() > 24 ? 512 : kMaxTile;
  }

  // Chunks of a dimension of at most `most`, all about equal, in whole cache lines where there are several.
  static int64_t even_part(int64_t extent, int64_t most) {
    if (extent <= most) return std::max<int64_t>(extent, 1);
    const int64_t parts = (extent + most - 1) / most;
    const int64_t part = (extent + parts - 1) / parts;
    return std::min(most, most >= 64 ? round_up(part, 64) : part);
  }

  int choose_col() const {
    int best = -1;
    double best_score = -1;
    for (int k = 0; k < static_cast<int>(in_.dims.size()); ++k) {
      const LocalDim& d = in_.dims[static_cast<size_t>(k)];
      double score = 0;
      auto add = [&](int form, double weight) {
        const int64_t s = d.step[static_cast<size_t>(form)];
        score += weight * (s == 1 ? 4 : s == 0 ? 1 : s == -1 || s == 2 ? 0.5 : 0);
      };
      for (size_t a = 0; a < stage_.accesses.size(); ++a) add(access_form_ + static_cast<int>(a), 1);
      if (!d.reduced) {
        for (size_t s = 0; s < stage_.stores.size(); ++s) add(store_form_ + static_cast<int>(s), stage_.reduce ? 0.2 : 1.2);
      }
      if (d.extent < 8) score *= 0.25;
      if (score >= best_score) best_score = score, best = k;  // of equals the innermost
    }
    return best;
  }

  // A dimension along which some tensor is dense that is not so along the columns: it is read (written) in squares.
  int transposed_row(int col) const {
    if (col < 0) return -1;
    auto dense_row = [&](int form) {
      const int64_t along = magnitude(in_.dims[static_cast<size_t>(col)].step[static_cast<size_t>(form)]);
      if (along < 2) return -1;
      for (int k = 0; k < static_cast<int>(in_.dims.size()); ++k) {
        if (k != col && in_.dims[static_cast<size_t>(k)].step[static_cast<size_t>(form)] == 1 &&
            in_.dims[static_cast<size_t>(k)].extent >= 4)
          return k;
      }
      return -1;
    };
    for (size_t a = 0; a < stage_.accesses.size(); ++a) {
      if (const int k = dense_row(access_form_ + static_cast<int>(a)); k >= 0) return k;
    }
    return -1;
  }

  int choose_row(int col) const {
    if (col < 0) return -1;
    const int64_t cols = even_part(in_.dims[static_cast<size_t>(col)].extent, limit_);
    if (cols * 2 > limit_) return -1;
    const int64_t room = limit_ / cols;
    int best = -1;
    double best_score = 0;
    for (int k = 0; k < static_cast<int>(in_.dims.size()); ++k) {
      if (k == col) continue;
      const LocalDim& d = in_.dims[static_cast<size_t>(k)];
      double score = static_cast<double>(std::min(d.extent, room));
      if (!d.reduced) score *= 4;
      if (score >= best_score) best_score = score, best = k;
    }
    return best;
  }

  // Tiles come in all shapes: registers are made for any of kMaxTile elements.
  void tile_of_epilogue() {
    const size_t n = in_.dims.size();
    plan_.rows = plan_.cols = limit_ = kMaxTile;
    plan_.row_step = in_.dims[n - 2].step;
    plan_.col_step = in_.dims[n - 1].step;
  }

  // --- code --------------------------------------------------------------------------------------------------------
  Variance form_variance(int form) const {
    return {plan_.rows > 1 && plan_.row_step[static_cast<size_t>(form)] != 0,
            plan_.cols > 1 && plan_.col_step[static_cast<size_t>(form)] != 0};
  }
  Variance full() const { return {plan_.rows > 1, plan_.cols > 1}; }
  Value& value(int v) { return plan_.values[static_cast<size_t>(v)]; }

  int new_value(RegType type, Variance varies) {
    plan_.values.push_back({Value::Kind::kRegister, type, varies});
    return static_cast<int>(plan_.values.size()) - 1;
  }

  int emit(MicroOp op, RegType type, Variance varies) {
    op.result = new_value(type, varies);
    plan_.code.push_back(op);
    return op.result;
  }

  int compute(OpFn fn, RegType type, std::initializer_list<int> args) {
    MicroOp op;
    op.fn = fn;
    Variance varies;
    for (int a : args) {
      op.args[op.count++] = a;
      varies = varies | value(a).varies;
    }
    if (varies.cols) {
      for (int k = 0; k < op.count; ++k) op.single |= value(op.args[k]).varies.cols ? 0u : 1u << k;
    } else if (varies.rows) {
      for (int k = 0; k < op.count; ++k) op.single |= value(op.args[k]).varies.rows ? 0u : 1u << k;
    }
    return emit(op, type, varies);
  }

  int narrowed(int v, DType dtype) {
    OpFn fn = ops_.narrow[static_cast<int>(dtype)];
    return fn == nullptr ? v : compute(fn, reg_type(dtype), {v});
  }

  int constant(const Instruction& i) {
    Value v{Value::Kind::kConstant, reg_type(i.dtype), {}};
    v.offset = static_cast<int64_t>(plan_.constants.size());
    plan_.constants.resize(plan_.constants.size() + 64);
    std::byte* to = plan_.constants.data() + v.offset;
    auto put = [&](auto x) {
      for (int k = 0; k < 64; k += static_cast<int>(sizeof x)) std::memcpy(to + k, &x, sizeof x);
    };
    switch (v.type) {
      case RegType::kF32:
        put(static_cast<float>(i.value.f));
        break;
      case RegType::kF64:
        put(i.value.f);
        break;
      case RegType::kI32:
        put(static_cast<int32_t>(i.value.i));
        break;
      case RegType::kBool:
        put(static_cast<uint8_t>(i.value.i != 0));
        break;
      default:
        put(i.value.i);
        break;
    }
    plan_.values.push_back(v);
    return static_cast<int>(plan_.values.size()) - 1;
  }

  int cast(int v, DType from, DType to) {
    const RegType a = reg_type(from), b = reg_type(to);
    if (b == RegType::kF32 && to != DType::kF32) {
      if (a != RegType::kF32) {
        if (a != RegType::kF64)
          v = compute(ops_.cast[static_cast<int>(a)][static_cast<int>(RegType::kF64)], RegType::kF64, {v});
        v = compute(ops_.odd, RegType::kF32, {v});
      }
      return from == to ? v : narrowed(v, to);
    }
    if (a != b) v = compute(ops_.cast[static_cast<int>(a)][static_cast<int>(b)], b, {v});
    return is_int(to) && from != to ? narrowed(v, to) : v;
  }

  static bool may_leave_range(ScalarOp op) {
    switch (op) {
      case ScalarOp::k_add:
      case ScalarOp::k_sub:
      case ScalarOp::k_mul:
      case ScalarOp::k_div:
      case ScalarOp::k_neg:
      case ScalarOp::k_abs:
      case ScalarOp::k_pow:
      case ScalarOp::k_shift_left:
      case ScalarOp::k_bit_not:
        return true;
      default:
        return false;
    }
  }

  int scalar(const Instruction& i) {
    const ScalarOp op = static_cast<ScalarOp>(i.op);
    const ScalarInfo& info = scalar_info(op);
    const RegType type = reg_type(i.operand);
    OpFn fn = ops_.scalar[i.op][static_cast<int>(type)];
    int args[3] = {};
    for (int k = 0; k < info.arity; ++k) args[k] = map_[static_cast<size_t>(i.args[k])];
    const RegType result = reg_type(i.dtype);
    int v = info.arity == 1   ? compute(fn, result, {args[0]})
            : info.arity == 2 ? compute(fn, result, {args[0], args[1]})
                              : compute(fn, result, {args[0], args[1], args[2]});
    if (is_int(i.dtype) && may_leave_range(op)) v = narrowed(v, i.dtype);
    return v;
  }

  static void raw_element(const ScalarValue& v, DType dtype, std::byte* to) {
    auto put = [&](auto x) { std::memcpy(to, &x, sizeof x); };
    switch (dtype) {
      case DType::kF32:
        return put(static_cast<float>(v.f));
      case DType::kF64:
        return put(v.f);
      case DType::kF16:
        return put(f32_to_f16(static_cast<float>(v.f)));
      case DType::kBF16:
        return put(f32_to_bf16(static_cast<float>(v.f)));
      case DType::kF8E4M3:
        return put(f32_to_f8e4m3(static_cast<float>(v.f)));
      case DType::kF8E5M2:
        return put(f32_to_f8e5m2(static_cast<float>(v.f)));
      default:
        return put(v.i);  // little-endian: the low bytes come first
    }
  }

  int load(const Instruction& i) {
    const Access& a = stage_.accesses[static_cast<size_t>(i.index)];
    MicroOp op;
    op.kind = MicroOp::Kind::kLoad;
    op.form = access_form_ + i.index;
    op.place = a.place;
    op.size = element_size(a.dtype);
    op.limit = in_.places[static_cast<size_t>(a.place)];
    op.first_guard = guard_form_[static_cast<size_t>(i.index)];
    op.guards = static_cast<int>(a.guards.size());
    raw_element(a.fill, a.dtype, op.fill);
    const RegType type = reg_type(a.dtype);
    const bool native = wide_dtype(type) == a.dtype && a.dtype != DType::kBool;
    if (!native) op.fn = ops_.load[static_cast<int>(a.dtype)];
    Variance varies = form_variance(op.form);
    for (int g = 0; g < op.guards; ++g) varies = varies | form_variance(op.first_guard + g);
    if (a.index >= 0) {
      op.index = map_[static_cast<size_t>(a.index)];
      varies = varies | value(op.index).varies;
    }
    if (a.guard >= 0) {
      op.guard = map_[static_cast<size_t>(a.guard)];
      varies = varies | value(op.guard).varies;
    }
    const int64_t along_row = plan_.row_step[static_cast<size_t>(op.form)],
                  along_col = plan_.col_step[static_cast<size_t>(op.form)];
    const bool plain = op.guards == 0 && op.index < 0 && op.guard < 0;
    const bool rows_fit = !varies.rows || plan_.cols >= 16 || along_row == plan_.cols;
    if (plain && native && varies.cols && along_col == 1 && rows_fit) {
      Value v{Value::Kind::kView, type, varies};
      v.form = op.form;
      v.place = op.place;
      plan_.values.push_back(v);
      return static_cast<int>(plan_.values.size()) - 1;
    }
    const int v = emit(op, type, varies);
    if (op.guards > 0 && op.index < 0 && op.guard < 0 && native && varies == full() && along_col == 1 && plan_.cols >= 16 &&
        dynamic_ < kMaxDynamic) {
      value(v).dynamic = dynamic_++;
    }
    return v;
  }

  void bind() {
    for (const Instruction& i : stage_.code) {
      int v = -1;
      switch (i.op) {
        case kOpCast:
          v = cast(map_[static_cast<size_t>(i.args[0])], i.operand, i.dtype);
          break;
        case kOpConst:
          v = constant(i);
          break;
        case kOpForm: {
          MicroOp op;
          op.kind = MicroOp::Kind::kForm;
          op.form = i.index;
          v = emit(op, RegType::kI64, form_variance(i.index));
          break;
        }
        case kOpLoad:
          v = load(i);
          break;
        case kOpCheck: {
          MicroOp op;
          op.kind = MicroOp::Kind::kCheck;
          op.args[0] = v = map_[static_cast<size_t>(i.args[0])];
          op.count = 1;
          op.guard = i.args[1] < 0 ? -1 : map_[static_cast<size_t>(i.args[1])];
          op.limit = parameter_value(in_.parameters, i.index);
          op.result = v;
          plan_.code.push_back(op);
          break;
        }
        case kOpAccumulator: {
          Value x{Value::Kind::kView, reg_type(i.dtype), full()};
          x.form = -1;
          x.place = -1;
          plan_.values.push_back(x);
          v = static_cast<int>(plan_.values.size()) - 1;
          break;
        }
        default:
          v = scalar(i);
          break;
      }
      map_.push_back(v);
    }
    if (stage_.reduce) bind_fold();
    bind_stores();
    allocate_registers();
    estimate();
  }

  void bind_fold() {
    int v = map_[static_cast<size_t>(stage_.results[0])];
    plan_.value_type = value(v).type;
    if (value(v).varies != full() || value(v).kind == Value::Kind::kConstant) {
      MicroOp op;
      op.kind = MicroOp::Kind::kExpand;
      op.args[0] = v;
      op.count = 1;
      v = emit(op, plan_.value_type, full());
    }
    plan_.result = v;
    plan_.fold = ops_.fold[static_cast<int>(stage_.monoid)][static_cast<int>(plan_.value_type)];
  }

  void bind_stores() {
    for (size_t s = 0; s < stage_.stores.size(); ++s) {
      const Store& t = stage_.stores[s];
      StoreOp op;
      op.form = store_form_ + static_cast<int>(s);
      op.place = t.place;
      op.size = element_size(t.dtype);
      op.value = stage_.reduce ? t.result : map_[static_cast<size_t>(stage_.results[static_cast<size_t>(t.result)])];
      const RegType type = reg_type(t.dtype);
      const bool native = wide_dtype(type) == t.dtype;
      op.width = reg_bytes(type);
      if (!native) op.fn = ops_.store[static_cast<int>(t.dtype)];
      plan_.stores.push_back(op);
    }
    if (stage_.reduce || plan_.stores.size() != 1 || plan_.code.empty()) return;
    // The last operation writes its result where it is stored, if that is the same bits in the same order.
    StoreOp& store = plan_.stores[0];
    MicroOp& last = plan_.code.back();
    const bool dense = plan_.cols == 1 || store.place < 0 || plan_.col_step[static_cast<size_t>(store.form)] == 1;
    const bool moves =
        last.kind == MicroOp::Kind::kLoad && last.fn == nullptr && last.size != 0 && last.index < 0 && last.guard < 0;
    if (store.fn == nullptr && (last.kind == MicroOp::Kind::kCompute || moves) && last.result == store.value && dense &&
        value(store.value).varies == full() && plan_.cols > 1) {
      value(store.value).dynamic = -1;
      last.direct_store = 0;
      store.done = true;
    }
  }

  int64_t register_size(const Value& v) const {
    const int64_t n = std::min((v.varies.rows ? plan_.rows : 1) * (v.varies.cols ? plan_.cols : 1), kMaxTile);
    return round_up(n * reg_bytes(v.type), 64) + 64;
  }

  // Linear scan: a register is free again after its last use; an operation may write over an operand of the same size.
  void allocate_registers() {
    const int count = static_cast<int>(plan_.values.size());
    std::vector<int> last(static_cast<size_t>(count), -1);
    auto use = [&](int v, int at) {
      if (v >= 0) last[static_cast<size_t>(v)] = std::max(last[static_cast<size_t>(v)], at);
    };
    const int end = static_cast<int>(plan_.code.size());
    for (int k = 0; k < end; ++k) {
      const MicroOp& op = plan_.code[static_cast<size_t>(k)];
      for (int a = 0; a < op.count; ++a) use(op.args[a], k);
      use(op.index, k);
      use(op.guard, k);
      use(op.result, k);
    }
    if (stage_.reduce)
      use(plan_.result, end);
    else
      for (const StoreOp& s : plan_.stores) use(s.value, end);
    std::vector<std::pair<int64_t, int64_t>> free;  // size, offset
    std::vector<bool> placed(static_cast<size_t>(count), false);
    int64_t top = 0;
    for (int k = 0; k < end; ++k) {
      const MicroOp& op = plan_.code[static_cast<size_t>(k)];
      auto release = [&](int v, bool same_width) {
        if (v < 0 || !placed[static_cast<size_t>(v)] || last[static_cast<size_t>(v)] != k || v == op.result) return;
        if (same_width != (op.kind == MicroOp::Kind::kCompute && reg_bytes(value(v).type) == reg_bytes(value(op.result).type) &&
                           value(v).varies == value(op.result).varies))
          return;
        free.emplace_back(register_size(value(v)), value(v).offset);
        placed[static_cast<size_t>(v)] = false;
      };
      auto release_all = [&](bool same_width) {
        for (int a = 0; a < op.count; ++a) release(op.args[a], same_width);
        release(op.index, same_width);
        release(op.guard, same_width);
      };
      release_all(true);
      if (op.kind != MicroOp::Kind::kCheck && value(op.result).kind == Value::Kind::kRegister) {
        const int64_t size = register_size(value(op.result));
        auto found = std::find_if(free.rbegin(), free.rend(), [&](auto& f) { return f.first == size; });
        if (found != free.rend()) {
          value(op.result).offset = found->second;
          free.erase(std::next(found).base());
        } else {
          value(op.result).offset = top;
          top += size;
        }
        placed[static_cast<size_t>(op.result)] = true;
      }
      release_all(false);
    }
    // The results of a reduction are laid out there before they are stored.
    plan_.register_bytes = stage_.reduce ? std::max(top, kRegisterBytes) : top;
  }

  void estimate() {
    double per_element = stage_.reduce ? 0.08 : 0.05;
    for (const StoreOp& s : plan_.stores) per_element += s.fn == nullptr ? 0.05 : 0.2;
    for (const MicroOp& op : plan_.code) {
      if (!value(op.result).varies.cols && plan_.cols > 16) continue;
      per_element += op.kind == MicroOp::Kind::kCompute ? 0.05 : op.index >= 0 ? 1.0 : 0.2;
    }
    for (const Instruction& i : stage_.code) {
      if (i.op < kScalarRows && scalar_info(static_cast<ScalarOp>(i.op)).rule == TypeRule::kFloat &&
          i.op >= static_cast<int>(ScalarOp::k_exp))
        per_element += 0.3;
    }
    plan_.cost_ns = 50 + per_element * static_cast<double>(plan_.elements);
  }

  StageInput in_;
  const StageCode& stage_;
  const OpTable& ops_ = tile_ops();
  StagePlan plan_;
  int access_form_ = 0, store_form_ = 0;
  std::vector<int> guard_form_;
  std::vector<int> map_;  // instruction to value
  int64_t limit_ = kMaxTile;
  int dynamic_ = 0;
};

}  // namespace

StagePlan plan_stage(StageInput input) { return StagePlanner(std::move(input)).plan(); }

}  // namespace temper::cpu::tile
