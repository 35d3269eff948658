// narrow_floats: weak typing. Where the user permits f16 or bf16, the pass decides in which type each f32 value travels between
// kernels. Casts are the whole mechanism: behind it stands a typed graph, and no backend knows what was permitted.
//
//   %3: f32 = contract(%1: f32, %2: f32)            becomes        %3: f32 = contract(%1': bf16, %2': bf16)
//   %4: f32 = map(%3) {relu}                                       %4: f32 = map(%3) {relu};  %4': bf16 = map(%4) {cast}
//
// Products read narrow operands and sum in f32; what follows a product or a reduction is computed in f32, and only what lies in
// memory between two kernels is rounded, once, as it is stored. The decision rests on facts:
//   - An operand of a product becomes narrow where it is made: the cast joins the kernel that makes it, weights are converted
//     here. Where that takes a kernel of its own (inputs of the network, results of scans, scatters, loops) it has to pay: each
//     element takes part in several products.
//   - Another value becomes narrow if it lies in memory between kernels, and between products: it is made from one and makes an
//     operand of one. What comes before the first product and after the last (positions, masks, boxes, scores) keeps its range.
//   - Never: inputs and outputs of a graph, constants that are no weights, results of reductions that no product reads, what
//     kernels without a type of their own choice read (scan, sort, scatter, loop, if), numbers that the type can't hold.
// A layer's own types, where they bind, go before all of that.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace temper {

// How types that were asked for by layer bind: not at all, as a preference, or the build fails where one can't be had.
enum class TypeBinding : uint8_t { kNone, kPrefer, kObey };

struct LayerTypes {
  std::optional<DType> compute;               // of its products
  std::vector<std::optional<DType>> outputs;  // of its results, in order
};

struct Narrowing {
  // What values may be narrowed to, the preferred type first: f16, bf16. Empty: the graph stays as it is.
  std::vector<DType> types;
  TypeBinding binding = TypeBinding::kNone;
  std::map<std::string, LayerTypes, std::less<>> layers;  // by the name of the model's node; "*": all that have no entry

  bool permits(DType type) const;
  const LayerTypes* layer(std::string_view name) const;  // null: nothing binds it
};

Expected<Graph> narrow_floats(const Graph& graph, const Narrowing& narrowing);

// What a graph computes its floating products in: "bf16 53, f32 1".
std::string product_types(const Graph& graph);

}  // namespace temper
