#include "kernel/chain.h"

#include <algorithm>
#include <map>
#include <set>

namespace temper {
namespace {

bool reads_own_point(SymContext& context, const Access& a, const Dims& dims) {
  return a.map.guard.is_const(1) && a.loads.empty() && is_identity(context, a.map, dims);
}

// The last product reads row d0, d1, ... of p, one element for each step of its only sum.
bool reads_rows(SymContext& context, const Contract& c, const Dims& dims) {
  if (c.reduced != 1 || dims.empty() || c.domain.size() < dims.size() + 1 || !c.lhs.map.guard.is_const(1) ||
      !c.lhs.loads.empty())
    return false;
  auto vars = index_vars(context, c.domain);
  for (size_t d = 0; d + 1 < dims.size(); ++d) {
    if (c.domain[d] != dims[d] || c.lhs.map.results[d] != vars[d]) return false;
  }
  return c.domain.back() == dims.back() && c.lhs.map.results.back() == vars.back();
}

// Stages of a part, with its inputs and results numbered as in the whole.
void append(Region& whole, const Region& part, std::vector<int> number) {
  int next = static_cast<int>(whole.value_types().size());
  for (const Stage& stage : part.stages) {
    Stage copy = stage;
    auto renumber = [&](Access& a) {
      a.value = number[a.value];
      for (auto& load : a.loads) load.value = number[load.value];
    };
    if (auto* map = std::get_if<Map>(&copy)) std::for_each(map->operands.begin(), map->operands.end(), renumber);
    if (auto* reduce = std::get_if<Reduce>(&copy)) std::for_each(reduce->operands.begin(), reduce->operands.end(), renumber);
    if (auto* contract = std::get_if<Contract>(&copy)) renumber(contract->lhs), renumber(contract->rhs);
    for (size_t r = 0; r < result_types(stage).size(); ++r) number.push_back(next++);
    whole.stages.push_back(std::move(copy));
  }
}

bool only_maps_behind(const Region& region, size_t from) {
  return std::all_of(region.stages.begin() + static_cast<ptrdiff_t>(from), region.stages.end(),
                     [](const Stage& s) { return std::holds_alternative<Map>(s); });
}

bool keeps_order(const Unit& unit) {
  for (size_t d = 0; d < unit.output_order[0].size(); ++d) {
    if (unit.output_order[0][d] != static_cast<int>(d)) return false;
  }
  return true;
}

bool is_product(const Unit& unit) {
  return unit.outputs.size() == 1 && !unit.region.stages.empty() && std::holds_alternative<Contract>(unit.region.stages[0]);
}

// A map that only gives its operand another type.
bool is_cast(const Stage& stage) {
  const auto* map = std::get_if<Map>(&stage);
  if (!map || map->operands.size() != 1 || map->body->results().size() != 1) return false;
  const auto& code = map->body->code();
  const ScalarInstruction& result = code[map->body->results()[0]];
  return code.size() == 2 && result.op == ScalarOp::kCast && code[result.args[0]].op == ScalarOp::kOperand;
}

// A contraction, perhaps with a cast behind it, and nothing else.
bool is_bare_product(const Unit& unit) {
  return is_product(unit) &&
         (unit.region.stages.size() == 1 || (unit.region.stages.size() == 2 && is_cast(unit.region.stages[1])));
}

// Rows over one input, whose only result has its dims.
bool is_rows(const Unit& unit) {
  return unit.outputs.size() == 1 && unit.inputs.size() == 1 && keeps_order(unit) &&
         std::all_of(unit.region.stages.begin(), unit.region.stages.end(),
                     [](const Stage& s) { return std::holds_alternative<Map>(s) || std::holds_alternative<Reduce>(s); });
}

Unit joined(const Unit& scores, const Unit& rows, const Unit& values) {
  Unit whole;
  auto input = [&](ValueId v, const TensorType& type) {
    auto at = std::find(whole.inputs.begin(), whole.inputs.end(), v);
    if (at == whole.inputs.end()) {
      whole.inputs.push_back(v);
      whole.region.inputs.push_back(type);
      at = whole.inputs.end() - 1;
    }
    return static_cast<int>(at - whole.inputs.begin());
  };
  // Inputs come first, so all of them are collected before any stage is numbered.
  for (const Unit* part : {&scores, &values}) {
    for (size_t i = 0; i < part->inputs.size(); ++i) {
      if (part->inputs[i] != rows.outputs[0]) input(part->inputs[i], part->region.inputs[i]);
    }
  }
  int before = -1;  // the value that the part before made
  for (const Unit* part : {&scores, &rows, &values}) {
    std::vector<int> number;
    for (size_t i = 0; i < part->inputs.size(); ++i) {
      bool inner = part->inputs[i] == scores.outputs[0] || part->inputs[i] == rows.outputs[0];
      number.push_back(inner ? before : input(part->inputs[i], part->region.inputs[i]));
    }
    int first = static_cast<int>(whole.region.value_types().size());
    append(whole.region, part->region, number);
    before = first + part->region.outputs[0] - static_cast<int>(part->region.inputs.size());
    whole.nodes.insert(whole.nodes.end(), part->nodes.begin(), part->nodes.end());
    for (const std::string& name : part->names) {
      if (std::find(whole.names.begin(), whole.names.end(), name) == whole.names.end()) whole.names.push_back(name);
    }
  }
  whole.region.outputs = {before};
  whole.outputs = values.outputs;
  whole.output_order = values.output_order;
  whole.parts = {scores, rows, values};
  return whole;
}

}  // namespace

std::optional<ChainParts> chain_parts(SymContext& context, const Region& region) {
  if (region.outputs.size() != 1 || region.stages.size() < 3) return std::nullopt;
  ChainParts parts{0, region.stages.size() - (is_cast(region.stages.back()) ? 2 : 1)};
  if (parts.last < 2) return std::nullopt;
  const auto* scores = std::get_if<Contract>(&region.stages[0]);
  const auto* values = std::get_if<Contract>(&region.stages[parts.last]);
  const auto types = region.value_types();
  const int inputs = static_cast<int>(region.inputs.size());
  if (!scores || !values || region.outputs[0] != static_cast<int>(types.size()) - 1) return std::nullopt;
  const Dims& dims = types[inputs].dims;
  // Rows begin behind the maps that are the first product's alone: the first reduction, or what it reads.
  std::vector<int> first_value(region.stages.size());
  for (size_t s = 0, next = static_cast<size_t>(inputs); s < region.stages.size(); ++s) {
    first_value[s] = static_cast<int>(next);
    next += result_types(region.stages[s]).size();
  }
  parts.first_row = 1;
  while (parts.first_row < parts.last) {
    const auto* map = std::get_if<Map>(&region.stages[parts.first_row]);
    if (!map || map->domain != dims || types[first_value[parts.first_row]].dtype != DType::kF32) break;
    // Its operands: tensors from outside, and what the stage before made.
    bool behind = std::all_of(map->operands.begin(), map->operands.end(), [&](const Access& a) {
      return a.value < inputs || (a.value == first_value[parts.first_row] - 1 && reads_own_point(context, a, dims));
    });
    if (!behind) break;
    ++parts.first_row;
  }
  if (parts.first_row == parts.last) return std::nullopt;
  // A map that later stages read beside the one behind it is no epilogue, but rows.
  const auto read_later = [&](size_t stage, size_t after) {
    for (size_t s = after; s < parts.last; ++s) {
      for (const Access* a : accesses_of(region.stages[s])) {
        if (a->value == first_value[stage]) return true;
      }
    }
    return false;
  };
  for (size_t s = 0; s + 1 < parts.first_row; ++s) {
    if (read_later(s, s + 2)) parts.first_row = s + 1;
  }
  Dims kept(dims.begin(), dims.end() - 1);
  for (size_t s = parts.first_row; s < parts.last; ++s) {
    const auto* map = std::get_if<Map>(&region.stages[s]);
    const auto* reduce = std::get_if<Reduce>(&region.stages[s]);
    if (!map && !reduce) return std::nullopt;
    const Dims& domain = map ? map->domain : reduce->domain;
    if (reduce ? domain != dims || reduce->reduced != 1 : domain != dims && domain != kept) return std::nullopt;
    auto vars = index_vars(context, domain);
    for (const Access& a : map ? map->operands : reduce->operands) {
      if (a.value < first_value[parts.first_row] - 1 || !a.map.guard.is_const(1) || !a.loads.empty()) return std::nullopt;
      const Dims& read = types[a.value].dims;
      if (read != dims && read != kept) return std::nullopt;
      if (a.map.results != std::vector<SymInt>(vars.begin(), vars.begin() + static_cast<ptrdiff_t>(read.size())))
        return std::nullopt;
    }
    const auto& body = map ? map->body : reduce->body;
    if (std::any_of(body->code().begin(), body->code().end(),
                    [](const ScalarInstruction& in) { return in.op == ScalarOp::kSym; }))
      return std::nullopt;
  }
  if (values->lhs.value != first_value[parts.last] - 1 || values->rhs.value >= inputs || scores->lhs.value >= inputs ||
      scores->rhs.value >= inputs || types[values->lhs.value].dims != dims || !reads_rows(context, *values, dims)) {
    return std::nullopt;
  }
  return parts;
}

void join_chains(Partition& partition, const Graph& graph) {
  std::map<ValueId, std::vector<size_t>> readers;
  std::set<ValueId> fixed(graph.outputs().begin(), graph.outputs().end());
  for (size_t u = 0; u < partition.units.size(); ++u) {
    const Unit& unit = partition.units[u];
    for (ValueId v : unit.inputs) readers[v].push_back(u);
    if (unit.control == kNone32) continue;
    for (ValueId v : graph.node(unit.control).operands) fixed.insert(v);
  }
  // The unit that alone reads what this one makes.
  auto next = [&](const Unit& unit) -> size_t {
    ValueId v = unit.outputs[0];
    return fixed.contains(v) || readers[v].size() != 1 ? partition.units.size() : readers[v][0];
  };
  std::vector<char> taken(partition.units.size(), 0);
  for (size_t u = 0; u < partition.units.size(); ++u) {
    const Unit& scores = partition.units[u];
    if (!is_product(scores) || !only_maps_behind(scores.region, 1)) continue;
    size_t r = next(scores);
    if (r == partition.units.size() || !is_rows(partition.units[r])) continue;
    size_t v = next(partition.units[r]);
    if (v == partition.units.size() || !is_bare_product(partition.units[v])) continue;
    Unit whole = joined(scores, partition.units[r], partition.units[v]);
    if (!chain_parts(graph.sym(), whole.region)) continue;
    taken[u] = taken[r] = 1;
    partition.units[v] = std::move(whole);
  }
  size_t kept = 0;
  for (size_t u = 0; u < partition.units.size(); ++u) {
    if (taken[u]) continue;
    if (kept != u) partition.units[kept] = std::move(partition.units[u]);
    ++kept;
  }
  partition.units.resize(kept);
}

}  // namespace temper
