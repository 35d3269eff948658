#include "builder/graph_compiler.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "kernel/chain.h"
#include "kernel/contraction.h"
#include "kernel/cost.h"
#include "ops/core/core.h"

namespace temper {
namespace {

std::vector<int> row_major_order(size_t rank) {
  std::vector<int> order(rank);
  std::iota(order.begin(), order.end(), 0);
  return order;
}
std::vector<int> order_with_innermost(size_t rank, int innermost) {
  std::vector<int> order;
  for (int d = 0; d < static_cast<int>(rank); ++d) {
    if (d != innermost) order.push_back(d);
  }
  order.push_back(innermost);
  return order;
}

SymInt bytes_of(const TensorType& type) {
  SymInt count = element_count(type);
  int bits = dtype_bits(type.dtype);
  return bits >= 8 ? count * (bits / 8) : ceil_div(count, 2);
}

const Contract* contract_of(const Unit& unit) {
  return unit.region.stages.empty() ? nullptr : std::get_if<Contract>(&unit.region.stages[0]);
}

// How a unit that does nothing but move the elements of one input reads it.
const Access* movement_of(const Unit& unit) {
  if (unit.region.stages.size() != 1 || unit.inputs.size() != 1 || unit.outputs.size() != 1) return nullptr;
  const auto* map = std::get_if<Map>(&unit.region.stages[0]);
  if (!map || map->operands.size() != 1 || map->body->code().size() != 1 ||
      map->body->result_dtype() != unit.region.inputs[0].dtype)
    return nullptr;
  const Access& access = map->operands[0];
  return access.map.guard.is_const(1) && access.loads.empty() ? &access : nullptr;
}

// Whether a tensor that lies so is read element by element, in the order of the points.
bool reads_in_order(SymContext& context, const Layout& layout, const Access& access) {
  const Dims& points = access.map.domain;
  return layout.address(access.map.results) - layout.offset == linear_index(index_vars(context, points), points);
}

// The order of a tensor's dimensions in which an access runs through them: by the variable that moves them, of several that one
// variable moves the slowest first. Only a guess where an index is no quotient or remainder of a variable; empty where it is of
// several.
std::vector<int> order_of_access(const Access& access) {
  struct Key {
    int variable;
    SymInt step;  // of the variable, until the index moves
    int dim;
  };
  std::vector<Key> keys;
  for (size_t d = 0; d < access.map.results.size(); ++d) {
    SymInt e = access.map.results[d];
    auto vars = vars_of(e);
    std::erase_if(vars, [](SymInt v) { return var_of(v).kind != VarKind::kIndex; });
    if (vars.size() > 1) return {};
    SymInt step = 1;
    while (kind_of(e) == SymKind::kFloorDiv || kind_of(e) == SymKind::kMod) {
      if (kind_of(e) == SymKind::kFloorDiv) step *= operands_of(e)[1];
      e = operands_of(e)[0];
    }
    keys.push_back({vars.empty() ? -1 : var_of(vars[0]).ordinal, step, static_cast<int>(d)});
  }
  std::stable_sort(keys.begin(), keys.end(), [](const Key& a, const Key& b) {
    return a.variable != b.variable ? a.variable < b.variable : proves_less(b.step, a.step);
  });
  std::vector<int> order;
  for (const Key& k : keys) order.push_back(k.dim);
  return order;
}

// Units as they are done one by one: those that are joined by their parts.
template <class F>
void for_each_part(const Partition& partition, F f) {
  for (const Unit& unit : partition.units) {
    if (unit.parts.empty()) f(unit);
    for (const Unit& part : unit.parts) f(part);
  }
}

std::string unit_name(const Unit& unit) {
  std::string name;
  for (const std::string& n : unit.names) {
    if (name.size() > 100) return name + " + ...";
    name += (name.empty() ? "" : " + ") + n;
  }
  return name.empty() ? "copy" : name;
}

}  // namespace

void GraphCompiler::bind_input(size_t input, int buffer) {
  ValueId v = graph_.inputs()[input];
  storage_[v] = {buffer, Layout::row_major(graph_.type(v).dims)};
}

void GraphCompiler::bind_output(size_t output, int buffer) { bound_outputs_.emplace(graph_.outputs()[output], buffer); }

Storage GraphCompiler::new_storage(const TensorType& type, const std::vector<int>& order, const std::string& name) {
  int buffer = assembly_.add_buffer(plan::BufferKind::Arena, type.dtype, bytes_of(type), name);
  return {buffer, Layout::permuted(type.dims, order)};
}

std::optional<const Tensor*> GraphCompiler::constant(ValueId v) const {
  const Node* node = graph_.producer(v);
  if (!node || node->op->name != "constant") return std::nullopt;
  return &attrs_as<Constant>(*node->attrs).data;
}

const Storage& GraphCompiler::stored(ValueId v) {
  auto found = storage_.find(v);
  if (found != storage_.end()) return found->second;
  auto data = constant(v);
  TEMPER_CHECK(data.has_value(), "a value is read before it is made: " + graph_.value(v).name);
  return storage_[v] = {assembly_.constant_buffer(**data, graph_.value(v).name), Layout::row_major(graph_.type(v).dims)};
}

// Decides the orders of dimensions, and which values are written straight into a concat.
Status GraphCompiler::plan_places() {
  std::map<ValueId, const Unit*> producer;
  for_each_part(partition_, [&](const Unit& unit) {
    for (ValueId v : unit.outputs) producer[v] = &unit;
    const Contract* contract = contract_of(unit);
    if (!contract) return;
    int wanted = wanted_innermost_lhs(graph_.sym(), *contract);
    ValueId lhs = unit.inputs[contract->lhs.value];
    if (wanted >= 0 && !wish_.contains(lhs)) wish_[lhs] = wanted;
  });
  std::set<ValueId> fixed(graph_.outputs().begin(), graph_.outputs().end());
  // A concat whose parts are all parts of a longer one, in a row, is a piece of it.
  std::vector<const Node*> concats;
  for (const Unit& unit : partition_.units) {
    if (unit.control != kNone32 && graph_.node(unit.control).op->name == "concat")
      concats.push_back(&graph_.node(unit.control));
  }
  std::stable_sort(concats.begin(), concats.end(),
                   [](const Node* a, const Node* b) { return a->operands.size() > b->operands.size(); });
  auto start_of = [&](const Node& whole, size_t part) {
    SymInt start = 0;
    int64_t axis = attrs_as<Concat>(*whole.attrs).axis;
    for (size_t i = 0; i < part; ++i) start += graph_.type(whole.operands[i]).dims[axis];
    return start;
  };
  for (size_t w = 0; w < concats.size(); ++w) {
    const Node& whole = *concats[w];
    ValueId value = whole.results[0];
    if (places_.contains(value)) continue;
    // A whole whose size depends on data is not there yet when its first part is made.
    const Dims& whole_dims = graph_.type(value).dims;
    bool sized = std::any_of(whole_dims.begin(), whole_dims.end(), [](SymInt d) {
      auto vars = vars_of(d);
      return std::any_of(vars.begin(), vars.end(), [](SymInt v) { return var_of(v).kind == VarKind::kSize; });
    });
    if (sized) continue;
    int64_t axis = attrs_as<Concat>(*whole.attrs).axis;
    size_t rank = graph_.type(value).dims.size();
    if (!fixed.contains(value) && rank >= 3) {
      int innermost = wish_.contains(value) ? wish_[value] : -1;
      for (ValueId v : whole.operands) {
        auto made = producer.find(v);
        if (innermost >= 0 || made == producer.end()) continue;
        if (const Contract* contract = contract_of(*made->second)) innermost = wanted_innermost_out(graph_.sym(), *contract);
      }
      if (innermost >= 0) orders_[value] = order_with_innermost(rank, innermost);
    }
    for (size_t s = w + 1; s < concats.size(); ++s) {
      const Node& part = *concats[s];
      if (places_.contains(part.results[0]) || fixed.contains(part.results[0]) || attrs_as<Concat>(*part.attrs).axis != axis)
        continue;
      auto at = std::search(whole.operands.begin(), whole.operands.end(), part.operands.begin(), part.operands.end());
      if (at == whole.operands.end() || part.operands.size() == whole.operands.size()) continue;
      places_[part.results[0]] = {value, start_of(whole, static_cast<size_t>(at - whole.operands.begin())), axis};
    }
    for (size_t i = 0; i < whole.operands.size(); ++i) {
      ValueId v = whole.operands[i];
      bool computed = producer.contains(v) || (graph_.producer(v) && graph_.producer(v)->op->name == "concat");
      if (computed && !fixed.contains(v) && !places_.contains(v)) places_[v] = {value, start_of(whole, i), axis};
    }
  }
  // Placed values have the order of what they are placed in.
  for (const auto& [v, place] : places_) {
    ValueId root = place.whole;
    while (places_.contains(root)) root = places_.at(root).whole;
    if (orders_.contains(root)) orders_[v] = orders_.at(root);
  }
  return {};
}

void GraphCompiler::plan_views() {
  std::map<ValueId, int> readers;
  std::map<ValueId, const Unit*> producer;
  std::set<ValueId> fixed(graph_.outputs().begin(), graph_.outputs().end());
  for_each_part(partition_, [&](const Unit& unit) {
    for (ValueId v : unit.outputs) producer[v] = &unit;
    for (ValueId v : unit.inputs) ++readers[v];
    if (unit.control == kNone32) return;
    for (ValueId v : graph_.node(unit.control).operands) fixed.insert(v);
  });
  for (const Unit& unit : partition_.units) {
    const Access* access = unit.control == kNone32 ? movement_of(unit) : nullptr;
    if (!access) continue;
    ValueId v = unit.inputs[0];
    auto made = producer.find(v);
    if (made == producer.end() || readers[v] != 1 || fixed.contains(v) || orders_.contains(v) || places_.contains(v)) continue;
    std::vector<int> order = order_of_access(*access);
    if (order.empty() || !reads_in_order(graph_.sym(), Layout::permuted(graph_.type(v).dims, order), *access)) continue;
    // A contraction writes its columns innermost, or copies.
    const Contract* contract = contract_of(*made->second);
    if (contract && order.back() != wanted_innermost_out(graph_.sym(), *contract)) continue;
    orders_[v] = std::move(order);
  }
}

std::optional<Storage> GraphCompiler::as_view(const Unit& unit) {
  const Access* access = movement_of(unit);
  if (!access || bound_outputs_.contains(unit.outputs[0]) || places_.contains(unit.outputs[0]) ||
      orders_.contains(unit.outputs[0]) || constant(unit.inputs[0])) {
    return std::nullopt;
  }
  const Storage& from = stored(unit.inputs[0]);
  if (!reads_in_order(graph_.sym(), from.layout, *access)) return std::nullopt;
  Layout in_region = Layout::row_major(access->map.domain),
         layout{std::vector<SymInt>(in_region.strides.size()), from.layout.offset};
  for (size_t d = 0; d < layout.strides.size(); ++d) layout.strides[d] = in_region.strides[unit.output_order[0][d]];
  return Storage{from.buffer, std::move(layout)};
}

std::vector<int> GraphCompiler::order_for(const Unit& unit, size_t output) {
  ValueId v = unit.outputs[output];
  const Dims& dims = graph_.type(v).dims;
  size_t rank = dims.size();
  if (orders_.contains(v)) return orders_.at(v);
  if (const Contract* contract = contract_of(unit)) {
    int innermost = wanted_innermost_out(graph_.sym(), *contract);
    if (innermost >= 0 && rank == contract->domain.size() - static_cast<size_t>(contract->reduced))
      return order_with_innermost(rank, innermost);
    return row_major_order(rank);
  }
  if (wish_.contains(v) && rank >= 3) return order_with_innermost(rank, wish_.at(v));
  // As the largest operand of the same dims lies.
  const Storage* like = nullptr;
  for (ValueId in : unit.inputs) {
    if (graph_.type(in).dims.size() != rank || constant(in)) continue;
    const Storage& s = stored(in);
    if (graph_.type(in).dims == dims || !like) like = &s;
    if (graph_.type(in).dims == dims) break;
  }
  if (!like || rank < 3) return row_major_order(rank);
  auto order = row_major_order(rank);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return assembly_.best(like->layout.strides[a]) > assembly_.best(like->layout.strides[b]);
  });
  // Dimensions of one element say nothing about order.
  return order;
}

Expected<Storage> GraphCompiler::with_innermost(ValueId v, int innermost) {
  const TensorType& type = graph_.type(v);
  const Storage& now = stored(v);
  if (now.layout.strides[innermost].is_const(1) || type.dims[innermost].is_const(1)) return now;
  auto [place, fresh] = copies_.emplace(std::pair(v, innermost), Storage{});
  if (fresh) {
    place->second =
        new_storage(type, order_with_innermost(type.dims.size(), innermost), graph_.value(v).name + " (reformatted)");
    TEMPER_TRY(copy(type, stored(v), place->second, "reformat " + graph_.value(v).name));
  }
  return place->second;
}

Status GraphCompiler::copy(const TensorType& type, const Storage& from, const Storage& to, const std::string& name) {
  Unit unit;
  unit.region.inputs = {type};
  ScalarBuilder body;
  unit.region.stages.push_back(
      Map{type.dims, {{0, identity_map(graph_.sym(), type.dims), {}, {}}}, body.finish(body.operand(0, type.dtype), 1)});
  unit.region.outputs = {1};
  unit.names = {name};
  unit.inputs = {kNone32};
  unit.output_order = {row_major_order(type.dims.size())};
  return emit(unit, {from}, {to});
}

Status GraphCompiler::compile_unit(const Unit& unit) {
  if (auto view = as_view(unit)) {
    storage_[unit.outputs[0]] = std::move(*view);
    return {};
  }
  std::vector<Storage> inputs, outputs;
  for (ValueId v : unit.inputs) inputs.push_back(stored(v));
  if (const Contract* contract = contract_of(unit)) {
    for (int side = 0; side < 2; ++side) {
      const Access& access = side ? contract->rhs : contract->lhs;
      ValueId v = unit.inputs[access.value];
      if (side == 0) {
        int innermost = wanted_innermost_lhs(graph_.sym(), *contract);
        if (innermost >= 0 && graph_.type(v).dims.size() >= 3) inputs[access.value] = TEMPER_TRY(with_innermost(v, innermost));
      }
    }
  }
  for (size_t o = 0; o < unit.outputs.size(); ++o) {
    ValueId v = unit.outputs[o];
    const TensorType& type = graph_.type(v);
    if (auto bound = bound_outputs_.find(v); bound != bound_outputs_.end()) {
      storage_[v] = {bound->second, Layout::row_major(type.dims)};
      // A contraction that wants another order makes it elsewhere first.
      const Contract* contract = contract_of(unit);
      auto order = order_for(unit, o);
      if (contract && order != row_major_order(type.dims.size()) && !Layout::permuted(type.dims, order).strides.empty() &&
          !(Layout::permuted(type.dims, order) == storage_[v].layout)) {
        outputs.push_back(new_storage(type, order, graph_.value(v).name));
        continue;
      }
    } else if (places_.contains(v)) {
      // The whole is made when its first part is written.
      const Place& place = places_.at(v);
      std::vector<std::pair<ValueId, const Place*>> chain{{v, &place}};
      while (places_.contains(chain.back().second->whole))
        chain.emplace_back(chain.back().second->whole, &places_.at(chain.back().second->whole));
      ValueId root = chain.back().second->whole;
      if (!storage_.contains(root)) {
        const TensorType& whole = graph_.type(root);
        auto order = orders_.contains(root) ? orders_.at(root) : row_major_order(whole.dims.size());
        if (auto bound = bound_outputs_.find(root); bound != bound_outputs_.end())
          storage_[root] = {bound->second, Layout::row_major(whole.dims)};
        else
          storage_[root] = new_storage(whole, order, graph_.value(root).name);
      }
      Storage part = storage_.at(root);
      for (size_t k = chain.size(); k-- > 0;)
        part.layout.offset += chain[k].second->start * part.layout.strides[chain[k].second->axis];
      const Contract* contract = contract_of(unit);
      int innermost = contract ? wanted_innermost_out(graph_.sym(), *contract) : -1;
      if (innermost >= 0 && !part.layout.strides[innermost].is_const(1) && !type.dims[innermost].is_const(1)) {
        places_.erase(v);  // the contraction can't write there: the concat will copy
        storage_[v] = new_storage(type, order_with_innermost(type.dims.size(), innermost), graph_.value(v).name);
      } else {
        storage_[v] = part;
      }
    } else if (const auto* compact = std::get_if<Compact>(&unit.region.stages[0])) {
      // How many elements there are is known only when they have been written: there is room for all.
      storage_[v] = new_storage({type.dtype, {compact->extent}}, {0}, graph_.value(v).name);
    } else {
      storage_[v] = new_storage(type, order_for(unit, o), graph_.value(v).name);
    }
    outputs.push_back(storage_.at(v));
  }
  TEMPER_TRY_AT(emit(unit, inputs, outputs), "'" + unit_name(unit) + "'");
  for (size_t o = 0; o < unit.outputs.size(); ++o) {
    const Storage& final_place = storage_.at(unit.outputs[o]);
    if (final_place.buffer != outputs[o].buffer) {
      TEMPER_TRY(copy(graph_.type(unit.outputs[o]), outputs[o], final_place, "reformat " + graph_.value(unit.outputs[o]).name));
    }
  }
  // A compact's number of elements.
  if (unit.region.stages.size() == 1) {
    if (const auto* compact = std::get_if<Compact>(&unit.region.stages[0])) {
      int count = assembly_.plan().steps.back()->buffers.back();
      make_sizes(std::span(&compact->size, 1), std::span(&count, 1));
    }
  }
  return {};
}

Candidate GraphCompiler::candidate_for(const Unit& unit, const std::vector<Storage>& inputs,
                                       const std::vector<Storage>& outputs) const {
  Candidate candidate;
  candidate.context = &graph_.sym();
  candidate.region = &unit.region;
  candidate.best = [this](SymInt e) { return assembly_.best(e); };
  for (size_t i = 0; i < inputs.size(); ++i) {
    candidate.layouts.push_back(inputs[i].layout);
    auto data = unit.inputs[i] == kNone32 ? std::nullopt : constant(unit.inputs[i]);
    candidate.constants.push_back(data ? *data : nullptr);
  }
  for (size_t o = 0; o < outputs.size(); ++o) {
    // The region's output has the dims in its own order.
    Layout layout = outputs[o].layout;
    for (size_t d = 0; d < layout.strides.size(); ++d) layout.strides[unit.output_order[o][d]] = outputs[o].layout.strides[d];
    candidate.layouts.push_back(std::move(layout));
  }
  return candidate;
}

Status GraphCompiler::compile_joined(const Unit& unit) {
  std::vector<Storage> inputs;
  for (ValueId v : unit.inputs) inputs.push_back(stored(v));
  const ValueId out = unit.outputs[0];
  const Storage target{-1, Layout::permuted(graph_.type(out).dims, order_for(unit, 0))};
  const Candidate candidate = candidate_for(unit, inputs, {target});
  for (const TacticSource* source : tactic_sources(assembly_.options().device.target)) {
    auto offered = source->enumerate(candidate, assembly_.options().device, assembly_.options().build);
    auto* declined = std::get_if<Decline>(&offered);
    if (!declined) {
      declines_.clear();
      return compile_unit(unit);
    }
    plan::CandidateT c;
    c.source = source->name();
    c.decline = "joined with what follows: " + declined->reason;
    declines_.push_back(std::move(c));
  }
  for (const Unit& part : unit.parts) TEMPER_TRY(compile_unit(part));
  return {};
}

Status GraphCompiler::emit(const Unit& unit, const std::vector<Storage>& inputs, const std::vector<Storage>& outputs) {
  const Candidate candidate = candidate_for(unit, inputs, outputs);
  std::vector<int> buffers;
  for (const std::vector<Storage>* side : {&inputs, &outputs}) {
    for (const Storage& s : *side) buffers.push_back(s.buffer);
  }
  std::vector<plan::CandidateT> seen = std::exchange(declines_, {});
  TacticChooser::Choice choice;
  std::string name = unit_name(unit);
  if (assembly_.options().chooser) {
    choice = TEMPER_TRY(assembly_.options().chooser->choose(candidate, name, seen));
  } else {
    std::string reasons;
    for (const TacticSource* source : asked_sources(assembly_.options().device, assembly_.options().build)) {
      auto offered = source->enumerate(candidate, assembly_.options().device, assembly_.options().build);
      if (auto* declined = std::get_if<Decline>(&offered)) {
        plan::CandidateT c;
        c.source = source->name();
        c.decline = declined->reason;
        seen.push_back(std::move(c));
        reasons += "\n  " + std::string(source->name()) + ": " + declined->reason;
        continue;
      }
      choice = {source, std::get<std::vector<Tactic>>(offered).front()};
      break;
    }
    if (!choice.source) return Error(ErrorCode::kUnsupported, "no kernel for " + unit.region.to_string() + reasons);
  }
  std::vector<KernelStep> steps(1);
  if (choice.source) steps = TEMPER_TRY(choice.source->realize(candidate, choice.tactic, assembly_.options().device));
  Cost cost = cost_of(unit.region, candidate.best);
  for (KernelStep& made : steps) {
    std::vector<int> arguments;
    for (const Argument& argument : made.arguments) {
      arguments.push_back(argument.buffer >= 0 ? buffers[argument.buffer] : assembly_.constant_buffer(argument.constant, name));
    }
    if (std::holds_alternative<Compact>(unit.region.stages[0])) {
      arguments.push_back(assembly_.add_buffer(plan::BufferKind::Arena, DType::kI64, 8, name + " (count)"));
    }
    plan::StepT& step = assembly_.add_step(plan::StepKind::Launch, name);
    step.nodes = unit.names;
    step.kernel = made.kernel;
    step.blob.resize(made.blob.size());
    std::transform(made.blob.begin(), made.blob.end(), step.blob.begin(), [](std::byte b) { return static_cast<uint8_t>(b); });
    step.buffers = std::move(arguments);
    for (SymInt p : made.parameters) step.parameters.push_back(assembly_.slots().slot(p));
    step.tactic = choice.tactic.source + ": " + choice.tactic.config;
    step.region = unit.region.to_string();
    // Where a unit takes several steps, the first stands for all.
    step.operations = cost.operations;
    step.bytes = cost.read_bytes + cost.written_bytes;
    for (auto& c : seen) step.candidates.push_back(std::make_unique<plan::CandidateT>(std::move(c)));
    cost = {};
    seen.clear();
  }
  return {};
}

void GraphCompiler::make_sizes(std::span<const SymInt> sizes, std::span<const int> buffers) {
  for (size_t k = 0; k < buffers.size(); ++k) {
    plan::StepT& read = assembly_.add_step(plan::StepKind::Size, "size " + sizes[k].to_string());
    read.slot = assembly_.slots().slot(sizes[k]);
    read.buffers = {buffers[k]};
  }
  plan::StepT& shapes = assembly_.add_step(plan::StepKind::Shapes, "shapes");
  shapes.segment = assembly_.slots().open_segment(sizes);
}

Status GraphCompiler::compile_concat(const Node& node) {
  ValueId whole = node.results[0];
  const TensorType& type = graph_.type(whole);
  if (!storage_.contains(whole)) {
    if (places_.contains(whole)) {
      // Its parts are all in place already, inside a longer one.
      const Place& place = places_.at(whole);
      if (storage_.contains(place.whole)) {
        Storage s = storage_.at(place.whole);
        s.layout.offset += place.start * s.layout.strides[place.axis];
        storage_[whole] = s;
      }
    }
    if (!storage_.contains(whole)) {
      if (auto bound = bound_outputs_.find(whole); bound != bound_outputs_.end())
        storage_[whole] = {bound->second, Layout::row_major(type.dims)};
      else
        storage_[whole] = new_storage(type, orders_.contains(whole) ? orders_.at(whole) : row_major_order(type.dims.size()),
                                      graph_.value(whole).name);
    }
  }
  int64_t axis = attrs_as<Concat>(*node.attrs).axis;
  SymInt start = 0;
  for (ValueId part : node.operands) {
    Storage target = storage_.at(whole);
    target.layout.offset += start * target.layout.strides[axis];
    start += graph_.type(part).dims[axis];
    const Storage& now = stored(part);
    if (now.buffer == target.buffer && now.layout == target.layout) continue;
    TEMPER_TRY(copy(graph_.type(part), now, target, node.name));
  }
  return {};
}

Status GraphCompiler::compile_control(NodeId id) {
  const Node& node = graph_.node(id);
  if (node.op->name == "concat") return compile_concat(node);
  if (node.op->name == "if") return compile_if(node);
  if (node.op->name == "loop") return compile_loop(node);
  if (node.op->name == "plugin") return compile_plugin(node);
  // bind_size and assert pass their operand on.
  storage_[node.results[0]] = stored(node.operands[0]);
  if (node.op->name == "assert") {
    plan::StepT& step = assembly_.add_step(plan::StepKind::Assert, node.name);
    step.buffers = {storage_.at(node.results[0]).buffer};
    step.message = attrs_as<Assert>(*node.attrs).message;
    return {};
  }
  SymInt size = attrs_as<BindSize>(*node.attrs).size;
  int buffer = storage_.at(node.results[0]).buffer;
  make_sizes(std::span(&size, 1), std::span(&buffer, 1));
  return {};
}

Expected<int> GraphCompiler::plain_buffer(ValueId v) {
  const TensorType& type = graph_.type(v);
  const Storage now = stored(v);
  if (now.layout == Layout::row_major(type.dims)) return now.buffer;
  Storage plain = new_storage(type, row_major_order(type.dims.size()), graph_.value(v).name);
  TEMPER_TRY(copy(type, now, plain, "reformat " + graph_.value(v).name));
  return plain.buffer;
}

Status GraphCompiler::compile_if(const Node& node) {
  const auto& attrs = attrs_as<IfAttrs>(*node.attrs);
  std::vector<int> captures;
  for (ValueId v : node.operands) captures.push_back(TEMPER_TRY(plain_buffer(v)));
  int at = assembly_.step_count();
  assembly_.add_step(plan::StepKind::If, node.name).buffers = {captures[0]};
  // Results whose size both branches know before are made in place; others are copied at the end of the branch.
  std::vector<int> results;
  for (ValueId v : node.results) {
    int buffer;
    if (auto bound = bound_outputs_.find(v); bound != bound_outputs_.end())
      buffer = bound->second;
    else
      buffer =
          assembly_.add_buffer(plan::BufferKind::Arena, graph_.type(v).dtype, bytes_of(graph_.type(v)), graph_.value(v).name);
    results.push_back(buffer);
    storage_[v] = {buffer, Layout::row_major(graph_.type(v).dims)};
  }
  BranchEnd ends[2];
  for (int branch = 0; branch < 2; ++branch) {
    const Graph& body = *node.bodies[branch];
    GraphCompiler inner(body, assembly_);
    for (size_t i = 1; i < captures.size(); ++i) inner.bind_input(i - 1, captures[i]);
    if (attrs.sizes.empty()) {
      for (size_t i = 0; i < results.size(); ++i) inner.bind_output(i, results[i]);
    }
    TEMPER_TRY(inner.run());
    if (!attrs.sizes.empty()) {
      BranchEnd& end = ends[branch];
      end.begin = assembly_.step_count();
      for (int k = 0; k < 3; ++k) assembly_.add_step(plan::StepKind::Shapes, "shapes");
      for (size_t i = 0; i < results.size(); ++i) {
        const TensorType& type = body.type(body.outputs()[i]);
        const Dims& outer = graph_.type(node.results[i]).dims;
        for (size_t d = 0; d < outer.size(); ++d) {
          if (std::find(attrs.sizes.begin(), attrs.sizes.end(), outer[d]) != attrs.sizes.end())
            end.sizes.push_back(type.dims[d]);
        }
        TEMPER_TRY(copy(type, inner.output(i), {results[i], Layout::row_major(type.dims)}, node.name));
      }
      end.end = assembly_.step_count();
    }
    plan::StepT& step = *assembly_.plan().steps[at];
    if (branch == 0)
      step.begin = at + 1, step.middle = assembly_.step_count();
    else
      step.end = assembly_.step_count();
  }
  if (!attrs.sizes.empty()) finish_branches(attrs.sizes, ends);
  return {};
}

// A branch ends with three segments: the first says what the sizes of the results are here, the second makes room for the
// results (and is the same for both branches), the third prepares the copies. Their numbers come after all those within both
// branches, because what needs several segments belongs to the one of the highest number; and copies have one for each branch,
// because the sizes in the other branch are not those of this run.
void GraphCompiler::finish_branches(std::span<const SymInt> sizes, std::span<const BranchEnd> ends) {
  auto& steps = assembly_.plan().steps;
  for (const BranchEnd& e : ends) steps[e.begin]->segment = assembly_.slots().assign_segment(sizes, e.sizes);
  int known = assembly_.slots().open_segment(sizes);
  for (const BranchEnd& e : ends) {
    steps[e.begin + 1]->segment = known;
    int copies = assembly_.slots().open_segment({});
    for (int i = e.begin + 2; i < e.end; ++i) steps[i]->segment = copies;
  }
}

Status GraphCompiler::compile_loop(const Node& node) {
  const auto& attrs = attrs_as<Loop>(*node.attrs);
  const Graph& body = *node.bodies[0];
  auto info = std::make_unique<plan::LoopInfoT>();
  std::vector<int> operands;
  // A number of iterations that follows from shapes is not read from memory.
  const ValueId trip = node.operands[0];
  if (trip != kNone32 && graph_.value(trip).contents)
    info->trip_slot = assembly_.slots().slot(graph_.value(trip).contents->at(0));
  for (ValueId v : node.operands) {
    if (v == kNone32 || (v == trip && operands.empty() && info->trip_slot != -1)) {
      operands.push_back(-1);
      continue;
    }
    operands.push_back(TEMPER_TRY(plain_buffer(v)));
  }
  auto new_buffer = [&](const TensorType& type, const std::string& name) {
    return assembly_.add_buffer(plan::BufferKind::Arena, type.dtype, bytes_of(type), name);
  };
  info->trip = operands[0];
  info->condition = operands[1];
  info->iteration = new_buffer(body.type(body.inputs()[0]), node.name + " (iteration)");
  for (int64_t s = 0; s < attrs.states; ++s) {
    const TensorType& type = graph_.type(node.operands[2 + s]);
    info->states_from.push_back(operands[2 + s]);
    info->states_in.push_back(new_buffer(type, node.name + " (state)"));
    ValueId result = node.results[s];
    auto bound = bound_outputs_.find(result);
    info->states_result.push_back(bound != bound_outputs_.end() ? bound->second : new_buffer(type, graph_.value(result).name));
    storage_[result] = {info->states_result.back(), Layout::row_major(graph_.type(result).dims)};
  }
  int at = assembly_.step_count();
  assembly_.add_step(plan::StepKind::Loop, node.name);
  GraphCompiler inner(body, assembly_);
  inner.bind_input(0, info->iteration);
  int condition_in = info->condition;
  if (condition_in == -1) {
    Tensor yes = Tensor::zeros(DType::kBool, {});
    yes.set(0, {0, 1});
    condition_in = assembly_.constant_buffer(yes, node.name + " (condition)");
  }
  inner.bind_input(1, condition_in);
  for (int64_t s = 0; s < attrs.states; ++s) inner.bind_input(2 + s, info->states_in[s]);
  for (size_t c = 2 + attrs.states; c < operands.size(); ++c) inner.bind_input(c, operands[c]);
  // What an iteration makes lies in memory of its own: it must not overwrite a state that is still read. A state that is
  // stacked too, and that nobody reads after the loop, is made once: its last value has no other place.
  const auto uses = graph_.uses();
  std::vector<int> made;
  const auto stacked_state = [&](size_t o) -> std::optional<int64_t> {
    for (int64_t s = 0; s<attrs.states&& static_cast<int64_t>(o)> attrs.states; ++s) {
      const ValueId result = node.results[s];
      const bool is_read = !uses[result].empty() || std::ranges::count(graph_.outputs(), result) > 0;
      if (body.outputs()[1 + s] == body.outputs()[o] && !is_read && info->states_result[s] != made[1 + s]) return s;
    }
    return std::nullopt;
  };
  for (size_t o = 0; o < body.outputs().size(); ++o) {
    if (o == 0 && info->condition == -1) {
      made.push_back(-1);
      continue;
    }
    if (const auto state = stacked_state(o)) {
      made.push_back(made[1 + *state]);
      info->states_result[*state] = made.back();
      continue;
    }
    made.push_back(new_buffer(body.type(body.outputs()[o]), node.name + " (made)"));
    inner.bind_output(o, made.back());
  }
  TEMPER_TRY(inner.run());
  for (size_t o = 0; o < body.outputs().size(); ++o) {
    if (made[o] == -1) continue;
    const Storage& now = inner.output(o);
    if (now.buffer != made[o]) {
      TEMPER_TRY(inner.copy(body.type(body.outputs()[o]), now, {made[o], Layout::row_major(body.type(body.outputs()[o]).dims)},
                            node.name));
    }
  }
  info->body_condition = made[0];
  for (int64_t s = 0; s < attrs.states; ++s) info->states_out.push_back(made[1 + s]);
  bool counted = attrs.sizes.empty();
  for (int64_t s = 0; s < attrs.scans; ++s) {
    ValueId result = node.results[attrs.states + s];
    info->scans_from.push_back(made[1 + attrs.states + s]);
    if (s == 0 && !counted) {
      info->count_slot = assembly_.slots().slot(attrs.sizes.back());
      assembly_.plan().steps[at]->segment = assembly_.slots().open_segment(attrs.sizes);
    }
    auto bound = bound_outputs_.find(result);
    int buffer = bound != bound_outputs_.end() ? bound->second : new_buffer(graph_.type(result), graph_.value(result).name);
    info->scans_to.push_back(buffer);
    storage_[result] = {buffer, Layout::row_major(graph_.type(result).dims)};
  }
  plan::StepT& step = *assembly_.plan().steps[at];
  step.begin = at + 1;
  step.end = assembly_.step_count();
  step.loop = std::move(info);
  return {};
}

Status GraphCompiler::run() {
  partition_ = partition(graph_);
  join_chains(partition_, graph_);
  TEMPER_TRY(plan_places());
  plan_views();
  int done = 0;
  for (const Unit& unit : partition_.units) {
    if (assembly_.options().progress &&
        !assembly_.options().progress(unit_name(unit), done, static_cast<int>(partition_.units.size()))) {
      return Error(ErrorCode::kCancelled, "the build was cancelled");
    }
    TEMPER_TRY(unit.control != kNone32 ? compile_control(unit.control)
               : unit.parts.empty()    ? compile_unit(unit)
                                       : compile_joined(unit));
    ++done;
  }
  // Outputs that no unit has made where they belong: inputs, constants, values that leave twice.
  for (size_t o = 0; o < graph_.outputs().size(); ++o) {
    ValueId v = graph_.outputs()[o];
    auto bound = bound_outputs_.find(v);
    const Storage& now = stored(v);
    if (bound != bound_outputs_.end() && now.buffer != bound->second) {
      TEMPER_TRY(copy(graph_.type(v), now, {bound->second, Layout::row_major(graph_.type(v).dims)}, graph_.value(v).name));
    }
  }
  return {};
}

}  // namespace temper
