#include "tests/conformance/plan_run.h"

#include "base/parallel.h"
#include "runtime/context.h"

namespace temper::testing {

Expected<std::shared_ptr<const Engine>> build_engine(const Graph& graph, const BuildConfig& config) {
  MemorySink sink;
  TEMPER_TRY(build_plan(graph, config, sink));
  auto bytes = std::make_shared<std::vector<std::byte>>(sink.take());
  return std::shared_ptr<const Engine>(TEMPER_TRY(Engine::load(*bytes, bytes)));
}

Expected<std::vector<ExactTensor>> run_engine(const std::shared_ptr<const Engine>& engine, std::vector<Tensor> inputs) {
  Context context(engine);
  SerialExecutor executor;
  for (size_t i = 0; i < inputs.size(); ++i) {
    TEMPER_TRY(context.set_input_shape(static_cast<int>(i), inputs[i].dims()));
    context.set_address(Context::kInput, static_cast<int>(i), inputs[i].mutable_bytes());
  }
  const auto& outputs = engine->plan().outputs;
  std::vector<std::vector<std::byte>> memory(outputs.size());
  for (size_t o = 0; o < outputs.size(); ++o) {
    context.set_output_allocator(static_cast<int>(o), [&memory](int output, int64_t bytes) {
      memory[output].assign(static_cast<size_t>(bytes) + 1, std::byte{0x5a});
      return static_cast<void*>(memory[output].data());
    });
  }
  TEMPER_TRY(context.run(executor));
  std::vector<ExactTensor> results;
  for (size_t o = 0; o < outputs.size(); ++o) {
    std::vector<int64_t> dims = context.output_shape(static_cast<int>(o));
    auto dtype = static_cast<DType>(outputs[o]->dtype);
    int64_t bytes = dtype_bytes(dtype, element_count(dims));
    if (static_cast<int64_t>(memory[o].size()) < bytes) memory[o].resize(static_cast<size_t>(bytes));
    results.push_back(ExactTensor::from(Tensor(dtype, dims, std::span(memory[o]).first(static_cast<size_t>(bytes)), nullptr)));
  }
  return results;
}

}  // namespace temper::testing
