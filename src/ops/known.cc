// Knowing small values while a graph is built: every integer element as a SymInt, every float as a number. So shapes that a
// model computes with Shape, Gather, Mul, Concat, ... become dims, and what is constant becomes a constant, as soon as it is
// written.
#include <algorithm>
#include <variant>

#include "ops/builder.h"

namespace temper {
namespace {

constexpr int64_t kMostElements = 64;  // as many as a shape, a slice or a small table of sizes can need

// One element: exactly known float, or integer or bool as an expression.
using Element = std::variant<double, SymInt>;
using Elements = std::vector<Element>;

std::optional<std::vector<int64_t>> constant_dims(const Dims& dims) {
  std::vector<int64_t> values;
  int64_t count = 1;
  for (SymInt d : dims) {
    if (!d.is_const()) return std::nullopt;
    values.push_back(d.value());
    count *= d.value();
    if (count > kMostElements || count < 0) return std::nullopt;
  }
  return values;
}

ScalarValue to_scalar(const Element& e) {
  if (auto* f = std::get_if<double>(&e)) return {*f, 0};
  return {0, std::get<SymInt>(e).value()};
}
Element to_element(DType dtype, ScalarValue v) { return is_float(dtype) ? Element(v.f) : Element(SymInt(v.i)); }
bool is_known(const Element& e) { return e.index() == 0 || std::get<SymInt>(e).is_const(); }

std::optional<Elements> elements_of(const Graph& g, ValueId id) {
  const auto* type = std::get_if<TensorType>(&g.value(id).type);
  if (!type || type->dtype == DType::kString) return std::nullopt;
  if (g.value(id).contents) return Elements(g.value(id).contents->begin(), g.value(id).contents->end());
  const Node* node = g.producer(id);
  if (!node || node->op->name != "constant") return std::nullopt;
  const Tensor& data = attrs_as<Constant>(*node->attrs).data;
  if (data.count() > kMostElements) return std::nullopt;
  Elements all;
  for (int64_t i = 0; i < data.count(); ++i) all.push_back(to_element(data.dtype(), data.at(i)));
  return all;
}

// Integer functions of which a SymInt can be made. Narrow types could wrap around, so only the 64- and 32-bit ones are
// followed.
std::optional<SymInt> symbolic(ScalarOp op, SymInt a, SymInt b, SymInt c) {
  switch (op) {
    case ScalarOp::k_add:
      return a + b;
    case ScalarOp::k_sub:
      return a - b;
    case ScalarOp::k_mul:
      return a * b;
    case ScalarOp::k_neg:
      return -a;
    case ScalarOp::k_min:
      return min(a, b);
    case ScalarOp::k_max:
      return max(a, b);
    case ScalarOp::k_abs:
      return proves_less_equal(0, a) ? std::optional(a) : max(a, -a);
    case ScalarOp::k_div:
      if (proves_less_equal(0, a) && proves_less(0, b)) return floor_div(a, b);
      return std::nullopt;
    case ScalarOp::k_floor_mod:
      if (proves_less(0, b)) return mod(a, b);
      return std::nullopt;
    case ScalarOp::k_fmod:
      if (proves_less_equal(0, a) && proves_less(0, b)) return mod(a, b);
      return std::nullopt;
    case ScalarOp::k_less:
      return less(a, b);
    case ScalarOp::k_less_equal:
      return less(a, b + 1);
    case ScalarOp::k_equal:
      return equal(a, b);
    case ScalarOp::k_logical_and:
      return a * b;
    case ScalarOp::k_logical_or:
      return max(a, b);
    case ScalarOp::k_logical_not:
      return SymInt(1) - a;
    case ScalarOp::k_select:
      if (a.is_const()) return a.value() ? b : c;
      return select(a, b, c);
    default:
      return std::nullopt;
  }
}

std::optional<Element> evaluate_instruction(const ScalarBody& body, const ScalarInstruction& in, const Elements& values) {
  auto known = [&](int k) { return in.args[k] < 0 || is_known(values[in.args[k]]); };
  if (in.op == ScalarOp::kCast) {
    DType from = body.code()[in.args[0]].dtype;
    const Element& a = values[in.args[0]];
    if (is_known(a)) return to_element(in.dtype, cast_scalar(to_scalar(a), from, in.dtype));
    bool wide = in.dtype == DType::kI64 || in.dtype == DType::kI32;
    if (wide && !is_float(from)) return a;
    return std::nullopt;
  }
  auto scalar = [&](int k) { return in.args[k] < 0 ? ScalarValue{} : to_scalar(values[in.args[k]]); };
  DType type = body.code()[in.args[in.op == ScalarOp::k_select ? 1 : 0]].dtype;
  if (known(0) && known(1) && known(2)) {
    return to_element(in.dtype, evaluate_scalar(in.op, type, scalar(0), scalar(1), scalar(2)));
  }
  if (type != DType::kI64 && type != DType::kI32 && type != DType::kBool) return std::nullopt;
  auto sym = [&](int k) { return in.args[k] < 0 ? SymInt(0) : std::get<SymInt>(values[in.args[k]]); };
  auto result = symbolic(in.op, sym(0), sym(1), sym(2));
  if (!result) return std::nullopt;
  return Element(*result);
}

// Calls f(point, position) for each point of constant dims in row-major order; stops at the first false.
bool for_each_point(const std::vector<int64_t>& dims, const std::function<bool(std::span<const SymInt>, int64_t)>& f) {
  int64_t count = element_count(dims);
  std::vector<SymInt> point(dims.size());
  for (int64_t i = 0; i < count; ++i) {
    int64_t rest = i;
    for (size_t d = dims.size(); d-- > 0;) {
      point[d] = rest % dims[d];
      rest /= dims[d];
    }
    if (!f(point, i)) return false;
  }
  return true;
}

std::optional<std::vector<Elements>> known_map(const Graph& g, const Node& node, const std::vector<int64_t>& dims) {
  const auto& body = *attrs_as<MapAttrs>(*node.attrs).body;
  std::vector<Elements> operands;
  for (ValueId id : node.operands) {
    auto e = elements_of(g, id);
    if (!e) return std::nullopt;
    operands.push_back(std::move(*e));
  }
  auto vars = index_vars(g.sym(), attrs_as<MapAttrs>(*node.attrs).domain);
  std::vector<Elements> results(body.results().size());
  bool all = for_each_point(dims, [&](std::span<const SymInt> point, int64_t i) {
    Elements values;
    for (const ScalarInstruction& in : body.code()) {
      std::optional<Element> v;
      if (in.op == ScalarOp::kOperand)
        v = operands[in.index][i];
      else if (in.op == ScalarOp::kConst)
        v = to_element(in.dtype, in.constant);
      else if (in.op == ScalarOp::kSym)
        v = Element(substitute(in.sym, vars, point));
      else
        v = evaluate_instruction(body, in, values);
      if (!v) return false;
      values.push_back(*v);
    }
    for (size_t r = 0; r < results.size(); ++r) results[r].push_back(values[body.results()[r]]);
    return true;
  });
  if (!all) return std::nullopt;
  return results;
}

// Position of an element in row-major constant dims; nullopt if not constant or outside.
std::optional<int64_t> position(std::span<const SymInt> index, const Dims& dims) {
  int64_t at = 0;
  for (size_t d = 0; d < dims.size(); ++d) {
    if (!index[d].is_const() || !dims[d].is_const() || index[d].value() < 0 || index[d].value() >= dims[d].value())
      return std::nullopt;
    at = at * dims[d].value() + index[d].value();
  }
  return at;
}

std::vector<SymInt> at_point(const IndexMap& map, std::span<const SymInt> vars, std::span<const SymInt> point) {
  std::vector<SymInt> index;
  for (SymInt e : map.results) index.push_back(substitute(e, vars, point));
  return index;
}

std::optional<Elements> known_gather(const Graph& g, const Node& node, const IndexMap& map, const IndexMaps& loads, double fill,
                                     const std::vector<int64_t>& dims) {
  auto source = elements_of(g, node.operands[0]);
  if (!source) return std::nullopt;
  std::vector<Elements> indices;
  for (size_t k = 0; k < loads.size(); ++k) {
    auto e = elements_of(g, node.operands[k + 1]);
    if (!e) return std::nullopt;
    indices.push_back(std::move(*e));
  }
  const TensorType& type = g.type(node.operands[0]);
  auto vars = index_vars(g.sym(), map.domain);
  std::vector<SymInt> all_vars = vars;
  for (SymInt v : [&] {
         std::vector<SymInt> found;
         for (SymInt e : map.results)
           for (SymInt v : vars_of(e))
             if (var_of(v).kind == VarKind::kLoaded) found.push_back(v);
         return found;
       }()) {
    if (std::find(all_vars.begin(), all_vars.end(), v) == all_vars.end()) all_vars.push_back(v);
  }
  Elements result;
  bool all = for_each_point(dims, [&](std::span<const SymInt> point, int64_t) {
    std::vector<SymInt> values(point.begin(), point.end());
    for (size_t v = vars.size(); v < all_vars.size(); ++v) {
      int k = var_of(all_vars[v]).ordinal;
      auto at = position(at_point(loads[k], vars, point), g.type(node.operands[k + 1]).dims);
      if (!at) return false;
      values.push_back(std::get<SymInt>(indices[k][*at]));
    }
    SymInt guard = substitute(map.guard, all_vars, values);
    if (!guard.is_const()) return false;
    if (guard.value() == 0) {
      result.push_back(is_float(type.dtype) ? Element(fill) : Element(SymInt(static_cast<int64_t>(fill))));
      return true;
    }
    auto at = position(at_point(map, all_vars, values), type.dims);
    if (!at) return false;
    result.push_back((*source)[*at]);
    return true;
  });
  if (!all) return std::nullopt;
  return result;
}

std::optional<Elements> known_concat(const Graph& g, const Node& node) {
  // Only of the first axis: shapes are vectors.
  if (attrs_as<Concat>(*node.attrs).axis != 0) return std::nullopt;
  Elements all;
  for (ValueId id : node.operands) {
    auto e = elements_of(g, id);
    if (!e) return std::nullopt;
    all.insert(all.end(), e->begin(), e->end());
  }
  return all;
}

std::optional<Elements> known_reduce(const Graph& g, const Node& node) {
  const auto& a = attrs_as<ReduceAttrs>(*node.attrs);
  const TensorType& type = g.type(node.operands[0]);
  auto source = elements_of(g, node.operands[0]);
  ScalarOp op;
  switch (a.monoid) {
    case MonoidKind::k_sum:
      op = ScalarOp::k_add;
      break;
    case MonoidKind::k_prod:
      op = ScalarOp::k_mul;
      break;
    case MonoidKind::k_max:
      op = ScalarOp::k_max;
      break;
    case MonoidKind::k_min:
      op = ScalarOp::k_min;
      break;
    default:
      return std::nullopt;
  }
  if (!source || a.axes.size() != type.dims.size() || source->empty()) return std::nullopt;
  Element total = source->front();
  for (size_t i = 1; i < source->size(); ++i) {
    const Element& e = (*source)[i];
    if (is_known(total) && is_known(e)) {
      total = to_element(type.dtype, evaluate_scalar(op, type.dtype, to_scalar(total), to_scalar(e), {}));
    } else {
      auto joined = symbolic(op, std::get<SymInt>(total), std::get<SymInt>(e), 0);
      if (!joined) return std::nullopt;
      total = *joined;
    }
  }
  return Elements{total};
}

}  // namespace

std::optional<std::vector<SymInt>> Builder::contents(Val v) const {
  if (!v) return std::nullopt;
  auto elements = elements_of(graph_, v.id);
  if (!elements || is_float(dtype(v))) return std::nullopt;
  std::vector<SymInt> all;
  for (const Element& e : *elements) all.push_back(std::get<SymInt>(e));
  return all;
}

void derive_contents(Graph& g, NodeId id) {
  const Node& node = g.node(id);
  const std::string& op = node.op->name;
  const auto* type = node.results.empty() ? nullptr : std::get_if<TensorType>(&g.value(node.results[0]).type);
  auto dims = type ? constant_dims(type->dims) : std::nullopt;
  if (!dims || std::find(node.operands.begin(), node.operands.end(), kNone32) != node.operands.end()) return;
  std::optional<std::vector<Elements>> results;
  std::optional<Elements> one;
  if (op == "map")
    results = known_map(g, node, *dims);
  else if (op == "reindex")
    one = known_gather(g, node, attrs_as<Reindex>(*node.attrs).map, {}, attrs_as<Reindex>(*node.attrs).fill, *dims);
  else if (op == "gather")
    one = known_gather(g, node, attrs_as<Gather>(*node.attrs).map, attrs_as<Gather>(*node.attrs).loads,
                       attrs_as<Gather>(*node.attrs).fill, *dims);
  else if (op == "concat")
    one = known_concat(g, node);
  else if (op == "reduce")
    one = known_reduce(g, node);
  else if (op == "bind_size")
    one = Elements{attrs_as<BindSize>(*node.attrs).size};
  if (one) results = std::vector<Elements>{std::move(*one)};
  if (!results) return;
  for (size_t r = 0; r < results->size(); ++r) {
    const Elements& elements = (*results)[r];
    Value& value = g.value(g.node(id).results[r]);
    if (std::all_of(elements.begin(), elements.end(), is_known)) {
      // Becomes a constant in place: readers need not know that it was computed.
      if (results->size() != 1) continue;
      Tensor data = Tensor::zeros(value.tensor().dtype, *dims);
      for (size_t i = 0; i < elements.size(); ++i) data.set(static_cast<int64_t>(i), to_scalar(elements[i]));
      Node& known = g.node(id);
      known.op = &core_op("constant");
      known.attrs = make_attrs(Constant{std::move(data)});
      known.operands.clear();
    } else if (!is_float(value.tensor().dtype)) {
      std::vector<SymInt> contents;
      for (const Element& e : elements) contents.push_back(std::get<SymInt>(e));
      value.contents = std::move(contents);
    }
  }
}

}  // namespace temper
