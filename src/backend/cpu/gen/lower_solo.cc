#include "backend/cpu/gen/lower_solo.h"

#include <algorithm>

#include "backend/cpu/gen/lower_tile.h"
#include "backend/cpu/gen/tile_code.h"
#include "backend/cpu/run/staged/compact.h"
#include "backend/cpu/run/staged/scan.h"
#include "backend/cpu/run/staged/scatter.h"
#include "backend/cpu/run/staged/sort.h"
#include "backend/cpu/run/staged/suppress.h"

namespace temper::cpu {
namespace {

// What a core computes with: floats narrower than f32 as f32, nibbles as bytes.
DType core_dtype(DType t) {
  if (is_float(t) && dtype_bits(t) < 32) return DType::kF32;
  if (t == DType::kI4) return DType::kI8;
  if (t == DType::kU4) return DType::kU8;
  return t;
}

class SoloLowering {
 public:
  SoloLowering(SymContext& context, const Region& region, std::span<const Layout> layouts)
      : context_(context),
        region_(region),
        layouts_(layouts.begin(), layouts.end()),
        types_(region.value_types()),
        inputs_(static_cast<int>(region.inputs.size())) {
    frame_.buffers = static_cast<int32_t>(layouts.size());
  }

  Expected<KernelCode> operator()(const Sort& s) {
    SortCore core;
    core.dtype = core_dtype(s.dtype);
    core.descending = s.descending;
    const SymInt extent = s.domain[static_cast<size_t>(s.axis)];
    Dims results = s.domain;
    results[static_cast<size_t>(s.axis)] = s.count;
    core.source = TEMPER_TRY(read_rows(s.operand, s.domain, s.axis, core.dtype));
    core.rows = number(rows_of(s.domain, s.axis));
    core.extent = number(extent);
    core.count = number(s.count);
    core.values = temporary(core.dtype, rows_of(s.domain, s.axis) * s.count);
    core.positions = temporary(DType::kI64, rows_of(s.domain, s.axis) * s.count);
    TEMPER_TRY(write_rows(core.values, core.dtype, inputs_, results, s.axis));
    TEMPER_TRY(write_rows(core.positions, DType::kI64, inputs_ + 1, results, s.axis));
    return finish("sort", core);
  }

  Expected<KernelCode> operator()(const Scan& s) {
    ScanCore core;
    core.dtype = core_dtype(s.dtype);
    core.monoid = s.monoid;
    core.exclusive = s.exclusive;
    core.reverse = s.reverse;
    core.source = TEMPER_TRY(read_rows(s.operand, s.domain, s.axis, core.dtype));
    core.rows = number(rows_of(s.domain, s.axis));
    core.extent = number(s.domain[static_cast<size_t>(s.axis)]);
    core.result = temporary(core.dtype, product(s.domain));
    TEMPER_TRY(write_rows(core.result, core.dtype, inputs_, s.domain, s.axis));
    return finish("scan", core);
  }

  Expected<KernelCode> operator()(const Scatter& s) {
    ScatterCore core;
    core.dtype = s.dtype;
    core.combine = s.combine;
    const int output = output_of(inputs_);
    if (output < 0) return Error(ErrorCode::kInternal, "a scatter whose result nobody wants");
    core.result = inputs_ + output;
    // The base goes straight to where the result lies.
    TEMPER_TRY(before(Map{s.dims, {s.base}, same(s.dtype)}, s.dtype, layouts_[static_cast<size_t>(core.result)], core.result));
    const Dims& updates = s.update.map.domain;
    const SymInt count = product(updates);
    core.count = number(count);
    core.updates = temporary(s.dtype, count);
    TEMPER_TRY(before(Map{updates, {s.update}, same(s.dtype)}, s.dtype, Layout::row_major(updates), core.updates));
    core.offsets = temporary(DType::kI64, count);
    TEMPER_TRY(before(offsets_of(s, layouts_[static_cast<size_t>(core.result)]), DType::kI64, Layout::row_major(updates),
                      core.offsets));
    return finish("scatter", core);
  }

  Expected<KernelCode> operator()(const Compact& s) {
    CompactCore core;
    const Dims dims{s.extent};
    core.mask = temporary(DType::kBool, s.extent);
    TEMPER_TRY(before(Map{dims, {s.mask}, same(DType::kBool)}, DType::kBool, Layout::row_major(dims), core.mask));
    core.extent = number(s.extent);
    const int output = output_of(inputs_);
    if (output >= 0) {
      const Layout& layout = layouts_[static_cast<size_t>(inputs_ + output)];
      core.positions = inputs_ + output;
      core.offset = number(layout.offset);
      core.stride = number(layout.strides[0]);
    } else {
      core.positions = temporary(DType::kI64, s.extent);
      core.offset = number(0);
      core.stride = number(1);
    }
    core.found = frame_.buffers - 1;
    return finish("compact", core);
  }

  Expected<KernelCode> operator()(const Opaque& s) {
    SuppressCore core;
    const Dims& boxes = types_[static_cast<size_t>(s.operands[0])].dims;
    const Dims kept{boxes[0], boxes[1]};
    core.boxes = temporary(DType::kF32, product(boxes));
    TEMPER_TRY(before(Map{boxes, {whole(s.operands[0])}, same(types_[static_cast<size_t>(s.operands[0])].dtype)}, DType::kF32,
                      Layout::row_major(boxes), core.boxes));
    core.threshold = temporary(DType::kF32, 1);
    TEMPER_TRY(before(Map{{}, {whole(s.operands[1])}, same(types_[static_cast<size_t>(s.operands[1])].dtype)}, DType::kF32,
                      Layout::row_major(Dims{}), core.threshold));
    core.kept = temporary(DType::kBool, product(kept));
    core.lists = number(boxes[0]);
    core.count = number(boxes[1]);
    TEMPER_TRY(write_rows(core.kept, DType::kBool, inputs_, kept, 1));
    return finish("suppress", core);
  }

  template <class Other>
  Expected<KernelCode> operator()(const Other&) {
    return Error(ErrorCode::kUnsupported, "this stage has no kernel of its own");
  }

 private:
  int32_t number(SymInt e) {
    parameters_.push_back(e);
    return static_cast<int32_t>(parameters_.size()) - 1;
  }
  static SymInt product(const Dims& dims) { return temper::product(dims); }
  // The product of all dims but one: also right where that one is 0.
  static SymInt rows_of(const Dims& dims, int axis) {
    SymInt rows = 1;
    for (size_t k = 0; k < dims.size(); ++k) {
      if (static_cast<int>(k) != axis) rows *= dims[k];
    }
    return rows;
  }
  int output_of(int value) const {
    const auto at = std::find(region_.outputs.begin(), region_.outputs.end(), value);
    return at == region_.outputs.end() ? -1 : static_cast<int>(at - region_.outputs.begin());
  }

  int32_t temporary(DType dtype, SymInt elements) {
    frame_.temporaries.push_back({dtype, number(elements)});
    return frame_.buffers + static_cast<int32_t>(frame_.temporaries.size()) - 1;
  }

  static ScalarBodyPtr same(DType dtype) {
    ScalarBuilder b;
    return b.finish(b.operand(0, dtype), 1);
  }
  static ScalarBodyPtr converted(DType from, DType to) {
    ScalarBuilder b;
    return b.finish(b.cast(b.operand(0, from), to), 1);
  }
  Access whole(int value) const {
    return Access{value, identity_map(context_, types_[static_cast<size_t>(value)].dims), {}, {}};
  }

  // A map over the region's inputs, cast to `dtype` and stored in `place`.
  Status before(Map map, DType dtype, const Layout& layout, int32_t place) {
    if (map.body->result_dtype() != dtype) map.body = converted(map.body->result_dtype(), dtype);
    Region r;
    r.inputs = region_.inputs;
    r.stages.push_back(std::move(map));
    r.outputs = {inputs_};
    std::vector<Layout> layouts(layouts_.begin(), layouts_.begin() + inputs_);
    layouts.push_back(layout);
    std::vector<int32_t> places;
    for (int i = 0; i < inputs_; ++i) places.push_back(i);
    places.push_back(place);
    return add(frame_.before, r, layouts, std::move(places));
  }

  Status add(std::vector<StagedProgram>& list, const Region& r, std::span<const Layout> layouts, std::vector<int32_t> places) {
    KernelCode code = TEMPER_TRY(lower_tile(context_, r, layouts));
    ByteReader reader(code.blob);
    StagedProgram p;
    p.program = TEMPER_TRY(tile::decode_program(reader));
    p.first_parameter = static_cast<int32_t>(parameters_.size());
    p.places = std::move(places);
    parameters_.insert(parameters_.end(), code.parameters.begin(), code.parameters.end());
    list.push_back(std::move(p));
    return {};
  }

  // Dims with `axis` moved to the end, and the old variables in terms of the new.
  static Dims axis_last(const Dims& dims, int axis) {
    Dims moved;
    for (size_t k = 0; k < dims.size(); ++k) {
      if (static_cast<int>(k) != axis) moved.push_back(dims[k]);
    }
    moved.push_back(dims[static_cast<size_t>(axis)]);
    return moved;
  }
  std::vector<SymInt> old_variables(const Dims& moved, int axis) const {
    std::vector<SymInt> vars = index_vars(context_, moved);
    const SymInt last = vars.back();
    vars.pop_back();
    vars.insert(vars.begin() + axis, last);
    return vars;
  }

  // The operand as a dense temporary [rows, extent].
  Expected<int32_t> read_rows(const Access& operand, const Dims& dims, int axis, DType dtype) {
    const Dims moved = axis_last(dims, axis);
    const std::vector<SymInt> from = index_vars(context_, dims), to = old_variables(moved, axis);
    // In two steps, through variables that occur in neither: the two sets share names.
    std::vector<SymInt> between;
    for (size_t k = 0; k < dims.size(); ++k) between.push_back(context_.index((1 << 21) + static_cast<int>(k), dims[k]));
    auto rewrite = [&](SymInt e) { return substitute(substitute(e, from, between), between, to); };
    auto rewrite_map = [&](IndexMap& m) {
      m.domain = moved;
      for (SymInt& r : m.results) r = rewrite(r);
      m.guard = rewrite(m.guard);
    };
    Access a = operand;
    rewrite_map(a.map);
    for (Access::Load& l : a.loads) rewrite_map(l.map);
    const int32_t place = temporary(dtype, product(dims));
    TEMPER_TRY(before(Map{moved, {a}, same(types_[static_cast<size_t>(operand.value)].dtype)}, dtype, Layout::row_major(moved),
                      place));
    return place;
  }

  // A dense temporary [rows, extent] to output value `value` of those dims, if that leaves the region.
  Status write_rows(int32_t place, DType dtype, int value, const Dims& dims, int axis) {
    for (size_t o = 0; o < region_.outputs.size(); ++o) {
      if (region_.outputs[o] != value) continue;
      const Dims moved = axis_last(dims, axis);
      const std::vector<SymInt> vars = index_vars(context_, dims);
      Access a;
      a.value = 0;
      a.map.domain = dims;
      for (size_t k = 0; k < dims.size(); ++k) {
        if (static_cast<int>(k) != axis) a.map.results.push_back(vars[k]);
      }
      a.map.results.push_back(vars[static_cast<size_t>(axis)]);
      const DType out = types_[static_cast<size_t>(value)].dtype;
      Region r;
      r.inputs = {TensorType{dtype, moved}};
      r.stages.push_back(Map{dims, {a}, out == dtype ? same(dtype) : converted(dtype, out)});
      r.outputs = {1};
      const int32_t buffer = inputs_ + static_cast<int32_t>(o);
      const Layout layouts[] = {Layout::row_major(moved), layouts_[static_cast<size_t>(buffer)]};
      TEMPER_TRY(add(frame_.after, r, layouts, {place, buffer}));
    }
    return {};
  }

  // i64 element numbers in the result's buffer; -1 where the update is dropped.
  Map offsets_of(const Scatter& s, const Layout& layout) const {
    // The loaded variables of the target become operands: a body may use them only so.
    const Dims& updates = s.update.map.domain;
    ScalarBuilder b;
    Map map;
    map.domain = updates;
    std::vector<int32_t> loaded;
    for (const Access::Load& l : s.target.loads) {
      const DType t = types_[static_cast<size_t>(l.value)].dtype;
      map.operands.push_back(Access{l.value, l.map, {}, {}});
      loaded.push_back(b.cast(b.operand(static_cast<int>(loaded.size()), t), DType::kI64));
    }
    int32_t address = b.sym(layout.offset);
    int32_t outside = b.constant_int(0, DType::kBool);
    const int32_t zero = b.constant_int(0, DType::kI64);
    for (size_t k = 0; k < s.target.map.results.size(); ++k) {
      const int32_t index = expression(b, s.target.map.results[k], loaded);
      const int32_t extent = b.sym(s.dims[k]);
      outside = b.apply(ScalarOp::k_logical_or, outside, b.apply(ScalarOp::k_less, index, zero));
      outside = b.apply(ScalarOp::k_logical_or, outside, b.apply(ScalarOp::k_less_equal, extent, index));
      address = b.apply(ScalarOp::k_add, address, b.apply(ScalarOp::k_mul, index, b.sym(layout.strides[k])));
    }
    // An index outside is an error, and the core finds it as a number beyond any buffer; a dropped update comes first.
    int32_t result = b.apply(ScalarOp::k_select, outside, b.constant_int(INT64_MAX, DType::kI64), address);
    if (!s.target.map.guard.is_const(1)) {
      const int32_t holds = b.cast(expression(b, s.target.map.guard, loaded), DType::kBool);
      result = b.apply(ScalarOp::k_select, holds, result, b.constant_int(-1, DType::kI64));
    }
    map.body = b.finish(result, static_cast<int>(loaded.size()));
    return map;
  }

  // A SymInt over iteration and loaded variables as code; what no loaded variable occurs in stays a leaf.
  static int32_t expression(ScalarBuilder& b, SymInt e, const std::vector<int32_t>& loaded) {
    bool has_loaded = false;
    for (SymInt v : vars_of(e)) has_loaded = has_loaded || var_of(v).kind == VarKind::kLoaded;
    if (!has_loaded) return b.sym(e);
    if (kind_of(e) == SymKind::kVar) return loaded[static_cast<size_t>(var_of(e).ordinal)];
    const std::vector<SymInt> parts = operands_of(e);
    std::vector<int32_t> x;
    for (SymInt p : parts) x.push_back(expression(b, p, loaded));
    auto chain = [&](ScalarOp op) {
      int32_t r = x[0];
      for (size_t k = 1; k < x.size(); ++k) r = b.apply(op, r, x[k]);
      return r;
    };
    switch (kind_of(e)) {
      case SymKind::kProduct:
        return chain(ScalarOp::k_mul);
      case SymKind::kMin:
        return chain(ScalarOp::k_min);
      case SymKind::kMax:
        return chain(ScalarOp::k_max);
      case SymKind::kMod:
        return chain(ScalarOp::k_floor_mod);
      case SymKind::kFloorDiv:
        return b.apply(ScalarOp::k_div, b.apply(ScalarOp::k_sub, x[0], b.apply(ScalarOp::k_floor_mod, x[0], x[1])), x[1]);
      case SymKind::kLess:
        return b.cast(chain(ScalarOp::k_less), DType::kI64);
      case SymKind::kEqual:
        return b.cast(chain(ScalarOp::k_equal), DType::kI64);
      default:
        return chain(ScalarOp::k_add);
    }
  }

  template <class CoreType>
  Expected<KernelCode> finish(std::string name, const CoreType& core) {
    frame_.parameters = static_cast<int32_t>(parameters_.size());
    ByteWriter out;
    encode_frame(frame_, out);
    core.encode(out);
    return KernelCode{std::move(name), out.take(), parameters_};
  }

  SymContext& context_;
  const Region& region_;
  std::vector<Layout> layouts_;
  std::vector<TensorType> types_;
  int inputs_;
  StagedFrame frame_;
  std::vector<SymInt> parameters_;
};

}  // namespace

std::optional<std::string> solo_refusal(const Region& region) {
  if (region.stages.size() != 1) return "it is not one stage";
  const Stage& stage = region.stages[0];
  for (const TensorType& t : region.value_types()) {
    if (t.dtype == DType::kString) return "strings are computed on the host";
  }
  for (int v : region.outputs) {
    if (v < static_cast<int>(region.inputs.size())) return "an output is an input";
  }
  if (auto* s = std::get_if<Scan>(&stage)) {
    if (!ScanCore::supports(s->monoid) || s->dtype == DType::kBool)
      return "no running " + std::string(monoid_info(s->monoid).name);
    return std::nullopt;
  }
  if (auto* s = std::get_if<Scatter>(&stage)) {
    if (dtype_bits(s->dtype) < 8) return "a scatter of half bytes";
    return std::nullopt;
  }
  if (std::holds_alternative<Sort>(stage) || std::holds_alternative<Compact>(stage)) return std::nullopt;
  if (auto* s = std::get_if<Opaque>(&stage)) {
    if (s->name != "suppress" || s->operands.size() != 2) return "nothing is known of '" + s->name + "'";
    const std::vector<TensorType> types = region.value_types();
    const TensorType& boxes = types[static_cast<size_t>(s->operands[0])];
    const TensorType& threshold = types[static_cast<size_t>(s->operands[1])];
    if (boxes.dims.size() != 3 || !boxes.dims[2].is_const(4) || !is_float(boxes.dtype) || !threshold.dims.empty() ||
        !is_float(threshold.dtype))
      return "boxes that are no f32[s, n, 4]";
    return std::nullopt;
  }
  return "its stage has no kernel of its own";
}

Expected<KernelCode> lower_solo(SymContext& context, const Region& region, std::span<const Layout> layouts) {
  if (auto reason = solo_refusal(region)) return Error(ErrorCode::kUnsupported, "not a kernel of its own: " + *reason);
  const bool compact = std::holds_alternative<Compact>(region.stages[0]);
  std::vector<Layout> all(layouts.begin(), layouts.end());
  if (all.size() != region.inputs.size() + region.outputs.size())
    return Error(ErrorCode::kInternal, "one layout per buffer is needed");
  if (compact) all.push_back(Layout::row_major(Dims{1}));
  return std::visit(SoloLowering(context, region, all), region.stages[0]);
}

}  // namespace temper::cpu
