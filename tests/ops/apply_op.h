// Applies one operator to tensors: as inputs of a graph, and again as constants of it; both ways must agree.
#pragma once

#include <gtest/gtest.h>

#include "interp/interp.h"
#include "ir/op.h"
#include "ops/builder.h"

namespace temper {

inline Expected<std::vector<Tensor>> apply_once(const Op& op, const AttrFields& fields, const std::vector<Tensor>& operands,
                                                bool as_constants) {
  AttrsPtr attrs = TEMPER_TRY(op.make_attrs(fields));
  Graph graph(std::make_shared<SymContext>());
  Builder b(graph);
  std::vector<Val> in;
  std::vector<ExactTensor> inputs;
  for (const Tensor& t : operands) {
    if (as_constants) {
      in.push_back(b.constant(t));
      continue;
    }
    in.push_back(b.val(graph.add_input(TensorType{t.dtype(), Dims(t.dims().begin(), t.dims().end())}, "")));
    inputs.push_back(ExactTensor::from(t));
  }
  auto results = b.op(op, attrs, in);
  TEMPER_TRY(b.take_status());
  std::vector<ValueId> outputs;
  for (Val v : results) outputs.push_back(v.id);
  graph.set_outputs(outputs);
  TEMPER_TRY(verify(graph));
  auto exact = TEMPER_TRY(interpret(graph, inputs));
  std::vector<Tensor> tensors;
  for (const ExactTensor& t : exact) tensors.push_back(t.to_tensor());
  return tensors;
}

inline std::vector<Tensor> apply_op(std::string_view name, const AttrFields& fields, const std::vector<Tensor>& operands) {
  const Op* op = find_op(name);
  if (!op) {
    ADD_FAILURE() << "no operator " << name;
    return {};
  }
  auto loaded = apply_once(*op, fields, operands, false), held = apply_once(*op, fields, operands, true);
  if (!loaded.ok() || !held.ok()) {
    ADD_FAILURE() << (loaded.ok() ? held : loaded).error().to_string();
    return {};
  }
  EXPECT_EQ(loaded->size(), held->size());
  for (size_t i = 0; i < loaded->size(); ++i)
    EXPECT_TRUE((*loaded)[i] == (*held)[i]) << name << ": result " << i << " of constants differs";
  return *loaded;
}

// Why the operator refuses these operands, given as constants.
inline std::string refusal(std::string_view name, const AttrFields& fields, const std::vector<Tensor>& operands) {
  auto result = apply_once(*find_op(name), fields, operands, true);
  return result.ok() ? "" : result.error().message();
}

inline Tensor floats(std::vector<int64_t> dims, const std::vector<float>& values) {
  return Tensor::of(DType::kF32, std::move(dims), values);
}
inline Tensor longs(std::vector<int64_t> dims, const std::vector<int64_t>& values) {
  return Tensor::of(DType::kI64, std::move(dims), values);
}
inline std::vector<float> floats_of(const Tensor& t) { return {t.as<float>().begin(), t.as<float>().end()}; }
inline std::vector<int64_t> longs_of(const Tensor& t) { return {t.as<int64_t>().begin(), t.as<int64_t>().end()}; }

}  // namespace temper
