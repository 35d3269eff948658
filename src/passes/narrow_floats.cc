#include "passes/narrow_floats.h"

#include <algorithm>
#include <set>

#include "kernel/chain.h"
#include "kernel/partition.h"
#include "passes/float_flow.h"
#include "passes/pass.h"

namespace temper {
namespace {

// An operand that takes a kernel of its own to become narrow is read and written once more for that: each of its elements
// should be in so many products.
constexpr int64_t kLeastReuse = 8;

bool is(const Node* node, std::string_view op) { return node != nullptr && node->op->name == op; }

// Movement that fills nothing in, or what both types hold.
bool moves_plainly(const Node& node) {
  const auto& attrs = attrs_as<Reindex>(*node.attrs);
  const auto fill = static_cast<float>(attrs.fill);
  return attrs.map.guard.is_const(1) ||
         (fill == attrs.fill && bf16_to_f32(f32_to_bf16(fill)) == fill && f16_to_f32(f32_to_f16(fill)) == fill);
}

// f32 to a 16-bit type.
Tensor converted(const Tensor& data, DType type) {
  Tensor result = Tensor::zeros(type, data.dims());
  auto* to = reinterpret_cast<uint16_t*>(result.mutable_bytes());
  const auto from = data.as<float>();
  if (type == DType::kBF16)
    std::transform(from.begin(), from.end(), to, f32_to_bf16);
  else
    std::transform(from.begin(), from.end(), to, f32_to_f16);
  return result;
}

// Decides for one graph.
class Types {
 public:
  Types(const Graph& graph, const Narrowing& narrowing, bool nested)
      : graph_(graph),
        narrowing_(narrowing),
        nested_(nested),
        uses_(graph.uses()),
        outputs_(graph.outputs().begin(), graph.outputs().end()),
        kernel_(static_cast<size_t>(graph.node_count()), -1),
        travels_(static_cast<size_t>(graph.value_count())) {}

  Status run() {
    for (DType type : narrowing_.types) flows_.push_back(float_flow(graph_, type));
    find_kernels();
    for (NodeId id : graph_.order()) {
      const Node& node = graph_.node(id);
      if (node.op->name != "contract") continue;
      const DType type = TEMPER_TRY(product_type(node));
      if (type == DType::kF32) continue;
      products_[id] = type;
      for (ValueId v : node.operands) demand(v, type);
    }
    for (NodeId id : graph_.order()) {
      for (ValueId v : graph_.node(id).results) {
        const auto type = wanted_between_kernels(v);
        if (type) travels_[v] = *type;
      }
    }
    share_concats();
    return {};
  }

  // Of its operands; nullopt: they stay.
  std::optional<DType> product(NodeId id) const {
    auto found = products_.find(id);
    return found == products_.end() ? std::nullopt : std::optional(found->second);
  }
  // In which it is rounded where it is made.
  std::optional<DType> made_in(ValueId v) const { return travels_[v]; }
  // In which `reader` finds it in memory, directly or through movement.
  std::optional<DType> read_in(ValueId v, NodeId reader) const {
    const Node* node = graph_.producer(v);
    if (outputs_.contains(v) && !is_made(node)) return std::nullopt;
    if (travels_[v]) {
      const int kernel = kernel_[graph_.value(v).producer];
      return kernel >= 0 && kernel == kernel_[reader] ? std::nullopt : travels_[v];
    }
    if (is(node, "reindex") && moves_plainly(*node)) return read_in(node->operands[0], reader);
    if (!is(node, "concat")) return std::nullopt;
    std::optional<DType> type;
    for (ValueId part : node->operands) {
      if (is_constant(part)) continue;
      const auto own = read_in(part, reader);
      if (!own || (type && type != own)) return std::nullopt;
      type = own;
    }
    return type;
  }

 private:
  // Made by a kernel whose last step a cast can be.
  static bool is_made(const Node* node) {
    return is(node, "map") || is(node, "contract") || is(node, "reduce") || is(node, "gather");
  }

  const FloatFlow& flow(DType type) const {
    return flows_[static_cast<size_t>(std::find(narrowing_.types.begin(), narrowing_.types.end(), type) -
                                      narrowing_.types.begin())];
  }

  void find_kernels() {
    Partition all = partition(graph_);
    join_chains(all, graph_);
    for (size_t u = 0; u < all.units.size(); ++u) {
      for (NodeId id : all.units[u].nodes) kernel_[id] = static_cast<int>(u);
      in_memory_.insert(all.units[u].outputs.begin(), all.units[u].outputs.end());
    }
  }

  // How often a product reads each element of an operand, at least: the extents of the variables that its index does not depend
  // on. Those that only a run knows are taken for large, but in bodies of control flow, which run again and again.
  int64_t reuse(const IndexMap& map) const {
    std::set<int> used;
    for (SymInt e : map.results) {
      for (SymInt v : vars_of(e)) {
        if (var_of(v).kind == VarKind::kIndex) used.insert(static_cast<int>(var_of(v).ordinal));
      }
    }
    int64_t times = 1;
    for (size_t d = 0; d < map.domain.size(); ++d) {
      if (used.contains(static_cast<int>(d))) continue;
      const int64_t extent = map.domain[d].is_const() ? map.domain[d].value() : nested_ ? 1 : kLeastReuse;
      times = std::min(times * std::max<int64_t>(1, extent), kLeastReuse);
    }
    return times;
  }

  // Whether the value can be had in that type without a kernel of its own.
  bool at_hand(ValueId v) const {
    const Node* node = graph_.producer(v);
    if (is(node, "constant")) return true;
    if (is_made(node)) return true;
    if (outputs_.contains(v) || !node) return false;
    if (is(node, "reindex")) return moves_plainly(*node) && at_hand(node->operands[0]);
    return is(node, "concat") &&
           std::all_of(node->operands.begin(), node->operands.end(), [&](ValueId p) { return at_hand(p); });
  }

  bool is_constant(ValueId v) const {
    const Node* node = graph_.producer(v);
    return is(node, "constant") || (is(node, "reindex") && is_constant(node->operands[0]));
  }

  Expected<DType> product_type(const Node& node) const {
    const auto& attrs = attrs_as<ContractAttrs>(*node.attrs);
    for (ValueId v : node.operands) {
      if (graph_.type(v).dtype != DType::kF32) return DType::kF32;
    }
    if (attrs.dtype != DType::kF32) return DType::kF32;
    const LayerTypes* own = narrowing_.layer(node.name);
    DType type = narrowing_.types.front();
    const bool asked = own && own->compute;
    if (asked) {
      if (*own->compute == DType::kF32) return DType::kF32;
      if (narrowing_.permits(*own->compute))
        type = *own->compute;
      else if (narrowing_.binding == TypeBinding::kObey)
        return refused(node, *own->compute, "that type is not permitted; permit it with its builder flag");
    }
    for (ValueId v : node.operands) {
      if (!flow(type).beyond[v]) continue;
      if (asked && narrowing_.binding == TypeBinding::kObey)
        return refused(node, type, "an operand holds numbers beyond its range; leave the layer in f32");
      return DType::kF32;
    }
    if (asked) return type;
    // One product is no sum, and what is made from integers alone (positions) counts in steps that few bits do not hold.
    SymInt depth = 1;
    for (int64_t k = 0; k < attrs.reduced; ++k) depth *= attrs.lhs.domain[attrs.lhs.domain.size() - 1 - static_cast<size_t>(k)];
    if (depth.is_const() && depth.value() <= 1) return DType::kF32;
    for (size_t k = 0; k < node.operands.size(); ++k) {
      const ValueId v = node.operands[k];
      if (!is_constant(v) && !flow(type).measured[v]) return DType::kF32;
      if (!at_hand(v) && reuse(k == 0 ? attrs.lhs : attrs.rhs) < kLeastReuse) return DType::kF32;
    }
    return type;
  }

  static Error refused(const Node& node, DType type, std::string_view why) {
    return Error(ErrorCode::kInvalidArgument, "the layer '" + node.name + "' is to be computed in " +
                                                  std::string(dtype_name(type)) + ", but " + std::string(why));
  }

  // A product reads the value in that type: what makes it rounds it.
  void demand(ValueId v, DType type) {
    const Node* node = graph_.producer(v);
    if (is_made(node)) {
      if (!travels_[v]) travels_[v] = type;
    } else if (node && !outputs_.contains(v)) {
      if (is(node, "reindex") && moves_plainly(*node)) demand(node->operands[0], type);
      // A concatenation becomes narrow whole, or by a kernel of its own.
      if (is(node, "concat") && at_hand(v))
        std::for_each(node->operands.begin(), node->operands.end(), [&](ValueId p) { demand(p, type); });
    }
  }

  // Something that takes f32 only reads the value, perhaps through movement, or it leaves the graph.
  bool read_as_it_is(ValueId v) const {
    if (outputs_.contains(v)) return true;
    return std::any_of(uses_[v].begin(), uses_[v].end(), [&](NodeId id) {
      const Node& node = graph_.node(id);
      if (is(&node, "map") || is(&node, "contract") || is(&node, "reduce")) return false;
      const bool moves = (is(&node, "reindex") && moves_plainly(node)) || is(&node, "concat");
      return !moves || read_as_it_is(node.results[0]);
    });
  }

  std::optional<DType> wanted_between_kernels(ValueId v) const {
    const Node& node = *graph_.producer(v);
    if (graph_.value(v).tensor().dtype != DType::kF32 || travels_[v]) return std::nullopt;
    const LayerTypes* own = narrowing_.layer(node.name);
    if (own) {
      // A layer has several nodes: its result is the one with a name of the model.
      const auto asked = std::find_if(own->outputs.begin(), own->outputs.end(), [](const auto& t) { return t.has_value(); });
      if (asked != own->outputs.end() && !graph_.value(v).name.empty()) {
        if (narrowing_.permits(**asked) && !outputs_.contains(v) && is_made(&node)) return **asked;
        return std::nullopt;
      }
      if (own->compute == DType::kF32) return std::nullopt;
    }
    const DType type = narrowing_.types.front();
    if (!in_memory_.contains(v) || (!is(&node, "map") && !is(&node, "contract"))) return std::nullopt;
    const FloatFlow& f = flow(type);
    if (!f.behind_product[v] || !f.before_product[v] || f.beyond[v] || read_as_it_is(v)) return std::nullopt;
    return type;
  }

  // The parts of a concatenation lie in one piece of memory: all are narrow, or none that no product needs so.
  void share_concats() {
    std::set<ValueId> needed;
    for (const auto& [id, type] : products_) {
      for (ValueId v : graph_.node(id).operands) collect_made(v, needed);
    }
    for (bool changed = true; changed;) {
      changed = false;
      for (NodeId id : graph_.order()) {
        const Node& node = graph_.node(id);
        if (!is(&node, "concat") || read_in(node.results[0], id)) continue;
        std::set<ValueId> parts;
        collect_made(node.results[0], parts);
        for (ValueId v : parts) {
          if (!travels_[v] || needed.contains(v)) continue;
          travels_[v].reset();
          changed = true;
        }
      }
    }
  }
  void collect_made(ValueId v, std::set<ValueId>& made) const {
    const Node* node = graph_.producer(v);
    if (is_made(node)) made.insert(v);
    if (is(node, "reindex")) collect_made(node->operands[0], made);
    if (is(node, "concat"))
      std::for_each(node->operands.begin(), node->operands.end(), [&](ValueId p) { collect_made(p, made); });
  }

  const Graph& graph_;
  const Narrowing& narrowing_;
  const bool nested_;
  std::vector<std::vector<NodeId>> uses_;
  std::set<ValueId> outputs_;
  std::vector<int> kernel_;       // by node
  std::set<ValueId> in_memory_;   // what kernels leave for others
  std::vector<FloatFlow> flows_;  // by permitted type
  std::map<NodeId, DType> products_;
  std::vector<std::optional<DType>> travels_;
};

// Writes one graph as its Types say.
class Narrower {
 public:
  Narrower(const Graph& old, const Narrowing& narrowing, bool nested) : old_(old), types_(old, narrowing, nested) {}

  Status decide() { return types_.run(); }

  std::vector<Val> write(Rewrite& rewrite, const Node& node, std::span<const Val> operands) {
    const NodeId id = old_.value(node.results[0]).producer;
    std::vector<Val> sides(operands.begin(), operands.end());
    if (const auto product = types_.product(id)) {
      for (size_t k = 0; k < sides.size(); ++k) sides[k] = narrow(rewrite, node.operands[k], *product);
    } else if (is(&node, "map") || is(&node, "reduce") || is(&node, "contract")) {
      for (size_t k = 0; k < sides.size(); ++k) {
        const auto type = types_.read_in(node.operands[k], id);
        if (type) sides[k] = wide(rewrite, narrow(rewrite, node.operands[k], *type));
      }
    }
    std::vector<Val> results = rewrite.copy(node, sides);
    for (size_t r = 0; r < node.results.size() && r < results.size(); ++r) {
      const auto type = types_.made_in(node.results[r]);
      if (type) narrow_[{node.results[r], *type}] = rewrite.builder().cast(results[r], *type);
    }
    return results;
  }

 private:
  // The old value in that type, rounded where it is made, then moved.
  Val narrow(Rewrite& rewrite, ValueId v, DType type) {
    auto [known, fresh] = narrow_.emplace(std::pair(v, type), Val{});
    if (!fresh) return known->second;
    Builder& b = rewrite.builder();
    const Node* node = old_.producer(v);
    Val result;
    if (is(node, "constant")) {
      result = b.constant(converted(attrs_as<Constant>(*node->attrs).data, type));
    } else if (is(node, "reindex") && moves_plainly(*node)) {
      const auto& moved = attrs_as<Reindex>(*node->attrs);
      result = b.reindex(narrow(rewrite, node->operands[0], type), moved.map, moved.fill);
    } else if (is(node, "concat") && types_.read_in(v, old_.value(v).producer)) {
      std::vector<Val> parts;
      for (ValueId p : node->operands) parts.push_back(narrow(rewrite, p, type));
      result = b.concat(parts, attrs_as<Concat>(*node->attrs).axis);
    } else {
      result = b.cast(rewrite.mapped(v), type);
    }
    narrow_[{v, type}] = result;
    return result;
  }
  Val wide(Rewrite& rewrite, Val v) {
    auto [known, fresh] = wide_.emplace(v.id, Val{});
    if (fresh) known->second = rewrite.builder().cast(v, DType::kF32);
    return known->second;
  }

  const Graph& old_;
  Types types_;
  std::map<std::pair<ValueId, DType>, Val> narrow_;  // of old values
  std::map<ValueId, Val> wide_;                      // of new ones
};

void count_products(const Graph& graph, std::map<DType, int64_t>& counts) {
  for (NodeId id : graph.order()) {
    const Node& node = graph.node(id);
    if (node.op->name == "contract" && is_float(graph.type(node.operands[0]).dtype))
      ++counts[graph.type(node.operands[0]).dtype];
    for (const auto& body : node.bodies) count_products(*body, counts);
  }
}

}  // namespace

bool Narrowing::permits(DType type) const { return std::find(types.begin(), types.end(), type) != types.end(); }

const LayerTypes* Narrowing::layer(std::string_view name) const {
  if (binding == TypeBinding::kNone) return nullptr;
  auto found = layers.find(name);
  if (found == layers.end()) found = layers.find(std::string_view("*"));
  return found == layers.end() ? nullptr : &found->second;
}

Expected<Graph> narrow_floats(const Graph& graph, const Narrowing& narrowing) {
  if (narrowing.types.empty()) return graph.clone();
  std::map<uint64_t, Narrower> writers;  // by the graph that is written
  return Rewrite::run(graph, [&](Rewrite& rewrite, const Node& node, std::span<const Val> operands) -> std::vector<Val> {
    if (node.results.empty()) return {};
    auto [found, fresh] = writers.try_emplace(rewrite.id(), rewrite.old_graph(), narrowing, &rewrite.old_graph() != &graph);
    if (fresh) {
      if (Status decided = found->second.decide(); !decided.ok()) return {rewrite.builder().fail(std::move(decided).error())};
    }
    return found->second.write(rewrite, node, operands);
  });
}

std::string product_types(const Graph& graph) {
  std::map<DType, int64_t> counts;
  count_products(graph, counts);
  std::string text;
  for (const auto& [type, count] : counts) {
    text += (text.empty() ? "" : ", ") + std::string(dtype_name(type)) + " " + std::to_string(count);
  }
  return text.empty() ? "none" : text;
}

}  // namespace temper
