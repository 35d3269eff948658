// SampleCase: an operator's sample as a graph, with random inputs at chosen extents of its symbols.
#pragma once

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "interp/interp.h"
#include "ir/graph.h"
#include "ir/op.h"

namespace temper::testing {

struct SampleName {
  const Op* op;
  size_t number;  // of its samples
  const std::string& text() const { return op->samples[number]; }
};
void PrintTo(const SampleName& name, std::ostream* out);  // for GoogleTest
std::vector<SampleName> all_samples();

// A graph of one node, with inputs "x0", "x1", ... and outputs "y0", "y1", ...
Expected<Graph> sample_graph(const SampleName& sample);
// The same with f32 operands of type `floats`, "f16" or "bf16"; an error where the operator does not take them.
Expected<Graph> sample_graph(const SampleName& sample, std::string_view floats);

// Random tensors for the graph's inputs; every symbol has the extent given. Integers are small and not negative, so that they
// can be positions, sizes and repetitions.
std::vector<Tensor> random_inputs(const Graph& graph, int64_t extent, uint64_t seed);

std::vector<ExactTensor> exact(const std::vector<Tensor>& tensors);

// How far `got` is from `want`, which a program of f32 arithmetic computes with up to `roundings` roundings in a row, in units
// of what that allows: at most 1 is right. Element types narrower than f32 round at every operator, those in `narrowest`
// decide. infinity: other dims or type. `where` says which element is worst.
double distance(const ExactTensor& got, const ExactTensor& want, DType narrowest, std::string& where);

// The narrowest floating type of any value of the graph and its bodies; f32 where there is none.
DType narrowest_float(const Graph& graph);

}  // namespace temper::testing
