#include "kernel/access.h"

#include "ops/core/core.h"

namespace temper {
namespace {

ScalarValue fill_value(double fill, DType dtype) {
  return is_float(dtype) ? ScalarValue{fill, 0} : ScalarValue{0, static_cast<int64_t>(fill)};
}

bool same_fill(const Access& a, ScalarValue fill) { return a.map.guard.is_const(1) || a.fill == fill; }

// An index expression that costs little per element: affine, or one division or remainder deep.
bool is_cheap(const IndexMap& map) {
  for (SymInt e : map.results) {
    int divisions = 0;
    std::vector<SymInt> work{e};
    while (!work.empty()) {
      SymInt x = work.back();
      work.pop_back();
      SymKind kind = kind_of(x);
      if (kind == SymKind::kFloorDiv || kind == SymKind::kMod) ++divisions;
      if (kind == SymKind::kConst || kind == SymKind::kVar) continue;
      for (SymInt part : operands_of(x)) work.push_back(part);
    }
    if (divisions > 2) return false;
  }
  return true;
}

}  // namespace

Access direct_access(const Graph& graph, ValueId value) {
  return {value, identity_map(graph.sym(), graph.type(value).dims), {}, {}};
}

Access resolve_access(const Graph& graph, ValueId value, IndexMap map, const std::function<bool(ValueId)>& stop) {
  Access access{value, std::move(map), {}, {}};
  while (!stop(access.value)) {
    const Node* node = graph.producer(access.value);
    if (!node || node->op->name != "reindex") break;
    const auto& attrs = attrs_as<Reindex>(*node->attrs);
    ScalarValue fill = fill_value(attrs.fill, graph.type(access.value).dtype);
    bool guarded = !attrs.map.guard.is_const(1);
    if (guarded && !same_fill(access, fill)) break;
    IndexMap composed = compose(graph.sym(), access.map, attrs.map);
    if (!is_cheap(composed)) break;
    access.map = std::move(composed);
    if (guarded) access.fill = fill;
    access.value = node->operands[0];
  }
  return access;
}

}  // namespace temper
