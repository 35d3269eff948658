#include "kernel/partition.h"

#include <algorithm>
#include <map>
#include <queue>
#include <set>

#include "kernel/access.h"
#include "kernel/inline.h"
#include "ops/core/core.h"
#include "ops/core/plugin.h"

namespace temper {
namespace {

enum class Role { kMovement, kMap, kGather, kReduce, kContract, kConstant, kSolo, kControl };

Role role_of(const Node& node) {
  static const std::map<std::string, Role, std::less<>> roles = {
      {"reindex", Role::kMovement},  {"map", Role::kMap},           {"gather", Role::kGather},  {"reduce", Role::kReduce},
      {"contract", Role::kContract}, {"constant", Role::kConstant}, {"scan", Role::kSolo},      {"sort", Role::kSolo},
      {"scatter", Role::kSolo},      {"compact", Role::kSolo},      {"suppress", Role::kSolo},  {"if", Role::kControl},
      {"loop", Role::kControl},      {"bind_size", Role::kControl}, {"concat", Role::kControl}, {"assert", Role::kControl},
      {"plugin", Role::kControl}};
  auto found = roles.find(node.op->name);
  TEMPER_CHECK(found != roles.end(), "not a core op: " + node.op->name);
  return found->second;
}

// Of a group over a row space: `domain` is all its dims, `axes` those that its reductions reduce (empty before the first).
struct Group {
  bool contract = false;
  bool joinable = true;
  Dims domain;
  std::vector<int64_t> axes;
  bool reduces = false;
  std::vector<NodeId> nodes;
  std::set<int> before;     // groups whose values it reads
  std::set<ValueId> reads;  // of other groups
};

// Kernels hold their tensors in tables of a bounded size: a group stops growing where what it reads, what its nodes make, and
// what of that may have to be stored as well, would be more than this.
constexpr size_t kMostTensors = 110;

class Partitioner {
 public:
  Partitioner(const Graph& graph, const PartitionOptions& options)
      : graph_(graph), options_(options), uses_(graph.uses()), group_of_(graph.value_count(), -1) {}

  Partition run() {
    find_stored();
    for (NodeId id : graph_.order()) place(id);
    return emit();
  }

 private:
  bool is_stored(ValueId v) const { return stored_.contains(v); }

  Access resolve(ValueId value, IndexMap map) const {
    return resolve_access(graph_, value, std::move(map), [&](ValueId v) { return !options_.inline_movement || is_stored(v); });
  }
  Access resolve_direct(ValueId value) const { return resolve(value, identity_map(graph_.sym(), graph_.type(value).dims)); }

  static bool is_affine(const IndexMap& map, std::span<const SymInt> vars) {
    return std::all_of(map.results.begin(), map.results.end(), [&](SymInt e) { return as_affine(e, vars).has_value(); });
  }

  // Kernels of convolutions take windows, and padding, where each index is of one window: one variable of the result and one
  // that is summed.
  static bool is_windowed(const IndexMap& map, std::span<const SymInt> vars, size_t kept) {
    const auto moves = [](SymInt c) { return !c.is_const(0); };
    return std::all_of(map.results.begin(), map.results.end(), [&](SymInt e) {
      const auto affine = as_affine(e, vars);
      if (!affine) return map.guard.is_const(1);
      const auto middle = affine->coefficients.begin() + static_cast<ptrdiff_t>(kept);
      const auto rows = std::count_if(affine->coefficients.begin(), middle, moves);
      const auto taps = std::count_if(middle, affine->coefficients.end(), moves);
      const bool is_window = !map.guard.is_const(1) || (rows > 0 && taps > 0);
      return !is_window || (rows <= 1 && taps <= 1);
    });
  }

  // The operand of a contraction: movement before it is read through only as long as the index stays affine and padding is
  // zero, or, for 8-bit levels, any number (their zero point).
  Access contract_operand(ValueId value, const IndexMap& map) const {
    auto vars = index_vars(graph_.sym(), map.domain);
    if (!is_affine(map, vars)) return {value, map, {}, {}};
    return resolve_access(graph_, value, map, [&](ValueId v) {
      if (!options_.inline_movement || is_stored(v)) return true;
      const Node* node = graph_.producer(v);
      if (!node || node->op->name != "reindex") return true;
      const auto& attrs = attrs_as<Reindex>(*node->attrs);
      const bool levels = graph_.type(v).dtype == DType::kU8 || graph_.type(v).dtype == DType::kI8;
      if (!attrs.map.guard.is_const(1) && attrs.fill != 0 && !levels) return true;
      return false;
    });
  }

  // Values that have to exist in memory: what leaves, what control flow and solo kernels read, what a contraction can't read
  // through.
  void find_stored() {
    for (ValueId v : graph_.outputs()) stored_.insert(v);
    for (NodeId id : graph_.order()) {
      const Node& node = graph_.node(id);
      Role role = role_of(node);
      if (role == Role::kControl || role == Role::kSolo) stored_.insert(node.operands.begin(), node.operands.end());
      if (role == Role::kGather) stored_.insert(node.operands.begin() + 1, node.operands.end());
    }
    for (NodeId id : graph_.order()) {
      const Node& node = graph_.node(id);
      if (role_of(node) != Role::kContract) continue;
      const auto& attrs = attrs_as<ContractAttrs>(*node.attrs);
      for (int side = 0; side < 2; ++side) {
        const IndexMap& map = side ? attrs.rhs : attrs.lhs;
        Access access = contract_operand(node.operands[side], map);
        auto vars = index_vars(graph_.sym(), map.domain);
        const size_t kept = map.domain.size() - static_cast<size_t>(attrs.reduced);
        const bool lost = is_affine(map, vars) && !is_affine(access.map, vars);
        if (lost || (is_windowed(map, vars, kept) && !is_windowed(access.map, vars, kept))) stored_.insert(node.operands[side]);
      }
    }
    // Where reading through movement ended at more movement, that has to exist too; which may end other readings.
    for (bool changed = true; changed;) {
      changed = false;
      for (NodeId id : graph_.order()) {
        const Node& node = graph_.node(id);
        Role role = role_of(node);
        if (role == Role::kConstant || role == Role::kControl || (role == Role::kMovement && !is_stored(node.results[0])))
          continue;
        for (const Access& access : accesses(node)) {
          const Node* producer = graph_.producer(access.value);
          if (producer && role_of(*producer) == Role::kMovement) changed = stored_.insert(access.value).second || changed;
        }
      }
    }
  }

  std::vector<Access> accesses(const Node& node) const {
    std::vector<Access> all;
    switch (role_of(node)) {
      case Role::kMap:
      case Role::kReduce:
      case Role::kSolo:
        for (ValueId v : node.operands) all.push_back(resolve_direct(v));
        break;
      case Role::kMovement: {
        // Stored movement: a copy. Its own map is not to be stopped at its own value.
        const auto& attrs = attrs_as<Reindex>(*node.attrs);
        Access access = resolve(node.operands[0], attrs.map);
        ScalarValue fill = is_float(graph_.type(node.operands[0]).dtype) ? ScalarValue{attrs.fill, 0}
                                                                         : ScalarValue{0, static_cast<int64_t>(attrs.fill)};
        if (!attrs.map.guard.is_const(1)) {
          if (!access.map.guard.is_const(1) && !(access.map.guard == attrs.map.guard) && !(access.fill == fill))
            access = {node.operands[0], attrs.map, fill, {}};
          access.fill = fill;
        }
        all.push_back(std::move(access));
        break;
      }
      case Role::kGather: {
        const auto& attrs = attrs_as<Gather>(*node.attrs);
        Access access = resolve(node.operands[0], attrs.map);
        if (!attrs.map.guard.is_const(1)) access.fill = {attrs.fill, static_cast<int64_t>(attrs.fill)};
        for (size_t k = 0; k < attrs.loads.size(); ++k) access.loads.push_back({node.operands[k + 1], attrs.loads[k]});
        all.push_back(std::move(access));
        break;
      }
      case Role::kContract: {
        const auto& attrs = attrs_as<ContractAttrs>(*node.attrs);
        all.push_back(contract_operand(node.operands[0], attrs.lhs));
        all.push_back(contract_operand(node.operands[1], attrs.rhs));
        break;
      }
      default:
        for (ValueId v : node.operands) {
          if (v != kNone32) all.push_back(direct_access(graph_, v));
        }
    }
    return all;
  }

  static bool huge_row(const Group& group, const std::vector<int64_t>& axes) {
    SymInt kept = 1, inner = 1;
    for (size_t d = 0; d < group.domain.size(); ++d) {
      (std::binary_search(axes.begin(), axes.end(), static_cast<int64_t>(d)) ? inner : kept) *= group.domain[d];
    }
    return kept.is_const() && kept.value() < 8 && !(inner.is_const() && inner.value() <= 4096);
  }

  std::vector<int64_t> kept_axes(const Group& group) const {
    std::vector<int64_t> kept;
    for (int64_t d = 0; d < static_cast<int64_t>(group.domain.size()); ++d) {
      if (!std::binary_search(group.axes.begin(), group.axes.end(), d)) kept.push_back(d);
    }
    return kept;
  }
  Dims kept_dims(const Group& group) const {
    Dims dims;
    for (int64_t d : kept_axes(group)) dims.push_back(group.domain[d]);
    return dims;
  }

  // Whether the points of a node over `domain` read the group's value (of full or of kept dims) where the group has just made
  // it.
  bool reads_in_place(const Group& group, const Access& access, const Dims& domain) const {
    if (!access.map.guard.is_const(1) || !access.loads.empty()) return false;
    const Dims& dims = graph_.type(access.value).dims;
    auto vars = index_vars(graph_.sym(), domain);
    if (domain == group.domain && dims == group.domain && access.map.results == vars) return true;
    if (!group.reduces) return false;
    Dims kept = kept_dims(group);
    if (dims != kept) return false;
    if (domain == kept && access.map.results == vars) return true;
    if (domain != group.domain) return false;
    std::vector<SymInt> expected;
    for (int64_t d : kept_axes(group)) expected.push_back(vars[d]);
    return access.map.results == expected;
  }

  bool reaches(int from, int to) const {
    if (from == to) return true;
    std::vector<int> work{from};
    std::set<int> seen;
    while (!work.empty()) {
      int g = work.back();
      work.pop_back();
      for (int before : groups_[g].before) {
        if (before == to) return true;
        if (seen.insert(before).second) work.push_back(before);
      }
    }
    return false;
  }

  bool can_join(int g, const Node& node, Role role, const std::vector<Access>& all, const Dims& domain) const {
    const Group& group = groups_[g];
    if (!group.joinable || !options_.join) return false;
    size_t fresh = 0;
    for (const Access& access : all) fresh += group_of_[access.value] != g && !group.reads.contains(access.value);
    if (group.reads.size() + fresh + 3 * (group.nodes.size() + 1) > kMostTensors) return false;
    std::vector<int64_t> axes;
    if (role == Role::kReduce) {
      if (group.contract || domain != group.domain) return false;
      axes = attrs_as<ReduceAttrs>(*node.attrs).axes;
      if (group.reduces ? axes != group.axes : huge_row(group, axes)) return false;
    } else if (role != Role::kMap) {
      return false;
    } else if (domain != group.domain && !(group.reduces && domain == kept_dims(group))) {
      return false;
    }
    for (const Access& access : all) {
      int source = group_of_[access.value];
      if (source == g) {
        if (!reads_in_place(group, access, domain)) return false;
      } else if (source >= 0 && reaches(source, g)) {
        return false;
      }
    }
    return true;
  }

  // A map of one narrower value that only reductions read belongs to them: then the narrow value is what lies in memory.
  bool widens_for_reductions(const Node& node) const {
    if (node.operands.size() != 1 || node.results.size() != 1 || is_stored(node.results[0])) return false;
    const DType from = graph_.type(node.operands[0]).dtype, to = graph_.type(node.results[0]).dtype;
    const auto& readers = uses_[node.results[0]];
    return from != DType::kString && dtype_bits(from) < dtype_bits(to) && !readers.empty() &&
           std::all_of(readers.begin(), readers.end(), [&](NodeId id) { return role_of(graph_.node(id)) == Role::kReduce; });
  }

  void place(NodeId id) {
    const Node& node = graph_.node(id);
    Role role = role_of(node);
    if (role == Role::kConstant) return;
    if (role == Role::kMovement && !is_stored(node.results[0])) return;
    std::vector<Access> all = accesses(node);
    Dims domain;
    if (role == Role::kMap) domain = attrs_as<MapAttrs>(*node.attrs).domain;
    if (role == Role::kReduce) domain = graph_.type(node.operands[0]).dims;
    // The latest producer first: the others are then ready.
    std::vector<int> candidates;
    for (const Access& access : all) {
      int source = group_of_[access.value];
      if (source >= 0) candidates.push_back(source);
    }
    if (role == Role::kMap && widens_for_reductions(node)) candidates.clear();
    std::sort(candidates.begin(), candidates.end(), [&](int a, int b) {
      if (groups_[a].contract != groups_[b].contract) return groups_[a].contract;
      return a > b;
    });
    int joined = -1;
    for (int g : candidates) {
      if (can_join(g, node, role, all, domain)) {
        joined = g;
        break;
      }
    }
    if (joined < 0) {
      joined = static_cast<int>(groups_.size());
      Group group;
      group.contract = role == Role::kContract;
      group.joinable = role != Role::kSolo && role != Role::kControl;
      if (role == Role::kContract)
        group.domain = graph_.type(node.results[0]).dims;
      else if (role == Role::kMovement || role == Role::kGather)
        group.domain = graph_.type(node.results[0]).dims;
      else
        group.domain = domain;
      groups_.push_back(std::move(group));
    }
    Group& group = groups_[joined];
    if (role == Role::kReduce && !group.reduces) {
      group.reduces = true;
      group.axes = attrs_as<ReduceAttrs>(*node.attrs).axes;
    }
    group.nodes.push_back(id);
    for (ValueId v : node.results) group_of_[v] = joined;
    for (const Access& access : all) {
      if (group_of_[access.value] != joined) group.reads.insert(access.value);
    }
    auto depend = [&](ValueId v) {
      if (group_of_[v] >= 0 && group_of_[v] != joined) group.before.insert(group_of_[v]);
    };
    for (const Access& access : all) {
      depend(access.value);
      for (const auto& load : access.loads) depend(load.value);
    }
  }

  // Sizes that become known while running order the units that use them after the one that makes them.
  void order_by_sizes() {
    std::map<const SymNode*, int> makers;
    auto note = [&](SymInt s, int g) { makers[s.node()] = g; };
    for (size_t g = 0; g < groups_.size(); ++g) {
      const Node& node = graph_.node(groups_[g].nodes[0]);
      if (node.op->name == "compact") note(attrs_as<CompactAttrs>(*node.attrs).size, static_cast<int>(g));
      if (node.op->name == "bind_size") note(attrs_as<BindSize>(*node.attrs).size, static_cast<int>(g));
      if (node.op->name == "if")
        for (SymInt s : attrs_as<IfAttrs>(*node.attrs).sizes) note(s, static_cast<int>(g));
      if (node.op->name == "loop")
        for (SymInt s : attrs_as<Loop>(*node.attrs).sizes) note(s, static_cast<int>(g));
      if (node.op->name == "plugin")
        for (SymInt s : attrs_as<Plugin>(*node.attrs).sizes) note(s, static_cast<int>(g));
    }
    if (makers.empty()) return;
    for (size_t g = 0; g < groups_.size(); ++g) {
      auto use = [&](const Dims& dims) {
        for (SymInt d : dims) {
          for (SymInt v : vars_of(d)) {
            auto found = makers.find(v.node());
            if (found != makers.end() && found->second != static_cast<int>(g)) groups_[g].before.insert(found->second);
          }
        }
      };
      for (NodeId id : groups_[g].nodes) {
        const Node& node = graph_.node(id);
        for (ValueId v : node.results) use(graph_.type(v).dims);
        for (ValueId v : node.operands) {
          if (v != kNone32) use(graph_.type(v).dims);
        }
        if (node.op->name == "map") {
          for (const ScalarInstruction& in : attrs_as<MapAttrs>(*node.attrs).body->code()) use({in.sym});
        }
      }
    }
  }

  Partition emit() {
    order_by_sizes();
    std::vector<std::vector<int>> after(groups_.size());
    std::vector<size_t> waiting(groups_.size());
    std::priority_queue<std::pair<int, int>, std::vector<std::pair<int, int>>, std::greater<>>
        ready;  // by position of the last node
    std::vector<int> position(graph_.node_count());
    for (size_t i = 0; i < graph_.order().size(); ++i) position[graph_.order()[i]] = static_cast<int>(i);
    auto rank = [&](int g) { return position[groups_[g].nodes.back()]; };
    for (int g = 0; g < static_cast<int>(groups_.size()); ++g) {
      waiting[g] = groups_[g].before.size();
      for (int b : groups_[g].before) after[b].push_back(g);
      if (waiting[g] == 0) ready.push({rank(g), g});
    }
    // What is read outside its group, or leaves the graph.
    std::vector<char> leaves(graph_.value_count(), 0);
    for (ValueId v : graph_.outputs()) leaves[v] = 1;
    for (int g = 0; g < static_cast<int>(groups_.size()); ++g) {
      for (NodeId id : groups_[g].nodes) {
        for (const Access& access : accesses(graph_.node(id))) {
          if (group_of_[access.value] != g) leaves[access.value] = 1;
          for (const auto& load : access.loads) {
            if (group_of_[load.value] != g) leaves[load.value] = 1;
          }
        }
      }
    }
    Partition result;
    size_t done = 0;
    while (!ready.empty()) {
      int g = ready.top().second;
      ready.pop();
      ++done;
      Unit unit = emit_group(groups_[g], leaves);
      if (unit.control != kNone32 || !unit.outputs.empty()) result.units.push_back(std::move(unit));
      for (int next : after[g]) {
        if (--waiting[next] == 0) ready.push({rank(next), next});
      }
    }
    TEMPER_CHECK(done == groups_.size(), "kernels depend on each other in a circle");
    return result;
  }

  Unit emit_group(const Group& group, const std::vector<char>& leaves) {
    Unit unit;
    unit.nodes = group.nodes;
    for (NodeId id : group.nodes) {
      const std::string& name = graph_.node(id).name;
      if (!name.empty() && std::find(unit.names.begin(), unit.names.end(), name) == unit.names.end())
        unit.names.push_back(name);
    }
    if (role_of(graph_.node(group.nodes[0])) == Role::kControl) {
      unit.control = group.nodes[0];
      return unit;
    }
    Emitter emitter{*this, group, unit, {}, {}};
    emitter.run(leaves);
    return unit;
  }

  // Writes one group as a region.
  struct Emitter {
    Partitioner& p;
    const Group& group;
    Unit& unit;
    std::map<ValueId, int> number;  // of values inside and of inputs
    std::map<ValueId, int> inside;  // results of stages, numbered from 0 in order

    const Graph& graph() const { return p.graph_; }

    int input(ValueId v) {
      auto [place, fresh] = number.emplace(v, static_cast<int>(unit.inputs.size()));
      if (fresh) {
        unit.inputs.push_back(v);
        unit.region.inputs.push_back(graph().type(v));
      }
      return place->second;
    }

    // Dims of the row space with the reduced ones last; identity where nothing is reduced.
    std::vector<int> order(const Dims& dims) const {
      std::vector<int> order;
      bool full = group.reduces && dims == group.domain;
      for (int d = 0; d < static_cast<int>(dims.size()); ++d) {
        if (!full || !std::binary_search(group.axes.begin(), group.axes.end(), static_cast<int64_t>(d))) order.push_back(d);
      }
      if (full)
        for (int64_t a : group.axes) order.push_back(static_cast<int>(a));
      return order;
    }
    Dims permuted(const Dims& dims, const std::vector<int>& order) const {
      Dims result;
      for (int d : order) result.push_back(dims[d]);
      return result;
    }

    // An access over `domain` as one over the permuted domain, reading values of this group in their permuted dims.
    Access localise(Access access, const Dims& domain) {
      auto order_in = order(domain);
      Dims to = permuted(domain, order_in);
      auto old_vars = index_vars(graph().sym(), domain);
      auto new_vars = index_vars(graph().sym(), to);
      std::vector<SymInt> renamed(domain.size());
      for (size_t i = 0; i < order_in.size(); ++i) renamed[order_in[i]] = new_vars[i];
      auto rename = [&](IndexMap& map) {
        map.domain = to;
        for (SymInt& e : map.results) e = substitute(e, old_vars, renamed);
        map.guard = substitute(map.guard, old_vars, renamed);
      };
      rename(access.map);
      for (auto& load : access.loads) rename(load.map);
      if (inside.contains(access.value)) {
        auto inner_order = order(graph().type(access.value).dims);
        std::vector<SymInt> results;
        results.reserve(inner_order.size());
        for (int d : inner_order) results.push_back(access.map.results[d]);
        access.map.results = std::move(results);
      }
      return access;
    }

    ScalarBodyPtr localise_body(const ScalarBodyPtr& body, const Dims& domain) {
      if (std::none_of(body->code().begin(), body->code().end(),
                       [](const ScalarInstruction& in) { return in.op == ScalarOp::kSym; }))
        return body;
      auto order_in = order(domain);
      auto old_vars = index_vars(graph().sym(), domain);
      auto new_vars = index_vars(graph().sym(), permuted(domain, order_in));
      std::vector<SymInt> renamed(domain.size());
      for (size_t i = 0; i < order_in.size(); ++i) renamed[order_in[i]] = new_vars[i];
      ScalarBuilder builder;
      std::vector<int32_t> operands;
      std::vector<DType> dtypes(body->operand_count(), DType::kF32);
      for (const ScalarInstruction& in : body->code()) {
        if (in.op == ScalarOp::kOperand) dtypes[in.index] = in.dtype;
      }
      operands.reserve(dtypes.size());
      for (int i = 0; i < body->operand_count(); ++i) operands.push_back(builder.operand(i, dtypes[i]));
      auto results = builder.inline_body(*body, operands, [&](SymInt e) { return substitute(e, old_vars, renamed); });
      return builder.finish(results, body->operand_count());
    }

    ScalarBodyPtr identity_body(DType dtype) {
      ScalarBuilder builder;
      return builder.finish(builder.operand(0, dtype), 1);
    }

    void run(const std::vector<char>& leaves) {
      for (NodeId id : group.nodes) {
        for (ValueId v : graph().node(id).results) inside.emplace(v, static_cast<int>(inside.size()));
      }
      std::vector<std::vector<Access>> all;
      all.reserve(group.nodes.size());
      for (NodeId id : group.nodes) all.push_back(p.accesses(graph().node(id)));
      for (const auto& accesses : all) {
        for (const Access& a : accesses) {
          if (!inside.contains(a.value)) input(a.value);
          for (const auto& load : a.loads) input(load.value);
        }
      }
      int inputs = static_cast<int>(unit.inputs.size());
      for (auto& [v, k] : inside) number[v] = inputs + k;
      auto numbered = [&](Access a) {
        a.value = number.at(a.value);
        for (auto& load : a.loads) load.value = number.at(load.value);
        return a;
      };
      for (size_t i = 0; i < group.nodes.size(); ++i) {
        const Node& node = graph().node(group.nodes[i]);
        std::vector<Access>& accesses = all[i];
        const TensorType& type = graph().type(node.results[0]);
        switch (role_of(node)) {
          case Role::kMap: {
            const auto& attrs = attrs_as<MapAttrs>(*node.attrs);
            Map map{permuted(attrs.domain, order(attrs.domain)), {}, localise_body(attrs.body, attrs.domain)};
            map.operands.reserve(accesses.size());
            for (Access& a : accesses) map.operands.push_back(numbered(localise(a, attrs.domain)));
            unit.region.stages.push_back(std::move(map));
            break;
          }
          case Role::kMovement:
          case Role::kGather: {
            Map map{
                permuted(type.dims, order(type.dims)), {numbered(localise(accesses[0], type.dims))}, identity_body(type.dtype)};
            unit.region.stages.push_back(std::move(map));
            break;
          }
          case Role::kReduce: {
            const auto& attrs = attrs_as<ReduceAttrs>(*node.attrs);
            const TensorType& source = graph().type(node.operands[0]);
            Reduce reduce{permuted(source.dims, order(source.dims)),
                          static_cast<int>(attrs.axes.size()),
                          {numbered(localise(accesses[0], source.dims))},
                          identity_body(source.dtype),
                          attrs.monoid,
                          {}};
            for (ValueId v : node.results) reduce.dtypes.push_back(graph().type(v).dtype);
            unit.region.stages.push_back(std::move(reduce));
            break;
          }
          case Role::kContract: {
            const auto& attrs = attrs_as<ContractAttrs>(*node.attrs);
            unit.region.stages.push_back(Contract{attrs.lhs.domain, static_cast<int>(attrs.reduced), numbered(accesses[0]),
                                                  numbered(accesses[1]), attrs.accumulate, attrs.dtype});
            break;
          }
          default:
            emit_solo(node, accesses, numbered);
        }
      }
      for (NodeId id : group.nodes) {
        for (ValueId v : graph().node(id).results) {
          if (!leaves[v]) continue;
          unit.outputs.push_back(v);
          unit.region.outputs.push_back(number.at(v));
          auto o = order(graph().type(v).dims);
          std::vector<int> inverse(o.size());
          for (size_t k = 0; k < o.size(); ++k) inverse[o[k]] = static_cast<int>(k);
          unit.output_order.push_back(std::move(inverse));
        }
      }
      unit.region = inline_maps(graph().sym(), std::move(unit.region));
    }

    template <class Numbered>
    void emit_solo(const Node& node, std::vector<Access>& accesses, const Numbered& numbered) {
      const TensorType& first = graph().type(node.operands[0]);
      if (node.op->name == "scan") {
        const auto& a = attrs_as<ScanAttrs>(*node.attrs);
        unit.region.stages.push_back(
            Scan{first.dims, static_cast<int>(a.axis), a.exclusive, a.reverse, a.monoid, numbered(accesses[0]), first.dtype});
      } else if (node.op->name == "sort") {
        const auto& a = attrs_as<SortAttrs>(*node.attrs);
        unit.region.stages.push_back(
            Sort{first.dims, static_cast<int>(a.axis), a.descending, a.count, numbered(accesses[0]), first.dtype});
      } else if (node.op->name == "scatter") {
        const auto& a = attrs_as<ScatterAttrs>(*node.attrs);
        Access target{0, a.target, {}, {}};
        for (size_t k = 0; k < a.loads.size(); ++k) target.loads.push_back({number.at(accesses[k + 2].value), a.loads[k]});
        unit.region.stages.push_back(
            Scatter{first.dims, numbered(accesses[0]), numbered(accesses[1]), std::move(target), a.combine, first.dtype});
      } else if (node.op->name == "compact") {
        unit.region.stages.push_back(Compact{first.dims[0], attrs_as<CompactAttrs>(*node.attrs).size, numbered(accesses[0])});
      } else {
        Opaque opaque{node.op->name, {}, {}, {}};
        for (Access& a : accesses) opaque.operands.push_back(number.at(a.value));
        for (ValueId v : node.results) opaque.results.push_back(graph().type(v));
        unit.region.stages.push_back(std::move(opaque));
      }
    }
  };

  const Graph& graph_;
  PartitionOptions options_;
  std::vector<std::vector<NodeId>> uses_;
  std::set<ValueId> stored_;
  std::vector<int> group_of_;
  std::vector<Group> groups_;
};

}  // namespace

Partition partition(const Graph& graph, const PartitionOptions& options) { return Partitioner(graph, options).run(); }

}  // namespace temper
