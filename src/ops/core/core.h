// The core ops: those that interpreter, fusion and backends understand. Everything else is written in them.
//
//   constant   {data}                                       -> data
//   map        {domain, body}         x...                  -> body at every point; operands have exactly the domain's dims
//   reindex    {map, fill}            x                     -> x[map(d)], `fill` where the guard is 0: broadcast, transpose,
//                                                              reshape, slice, pad, window
//   gather     {map, loads, fill}     x, i...               -> x[map(d, v)], v<k> = (i_k)[loads[k](d)]; v<k> out of range is
//                                                              an error at run time
//   concat     {axis}                 x...                  -> one after the other
//   reduce     {axes, monoid}         x                     -> the monoid's results over the axes, which disappear
//   contract   {lhs, rhs, reduced, accumulate, dtype}  x, y -> sum over the last `reduced` variables of x[lhs] * y[rhs]
//   scan       {axis, monoid, exclusive, reverse}  x        -> running sum, product, ...
//   sort       {axis, descending, count}  x                 -> first `count` in order, and their i64 positions; stable
//   scatter    {target, loads, combine}  x, u, i...         -> x with u[d] put or combined at target(d, v),
//                                                              v<k> = (i_k)[loads[k](d)]
//   compact    {size}                 mask                  -> i64[size] positions of the true elements of a vector, in order
//   suppress   {}                     boxes, t              -> bool: greedy suppression, see Suppress
//   bind_size  {size}                 n                     -> n; from here on `size` is the value of the i64 scalar n
//   assert     {message}              c                     -> c; a run with a false c ends with the message as its error
//   plugin     see ops/core/plugin.h
//   if         {sizes}                c, captures...        bodies: then, else; their inputs are the captures
//   loop       {states, scans, sizes} trip?, cond?, states..., captures...   one body, see Loop
#pragma once

#include "ir/attrs.h"
#include "ir/op.h"

namespace temper {

struct Constant {
  Tensor data;
  TEMPER_FIELDS(data)
};
struct MapAttrs {
  Dims domain;
  ScalarBodyPtr body;
  TEMPER_FIELDS(domain, body)
};
struct Reindex {
  IndexMap map;
  double fill = 0;
  TEMPER_FIELDS(map, fill)
};
struct Gather {
  IndexMap map;
  IndexMaps loads;
  double fill = 0;
  TEMPER_FIELDS(map, loads, fill)
};
struct Concat {
  int64_t axis = 0;
  TEMPER_FIELDS(axis)
};
struct ReduceAttrs {
  std::vector<int64_t> axes;  // ascending
  MonoidKind monoid = MonoidKind::k_sum;
  TEMPER_FIELDS(axes, monoid)
};
struct ContractAttrs {
  IndexMap lhs, rhs;  // over one domain: the result's dims, then the reduced ones
  int64_t reduced = 0;
  DType accumulate = DType::kF32, dtype = DType::kF32;
  TEMPER_FIELDS(lhs, rhs, reduced, accumulate, dtype)
};
struct ScanAttrs {
  int64_t axis = 0;
  MonoidKind monoid = MonoidKind::k_sum;
  bool exclusive = false, reverse = false;
  TEMPER_FIELDS(axis, monoid, exclusive, reverse)
};
struct SortAttrs {
  int64_t axis = 0;
  bool descending = false;
  SymInt count;
  TEMPER_FIELDS(axis, descending, count)
};
struct ScatterAttrs {
  IndexMap target;  // from the points of u to the dims of x
  IndexMaps loads;
  std::optional<ScalarOp> combine;
  TEMPER_FIELDS(target, loads, combine)
};
struct CompactAttrs {
  SymInt size;
  TEMPER_FIELDS(size)
};
// boxes: f32[s, n, 4] as (x1, y1, x2, y2), each of the s lists in order of preference; t: f32[] threshold. Result bool[s, n]:
// kept, that is, not overlapping an earlier kept box of its list with intersection over union > t.
struct Suppress {
  void each_field(auto&&) {}
};
struct BindSize {
  SymInt size;
  TEMPER_FIELDS(size)
};
// Never removed as dead: it is there for its effect. `message` says what is wrong and what to do.
struct Assert {
  std::string message;
  TEMPER_FIELDS(message)
};
struct IfAttrs {
  Dims sizes;  // made where the branches' dims differ: known when the branch has run
  TEMPER_FIELDS(sizes)
};
// Body: inputs (i64[] iteration, bool[] condition, states..., captures...), outputs (bool[] condition, states..., scans...).
// Runs while iteration < trip and the condition holds. Results: states, then each scan stacked along a new first dimension.
// `sizes`: of that dimension where the number of iterations is not an expression known before, and of state dims that change.
struct Loop {
  int64_t states = 0, scans = 0;
  Dims sizes;
  TEMPER_FIELDS(states, scans, sizes)
};

}  // namespace temper
