#include "ops/builder.h"

#include <algorithm>
#include <numeric>

namespace temper {

Val Builder::fail(Error error) {
  if (status_.ok()) status_ = std::move(error);
  return {this, kNone32};
}

DType Builder::dtype(Val v) const { return v ? graph_.type(v.id).dtype : DType::kF32; }

const Dims& Builder::dims(Val v) const {
  static const Dims none;
  return v ? graph_.type(v.id).dims : none;
}

std::optional<Tensor> Builder::constant_value(Val v) const {
  if (!v) return std::nullopt;
  const Node* node = graph_.producer(v.id);
  if (!node || node->op->name != "constant") return std::nullopt;
  return attrs_as<Constant>(*node->attrs).data;
}

int64_t Builder::normal_axis(int64_t axis, int rank) {
  if (axis < -rank || axis >= rank) {
    fail(ErrorCode::kInvalidArgument, "axis " + std::to_string(axis) + " is outside a tensor of rank " + std::to_string(rank));
    return 0;
  }
  return axis < 0 ? axis + rank : axis;
}

namespace {

// Types and contents of a composite's results: its body written into a scratch graph whose inputs stand for the operands.
struct Scratch {
  Inferred inferred;
  std::vector<std::optional<Tensor>> constants;
  bool made_sizes = false;
};
Expected<Scratch> write_to_scratch(Graph& graph, const Op& op, const Attrs& attrs, const std::vector<ValueId>& operands) {
  Graph scratch(graph.context());
  Builder inner(scratch);
  std::vector<ValueId> inputs;
  for (ValueId id : operands) {
    if (id == kNone32) {
      inputs.push_back(kNone32);
      continue;
    }
    const Node* node = graph.producer(id);
    if (node && node->op->name == "constant") {
      inputs.push_back(inner.constant(attrs_as<Constant>(*node->attrs).data).id);
      continue;
    }
    inputs.push_back(scratch.add_input(graph.value(id).type, ""));
    scratch.value(inputs.back()).contents = graph.value(id).contents;
  }
  Scratch found;
  size_t symbols = graph.sym().symbols().size();
  auto results = op.body(inner, attrs, inputs);
  found.made_sizes = graph.sym().symbols().size() != symbols;
  TEMPER_TRY(inner.take_status());
  for (ValueId id : results) {
    if (id == kNone32)
      return Error(ErrorCode::kInvalidArgument, "operator '" + op.name + "' makes no value of these operands; one is missing");
    found.inferred.types.push_back(scratch.value(id).type);
    found.inferred.contents.push_back(scratch.value(id).contents);
    found.constants.push_back(inner.constant_value(inner.val(id)));
  }
  return found;
}

}  // namespace

Expected<Inferred> infer_composite(Graph& graph, const Op& op, const Attrs& attrs, const std::vector<ValueId>& operands) {
  Scratch scratch = TEMPER_TRY(write_to_scratch(graph, op, attrs, operands));
  return std::move(scratch.inferred);
}

std::vector<Val> Builder::op(const Op& op, AttrsPtr attrs, std::span<const Val> operands,
                             std::vector<std::unique_ptr<Graph>> bodies) {
  std::vector<ValueId> ids;
  for (Val v : operands) ids.push_back(v.id);
  std::vector<Val> results;
  if (!ok()) return {Val{this, kNone32}, Val{this, kNone32}, Val{this, kNone32}};
  if (op.is_core()) {
    auto types = op.infer(graph_, *attrs, ids, bodies);
    if (!types.ok()) {
      fail(std::move(types).error().at("core op '" + op.name + "'"));
      return {Val{this, kNone32}, Val{this, kNone32}, Val{this, kNone32}};
    }
    NodeId node = graph_.add_node(op, std::move(attrs), std::move(ids), std::move(*types), std::move(bodies), name_);
    derive_contents(graph_, node);
    for (ValueId id : graph_.node(node).results) results.push_back({this, id});
    return results;
  }
  auto scratch = write_to_scratch(graph_, op, *attrs, ids);
  if (!scratch.ok()) {
    fail(std::move(scratch).error());
    return {Val{this, kNone32}, Val{this, kNone32}, Val{this, kNone32}};
  }
  if (scratch->made_sizes) {
    // A body names new sizes each time that it is written, and what reads the results, in nested graphs too, knows them by
    // these names: so it is written once, here, and not when the node is expanded.
    for (ValueId id : op.body(*this, *attrs, ids)) results.push_back({this, id});
    return results;
  }
  bool all_small_constants = std::all_of(scratch->constants.begin(), scratch->constants.end(),
                                         [](const auto& c) { return c && c->dtype() != DType::kString && c->count() <= 64; });
  if (all_small_constants) {
    for (auto& c : scratch->constants) results.push_back(constant(*c));
    return results;
  }
  NodeId node =
      graph_.add_node(op, std::move(attrs), std::move(ids), std::move(scratch->inferred.types), std::move(bodies), name_);
  for (size_t r = 0; r < scratch->inferred.contents.size(); ++r) {
    ValueId id = graph_.node(node).results[r];
    graph_.value(id).contents = std::move(scratch->inferred.contents[r]);
    results.push_back({this, id});
  }
  return results;
}

Val Builder::constant(Tensor data) { return op("constant", Constant{std::move(data)}, {})[0]; }

Val Builder::scalar(double value, DType dtype) {
  Tensor t = Tensor::zeros(dtype, {});
  t.set(0, is_float(dtype) ? ScalarValue{value, 0} : ScalarValue{0, static_cast<int64_t>(value)});
  return constant(std::move(t));
}

Val Builder::ints(std::vector<int64_t> values) {
  auto count = static_cast<int64_t>(values.size());
  return constant(Tensor::of(DType::kI64, {count}, values));
}

Val Builder::size(SymInt value) {
  ScalarBuilder body;
  Val none[1];
  return map(body.finish(body.sym(value), 0), std::span<const Val>(none, 0))[0];
}

Val Builder::sizes(std::span<const SymInt> values) {
  if (std::all_of(values.begin(), values.end(), [](SymInt s) { return s.is_const(); })) {
    std::vector<int64_t> constants;
    for (SymInt s : values) constants.push_back(s.value());
    return ints(std::move(constants));
  }
  std::vector<Val> parts;
  const int64_t first[] = {0};
  for (SymInt s : values) parts.push_back(unsqueeze(size(s), first));
  return concat(parts, 0);
}

Val Builder::fill(double value, DType dtype, Dims dims) { return broadcast(scalar(value, dtype), dims); }

Val Builder::iota(Dims dims, int axis, DType dtype) {
  if (axis < 0 || axis >= static_cast<int>(dims.size()))
    return fail(ErrorCode::kInvalidArgument, "positions along a dimension that is not there");
  ScalarBuilder body;
  int32_t position = body.cast(body.sym(sym().index(axis, dims[axis])), dtype);
  return op("map", MapAttrs{dims, body.finish(position, 0)}, {})[0];
}

Dims Builder::broadcast_dims(std::span<const Val> operands) {
  Dims joined;
  for (Val v : operands) {
    const Dims& d = dims(v);
    if (d.size() > joined.size()) joined.insert(joined.begin(), d.size() - joined.size(), SymInt(1));
    size_t shift = joined.size() - d.size();
    for (size_t i = 0; i < d.size(); ++i) {
      SymInt& j = joined[shift + i];
      if (d[i] == j || d[i].is_const(1)) continue;
      if (j.is_const(1)) {
        j = d[i];
      } else if (j.is_const() && d[i].is_const()) {
        fail(ErrorCode::kInvalidArgument, "shapes don't broadcast: a dimension is " + j.to_string() + " on one side and " +
                                              d[i].to_string() + " on the other; they must be equal, or one of them 1");
        return joined;
      } else if (j.is_const()) {
        continue;  // a number above 1 decides: the other side is it, or 1
      } else if (d[i].is_const()) {
        j = d[i];
      } else {
        j = max(j, d[i]);
      }
    }
  }
  return joined;
}

std::vector<Val> Builder::map(ScalarBodyPtr body, std::span<const Val> operands) {
  Dims domain = broadcast_dims(operands);
  std::vector<Val> same;
  for (Val v : operands) same.push_back(broadcast(v, domain));
  return op("map", MapAttrs{std::move(domain), std::move(body)}, same);
}

namespace {

Val apply(Builder& b, ScalarOp op, std::span<const Val> operands) {
  if (!b.ok()) return {&b, kNone32};
  const ScalarInfo& info = scalar_info(op);
  DType type = b.dtype(operands.back());
  bool fits = true;
  switch (info.rule) {
    case TypeRule::kNumeric:
      fits = is_float(type) || is_int(type);
      break;
    case TypeRule::kFloat:
    case TypeRule::kPredicate:
      fits = is_float(type);
      break;
    case TypeRule::kInt:
      fits = is_int(type);
      break;
    case TypeRule::kBool:
      fits = type == DType::kBool;
      break;
    case TypeRule::kCompare:
      fits = type != DType::kString;
      break;
    case TypeRule::kSelect:
      fits = type != DType::kString && b.dtype(operands[0]) == DType::kBool;
      break;
  }
  for (size_t i = info.rule == TypeRule::kSelect ? 1 : 0; i < operands.size(); ++i) fits = fits && b.dtype(operands[i]) == type;
  if (!fits) {
    std::string types;
    for (Val v : operands) types += (types.empty() ? "" : ", ") + std::string(v ? dtype_name(b.dtype(v)) : "nothing");
    return b.fail(ErrorCode::kInvalidArgument, "'" + std::string(info.name) + "' is not defined for operands of type " + types);
  }
  ScalarBuilder body;
  int32_t args[3] = {-1, -1, -1};
  for (size_t i = 0; i < operands.size(); ++i) args[i] = body.operand(static_cast<int>(i), b.dtype(operands[i]));
  return b.map(body.finish(body.apply(op, args[0], args[1], args[2]), static_cast<int>(operands.size())), operands)[0];
}

}  // namespace

Val Builder::map(ScalarOp op, Val a) { return apply(*this, op, std::span(&a, 1)); }
Val Builder::map(ScalarOp op, Val a, Val b) {
  const Val both[] = {a, b};
  return apply(*this, op, both);
}
Val Builder::select(Val condition, Val a, Val b) {
  const Val all[] = {condition, a, b};
  return apply(*this, ScalarOp::k_select, all);
}

Val Builder::cast(Val v, DType to) {
  if (!ok() || dtype(v) == to) return v;
  if (to == DType::kString || dtype(v) == DType::kString)
    return fail(ErrorCode::kUnsupported, "casts from and to strings are not supported");
  ScalarBuilder body;
  return map(body.finish(body.cast(body.operand(0, dtype(v)), to), 1), std::span(&v, 1))[0];
}

std::vector<Val> Builder::reduce_all(MonoidKind monoid, Val v, std::vector<int64_t> axes, bool keep) {
  for (int64_t& axis : axes) axis = normal_axis(axis, rank(v));
  std::sort(axes.begin(), axes.end());
  axes.erase(std::unique(axes.begin(), axes.end()), axes.end());
  auto results = op("reduce", ReduceAttrs{axes, monoid}, std::span(&v, 1));
  if (keep) {
    for (Val& r : results) r = unsqueeze(r, axes);
  }
  return results;
}

Val Builder::reduce(MonoidKind monoid, Val v, std::vector<int64_t> axes, bool keep) {
  return reduce_all(monoid, v, std::move(axes), keep)[0];
}

Val Builder::mean(Val v, std::vector<int64_t> axes, bool keep) {
  SymInt count = 1;
  std::vector<int64_t> normal;
  for (int64_t axis : axes) normal.push_back(normal_axis(axis, rank(v)));
  std::sort(normal.begin(), normal.end());
  normal.erase(std::unique(normal.begin(), normal.end()), normal.end());
  if (!ok()) return {this, kNone32};
  for (int64_t axis : normal) count *= dims(v)[axis];
  Val total = reduce(MonoidKind::k_sum, v, normal, keep);
  return count.is_const() && count.value() > 0 && is_float(dtype(v)) ? total * (1.0 / static_cast<double>(count.value()))
                                                                     : total / cast(size(count), dtype(v));
}

Val Builder::contract(Val x, Val y, IndexMap lhs, IndexMap rhs, int reduced, DType dtype) {
  DType wide = DType::kF32;
  if (this->dtype(x) == DType::kF64)
    wide = DType::kF64;
  else if (is_int(this->dtype(x)))
    wide = dtype_bits(this->dtype(x)) <= 16 ? DType::kI32 : this->dtype(x);
  const Val both[] = {x, y};
  return op("contract", ContractAttrs{std::move(lhs), std::move(rhs), reduced, wide, dtype}, both)[0];
}

Val Builder::matmul(Val x, Val y) {
  if (!ok()) return {this, kNone32};
  const int64_t first[] = {0};
  bool row = rank(x) == 1, column = rank(y) == 1;
  if (rank(x) == 0 || rank(y) == 0) return fail(ErrorCode::kInvalidArgument, "a matrix product of a scalar");
  if (row) x = unsqueeze(x, first);
  if (column) {
    const int64_t last[] = {1};
    y = unsqueeze(y, last);
  }
  Dims dx = dims(x), dy = dims(y);
  size_t nx = dx.size(), ny = dy.size();
  SymInt k = dx[nx - 1], m = dx[nx - 2], n = dy[ny - 1];
  if (k.is_const() && dy[ny - 2].is_const() && k != dy[ny - 2]) {
    return fail(ErrorCode::kInvalidArgument, "a matrix product of " + graph_.type(x.id).to_string() + " and " +
                                                 graph_.type(y.id).to_string() + ": the inner dimensions differ");
  }
  if (!k.is_const()) k = dy[ny - 2].is_const() ? dy[ny - 2] : k;
  // Batch dims broadcast; the domain is (batch..., m, n, k).
  size_t batch = std::max(nx, ny) - 2;
  Dims domain(batch, SymInt(1));
  for (size_t i = 0; i < batch; ++i) {
    SymInt a = i + nx >= batch + 2 ? dx[i + nx - 2 - batch] : SymInt(1),
           c = i + ny >= batch + 2 ? dy[i + ny - 2 - batch] : SymInt(1);
    if (a.is_const() && c.is_const() && a != c && !a.is_const(1) && !c.is_const(1)) {
      return fail(ErrorCode::kInvalidArgument,
                  "the batch dimensions of a matrix product differ: " + a.to_string() + " and " + c.to_string());
    }
    domain[i] = a == c || c.is_const(1) ? a : (a.is_const(1) ? c : (a.is_const() ? a : (c.is_const() ? c : max(a, c))));
  }
  domain.insert(domain.end(), {m, n, k});
  auto d = index_vars(sym(), domain);
  IndexMap lhs{domain, {}, 1}, rhs{domain, {}, 1};
  auto batch_index = [&](const Dims& own, size_t i) {
    return own[i].is_const(1) ? SymInt(0)
                              : (own[i] == domain[batch + 2 - own.size() + i] ? d[batch + 2 - own.size() + i]
                                                                              : min(d[batch + 2 - own.size() + i], own[i] - 1));
  };
  for (size_t i = 0; i + 2 < nx; ++i) lhs.results.push_back(batch_index(dx, i));
  lhs.results.insert(lhs.results.end(), {d[batch], d[batch + 2]});
  for (size_t i = 0; i + 2 < ny; ++i) rhs.results.push_back(batch_index(dy, i));
  rhs.results.insert(rhs.results.end(), {d[batch + 2], d[batch + 1]});
  Val product = contract(x, y, std::move(lhs), std::move(rhs), 1, dtype(x));
  if (row) {
    const int64_t axis[] = {rank(product) - 2};
    product = squeeze(product, axis);
  }
  if (column) {
    const int64_t axis[] = {rank(product) - 1};
    product = squeeze(product, axis);
  }
  return product;
}

Val operator+(Val a, Val b) { return a.builder->map(ScalarOp::k_add, a, b); }
Val operator-(Val a, Val b) { return a.builder->map(ScalarOp::k_sub, a, b); }
Val operator*(Val a, Val b) { return a.builder->map(ScalarOp::k_mul, a, b); }
Val operator/(Val a, Val b) { return a.builder->map(ScalarOp::k_div, a, b); }
Val operator-(Val a) { return a.builder->map(ScalarOp::k_neg, a); }
Val operator+(Val a, double b) { return a + a.builder->like(b, a); }
Val operator-(Val a, double b) { return a - a.builder->like(b, a); }
Val operator*(Val a, double b) { return a * a.builder->like(b, a); }
Val operator/(Val a, double b) { return a / a.builder->like(b, a); }
Val operator+(double a, Val b) { return b.builder->like(a, b) + b; }
Val operator-(double a, Val b) { return b.builder->like(a, b) - b; }
Val operator*(double a, Val b) { return b.builder->like(a, b) * b; }
Val operator/(double a, Val b) { return b.builder->like(a, b) / b; }
Val operator<(Val a, Val b) { return a.builder->map(ScalarOp::k_less, a, b); }
Val operator<=(Val a, Val b) { return a.builder->map(ScalarOp::k_less_equal, a, b); }
Val operator==(Val a, Val b) { return a.builder->map(ScalarOp::k_equal, a, b); }

}  // namespace temper
