#include "api/execution_context.h"

#include <algorithm>
#include <array>

#include "api/translate.h"
#include "base/thread_pool.h"

namespace temper::api {

using nvinfer1::Dims;

ContextView::ContextView(const EngineView& engine, const Reporter& reporter, std::shared_ptr<const EngineFacts> facts)
    : engine_(engine),
      reporter_(reporter),
      facts_(std::move(facts)),
      shapes_(facts_->engine),
      addresses_(facts_->tensors.size()),
      allocators_(facts_->tensors.size()),
      run_(facts_->engine),
      step_ns_(facts_->engine->plan().steps.size()) {
  for (int i = 0; i < facts_->input_count; ++i) {
    const Dims& shape = facts_->tensors[i].shape;
    if (facts_->tensors[i].batch_dims > 0) continue;  // it comes with each execution
    if (std::none_of(shape.d, shape.d + std::max(shape.nbDims, 0), [](int64_t d) { return d < 0; })) {
      (void)shapes_.set_input_shape(i, std::span(shape.d, static_cast<size_t>(std::max(shape.nbDims, 0))));
    }
  }
  for (size_t o = 0; o < facts_->engine->plan().outputs.size(); ++o) {
    run_.set_output_allocator(static_cast<int>(o),
                              [this, o](int, int64_t bytes) { return output_address(static_cast<int>(o), bytes); });
  }
}

ContextView::~ContextView() noexcept {
  for (int pending; (pending = pending_.load(std::memory_order_acquire)) != 0;)
    pending_.wait(pending, std::memory_order_acquire);
}

int ContextView::find(char const* name) const noexcept {
  int index = facts_->find(name);
  if (index < 0) report_unknown(reporter_, *facts_, name);
  return index;
}

int ContextView::find_output(char const* name) const noexcept {
  int index = find(name);
  if (index >= facts_->input_count || index < 0) return index;
  reporter_.report(ErrorCode::kInvalidArgument, "this needs an output of the engine; an input was named");
  return -1;
}

bool ContextView::setOptimizationProfileAsync(int32_t profile, cudaStream_t stream) noexcept {
  if (facts_->bad_profile(profile)) {
    reporter_.report(ErrorCode::kInvalidArgument, "the engine has no optimization profile of this number");
    return false;
  }
  profile_ = profile;
  return true;
}

void ContextView::setName(char const* name) noexcept {
  guarded(reporter_, false, [&]() -> Expected<bool> {
    name_ = name ? name : "";
    return true;
  });
}

bool ContextView::setInputShape(char const* name, Dims const& dims) noexcept {
  const int index = find(name);
  if (index < 0) return false;
  return guarded(reporter_, false, [&]() -> Expected<bool> {
    const auto& tensor = facts_->tensors[index];
    auto refuse = [&](const std::string& why) {
      return invalid("input '" + tensor.name + "' can't have the shape " + dims_text(dims) + ": " + why);
    };
    if (!tensor.input) return invalid("'" + tensor.name + "' is an output; its shape follows from those of the inputs");
    if (dims.nbDims != tensor.shape.nbDims) return refuse("it has " + std::to_string(tensor.shape.nbDims) + " dimensions");
    for (int d = 0; d < dims.nbDims; ++d) {
      if (tensor.shape.d[d] >= 0 && dims.d[d] != tensor.shape.d[d]) {
        return refuse("dimension " + std::to_string(d) + " is " + std::to_string(tensor.shape.d[d]) + " in the model");
      }
    }
    // With an implicit batch this is the shape of one sample, which is fixed; the batch comes with the execution.
    if (tensor.batch_dims == 0) TEMPER_TRY(set_extents(index, std::span(dims.d, static_cast<size_t>(dims.nbDims))));
    return true;
  });
}

Status ContextView::set_extents(int input, std::span<const int64_t> extents) {
  if (std::ranges::equal(shapes_.input_shape(input), extents)) return {};
  TEMPER_TRY(shapes_.set_input_shape(input, extents));
  ++shape_version_;
  checked_ = false;
  return {};
}

Status ContextView::set_batch(int32_t size, const char* call) {
  const int32_t most = facts_->notes.max_batch;
  if (most == 0) {
    return Error(ErrorCode::kUnsupported,
                 "the engine has no implicit batch; use executeV2 or enqueueV3 with the batch as a "
                 "dimension of the inputs")
        .at(call);
  }
  if (size < 1 || size > most) {
    return invalid("the batch is from 1 to " + std::to_string(most) + ", which the engine was built for, not " +
                   std::to_string(size) + "; setMaxBatchSize of the builder sets the most")
        .at(call);
  }
  for (int i = 0; i < facts_->input_count; ++i) {
    const auto& tensor = facts_->tensors[i];
    if (tensor.batch_dims == 0) continue;
    std::array<int64_t, Dims::MAX_DIMS + 1> extents;
    extents[0] = size;
    std::copy_n(tensor.shape.d, std::max(tensor.shape.nbDims, 0), extents.begin() + 1);
    TEMPER_TRY(set_extents(i, std::span(extents).first(static_cast<size_t>(std::max(tensor.shape.nbDims, 0)) + 1)));
  }
  return {};
}

bool ContextView::has_shape(int input) const {
  return shapes_.input_shape(input).size() == facts_->engine->plan().inputs[input]->dims.size();
}

bool ContextView::allInputDimensionsSpecified() const noexcept {
  for (int i = 0; i < facts_->input_count; ++i) {
    if (!has_shape(i)) return false;
  }
  return true;
}

Status ContextView::resolve() const { return shapes_.resolve_shapes(); }

Dims ContextView::getTensorShape(char const* name) const noexcept {
  const int index = find(name);
  if (index < 0) return invalid_dims();
  return guarded(reporter_, invalid_dims(), [&]() -> Expected<Dims> {
    const auto& tensor = facts_->tensors[index];
    Dims dims = tensor.shape;
    if (tensor.input) {
      if (has_shape(index))
        std::copy_n(shapes_.input_shape(index).begin() + tensor.batch_dims, std::max(dims.nbDims, 0), dims.d);
      return dims;
    }
    if (!allInputDimensionsSpecified()) return dims;
    TEMPER_TRY(resolve());
    for (int d = 0; d < dims.nbDims; ++d) {
      if (dims.d[d] < 0) dims.d[d] = shapes_.output_extent(tensor.index, d + tensor.batch_dims);
    }
    return dims;
  });
}

Dims ContextView::getTensorStrides(char const* name) const noexcept {
  Dims dims = getTensorShape(name);
  int64_t stride = 1;
  for (int d = dims.nbDims - 1; d >= 0; --d) {
    const int64_t extent = dims.d[d];
    dims.d[d] = stride;
    stride = stride < 0 || extent < 0 ? -1 : stride * extent;
  }
  return dims;
}

int32_t ContextView::inferShapes(int32_t count, char const** names) noexcept {
  int32_t missing = 0;
  for (int i = 0; i < facts_->input_count; ++i) {
    if (has_shape(i) && !(facts_->tensors[i].host && !addresses_[i])) continue;
    if (missing < count && names) names[missing] = facts_->tensors[i].name.c_str();
    ++missing;
  }
  if (missing > 0) return missing;
  return guarded(reporter_, int32_t(-1), [&]() -> Expected<int32_t> {
    TEMPER_TRY(resolve());
    return 0;
  });
}

bool ContextView::setTensorAddress(char const* name, void* data) noexcept {
  const int index = find(name);
  if (index < 0) return false;
  if ((addresses_[index] == nullptr) != (data == nullptr)) checked_ = false;
  addresses_[index] = data;
  return true;
}

void const* ContextView::getTensorAddress(char const* name) const noexcept {
  const int index = find(name);
  return index < 0 ? nullptr : addresses_[index];
}

bool ContextView::setInputTensorAddress(char const* name, void const* data) noexcept {
  const int index = find(name);
  if (index < 0) return false;
  if (index < facts_->input_count) return setTensorAddress(name, const_cast<void*>(data));
  reporter_.report(ErrorCode::kInvalidArgument, "setInputTensorAddress needs an input of the engine; an output was named");
  return false;
}

bool ContextView::setOutputTensorAddress(char const* name, void* data) noexcept {
  return find_output(name) >= 0 && setTensorAddress(name, data);
}

void* ContextView::getOutputTensorAddress(char const* name) const noexcept {
  const int index = find_output(name);
  return index < 0 ? nullptr : addresses_[index];
}

bool ContextView::setOutputAllocator(char const* name, nvinfer1::IOutputAllocator* allocator) noexcept {
  const int index = find_output(name);
  if (index < 0) return false;
  allocators_[index] = allocator;
  checked_ = false;
  return true;
}

nvinfer1::IOutputAllocator* ContextView::getOutputAllocator(char const* name) const noexcept {
  const int index = find_output(name);
  return index < 0 ? nullptr : allocators_[index];
}

int64_t ContextView::byte_size(int index) const {
  const auto& tensor = facts_->tensors[index];
  const auto& bindings = tensor.input ? facts_->engine->plan().inputs : facts_->engine->plan().outputs;
  int64_t count = 1;
  for (size_t d = 0; d < bindings[tensor.index]->dims.size(); ++d) {
    const int64_t extent =
        tensor.input ? shapes_.input_shape(tensor.index)[d] : shapes_.output_extent(tensor.index, static_cast<int>(d));
    if (extent < 0 || (extent > 0 && count > INT64_MAX / 64 / extent)) return -1;
    count *= extent;
  }
  return dtype_bytes(tensor.dtype, count);
}

int64_t ContextView::getMaxOutputSize(char const* name) const noexcept {
  const int index = find_output(name);
  if (index < 0) return -1;
  return guarded(reporter_, int64_t(-1), [&]() -> Expected<int64_t> {
    if (!allInputDimensionsSpecified()) return int64_t(-1);
    TEMPER_TRY(resolve());
    return byte_size(index);
  });
}

Status ContextView::check_ready() {
  TEMPER_TRY(resolve());
  for (size_t i = 0; i < facts_->tensors.size(); ++i) {
    const auto& tensor = facts_->tensors[i];
    if (addresses_[i] || allocators_[i] || byte_size(static_cast<int>(i)) == 0) continue;
    if (tensor.input) return invalid("input '" + tensor.name + "' has no address; set one before the context runs");
    return invalid("output '" + tensor.name + "' has no address; set one, or an output allocator, before the context runs");
  }
  checked_ = true;
  return {};
}

ContextView::Run* ContextView::take_run() {
  {
    std::lock_guard lock(runs_mutex_);
    if (!idle_runs_.empty()) {
      Run* run = idle_runs_.back();
      idle_runs_.pop_back();
      return run;
    }
  }
  auto made = std::make_unique<Run>();
  made->context = this;
  made->addresses.resize(addresses_.size());
  made->allocators.resize(allocators_.size());
  size_t extents = 0;
  for (const auto& input : facts_->engine->plan().inputs) extents += input->dims.size();
  made->extents.resize(extents);
  made->shape_version = 0;
  std::lock_guard lock(runs_mutex_);
  idle_runs_.reserve(runs_.size() + 1);  // so that giving back allocates nothing
  runs_.push_back(std::move(made));
  return runs_.back().get();
}

void ContextView::give_back(Run* run) {
  {
    std::lock_guard lock(runs_mutex_);
    idle_runs_.push_back(run);
  }
  if (pending_.fetch_sub(1, std::memory_order_acq_rel) == 1) pending_.notify_all();
}

void ContextView::fill(Run& run, cudaStream_t stream) {
  std::copy(addresses_.begin(), addresses_.end(), run.addresses.begin());
  std::copy(allocators_.begin(), allocators_.end(), run.allocators.begin());
  if (run.shape_version != shape_version_) {
    auto to = run.extents.begin();
    for (int i = 0; i < facts_->input_count; ++i) to = std::ranges::copy(shapes_.input_shape(i), to).out;
    run.shape_version = shape_version_;
  }
  run.stream = stream;
  run.timed = profiler_ != nullptr;
}

void* ContextView::output_address(int output, int64_t bytes) {
  constexpr uint64_t kAlignment = 64;
  const size_t tensor = static_cast<size_t>(facts_->input_count + output);
  auto* allocator = current_->allocators[tensor];
  if (!allocator) return current_->addresses[tensor];
  return allocator->reallocateOutputAsync(facts_->tensors[tensor].name.c_str(), current_->addresses[tensor],
                                          static_cast<uint64_t>(bytes), kAlignment, current_->stream);
}

Status ContextView::execute(const Run& run, Way way) {
  std::lock_guard lock(run_mutex_);
  if (run_version_ != run.shape_version) {
    run_version_ = 0;
    const int64_t* from = run.extents.data();
    for (int i = 0; i < facts_->input_count; ++i) {
      const size_t rank = facts_->engine->plan().inputs[i]->dims.size();
      TEMPER_TRY(run_.set_input_shape(i, std::span(from, rank)));
      from += rank;
    }
    if (way == Way::kWait) TEMPER_TRY(run_.prepare(facts_->threads));
    run_version_ = run.shape_version;
  }
  for (size_t i = 0; i < run.addresses.size(); ++i) {
    const auto& tensor = facts_->tensors[i];
    run_.set_address(tensor.input ? Context::kInput : Context::kOutput, tensor.index, run.addresses[i]);
  }
  if (run.timed != static_cast<bool>(run_.on_step)) {
    run_.on_step = nullptr;
    if (run.timed) run_.on_step = [this](int step, int64_t ns) { step_ns_[step] += ns; };
  }
  if (run.timed) std::fill(step_ns_.begin(), step_ns_.end(), 0);
  current_ = &run;
  Status done;
  if (way == Way::kStream) {
    SerialExecutor executor;
    done = run_.enqueue(run.stream, executor);
  } else {
    ThreadPool::Lease lease = ThreadPool::process().try_acquire(facts_->threads);
    done = run_.run(lease);
  }
  current_ = nullptr;
  TEMPER_TRY(std::move(done));
  for (size_t i = static_cast<size_t>(facts_->input_count); i < run.allocators.size(); ++i) {
    if (!run.allocators[i]) continue;
    const auto& tensor = facts_->tensors[i];
    Dims dims = tensor.shape;
    for (int d = 0; d < dims.nbDims; ++d) dims.d[d] = run_.output_extent(tensor.index, d);
    run.allocators[i]->notifyShape(tensor.name.c_str(), dims);
  }
  return {};
}

cudaError_t ContextView::work(void* argument) noexcept {
  Run* run = static_cast<Run*>(argument);
  ContextView& self = *run->context;
  cudaError_t failure = cudaErrorLaunchFailure;
  const bool good = guarded(self.reporter_, false, [&]() -> Expected<bool> {
    Status done = self.execute(*run, Way::kWait);
    if (done.ok()) return true;
    if (done.error().code() == ErrorCode::kOutOfMemory) failure = cudaErrorMemoryAllocation;
    return std::move(done).error().at("inference");
  });
  self.give_back(run);  // the context may be gone after this
  return good ? cudaSuccess : failure;
}

bool ContextView::reportToProfiler() const noexcept {
  if (!profiler_) {
    reporter_.report(ErrorCode::kInvalidArgument, "reportToProfiler needs a profiler; set one before the inference");
    return false;
  }
  return guarded(reporter_, false, [&]() -> Expected<bool> {
    std::lock_guard lock(run_mutex_);
    for (int step : facts_->launches) {
      profiler_->reportLayerTime(facts_->engine->plan().steps[step]->name.c_str(), static_cast<float>(step_ns_[step]) * 1e-6f);
    }
    return true;
  });
}

}  // namespace temper::api
