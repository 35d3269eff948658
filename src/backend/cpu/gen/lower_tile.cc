#include "backend/cpu/gen/lower_tile.h"

#include <algorithm>

#include "backend/cpu/gen/stage_view.h"
#include "backend/cpu/gen/tile_code.h"

namespace temper::cpu {
namespace {

using tile::Program;
using tile::StageCode;

// Ordinals of the variables that lowering makes: out of the way of those of the region's own domains.
constexpr int kFirstOrdinal = 1 << 20;

class TileLowering {
 public:
  TileLowering(SymContext& context, const Region& region, std::span<const Layout> layouts, const TileConfig& config)
      : context_(context), region_(region), layouts_(layouts), config_(config) {}

  Expected<KernelCode> lower() {
    if (auto reason = tile_refusal(region_)) return Error(ErrorCode::kUnsupported, "not a tile kernel: " + *reason);
    if (layouts_.size() != region_.inputs.size() + region_.outputs.size())
      return Error(ErrorCode::kInternal, "one layout per buffer is needed");
    types_ = region_.value_types();
    std::optional<std::string> reason;
    stages_ = stage_views(region_, 0, reason);
    drop_unused();
    shared_ = shared_dims(region_, stages_);
    name_variables();
    place_values();
    collect();
    split_divided();
    return emit();
  }

 private:
  // A variable of the kernel: shared by all stages, or owned by one.
  struct Variable {
    SymInt var, extent;
    bool reduced = false;
  };
  struct Place {
    bool scratch = false;
    int number = -1;  // buffer, or scratch value
    Layout layout;    // of a buffer; strides of the own dimensions of a scratch value (0 for shared ones)
  };
  // One operand of a stage, rewritten over the variables of the kernel.
  struct Operand {
    TileCode::Read read;
    bool used = false;
  };
  struct StageWork {
    std::vector<Variable> own;
    std::vector<SymInt> from, to;  // the stage's own variables d0, d1, ... and what they became
    std::vector<Operand> operands;
    struct Result {
      int number;  // which result of the stage
      int32_t place;
      DType dtype;
      SymInt address;
    };
    std::vector<Result> stores;
    std::vector<SymInt> syms;  // of the body
  };

  bool is_output(int value) const {
    return std::find(region_.outputs.begin(), region_.outputs.end(), value) != region_.outputs.end();
  }

  // Stages whose results nobody reads.
  void drop_unused() {
    for (size_t s = stages_.size(); s-- > 0;) {
      bool used = false;
      for (int k = 0; k < stages_[s].values; ++k) {
        const int v = stages_[s].first_value + k;
        used = used || is_output(v);
        for (size_t t = s + 1; t < stages_.size(); ++t) {
          for (const Access& a : stages_[t].operands()) {
            used = used || a.value == v;
            for (const Access::Load& l : a.loads) used = used || l.value == v;
          }
        }
      }
      if (!used) stages_.erase(stages_.begin() + static_cast<int64_t>(s));
    }
  }

  SymInt fresh(SymInt extent) { return context_.index(kFirstOrdinal + ordinal_++, extent); }

  void name_variables() {
    const StageView& last = stages_.back();
    for (int d : shared_.back()) {
      const SymInt extent = last.domain()[static_cast<size_t>(d)];
      shared_vars_.push_back({fresh(extent), extent});
    }
    work_.resize(stages_.size());
    for (size_t s = 0; s < stages_.size(); ++s) {
      const StageView& v = stages_[s];
      StageWork& w = work_[s];
      w.from = index_vars(context_, v.domain());
      for (size_t d = 0; d < v.domain().size(); ++d) {
        const auto at = std::find(shared_[s].begin(), shared_[s].end(), static_cast<int>(d));
        if (at != shared_[s].end()) {
          w.to.push_back(shared_vars_[static_cast<size_t>(at - shared_[s].begin())].var);
        } else {
          const SymInt extent = v.domain()[d];
          w.own.push_back({fresh(extent), extent, static_cast<int>(d) >= v.kept()});
          w.to.push_back(w.own.back().var);
        }
      }
    }
  }

  void place_values() {
    places_.resize(types_.size());
    const int inputs = static_cast<int>(region_.inputs.size());
    for (int i = 0; i < inputs; ++i) places_[static_cast<size_t>(i)] = {false, i, layouts_[static_cast<size_t>(i)]};
    for (size_t o = region_.outputs.size(); o-- > 0;) {
      const int v = region_.outputs[o];
      places_[static_cast<size_t>(v)] = {false, inputs + static_cast<int>(o), layouts_[static_cast<size_t>(inputs) + o]};
    }
    for (size_t s = 0; s < stages_.size(); ++s) {
      const StageView& v = stages_[s];
      for (int k = 0; k < v.values; ++k) {
        Place& p = places_[static_cast<size_t>(v.first_value + k)];
        if (p.number >= 0) continue;
        p.scratch = true;
        p.number = static_cast<int>(program_.scratch.size());
        p.layout.strides.assign(static_cast<size_t>(v.kept()), SymInt(0));
        tile::ScratchValue value;
        value.dtype = tile::wide_dtype(tile::reg_type(types_[static_cast<size_t>(v.first_value + k)].dtype));
        SymInt stride = 1;
        for (int d = v.kept(); d-- > 0;) {
          if (std::find(shared_[s].begin(), shared_[s].end(), d) != shared_[s].end()) continue;
          p.layout.strides[static_cast<size_t>(d)] = stride;
          stride *= v.domain()[static_cast<size_t>(d)];
          value.extents.push_back(parameters_.number(v.domain()[static_cast<size_t>(d)]));
        }
        program_.scratch.push_back(value);
      }
    }
  }

  int32_t place_number(const Place& p) const { return p.scratch ? static_cast<int32_t>(layouts_.size()) + p.number : p.number; }
  DType place_dtype(const Place& p, int value) const {
    return p.scratch ? program_.scratch[static_cast<size_t>(p.number)].dtype : types_[static_cast<size_t>(value)].dtype;
  }

  void collect() {
    for (size_t s = 0; s < stages_.size(); ++s) {
      const StageView& v = stages_[s];
      StageWork& w = work_[s];
      auto rewrite = [&](SymInt e) { return substitute(e, w.from, w.to); };
      auto address = [&](const Place& p, const IndexMap& map) {
        std::vector<SymInt> index;
        for (SymInt r : map.results) index.push_back(rewrite(r));
        return p.layout.address(index);
      };
      w.operands.resize(v.operands().size());
      for (const ScalarInstruction& i : v.body().code()) {
        if (i.op == ScalarOp::kOperand) w.operands[static_cast<size_t>(i.index)].used = true;
        if (i.op == ScalarOp::kSym) w.syms.push_back(rewrite(i.sym));
      }
      for (size_t o = 0; o < w.operands.size(); ++o) {
        if (!w.operands[o].used) continue;
        const Access& a = v.operands()[o];
        const Place& p = places_[static_cast<size_t>(a.value)];
        TileCode::Read& r = w.operands[o].read;
        r.place = place_number(p);
        r.dtype = place_dtype(p, a.value);
        r.address = address(p, a.map);
        r.guard = rewrite(a.map.guard);
        r.fill = a.fill;
        for (size_t k = 0; k < a.loads.size(); ++k) {
          const Access::Load& l = a.loads[k];
          const Place& from = places_[static_cast<size_t>(l.value)];
          const SymInt variable = loaded_variable(a, static_cast<int>(k));
          if (variable.is_const()) continue;  // nothing depends on it
          r.loaded.push_back(
              {variable, place_number(from), place_dtype(from, l.value), address(from, l.map), rewrite(l.map.guard)});
        }
      }
      for (int k = 0; k < v.values; ++k) {
        const int value = v.first_value + k;
        auto store = [&](int32_t place, DType dtype, const Layout& layout) {
          std::vector<SymInt> index(w.to.begin(), w.to.begin() + v.kept());
          w.stores.push_back({k, place, dtype, layout.address(index)});
        };
        const Place& p = places_[static_cast<size_t>(value)];
        if (p.scratch) store(place_number(p), place_dtype(p, value), p.layout);
        for (size_t o = 0; o < region_.outputs.size(); ++o) {
          if (region_.outputs[o] != value) continue;
          const size_t buffer = region_.inputs.size() + o;
          store(static_cast<int32_t>(buffer), types_[static_cast<size_t>(value)].dtype, layouts_[buffer]);
        }
      }
    }
  }

  // The variable v<k> of an access, found among those that its map uses.
  static SymInt loaded_variable(const Access& a, int k) {
    auto search = [&](SymInt e) -> SymInt {
      for (SymInt v : vars_of(e)) {
        if (var_of(v).kind == VarKind::kLoaded && var_of(v).ordinal == k) return v;
      }
      return 0;
    };
    for (SymInt r : a.map.results) {
      if (SymInt v = search(r); !v.is_const()) return v;
    }
    return search(a.map.guard);
  }

  // --- reshapes --------------------------------------------------------------------------------------------------------------
  // Note [Split]: where an expression divides a variable by what divides its extent, the variable becomes two, outer * divisor
  // + inner; then quotient and remainder are variables themselves, and reshapes and pixel shuffles are affine.
  template <class F>
  void each_expression(F f) {
    for (StageWork& w : work_) {
      for (Operand& o : w.operands) {
        f(o.read.address);
        f(o.read.guard);
        for (TileCode::Read::Loaded& l : o.read.loaded) {
          f(l.address);
          f(l.guard);
        }
      }
      for (auto& s : w.stores) f(s.address);
      for (SymInt& e : w.syms) f(e);
      for (SymInt& e : w.to) f(e);
    }
  }

  bool find_division(SymInt e, SymInt& var, SymInt& divisor) const {
    if (e.is_const()) return false;
    const SymKind kind = kind_of(e);
    if (kind == SymKind::kVar || kind == SymKind::kConst) return false;
    const std::vector<SymInt> parts = operands_of(e);
    if ((kind == SymKind::kFloorDiv || kind == SymKind::kMod) && kind_of(parts[0]) == SymKind::kVar &&
        splits(parts[0], parts[1])) {
      var = parts[0];
      divisor = parts[1];
      return true;
    }
    for (SymInt p : parts) {
      if (find_division(p, var, divisor)) return true;
    }
    return false;
  }

  const Variable* variable(SymInt var) const {
    for (const Variable& v : shared_vars_)
      if (v.var == var) return &v;
    for (const StageWork& w : work_) {
      for (const Variable& v : w.own)
        if (v.var == var) return &v;
    }
    return nullptr;
  }

  bool splits(SymInt var, SymInt divisor) const {
    const Variable* v = variable(var);
    if (v == nullptr) return false;
    for (SymInt u : vars_of(divisor)) {
      if (var_of(u).kind != VarKind::kDim && var_of(u).kind != VarKind::kSize) return false;
    }
    if (floor_div(v->extent, divisor) * divisor == v->extent) return true;
    return divisor.is_const() && divisor.value() > 0 && proves_multiple_of(v->extent, divisor.value());
  }

  void split_divided() {
    for (int round = 0; round < 12; ++round) {
      SymInt var = 0, divisor = 0;
      bool found = false;
      each_expression([&](SymInt& e) { found = found || find_division(e, var, divisor); });
      if (!found) return;
      const Variable whole = *variable(var);
      const Variable outer{fresh(floor_div(whole.extent, divisor)), floor_div(whole.extent, divisor), whole.reduced};
      const Variable inner{fresh(divisor), divisor, whole.reduced};
      const SymInt sum = outer.var * divisor + inner.var;
      each_expression([&](SymInt& e) { e = substitute(e, std::span(&var, 1), std::span(&sum, 1)); });
      auto replace = [&](std::vector<Variable>& list) {
        for (size_t k = 0; k < list.size(); ++k) {
          if (list[k].var != var) continue;
          list[k] = inner;
          list.insert(list.begin() + static_cast<int64_t>(k), outer);
          return;
        }
      };
      replace(shared_vars_);
      for (StageWork& w : work_) replace(w.own);
    }
  }

  // --- output ----------------------------------------------------------------------------------------------------------------
  Expected<KernelCode> emit() {
    for (const TensorType& t : region_.inputs) program_.buffers.push_back(t.dtype);
    for (int v : region_.outputs) program_.buffers.push_back(types_[static_cast<size_t>(v)].dtype);
    for (const Variable& v : shared_vars_) program_.shared.push_back(parameters_.number(v.extent));
    program_.tile_elements = config_.tile_elements;
    program_.block_elements = config_.block_elements;
    for (size_t s = 0; s < stages_.size(); ++s)
      program_.stages.push_back(TEMPER_TRY_AT(stage(s), "stage " + std::to_string(s)));
    program_.parameters = static_cast<int32_t>(parameters_.values().size());
    TEMPER_TRY(tile::verify(program_));
    ByteWriter out;
    tile::encode(program_, out);
    return KernelCode{"tile", out.take(), parameters_.values()};
  }

  Expected<StageCode> stage(size_t s) {
    const StageView& v = stages_[s];
    StageWork& w = work_[s];
    std::vector<SymInt> vars;
    for (const Variable& x : shared_vars_) vars.push_back(x.var);
    StageCode out;
    for (const Variable& x : w.own) {
      vars.push_back(x.var);
      out.own.push_back(parameters_.number(x.extent));
      out.reduced += x.reduced;
    }
    TileCode code(parameters_, vars);
    std::vector<int32_t> operands(w.operands.size(), -1);
    for (size_t o = 0; o < w.operands.size(); ++o) {
      if (w.operands[o].used) operands[o] = TEMPER_TRY(code.load(w.operands[o].read));
    }
    out.results = TEMPER_TRY(code.body(v.body(), operands, [&](SymInt e) { return substitute(e, w.from, w.to); }));
    if (v.reduce != nullptr) {
      out.reduce = true;
      out.monoid = v.reduce->monoid;
      out.result_dtypes = v.reduce->dtypes;
    } else {
      for (size_t k = 0; k < out.results.size(); ++k) out.result_dtypes.push_back(v.body().result_dtype(static_cast<int>(k)));
    }
    for (const auto& r : w.stores) out.stores.push_back({r.number, r.place, r.dtype, code.form(r.address)});
    out.forms = std::move(code.forms);
    out.accesses = std::move(code.accesses);
    out.code = std::move(code.code);
    return out;
  }

  SymContext& context_;
  const Region& region_;
  std::span<const Layout> layouts_;
  TileConfig config_;
  std::vector<TensorType> types_;
  std::vector<StageView> stages_;
  std::vector<std::vector<int>> shared_;
  std::vector<Variable> shared_vars_;
  std::vector<StageWork> work_;
  std::vector<Place> places_;
  ParameterTable parameters_;
  Program program_;
  int ordinal_ = 0;
};

}  // namespace

std::optional<std::string> tile_refusal(const Region& region) {
  if (region.stages.empty()) return "it has no stages";
  std::optional<std::string> reason;
  stage_views(region, 0, reason);
  if (reason) return reason;
  for (int v : region.outputs) {
    if (v < static_cast<int>(region.inputs.size()))
      return "output %" + std::to_string(v) + " is an input: a copy needs a map of its own";
  }
  for (const TensorType& t : region.value_types()) {
    if (t.dtype == DType::kString) return "strings are computed on the host";
  }
  if (region.inputs.size() + region.outputs.size() + region.stages.size() * 2 > 120) return "it has too many tensors";
  return std::nullopt;
}

Expected<KernelCode> lower_tile(SymContext& context, const Region& region, std::span<const Layout> layouts,
                                const TileConfig& config) {
  return TileLowering(context, region, layouts, config).lower();
}

}  // namespace temper::cpu
