#include "kernel/inline.h"

#include <algorithm>

namespace temper {
namespace {

std::vector<Access>* operands_of_stage(Stage& stage) {
  if (auto* map = std::get_if<Map>(&stage)) return &map->operands;
  if (auto* reduce = std::get_if<Reduce>(&stage)) return &reduce->operands;
  return nullptr;
}
ScalarBodyPtr& body_of_stage(Stage& stage) {
  if (auto* map = std::get_if<Map>(&stage)) return map->body;
  return std::get<Reduce>(stage).body;
}
const Dims& domain_of_stage(const Stage& stage) {
  if (auto* map = std::get_if<Map>(&stage)) return map->domain;
  return std::get<Reduce>(stage).domain;
}

bool same_access(const Access& a, const Access& b) {
  if (a.value != b.value || !(a.map == b.map) || a.loads.size() != b.loads.size()) return false;
  if (!a.map.guard.is_const(1) && !(a.fill == b.fill)) return false;
  for (size_t k = 0; k < a.loads.size(); ++k) {
    if (a.loads[k].value != b.loads[k].value || !(a.loads[k].map == b.loads[k].map)) return false;
  }
  return true;
}

// The access of `inner` (an operand of the map that is inlined) as seen from the reader, which reads that map through `outer`.
Access composed(SymContext& context, const Access& outer, const Access& inner) {
  Access access = inner;
  access.map = compose(context, outer.map, inner.map);
  for (size_t k = 0; k < inner.loads.size(); ++k) access.loads[k].map = compose(context, outer.map, inner.loads[k].map);
  return access;
}

// Operand `at` of the reader is the map's result; its expression goes into the reader's body.
void inline_one(SymContext& context, Stage& reader, size_t at, const Map& map) {
  std::vector<Access>& operands = *operands_of_stage(reader);
  Access outer = operands[at];
  std::vector<Access> all;
  auto number_of = [&](const Access& access) {
    for (size_t i = 0; i < all.size(); ++i) {
      if (same_access(all[i], access)) return static_cast<int>(i);
    }
    all.push_back(access);
    return static_cast<int>(all.size() - 1);
  };
  ScalarBodyPtr& body = body_of_stage(reader);
  std::vector<DType> dtypes(operands.size(), DType::kF32), inner_dtypes(map.operands.size(), DType::kF32);
  for (const ScalarInstruction& in : body->code()) {
    if (in.op == ScalarOp::kOperand) dtypes[in.index] = in.dtype;
  }
  for (const ScalarInstruction& in : map.body->code()) {
    if (in.op == ScalarOp::kOperand) inner_dtypes[in.index] = in.dtype;
  }
  ScalarBuilder builder;
  auto vars = index_vars(context, map.domain);
  std::vector<int32_t> inner;
  for (size_t i = 0; i < map.operands.size(); ++i)
    inner.push_back(builder.operand(number_of(composed(context, outer, map.operands[i])), inner_dtypes[i]));
  auto values = builder.inline_body(*map.body, inner, [&](SymInt e) { return substitute(e, vars, outer.map.results); });
  std::vector<int32_t> arguments;
  for (size_t i = 0; i < operands.size(); ++i) {
    if (i == at)
      arguments.push_back(values[0]);
    else
      arguments.push_back(builder.operand(number_of(operands[i]), dtypes[i]));
  }
  auto results = builder.inline_body(*body, arguments);
  body = builder.finish(results, static_cast<int>(all.size()));
  operands = std::move(all);
}

// Merges operands that read the same element.
void merge_operands(SymContext& context, Stage& stage) {
  std::vector<Access>& operands = *operands_of_stage(stage);
  std::vector<Access> all;
  std::vector<int32_t> arguments;
  ScalarBodyPtr& body = body_of_stage(stage);
  std::vector<DType> dtypes(operands.size(), DType::kF32);
  for (const ScalarInstruction& in : body->code()) {
    if (in.op == ScalarOp::kOperand) dtypes[in.index] = in.dtype;
  }
  ScalarBuilder builder;
  for (size_t i = 0; i < operands.size(); ++i) {
    auto found = std::find_if(all.begin(), all.end(), [&](const Access& a) { return same_access(a, operands[i]); });
    if (found == all.end()) found = all.insert(all.end(), operands[i]);
    arguments.push_back(builder.operand(static_cast<int>(found - all.begin()), dtypes[i]));
  }
  if (all.size() == operands.size()) return;
  auto results = builder.inline_body(*body, arguments);
  body = builder.finish(results, static_cast<int>(all.size()));
  operands = std::move(all);
}

void renumber(Region& region, const std::vector<int>& number) {
  auto fix = [&](Access& a) {
    a.value = number[a.value];
    for (auto& load : a.loads) load.value = number[load.value];
  };
  for (Stage& stage : region.stages) {
    if (auto* operands = operands_of_stage(stage)) std::for_each(operands->begin(), operands->end(), fix);
    if (auto* contract = std::get_if<Contract>(&stage)) fix(contract->lhs), fix(contract->rhs);
    if (auto* scan = std::get_if<Scan>(&stage)) fix(scan->operand);
    if (auto* sort = std::get_if<Sort>(&stage)) fix(sort->operand);
    if (auto* scatter = std::get_if<Scatter>(&stage)) {
      fix(scatter->base), fix(scatter->update);
      for (auto& load : scatter->target.loads) load.value = number[load.value];
    }
    if (auto* compact = std::get_if<Compact>(&stage)) fix(compact->mask);
    if (auto* opaque = std::get_if<Opaque>(&stage)) {
      for (int& v : opaque->operands) v = number[v];
    }
  }
  for (int& v : region.outputs) v = number[v];
}

int result_count(const Stage& stage) {
  if (auto* map = std::get_if<Map>(&stage)) return static_cast<int>(map->body->results().size());
  if (auto* reduce = std::get_if<Reduce>(&stage)) return static_cast<int>(reduce->dtypes.size());
  if (std::holds_alternative<Sort>(stage)) return 2;
  if (auto* opaque = std::get_if<Opaque>(&stage)) return static_cast<int>(opaque->results.size());
  return 1;
}

// One move; false when none is left.
bool inline_next(SymContext& context, Region& region) {
  int value = static_cast<int>(region.inputs.size());
  for (size_t s = 0; s < region.stages.size(); value += result_count(region.stages[s]), ++s) {
    const auto* map = std::get_if<Map>(&region.stages[s]);
    if (!map || map->body->results().size() != 1) continue;
    if (std::find(region.outputs.begin(), region.outputs.end(), value) != region.outputs.end()) continue;
    std::vector<size_t> readers;
    bool possible = true;
    size_t uses = 0;
    for (size_t r = s + 1; r < region.stages.size(); ++r) {
      auto* operands = operands_of_stage(region.stages[r]);
      bool reads = false;
      if (operands) {
        for (const Access& a : *operands) {
          if (a.value == value) {
            reads = true;
            ++uses;
            possible = possible && a.map.guard.is_const(1);
          }
          for (const auto& load : a.loads) possible = possible && load.value != value;
        }
      } else if (auto* contract = std::get_if<Contract>(&region.stages[r])) {
        possible = possible && contract->lhs.value != value && contract->rhs.value != value;
      }
      if (reads) readers.push_back(r);
    }
    if (!possible || readers.size() != 1) continue;
    Stage& reader = region.stages[readers[0]];
    merge_operands(context, reader);
    auto* operands = operands_of_stage(reader);
    uses = static_cast<size_t>(
        std::count_if(operands->begin(), operands->end(), [&](const Access& a) { return a.value == value; }));
    // Read at several different points (a flip, a window): recomputing costs more than keeping it.
    if (uses != 1) continue;
    size_t at = static_cast<size_t>(
        std::find_if(operands->begin(), operands->end(), [&](const Access& a) { return a.value == value; }) -
        operands->begin());
    // A reader with more points than the map would compute it again and again.
    if (domain_of_stage(reader).size() > map->domain.size() && map->body->code().size() > 4) continue;
    Map inlined = *map;
    inline_one(context, reader, at, inlined);
    region.stages.erase(region.stages.begin() + static_cast<std::ptrdiff_t>(s));
    std::vector<int> number(region.value_types().size() + 1);
    for (size_t v = 0; v < number.size(); ++v)
      number[v] = static_cast<int>(v) > value ? static_cast<int>(v) - 1 : static_cast<int>(v);
    renumber(region, number);
    return true;
  }
  return false;
}

}  // namespace

Region inline_maps(SymContext& context, Region region) {
  while (inline_next(context, region)) {
  }
  for (Stage& stage : region.stages) {
    if (operands_of_stage(stage)) merge_operands(context, stage);
  }
  return region;
}

}  // namespace temper
