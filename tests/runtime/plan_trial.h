// Does with the bytes of a plan, which may be nonsense, what a program would: loads it, sets shapes, gives each tensor exactly
// the memory that its dimensions ask for, and runs. Whatever happens is an Error, or a result of no meaning; a sanitizer
// watches.
#pragma once

#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "base/dtype.h"
#include "base/float_environment.h"
#include "runtime/context.h"

namespace temper {

// Memory of exactly so many bytes, aligned as that of plans and tensors is, so that a sanitizer sees the first byte beyond.
class ExactBytes {
 public:
  explicit ExactBytes(size_t bytes) {
    void* data = nullptr;
    if (posix_memalign(&data, 64, std::max<size_t>(bytes, 1)) != 0) std::abort();
    data_.reset(static_cast<std::byte*>(data));
    std::memset(data_.get(), 0, bytes);
  }
  std::byte* data() const { return data_.get(); }

 private:
  struct Free {
    void operator()(std::byte* p) const { std::free(p); }
  };
  std::unique_ptr<std::byte, Free> data_;
};

// In place of any plugin: reads all that its inputs have by their extents, and writes all of its outputs.
class TrialPlugin final : public LoadedPlugin {
 public:
  explicit TrialPlugin(size_t inputs) : inputs_(inputs) {}
  Expected<std::unique_ptr<PluginRun>> attach() const override { return std::unique_ptr<PluginRun>(new Run(inputs_)); }

 private:
  struct Run final : PluginRun {
    explicit Run(size_t of_inputs) : inputs(of_inputs) {}
    Status set_shapes(std::span<const PluginTensor> tensors) override {
      bytes.clear();
      for (const PluginTensor& tensor : tensors) {
        int64_t elements = 1;
        for (int64_t d : tensor.dims) elements *= std::max<int64_t>(d, 0);
        bytes.push_back(static_cast<size_t>(dtype_bytes(tensor.dtype, elements)));
      }
      return {};
    }
    Status enqueue(std::span<std::byte* const> buffers, std::byte*, Queue::Stream) override {
      std::byte sum{};
      for (size_t t = 0; t < buffers.size(); ++t) {
        for (size_t k = 0; t < inputs && k < bytes[t]; ++k) sum ^= buffers[t][k];
        if (t < inputs || bytes[t] == 0) continue;
        std::memset(buffers[t], 0, bytes[t]);
        buffers[t][0] = sum & std::byte(1);
      }
      return {};
    }
    size_t inputs;
    std::vector<size_t> bytes;
  };
  size_t inputs_;
};

struct PlanTrial {
  static constexpr int64_t kMostElements = 1 << 16;  // of a tensor: larger ones are not run
  static constexpr int kMostSteps = 200;             // of a run: a loop may be endless

  // Elements of a tensor, or -1 when they are too many for a trial.
  static int64_t count(std::span<const int64_t> dims) {
    int64_t elements = 1;
    for (int64_t d : dims) {
      if (d < 0 || d > kMostElements) return -1;
      elements *= d;
      if (elements > kMostElements) return -1;
    }
    return elements;
  }

  // Dimensions of 2 where the caller chooses, else what the plan says.
  static Expected<std::vector<int64_t>> shape(const Engine& engine, const plan::BindingT& input) {
    std::vector<int64_t> slots(static_cast<size_t>(engine.plan().slot_count), 2);
    const plan::SegmentT& segment = *engine.plan().segments[0];
    const ShapeProgram& program = engine.program(0);
    std::vector<int64_t> scratch(static_cast<size_t>(program.slot_count()));
    for (size_t i = 0; i < segment.inputs.size(); ++i) scratch[i] = slots[static_cast<size_t>(segment.inputs[i])];
    TEMPER_TRY(temper::run(program, scratch));
    for (size_t i = 0; i < segment.results.size(); ++i) {
      slots[static_cast<size_t>(segment.results[i])] = scratch[static_cast<size_t>(segment.values[i])];
    }
    std::vector<int64_t> dims;
    for (size_t d = 0; d < input.dims.size(); ++d)
      dims.push_back(input.sets[d] ? 2 : slots[static_cast<size_t>(input.dims[d])]);
    return dims;
  }

  // ok: it ran. An Error: where it stopped.
  static Status run(std::span<const std::byte> bytes) {
    ExactBytes copy(bytes.size());
    std::memcpy(copy.data(), bytes.data(), bytes.size());
    const auto plugins = [](const plan::StepT& step) -> Expected<std::unique_ptr<LoadedPlugin>> {
      return std::unique_ptr<LoadedPlugin>(new TrialPlugin(static_cast<size_t>(step.plugin->inputs)));
    };
    auto engine = TEMPER_TRY(Engine::load({copy.data(), bytes.size()}, nullptr, plugins));
    const plan::PlanT& plan = engine->plan();
    Context context(engine);
    std::vector<ExactBytes> memory;
    for (size_t i = 0; i < plan.inputs.size(); ++i) {
      const plan::BindingT& input = *plan.inputs[i];
      std::vector<int64_t> dims = TEMPER_TRY(shape(*engine, input));
      int64_t elements = count(dims);
      if (elements < 0) return Error(ErrorCode::kOutOfMemory, "too large for a trial");
      TEMPER_TRY(context.set_input_shape(static_cast<int>(i), dims));
      auto bytes_of = static_cast<size_t>(dtype_bytes(static_cast<DType>(input.dtype), elements));
      memory.emplace_back(bytes_of);
      // Halves, or ones where the type is no float.
      const bool halves = static_cast<DType>(input.dtype) == DType::kF32;
      const size_t size = static_cast<size_t>(std::max<int64_t>(1, dtype_bytes(static_cast<DType>(input.dtype), 1)));
      for (size_t k = 0; k < bytes_of; ++k)
        memory.back().data()[k] = std::byte(halves ? (k % 4 == 3 ? 0x3f : 0) : k % size == 0);
      context.set_address(Context::kInput, static_cast<int>(i), memory.back().data());
    }
    TEMPER_TRY(context.resolve_shapes());
    for (size_t o = 0; o < plan.outputs.size(); ++o) {
      int64_t elements = 0;
      if (context.output_shape(static_cast<int>(o)) == std::vector<int64_t>(plan.outputs[o]->dims.size(), -1) &&
          !plan.outputs[o]->dims.empty()) {
        context.set_output_allocator(static_cast<int>(o), [&memory](int, int64_t wanted) -> void* {
          if (wanted > kMostElements * 8) return nullptr;
          memory.emplace_back(static_cast<size_t>(wanted));
          return memory.back().data();
        });
        continue;
      }
      elements = count(context.output_shape(static_cast<int>(o)));
      if (elements < 0) return Error(ErrorCode::kOutOfMemory, "too large for a trial");
      memory.emplace_back(static_cast<size_t>(dtype_bytes(static_cast<DType>(plan.outputs[o]->dtype), elements)));
      context.set_address(Context::kOutput, static_cast<int>(o), memory.back().data());
    }
    TEMPER_TRY(context.prepare(1));
    if (context.activation_bytes() > (int64_t(1) << 24)) return Error(ErrorCode::kOutOfMemory, "too large for a trial");
    int steps = 0;
    context.interrupted = [&] { return ++steps > kMostSteps; };
    SerialExecutor serial;
    return context.run(serial);
  }
};

}  // namespace temper
