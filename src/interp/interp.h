// The exact interpreter: computes a Graph of core ops as mathematics says. Floating values are held and combined in double
// whatever their dtype, and rounded only where the graph casts or a narrower result is stored; integers wrap around in their
// own width. It is the oracle of every test, and the constant folder. Composite operators are interpreted through their bodies
// (expand first).
//
//   auto outputs = TEMPER_TRY(interpret(graph, {x, y}));
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <unordered_map>
#include <variant>
#include <vector>

#include "ir/graph.h"

namespace temper {

// A tensor at the interpreter's precision.
struct ExactTensor {
  DType dtype = DType::kF32;
  std::vector<int64_t> dims;
  std::vector<double> floats;  // of floating types
  std::vector<int64_t> ints;   // of integers and bool
  std::vector<std::string> strings;

  int64_t count() const { return element_count(dims); }
  ScalarValue at(int64_t i) const { return is_float(dtype) ? ScalarValue{floats[i], 0} : ScalarValue{0, ints[i]}; }
  void set(int64_t i, ScalarValue v) { is_float(dtype) ? void(floats[i] = v.f) : void(ints[i] = v.i); }

  static ExactTensor zeros(DType dtype, std::vector<int64_t> dims);
  static ExactTensor from(const Tensor& tensor);
  Tensor to_tensor() const;  // rounds to dtype
};

// Values of dimensions and sizes.
using SymbolValues = std::unordered_map<SymInt, int64_t>;

// Inputs are checked against the graph's types; their dims give the symbols their values.
Expected<std::vector<ExactTensor>> interpret(const Graph& graph, std::span<const ExactTensor> inputs);
Expected<std::vector<ExactTensor>> interpret(const Graph& graph, std::span<const ExactTensor> inputs, SymbolValues& symbols);
// One node. Sizes that it makes known are added to `symbols`.
Expected<std::vector<ExactTensor>> interpret_node(const Graph& graph, const Node& node,
                                                  std::span<const ExactTensor* const> operands, SymbolValues& symbols);

// One node of constants: the same, without the detour over doubles where elements only move or are computed one by one. Fails
// where the node speaks of dimensions that are not known.
Expected<std::vector<Tensor>> fold_node(const Graph& graph, const Node& node, std::span<const Tensor> operands);

}  // namespace temper
