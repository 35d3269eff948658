// Inference of the core ops: types of the results from those of the operands. Each refuses what has no meaning.
#include "ops/core/core.h"

#include <algorithm>

namespace temper {
namespace {

using Types = std::vector<ValueType>;
using Bodies = std::vector<std::unique_ptr<Graph>>;

Error refuse(const std::string& why) { return Error(ErrorCode::kInvalidArgument, why); }

const TensorType* tensor_of(Graph& g, ValueId id) {
  return id == kNone32 ? nullptr : std::get_if<TensorType>(&g.value(id).type);
}

// Registers a core op whose inference is a function of typed attributes.
template <class A>
struct CoreOp {
  using Infer = Expected<Types> (*)(Graph&, const A&, std::span<const ValueId>, const Bodies&);
  CoreOp(std::string name, Infer infer) {
    Op op;
    op.name = std::move(name);
    op.infer = [infer](Graph& g, const Attrs& attrs, std::span<const ValueId> operands, const Bodies& bodies) {
      return infer(g, attrs_as<A>(attrs), operands, bodies);
    };
    op.default_attrs = temper::make_attrs(A{});
    op.make_attrs = &attrs_from_fields<A>;
    register_op(std::move(op));
  }
};

Dims dims_of(const Tensor& t) { return Dims(t.dims().begin(), t.dims().end()); }

const CoreOp<Constant> kConstant("constant",
                                 [](Graph&, const Constant& a, std::span<const ValueId>, const Bodies&) -> Expected<Types> {
                                   return Types{TensorType{a.data.dtype(), dims_of(a.data)}};
                                 });

const CoreOp<MapAttrs> kMap("map",
                            [](Graph& g, const MapAttrs& a, std::span<const ValueId> in, const Bodies&) -> Expected<Types> {
                              if (!a.body) return refuse("a map needs a body");
                              if (a.body->operand_count() != static_cast<int>(in.size()))
                                return refuse("a map's body wants another number of operands");
                              for (ValueId id : in) {
                                const TensorType* t = tensor_of(g, id);
                                if (!t || t->dims != a.domain)
                                  return refuse("an operand of a map has other dims than its domain");
                              }
                              Types types;
                              for (size_t i = 0; i < a.body->results().size(); ++i)
                                types.push_back(TensorType{a.body->result_dtype(static_cast<int>(i)), a.domain});
                              return types;
                            });

const CoreOp<Reindex> kReindex("reindex",
                               [](Graph& g, const Reindex& a, std::span<const ValueId> in, const Bodies&) -> Expected<Types> {
                                 const TensorType* t = in.size() == 1 ? tensor_of(g, in[0]) : nullptr;
                                 if (!t || t->dims.size() != a.map.results.size())
                                   return refuse("a reindex's map has another rank than its operand");
                                 return Types{TensorType{t->dtype, a.map.domain}};
                               });

const CoreOp<Gather> kGather("gather",
                             [](Graph& g, const Gather& a, std::span<const ValueId> in, const Bodies&) -> Expected<Types> {
                               const TensorType* t = in.empty() ? nullptr : tensor_of(g, in[0]);
                               if (!t || t->dims.size() != a.map.results.size())
                                 return refuse("a gather's map has another rank than its operand");
                               if (in.size() != a.loads.size() + 1)
                                 return refuse("a gather needs one index tensor per loaded variable");
                               for (size_t k = 0; k < a.loads.size(); ++k) {
                                 const TensorType* index = tensor_of(g, in[k + 1]);
                                 if (!index || !is_int(index->dtype) || index->dims.size() != a.loads[k].results.size())
                                   return refuse("a gather's indices don't fit");
                               }
                               return Types{TensorType{t->dtype, a.map.domain}};
                             });

const CoreOp<Concat> kConcat("concat",
                             [](Graph& g, const Concat& a, std::span<const ValueId> in, const Bodies&) -> Expected<Types> {
                               if (in.empty()) return refuse("a concat of nothing");
                               const TensorType* first = tensor_of(g, in[0]);
                               if (!first || a.axis < 0 || a.axis >= static_cast<int64_t>(first->dims.size()))
                                 return refuse("a concat's axis is outside its rank");
                               TensorType type = *first;
                               for (size_t i = 1; i < in.size(); ++i) {
                                 const TensorType* t = tensor_of(g, in[i]);
                                 if (!t || t->dtype != type.dtype || t->dims.size() != type.dims.size())
                                   return refuse("parts of a concat differ in type or rank");
                                 type.dims[a.axis] += t->dims[a.axis];
                               }
                               return Types{type};
                             });

bool is_number(DType t) { return is_float(t) || is_int(t); }
// Whether the monoid is defined for elements of this type.
bool takes(MonoidKind monoid, DType t) {
  switch (monoid) {
    case MonoidKind::k_any:
    case MonoidKind::k_all:
      return t == DType::kBool;
    case MonoidKind::k_welford:
    case MonoidKind::k_max_sum_exp:
      return is_float(t);
    case MonoidKind::k_arg_max:
    case MonoidKind::k_arg_min:
    case MonoidKind::k_arg_max_last:
    case MonoidKind::k_arg_min_last:
      return t != DType::kString;
    default:
      return is_number(t);
  }
}
Error not_defined(MonoidKind monoid, DType t) {
  return refuse("'" + std::string(monoid_info(monoid).name) + "' is not defined for elements of type " +
                std::string(dtype_name(t)));
}

const CoreOp<ReduceAttrs> kReduce("reduce",
                                  [](Graph& g, const ReduceAttrs& a, std::span<const ValueId> in,
                                     const Bodies&) -> Expected<Types> {
                                    const TensorType* t = in.size() == 1 ? tensor_of(g, in[0]) : nullptr;
                                    if (!t) return refuse("a reduce has one operand");
                                    if (!takes(a.monoid, t->dtype)) return not_defined(a.monoid, t->dtype);
                                    TensorType out{t->dtype, {}};
                                    for (size_t d = 0; d < t->dims.size(); ++d) {
                                      if (!std::binary_search(a.axes.begin(), a.axes.end(), static_cast<int64_t>(d)))
                                        out.dims.push_back(t->dims[d]);
                                    }
                                    if (out.dims.size() + a.axes.size() != t->dims.size())
                                      return refuse("a reduce's axes are not ascending axes of its operand");
                                    bool position = a.monoid >= MonoidKind::k_arg_max && a.monoid <= MonoidKind::k_arg_min_last;
                                    if (position) out.dtype = DType::kI64;
                                    return Types(monoid_info(a.monoid).results, out);
                                  });

const CoreOp<ContractAttrs> kContract(
    "contract", [](Graph& g, const ContractAttrs& a, std::span<const ValueId> in, const Bodies&) -> Expected<Types> {
      const TensorType *x = in.size() == 2 ? tensor_of(g, in[0]) : nullptr, *y = in.size() == 2 ? tensor_of(g, in[1]) : nullptr;
      if (!x || !y || a.lhs.results.size() != x->dims.size() || a.rhs.results.size() != y->dims.size()) {
        return refuse("a contraction's maps have other ranks than its operands");
      }
      if (!is_number(x->dtype) || !is_number(y->dtype) || is_float(x->dtype) != is_float(y->dtype) || !is_number(a.dtype)) {
        return refuse("a contraction multiplies two floating tensors or two of integers");
      }
      if (a.lhs.domain != a.rhs.domain || a.reduced < 0 || a.reduced > static_cast<int64_t>(a.lhs.domain.size()))
        return refuse("a contraction's maps differ in domain");
      return Types{TensorType{a.dtype, Dims(a.lhs.domain.begin(), a.lhs.domain.end() - a.reduced)}};
    });

const CoreOp<ScanAttrs> kScan("scan",
                              [](Graph& g, const ScanAttrs& a, std::span<const ValueId> in, const Bodies&) -> Expected<Types> {
                                const TensorType* t = in.size() == 1 ? tensor_of(g, in[0]) : nullptr;
                                if (!t || a.axis < 0 || a.axis >= static_cast<int64_t>(t->dims.size()))
                                  return refuse("a scan's axis is outside its rank");
                                bool runs = a.monoid == MonoidKind::k_sum || a.monoid == MonoidKind::k_prod ||
                                            a.monoid == MonoidKind::k_max || a.monoid == MonoidKind::k_min;
                                if (!runs || !takes(a.monoid, t->dtype)) return not_defined(a.monoid, t->dtype);
                                return Types{*t};
                              });

const CoreOp<SortAttrs> kSort("sort",
                              [](Graph& g, const SortAttrs& a, std::span<const ValueId> in, const Bodies&) -> Expected<Types> {
                                const TensorType* t = in.size() == 1 ? tensor_of(g, in[0]) : nullptr;
                                if (!t || a.axis < 0 || a.axis >= static_cast<int64_t>(t->dims.size()))
                                  return refuse("a sort's axis is outside its rank");
                                if (t->dtype == DType::kString) return refuse("strings can't be sorted");
                                TensorType out = *t;
                                out.dims[a.axis] = a.count;
                                return Types{out, TensorType{DType::kI64, out.dims}};
                              });

const CoreOp<ScatterAttrs> kScatter("scatter",
                                    [](Graph& g, const ScatterAttrs& a, std::span<const ValueId> in,
                                       const Bodies&) -> Expected<Types> {
                                      const TensorType* t = in.size() >= 2 ? tensor_of(g, in[0]) : nullptr;
                                      const TensorType* u = in.size() >= 2 ? tensor_of(g, in[1]) : nullptr;
                                      if (!t || !u || t->dtype != u->dtype || a.target.results.size() != t->dims.size())
                                        return refuse("a scatter's target does not fit its operand");
                                      for (size_t k = 0; k < a.loads.size() && k + 2 < in.size(); ++k) {
                                        const TensorType* index = tensor_of(g, in[k + 2]);
                                        if (!index || !is_int(index->dtype) || index->dims.size() != a.loads[k].results.size())
                                          return refuse("a scatter's indices don't fit");
                                      }
                                      if (a.combine && !is_number(t->dtype)) return refuse("a scatter combines numbers only");
                                      if (a.target.domain != u->dims || in.size() != a.loads.size() + 2)
                                        return refuse("a scatter's updates and indices don't fit its target");
                                      return Types{*t};
                                    });

const CoreOp<CompactAttrs> kCompact("compact",
                                    [](Graph& g, const CompactAttrs& a, std::span<const ValueId> in,
                                       const Bodies&) -> Expected<Types> {
                                      const TensorType* t = in.size() == 1 ? tensor_of(g, in[0]) : nullptr;
                                      if (!t || t->dtype != DType::kBool || t->dims.size() != 1)
                                        return refuse("compact wants a one-dimensional mask");
                                      return Types{TensorType{DType::kI64, {a.size}}};
                                    });

const CoreOp<Suppress> kSuppress("suppress",
                                 [](Graph& g, const Suppress&, std::span<const ValueId> in, const Bodies&) -> Expected<Types> {
                                   const TensorType* t = in.size() == 2 ? tensor_of(g, in[0]) : nullptr;
                                   const TensorType* threshold = in.size() == 2 ? tensor_of(g, in[1]) : nullptr;
                                   if (!t || t->dims.size() != 3 || t->dtype != DType::kF32 || !t->dims[2].is_const(4))
                                     return refuse("suppress wants f32 boxes [s, n, 4]");
                                   if (!threshold || threshold->dtype != DType::kF32 || !threshold->dims.empty())
                                     return refuse("suppress wants an f32 scalar as its threshold");
                                   return Types{TensorType{DType::kBool, {t->dims[0], t->dims[1]}}};
                                 });

const CoreOp<BindSize> kBindSize("bind_size",
                                 [](Graph& g, const BindSize&, std::span<const ValueId> in, const Bodies&) -> Expected<Types> {
                                   const TensorType* t = in.size() == 1 ? tensor_of(g, in[0]) : nullptr;
                                   if (!t || t->dtype != DType::kI64 || !t->dims.empty())
                                     return refuse("bind_size wants an i64 scalar");
                                   return Types{*t};
                                 });

const CoreOp<Assert> kAssert("assert",
                             [](Graph& g, const Assert&, std::span<const ValueId> in, const Bodies&) -> Expected<Types> {
                               const TensorType* t = in.size() == 1 ? tensor_of(g, in[0]) : nullptr;
                               if (!t || t->dtype != DType::kBool || !t->dims.empty())
                                 return refuse("assert wants a bool scalar");
                               return Types{*t};
                             });

// Takes from `sizes` for each dim in which a and b differ.
Expected<TensorType> join_types(const TensorType& a, const TensorType& b, const Dims& sizes, size_t& next) {
  if (a.dtype != b.dtype || a.dims.size() != b.dims.size()) {
    return refuse("the two branches give values of different type or rank: " + a.to_string() + " and " + b.to_string());
  }
  TensorType joined = a;
  for (size_t d = 0; d < a.dims.size(); ++d) {
    if (a.dims[d] == b.dims[d]) continue;
    if (next >= sizes.size()) return refuse("dims that differ need sizes");
    joined.dims[d] = sizes[next++];
  }
  return joined;
}

const CoreOp<IfAttrs> kIf("if",
                          [](Graph&, const IfAttrs& a, std::span<const ValueId> in, const Bodies& bodies) -> Expected<Types> {
                            if (bodies.size() != 2 || in.empty()) return refuse("an if has a condition and two bodies");
                            const auto &yes = bodies[0]->outputs(), &no = bodies[1]->outputs();
                            if (yes.size() != no.size()) return refuse("the two branches give different numbers of values");
                            Types types;
                            size_t next = 0;
                            for (size_t i = 0; i < yes.size(); ++i)
                              types.push_back(
                                  TEMPER_TRY(join_types(bodies[0]->type(yes[i]), bodies[1]->type(no[i]), a.sizes, next)));
                            return types;
                          });

// The value of an i64 scalar, from a constant or its contents.
std::optional<SymInt> known_integer(Graph& g, ValueId id) {
  if (id == kNone32) return std::nullopt;
  if (g.value(id).contents) return g.value(id).contents->front();
  const Node* node = g.producer(id);
  if (!node || node->op->name != "constant") return std::nullopt;
  const Tensor& data = attrs_as<Constant>(*node->attrs).data;
  return data.dtype() == DType::kI64 && data.count() == 1 ? std::optional(SymInt(data.at(0).i)) : std::nullopt;
}

const CoreOp<Loop> kLoop(
    "loop", [](Graph& g, const Loop& a, std::span<const ValueId> in, const Bodies& bodies) -> Expected<Types> {
      if (bodies.size() != 1 || static_cast<int64_t>(in.size()) < 2 + a.states)
        return refuse("a loop has trip, condition, its states and one body");
      const Graph& body = *bodies[0];
      if (static_cast<int64_t>(body.outputs().size()) != 1 + a.states + a.scans || body.inputs().size() != in.size()) {
        return refuse("a loop's body has another number of inputs or outputs than its operands ask for");
      }
      Types types;
      size_t next = 0;
      for (int64_t s = 0; s < a.states; ++s) {
        types.push_back(TEMPER_TRY(join_types(g.type(in[2 + s]), body.type(body.outputs()[1 + s]), a.sizes, next)));
      }
      if (a.scans > 0) {
        SymInt trips;
        auto known = in[1] == kNone32 ? known_integer(g, in[0]) : std::nullopt;
        if (known) {
          trips = max(SymInt(0), *known);
        } else if (next < a.sizes.size()) {
          trips = a.sizes[next++];
        } else {
          return refuse("a loop whose number of iterations is not known before needs a size for its scans");
        }
        for (int64_t s = 0; s < a.scans; ++s) {
          TensorType t = body.type(body.outputs()[1 + a.states + s]);
          t.dims.insert(t.dims.begin(), trips);
          types.push_back(t);
        }
      }
      return types;
    });

}  // namespace
}  // namespace temper
