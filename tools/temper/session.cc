#include "session.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "elements.h"
#include "output_file.h"
#include "problem.h"

namespace tool {
namespace {

using namespace nvinfer1;

using Clock = std::chrono::steady_clock;

void sleep_on_stream(void* milliseconds) {
  std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(*static_cast<const double*>(milliseconds)));
}

void reserve(Buffer& buffer, int64_t bytes, const std::string& name) {
  if (!buffer.reserve(size_t(bytes))) {
    throw Problem("E_OUT_OF_MEMORY", "no memory for the " + std::to_string(bytes) + " bytes of '" + name + "'");
  }
}

}  // namespace

void check_cuda(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  throw library_problem(std::string(what) + " failed (" + cudaGetErrorString(error) + ")");
}

Buffer::~Buffer() {
  if (data_) host_ ? cudaFreeHost(data_) : cudaFree(data_);
}

bool Buffer::reserve(size_t bytes) noexcept {
  if (data_ && bytes <= size_) return true;
  if (data_) host_ ? cudaFreeHost(data_) : cudaFree(data_);
  data_ = nullptr;
  size_ = bytes > 0 ? bytes : 1;  // a tensor without elements still has an address
  return (host_ ? cudaMallocHost(&data_, size_) : cudaMalloc(&data_, size_)) == cudaSuccess;
}

Event::Event() { check_cuda(cudaEventCreateWithFlags(&event_, cudaEventDefault), "making an event"); }
Event::~Event() { cudaEventDestroy(event_); }

void* GrowingOutput::reallocateOutput(const char* name, void* current, uint64_t size, uint64_t alignment) noexcept {
  return buffer_.reserve(size) ? buffer_.data() : nullptr;
}

int64_t Binding::bytes() const { return tensor_bytes(type, volume(dims)); }

Session::Session(ICudaEngine& engine, const Options& options) : context_(engine.createExecutionContext()) {
  if (!context_) throw library_problem("a context could not be made");
  check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "making a stream");
  if (options.use_profile != 0) {
    if (options.use_profile >= engine.getNbOptimizationProfiles()) {
      throw bad_argument("--useProfile=" + std::to_string(options.use_profile) + ": the plan has " +
                         std::to_string(engine.getNbOptimizationProfiles()) + " profiles, counted from 0");
    }
    if (!context_->setOptimizationProfileAsync(options.use_profile, stream_)) throw library_problem("--useProfile");
    check_cuda(cudaStreamSynchronize(stream_), "choosing the profile");
  }
  for (int i = 0; i < engine.getNbIOTensors(); ++i) {
    Binding binding;
    binding.name = engine.getIOTensorName(i);
    const char* name = binding.name.c_str();
    binding.type = engine.getTensorDataType(name);
    binding.dims = engine.getTensorShape(name);
    binding.input = engine.getTensorIOMode(name) == TensorIOMode::kINPUT;
    binding.host_located = engine.getTensorLocation(name) == TensorLocation::kHOST;
    bindings_.push_back(std::move(binding));
  }
  auto refuse_unknown = [&](const std::string& name, const char* flag) {
    for (const Binding& binding : bindings_) {
      if (binding.input && binding.name == name) return;
    }
    std::string all;
    for (const Binding& binding : bindings_) {
      if (binding.input) all += (all.empty() ? "'" : ", '") + binding.name + "'";
    }
    throw bad_argument(std::string(flag) + " names '" + name + "', which is not an input; the inputs are " + all);
  };
  for (const auto& [name, dims] : options.shapes) refuse_unknown(name, "--shapes");
  for (const auto& [name, file] : options.load_inputs) refuse_unknown(name, "--loadInputs");
  for (Binding& binding : bindings_) {
    if (binding.input) set_input(binding, options);
  }
  const char* missing = nullptr;
  if (context_->inferShapes(1, &missing) != 0) {
    throw library_problem(missing ? "the shape of '" + std::string(missing) + "' is not known"
                                  : "the shapes do not fit the model");
  }
  for (Binding& binding : bindings_) {
    if (!binding.input) set_output(binding);
  }
}

Session::~Session() {
  if (stream_) cudaStreamDestroy(stream_);
}

void Session::set_input(Binding& binding, const Options& options) {
  const Dims* given = find_shape(options.shapes, binding.name);
  const bool values_given = given && binding.host_located && !has_unknown(binding.dims);
  if (has_unknown(binding.dims)) {
    if (given) {
      binding.dims = *given;
    } else {
      // As in a build: what was tuned for, or 1 for what nobody said.
      const Dims best =
          context_->getEngine().getProfileShape(binding.name.c_str(), options.use_profile, OptProfileSelector::kOPT);
      if (best.nbDims == binding.dims.nbDims && !has_unknown(best)) binding.dims = best;
      for (int i = 0; i < binding.dims.nbDims; ++i) binding.dims.d[i] = binding.dims.d[i] < 0 ? 1 : binding.dims.d[i];
    }
    if (!context_->setInputShape(binding.name.c_str(), binding.dims)) {
      throw library_problem("'" + binding.name + "' does not take the shape " + dims_text(binding.dims));
    }
  } else if (given && !values_given) {
    throw bad_argument("'" + binding.name + "' has the fixed shape " + dims_text(binding.dims) + "; leave it out of --shapes");
  }
  reserve(binding.host, binding.bytes(), binding.name);
  load_input(binding, options);
  if (values_given) {
    if (volume(binding.dims) != given->nbDims) {
      throw bad_argument("'" + binding.name + "' decides shapes and has " + std::to_string(volume(binding.dims)) +
                         " values, not '" + dims_text(*given) + "'");
    }
    for (int i = 0; i < given->nbDims; ++i) {
      if (binding.type == DataType::kINT64) static_cast<int64_t*>(binding.host.data())[i] = given->d[i];
      if (binding.type == DataType::kINT32) static_cast<int32_t*>(binding.host.data())[i] = int32_t(given->d[i]);
    }
  }
  if (!binding.host_located) reserve(binding.device, binding.bytes(), binding.name);
  void* address = binding.host_located ? binding.host.data() : binding.device.data();
  if (!context_->setTensorAddress(binding.name.c_str(), address)) throw library_problem("'" + binding.name + "'");
}

void Session::load_input(Binding& binding, const Options& options) {
  for (const auto& [name, bytes] : options.inputs) {
    if (name != binding.name) continue;
    std::memcpy(binding.host.data(), bytes.data(), std::min(bytes.size(), size_t(binding.bytes())));
    return;
  }
  for (const auto& [name, file] : options.load_inputs) {
    if (name != binding.name) continue;
    const std::string bytes = read_file(file);
    if (int64_t(bytes.size()) != binding.bytes()) {
      throw bad_argument("--loadInputs: '" + file + "' has " + std::to_string(bytes.size()) + " bytes, but '" + name +
                         "' of type " + std::string(type_name(binding.type)) + " and shape " + dims_text(binding.dims) +
                         " has " + std::to_string(binding.bytes()));
    }
    std::memcpy(binding.host.data(), bytes.data(), bytes.size());
    return;
  }
  fill_random(binding.type, binding.host.data(), volume(binding.dims), binding.name);
}

void Session::set_output(Binding& binding) {
  const char* name = binding.name.c_str();
  binding.dims = context_->getTensorShape(name);
  if (has_unknown(binding.dims)) {
    binding.growing = std::make_unique<GrowingOutput>();
    if (!context_->setOutputAllocator(name, binding.growing.get())) throw library_problem("'" + binding.name + "'");
    return;
  }
  reserve(binding.host, binding.bytes(), binding.name);
  if (!binding.host_located) reserve(binding.device, binding.bytes(), binding.name);
  void* address = binding.host_located ? binding.host.data() : binding.device.data();
  if (!context_->setTensorAddress(name, address)) throw library_problem("'" + binding.name + "'");
}

void Session::copy_inputs() {
  for (Binding& binding : bindings_) {
    if (!binding.input || binding.host_located) continue;
    const size_t bytes = size_t(binding.bytes());
    check_cuda(cudaMemcpyAsync(binding.device.data(), binding.host.data(), bytes, cudaMemcpyHostToDevice, stream_),
               "copying the inputs");
  }
}

void Session::copy_outputs() {
  for (Binding& binding : bindings_) {
    if (binding.input || binding.host_located || binding.growing) continue;
    const size_t bytes = size_t(binding.bytes());
    check_cuda(cudaMemcpyAsync(binding.host.data(), binding.device.data(), bytes, cudaMemcpyDeviceToHost, stream_),
               "copying the outputs");
  }
  bool growing = false;
  for (const Binding& binding : bindings_) growing |= binding.growing != nullptr;
  if (!growing) return;
  check_cuda(cudaStreamSynchronize(stream_), "the inference");  // the sizes are known then
  for (Binding& binding : bindings_) {
    if (!binding.growing) continue;
    binding.dims = binding.growing->dims();
    reserve(binding.host, binding.bytes(), binding.name);
    const size_t bytes = size_t(binding.bytes());
    check_cuda(cudaMemcpyAsync(binding.host.data(), binding.growing->data(), bytes, cudaMemcpyDeviceToHost, stream_),
               "copying the outputs");
  }
}

void Session::enqueue(const Options& options) {
  cudaEventRecord(h2d_start_, stream_);
  if (options.transfers) copy_inputs();
  cudaEventRecord(h2d_end_, stream_);
  if (options.sleep_ms > 0) cudaLaunchHostFunc(stream_, sleep_on_stream, const_cast<double*>(&options.sleep_ms));
  cudaEventRecord(compute_start_, stream_);
  enqueue_start_ = Clock::now();
  if (!context_->enqueueV3(stream_)) throw library_problem("the inference could not be started");
  enqueue_end_ = Clock::now();
  cudaEventRecord(compute_end_, stream_);
  if (options.transfers) copy_outputs();
  cudaEventRecord(d2h_end_, stream_);
}

void Session::set_profiler(Profiler* profiler) {
  profiler_ = profiler;
  context_->setEnqueueEmitsProfile(true);
  context_->setProfiler(profiler);
}

void Session::wait() { check_cuda(cudaStreamSynchronize(stream_), "the inference"); }

Times Session::finish(cudaEvent_t start, Clock::time_point origin) {
  wait();
  if (profiler_) profiler_->next_run();
  auto at = [&](cudaEvent_t event) {
    float ms = 0;
    check_cuda(cudaEventElapsedTime(&ms, start, event), "reading an event");
    return ms;
  };
  Times times{};
  times.h2d_start = at(h2d_start_);
  times.h2d_end = at(h2d_end_);
  times.compute_start = at(compute_start_);
  times.compute_end = at(compute_end_);
  times.d2h_start = times.compute_end;
  times.d2h_end = at(d2h_end_);
  times.enqueue_start = std::chrono::duration<float, std::milli>(enqueue_start_ - origin).count();
  times.enqueue_end = std::chrono::duration<float, std::milli>(enqueue_end_ - origin).count();
  return times;
}

}  // namespace tool
