#include <algorithm>

#include "backend/cpu/gen/lower_tile.h"
#include "backend/cpu/gen/stage_view.h"
#include "backend/cpu/gen/tile_code.h"

namespace temper::cpu {
namespace {

// Reads element d0, d1, ... itself.
bool reads_own_point(const Access& a) {
  if (!a.map.guard.is_const(1)) return false;
  for (size_t k = 0; k < a.map.results.size(); ++k) {
    const SymInt e = a.map.results[k];
    if (a.map.domain[k].is_const(1) && e.is_const(0)) continue;
    if (kind_of(e) != SymKind::kVar || var_of(e).kind != VarKind::kIndex || var_of(e).ordinal != static_cast<int>(k))
      return false;
  }
  return a.map.results.size() == a.map.domain.size();
}

}  // namespace

std::optional<std::string> epilogue_refusal(const Region& region) {
  if (region.stages.empty()) return "it has no stages";
  const std::vector<TensorType> first = result_types(region.stages[0]);
  if (first.size() != 1 || (first[0].dtype != DType::kF32 && first[0].dtype != DType::kI32))
    return "stage 0 does not have one f32 or i32 result";
  const int inputs = static_cast<int>(region.inputs.size());
  std::optional<std::string> reason;
  const std::vector<StageView> stages = stage_views(region, 1, reason);
  if (reason) return reason;
  for (const StageView& s : stages) {
    if (s.map == nullptr) return "a reduction behind stage 0 needs more than one tile";
    if (s.map->domain != first[0].dims) return "a stage behind stage 0 has other dims";
    for (const Access& a : s.map->operands) {
      if (a.value >= inputs && !reads_own_point(a)) return "a stage reads another point of a result";
      for (const Access::Load& l : a.loads) {
        if (l.value >= inputs) return "an index is computed in the same region";
      }
    }
  }
  for (int v : region.outputs) {
    if (v < inputs) return "an output is an input";
  }
  for (const TensorType& t : region.value_types()) {
    if (t.dtype == DType::kString) return "strings are computed on the host";
  }
  return std::nullopt;
}

Expected<EpilogueCode> lower_epilogue(SymContext& context, const Region& region, std::span<const Layout> layouts,
                                      std::span<const int> row_dims, std::span<const int> col_dims, int in_place) {
  if (auto reason = epilogue_refusal(region)) return Error(ErrorCode::kUnsupported, "not an epilogue: " + *reason);
  const std::vector<TensorType> types = region.value_types();
  const size_t inputs = region.inputs.size();
  if (layouts.size() != inputs + region.outputs.size()) return Error(ErrorCode::kInternal, "one layout per buffer is needed");
  const TensorType& result = types[inputs];
  if (row_dims.size() + col_dims.size() != result.dims.size())
    return Error(ErrorCode::kInternal, "row and column dims must be all dims of the result");
  ParameterTable parameters;
  tile::Program program;
  const std::vector<SymInt> all = index_vars(context, result.dims);
  std::vector<SymInt> vars;
  for (auto dims : {row_dims, col_dims}) {
    for (int d : dims) {
      vars.push_back(all[static_cast<size_t>(d)]);
      program.shared.push_back(parameters.number(result.dims[static_cast<size_t>(d)]));
    }
  }
  program.row_dims = static_cast<int32_t>(row_dims.size());
  for (const TensorType& t : region.inputs) program.buffers.push_back(t.dtype);
  for (int v : region.outputs) program.buffers.push_back(types[static_cast<size_t>(v)].dtype);

  TileCode code(parameters, vars);
  std::vector<int32_t> registers(types.size(), -1);
  registers[inputs] = code.accumulator(result.dtype);
  std::optional<std::string> reason;
  for (const StageView& s : stage_views(region, 1, reason)) {
    std::vector<bool> used(s.operands().size(), false);
    for (const ScalarInstruction& i : s.body().code()) {
      if (i.op == ScalarOp::kOperand) used[static_cast<size_t>(i.index)] = true;
    }
    std::vector<int32_t> operands(used.size(), -1);
    for (size_t o = 0; o < used.size(); ++o) {
      if (!used[o]) continue;
      const Access& a = s.operands()[o];
      if (a.value >= static_cast<int>(inputs)) {
        operands[o] = registers[static_cast<size_t>(a.value)];
        continue;
      }
      TileCode::Read read;
      read.place = a.value;
      read.dtype = types[static_cast<size_t>(a.value)].dtype;
      read.address = layouts[static_cast<size_t>(a.value)].address(a.map.results);
      read.guard = a.map.guard;
      read.fill = a.fill;
      for (size_t k = 0; k < a.loads.size(); ++k) {
        const Access::Load& l = a.loads[k];
        SymInt variable = 0;
        for (SymInt r : a.map.results) {
          for (SymInt v : vars_of(r)) {
            if (var_of(v).kind == VarKind::kLoaded && var_of(v).ordinal == static_cast<int>(k)) variable = v;
          }
        }
        if (variable.is_const()) continue;
        read.loaded.push_back({variable, l.value, types[static_cast<size_t>(l.value)].dtype,
                               layouts[static_cast<size_t>(l.value)].address(l.map.results), l.map.guard});
      }
      operands[o] = TEMPER_TRY(code.load(read));
    }
    const std::vector<int32_t> results = TEMPER_TRY(code.body(s.body(), operands, [](SymInt e) { return e; }));
    for (size_t k = 0; k < results.size(); ++k) registers[static_cast<size_t>(s.first_value) + k] = results[k];
  }

  tile::StageCode stage;
  for (size_t o = 0; o < region.outputs.size(); ++o) {
    const int v = region.outputs[o];
    const DType dtype = types[static_cast<size_t>(v)].dtype;
    const bool here = static_cast<int>(o) == in_place;
    if (here && v == static_cast<int>(inputs)) continue;  // the accumulator stays as it is
    if (here && dtype != DType::kF32 && dtype != DType::kI32)
      return Error(ErrorCode::kInternal, "only 4 bytes can replace the accumulator");
    auto known = std::find(stage.results.begin(), stage.results.end(), registers[static_cast<size_t>(v)]);
    const int32_t number = static_cast<int32_t>(known - stage.results.begin());
    if (known == stage.results.end()) {
      stage.results.push_back(registers[static_cast<size_t>(v)]);
      stage.result_dtypes.push_back(dtype);
    }
    tile::Store store{number, here ? -1 : static_cast<int32_t>(inputs + o), dtype, {}};
    store.address = code.form(here ? SymInt(0) : layouts[inputs + o].address(all));
    // In place comes last: other results may still need the accumulator's memory as an operand.
    stage.stores.insert(here ? stage.stores.end() : stage.stores.begin(), store);
  }
  if (stage.results.empty()) {
    stage.results.push_back(registers[inputs]);
    stage.result_dtypes.push_back(result.dtype);
  }
  stage.forms = std::move(code.forms);
  stage.accesses = std::move(code.accesses);
  stage.code = std::move(code.code);
  program.stages.push_back(std::move(stage));
  program.parameters = static_cast<int32_t>(parameters.values().size());
  TEMPER_TRY(tile::verify(program));
  ByteWriter out;
  tile::encode(program, out);
  return EpilogueCode{out.take(), parameters.values()};
}

}  // namespace temper::cpu
