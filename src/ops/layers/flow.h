// The boundaries of loops and conditionals while a network is edited. There all layers lie in one flat graph, and where a loop
// begins and ends follows from how values flow between its boundary layers; the pass `structure` makes nested graphs of it. So
// these operators have types, but no meaning of their own, and none is left when a network is built.
//
//   layer_recurrence   {region}                 first, next    -> first, then `next` of the iteration before
//   layer_iterator     {region, axis, reverse}  x              -> the slice of x that belongs to the iteration
//   layer_trip_limit   {region, kind}           limit          ->
//   layer_loop_output  {region, kind, axis}     value, length  -> what leaves the loop of the value
//   layer_condition    {region}                 condition      ->
//   layer_if_input     {region}                 x              -> x, for the layers of both branches
//   layer_if_output    {region}                 yes, no        -> one of them
//
// `region` tells the loops and conditionals of a network apart. The only edge that may close a circle is the one to the second
// operand of a recurrence.
#pragma once

#include <span>
#include <string>

#include "ir/op.h"

namespace temper::layers {

struct Boundary {
  int64_t region = 0;
  TEMPER_FIELDS(region)
};
struct Iterator {
  int64_t region = 0, axis = 0;
  bool reverse = false;
  TEMPER_FIELDS(region, axis, reverse)
};
struct TripLimit {
  int64_t region = 0;
  std::string kind = "count";  // while
  TEMPER_FIELDS(region, kind)
};
struct LoopOutput {
  int64_t region = 0;
  std::string kind = "last_value";  // concatenate, reverse: with a length, and a new dimension at `axis`
  int64_t axis = 0;
  TEMPER_FIELDS(region, kind, axis)
};

// The region that a node is a boundary of.
std::optional<int64_t> region_of(const Node& node);
// The operands that are made before the node.
std::span<const ValueId> read_before(const Node& node);

}  // namespace temper::layers
