// Horizontal merging: matrix products of one value with several constant matrices become one with all their columns.
//
//   q = x * A + a;  k = x * B + b;  v = x * C + c    become    y = x * [A B C] + [a b c];  q, k, v = pieces of y
//
// The map behind each product goes along where the maps are alike and their other operands are constants that follow the
// columns. A product keeps to itself if anything would be lost: if its value, or that of the map, is read point by point by
// other maps, which then could not run on the hot tile.
#include <algorithm>
#include <cstring>
#include <map>
#include <optional>

#include "passes/pass.h"

namespace temper {
namespace {

// One product, and the map behind it.
struct Sibling {
  NodeId contract = 0;
  const Node* map = nullptr;
  int column = -1;       // dim of the result,
  int weight_axis = -1;  // and of the weights
  SymInt columns;
};

const Tensor* constant_of(const Graph& graph, ValueId v) {
  const Node* node = v == kNone32 ? nullptr : graph.producer(v);
  return node && node->op->name == "constant" ? &attrs_as<Constant>(*node->attrs).data : nullptr;
}

Tensor concatenate(const std::vector<const Tensor*>& parts, int axis) {
  std::vector<int64_t> dims = parts[0]->dims();
  dims[axis] = 0;
  for (const Tensor* p : parts) dims[axis] += p->dims()[axis];
  Tensor whole = Tensor::zeros(parts[0]->dtype(), dims);
  int64_t outer = 1, inner = dtype_bits(whole.dtype()) / 8;
  for (int d = 0; d < axis; ++d) outer *= dims[d];
  for (size_t d = axis + 1; d < dims.size(); ++d) inner *= dims[d];
  std::byte* to = whole.mutable_bytes();
  for (int64_t i = 0; i < outer; ++i) {
    for (const Tensor* p : parts) {
      const int64_t bytes = p->dims()[axis] * inner;
      std::memcpy(to, p->bytes().data() + i * bytes, static_cast<size_t>(bytes));
      to += bytes;
    }
  }
  return whole;
}

// All sets of siblings of one graph, and what was written for them.
class Families {
 public:
  explicit Families(const Graph& graph) : graph_(graph), uses_(graph.uses()) {
    for (ValueId v : graph.outputs()) leaves_.insert(v);
    std::map<ValueId, std::vector<Sibling>> by_source;
    for (NodeId id : graph.order()) {
      if (graph.node(id).op->name != "contract") continue;
      if (auto s = as_sibling(id)) by_source[graph.node(id).operands[0]].push_back(*s);
    }
    for (auto& [source, all] : by_source) {
      while (!all.empty()) {
        std::vector<Sibling> family, others;
        for (Sibling& s : all) (family.empty() || alike(family[0], s) ? family : others).push_back(s);
        if (family.size() > 1) {
          for (size_t i = 0; i < family.size(); ++i) {
            member_[&graph_.node(family[i].contract)] = {families_.size(), i};
            if (family[i].map) map_member_[family[i].map] = {families_.size(), i};
          }
          families_.push_back(std::move(family));
        }
        all = std::move(others);
      }
    }
    written_.resize(families_.size());
  }

  std::vector<Val> rewrite(Rewrite& rewrite, const Node& node, std::span<const Val> operands) {
    if (auto found = map_member_.find(&node); found != map_member_.end()) return {piece(rewrite, found->second, true)};
    if (node.op->name != "contract") return {};
    auto found = member_.find(&node);
    if (found == member_.end()) return {};
    const Place place = found->second;
    if (!written_[place.first].product) write(rewrite, place.first, operands[0]);
    return {piece(rewrite, place, false)};
  }

 private:
  using Place = std::pair<size_t, size_t>;  // family, member
  struct Written {
    Val product, mapped;
  };

  // Whether everything that reads the value reads it elsewhere than point by point.
  bool read_freely(ValueId v) const {
    return !leaves_.contains(v) && std::none_of(uses_[v].begin(), uses_[v].end(), [&](NodeId id) {
      const std::string& name = graph_.node(id).op->name;
      return name == "map" || name == "reduce";
    });
  }

  std::optional<Sibling> as_sibling(NodeId id) const {
    const Node& node = graph_.node(id);
    const auto& attrs = attrs_as<ContractAttrs>(*node.attrs);
    const Tensor* weights = constant_of(graph_, node.operands[1]);
    if (!weights || weights->dims().size() != 2 || !is_float(weights->dtype()) || attrs.reduced != 1 ||
        constant_of(graph_, node.operands[0]))
      return std::nullopt;
    if (!attrs.rhs.guard.is_const(1) || dtype_bits(weights->dtype()) < 8) return std::nullopt;
    const Dims& domain = attrs.lhs.domain;
    auto vars = index_vars(*graph_.context(), domain);
    Sibling s;
    s.contract = id;
    for (int axis = 0; axis < 2; ++axis) {
      for (size_t d = 0; d + 1 < domain.size(); ++d) {
        if (!domain[d].is_const() || domain[d].is_const(1) || attrs.rhs.results[axis] != vars[d]) continue;
        s.column = static_cast<int>(d), s.weight_axis = axis, s.columns = domain[d];
      }
    }
    if (s.column < 0 || attrs.rhs.results[1 - s.weight_axis] != vars.back() || s.columns != weights->dims()[s.weight_axis])
      return std::nullopt;
    auto depends = [&](SymInt e) { return depends_on(e, vars[s.column]); };
    if (depends(attrs.lhs.guard) || std::any_of(attrs.lhs.results.begin(), attrs.lhs.results.end(), depends))
      return std::nullopt;
    ValueId value = node.results[0];
    if (read_freely(value)) return s;
    if (leaves_.contains(value) || uses_[value].size() != 1) return std::nullopt;
    s.map = &graph_.node(uses_[value][0]);
    if (s.map->op->name != "map" || s.map->results.size() != 1 || !read_freely(s.map->results[0])) return std::nullopt;
    if (attrs_as<MapAttrs>(*s.map->attrs).domain != graph_.type(value).dims) return std::nullopt;
    for (ValueId operand : s.map->operands) {
      if (operand != value && !column_constant(operand, s)) return std::nullopt;
    }
    return s;
  }

  // The constant vector that an operand spreads along all dimensions but the columns.
  const Tensor* column_constant(ValueId v, const Sibling& s) const {
    const Node* node = graph_.producer(v);
    if (!node || node->op->name != "reindex") return nullptr;
    const auto& map = attrs_as<Reindex>(*node->attrs).map;
    const Tensor* data = constant_of(graph_, node->operands[0]);
    if (!data || data->dims().size() != 1 || !map.guard.is_const(1) || s.columns != data->dims()[0] ||
        dtype_bits(data->dtype()) < 8)
      return nullptr;
    auto vars = index_vars(*graph_.context(), map.domain);
    return map.results[0] == vars[s.column] ? data : nullptr;
  }

  bool alike(const Sibling& a, const Sibling& b) const {
    const Node &x = graph_.node(a.contract), &y = graph_.node(b.contract);
    const auto &p = attrs_as<ContractAttrs>(*x.attrs), &q = attrs_as<ContractAttrs>(*y.attrs);
    if (a.column != b.column || a.weight_axis != b.weight_axis || p.accumulate != q.accumulate || p.dtype != q.dtype)
      return false;
    if (p.lhs.results != q.lhs.results || p.lhs.guard != q.lhs.guard || p.lhs.domain.size() != q.lhs.domain.size())
      return false;
    for (size_t d = 0; d < p.lhs.domain.size(); ++d) {
      if (static_cast<int>(d) != a.column && p.lhs.domain[d] != q.lhs.domain[d]) return false;
    }
    if (constant_of(graph_, x.operands[1])->dtype() != constant_of(graph_, y.operands[1])->dtype()) return false;
    if (!a.map || !b.map) return a.map == b.map;
    if (!(*attrs_as<MapAttrs>(*a.map->attrs).body == *attrs_as<MapAttrs>(*b.map->attrs).body) ||
        a.map->operands.size() != b.map->operands.size())
      return false;
    for (size_t i = 0; i < a.map->operands.size(); ++i) {
      ValueId l = a.map->operands[i], r = b.map->operands[i];
      if ((l == x.results[0]) != (r == y.results[0])) return false;
      if (l != x.results[0] && column_constant(l, a)->dtype() != column_constant(r, b)->dtype()) return false;
    }
    return true;
  }

  void write(Rewrite& rewrite, size_t number, Val source) {
    Builder& b = rewrite.builder();
    const std::vector<Sibling>& family = families_[number];
    const Sibling& first = family[0];
    const Node& node = graph_.node(first.contract);
    const auto& attrs = attrs_as<ContractAttrs>(*node.attrs);
    SymInt columns = 0;
    std::vector<const Tensor*> weights;
    for (const Sibling& s : family) {
      columns += s.columns;
      weights.push_back(constant_of(graph_, graph_.node(s.contract).operands[1]));
    }
    ContractAttrs merged = attrs;
    merged.lhs.domain[first.column] = merged.rhs.domain[first.column] = columns;
    auto vars = index_vars(b.sym(), merged.lhs.domain);
    merged.rhs.results[first.weight_axis] = vars[first.column];
    const Val both[] = {source, b.constant(concatenate(weights, first.weight_axis))};
    Written& w = written_[number];
    w.product = b.op("contract", merged, both)[0];
    if (!first.map) return;
    const auto& map = attrs_as<MapAttrs>(*first.map->attrs);
    Dims domain = map.domain;
    domain[first.column] = columns;
    std::vector<Val> operands;
    for (size_t i = 0; i < first.map->operands.size(); ++i) {
      if (first.map->operands[i] == node.results[0]) {
        operands.push_back(w.product);
        continue;
      }
      std::vector<const Tensor*> vectors;
      for (const Sibling& s : family) vectors.push_back(column_constant(s.map->operands[i], s));
      operands.push_back(
          b.reindex(b.constant(concatenate(vectors, 0)), {domain, {index_vars(b.sym(), domain)[first.column]}, 1}));
    }
    w.mapped = b.op("map", MapAttrs{domain, map.body}, operands)[0];
  }

  Val piece(Rewrite& rewrite, Place place, bool mapped) {
    const std::vector<Sibling>& family = families_[place.first];
    SymInt start = 0;
    for (size_t i = 0; i < place.second; ++i) start += family[i].columns;
    const Written& w = written_[place.first];
    return rewrite.builder().slice(mapped ? w.mapped : w.product, family[0].column, start, family[place.second].columns);
  }

  const Graph& graph_;
  std::vector<std::vector<NodeId>> uses_;
  std::set<ValueId> leaves_;
  std::vector<std::vector<Sibling>> families_;
  std::vector<Written> written_;
  std::map<const Node*, Place> member_, map_member_;  // products, and maps behind them
};

}  // namespace

Expected<Graph> merge_siblings(const Graph& graph) {
  std::map<uint64_t, Families> families;  // of the graph and of each nested one
  return Rewrite::run(graph, [&](Rewrite& rewrite, const Node& node, std::span<const Val> operands) -> std::vector<Val> {
    auto found = families.find(rewrite.id());
    if (found == families.end()) found = families.emplace(rewrite.id(), rewrite.old_graph()).first;
    return found->second.rewrite(rewrite, node, operands);
  });
}

}  // namespace temper
