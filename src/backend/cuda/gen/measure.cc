// The Runner of the CUDA backend: tactics become launches on the GPU at hand, timed by events.
//
// Note [Timing on a GPU]
// What a kernel finds in the L2 cache decides its time as much as its code. Where the weights of the network do not stay there
// from run to run, as many other bytes as the cache holds are written before each timed run, so that everything comes from
// memory; this work also keeps the GPU busy while the host gives it the launches, so that the host's time does not count. Else
// the launches are recorded several times over and replayed as one graph, warm. Inputs are random, never zeros: these cost less
// power, and thus run at a higher clock.
#include <algorithm>
#include <cstring>
#include <mutex>

#include "backend/cuda/run/gpu_backend.h"
#include "backend/cuda/run/gpu_queue.h"
#include "backend/cuda/run/nvrtc.h"
#include "backend/cuda/run/program.h"
#include "base/hash.h"
#include "tune/runner.h"

namespace temper::cuda {
namespace {

// The GPU that measures, opened once.
struct Session {
  std::shared_ptr<GpuDevice> gpu;
  std::shared_ptr<Backend> backend;
  int64_t cache_bytes = 0;
  std::string text;  // what times depend on

  static Expected<std::unique_ptr<Session>> open() {
    auto session = std::make_unique<Session>();
    const Driver* driver = TEMPER_TRY(Driver::get());
    session->gpu = TEMPER_TRY(GpuDevice::open(*driver, 0));
    session->backend = make_gpu_backend(session->gpu);
    session->cache_bytes = session->gpu->cache_bytes();
    session->text = session->gpu->name() + " " + std::to_string(session->gpu->multiprocessors()) + " " +
                    std::to_string(session->cache_bytes) + " driver " + std::to_string(driver->version());
    return session;
  }
  static const Session* get() {
    static const Expected<std::unique_ptr<Session>> kSession = open();
    return kSession.ok() ? kSession->get() : nullptr;
  }
};

// Memory of a queue.
class DeviceMemory {
 public:
  static Expected<DeviceMemory> of(Queue& queue, int64_t bytes) {
    DeviceMemory m;
    m.queue_ = &queue;
    m.bytes_ = std::max<int64_t>(bytes, 1);
    m.data_ = queue.allocate(m.bytes_);
    if (!m.data_) return Error(ErrorCode::kOutOfMemory, "the GPU has no " + std::to_string(bytes) + " bytes to measure with");
    return m;
  }
  DeviceMemory() = default;
  DeviceMemory(DeviceMemory&& other) noexcept
      : queue_(other.queue_), data_(std::exchange(other.data_, nullptr)), bytes_(other.bytes_) {}
  DeviceMemory& operator=(DeviceMemory&& other) noexcept {
    std::swap(queue_, other.queue_);
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~DeviceMemory() {
    if (data_) queue_->release(data_);
  }
  std::byte* data() const { return data_; }
  int64_t bytes() const { return bytes_; }

 private:
  Queue* queue_ = nullptr;
  std::byte* data_ = nullptr;
  int64_t bytes_ = 0;
};

// A tensor in memory: numbers instead of expressions.
struct Placed {
  DType dtype;
  std::vector<int64_t> dims, strides;
  int64_t offset = 0;

  int64_t elements() const {  // from the start of the buffer to the last element
    int64_t last = offset;
    for (size_t d = 0; d < dims.size(); ++d) {
      if (dims[d] == 0) return offset;
      last += (dims[d] - 1) * strides[d];
    }
    return last + 1;
  }
  int64_t bytes() const { return dtype_bytes(dtype, elements()); }
};

template <class T>
void spread(const T*& from, T* to, const Placed& p, size_t d) {
  if (d == p.dims.size()) {
    *to = *from++;
    return;
  }
  for (int64_t i = 0; i < p.dims[d]; ++i) spread(from, to + i * p.strides[d], p, d + 1);
}

// The bytes of a tensor where they belong.
std::vector<std::byte> image_of(const Tensor& tensor, const Placed& p) {
  std::vector<std::byte> image(size_t(std::max<int64_t>(p.bytes(), 1)));
  if (tensor.count() == 0) return image;
  const auto copy = [&]<class T>(T) {
    const T* from = reinterpret_cast<const T*>(tensor.bytes().data());
    spread(from, reinterpret_cast<T*>(image.data()) + p.offset, p, 0);
  };
  switch (dtype_bits(tensor.dtype())) {
    case 8:
      copy(uint8_t{});
      break;
    case 16:
      copy(uint16_t{});
      break;
    case 32:
      copy(uint32_t{});
      break;
    case 64:
      copy(uint64_t{});
      break;
    // Two to a byte: dense, or it is not measured.
    default:
      std::memcpy(image.data(), tensor.bytes().data(), std::min(image.size(), tensor.bytes().size()));
  }
  return image;
}

class GpuBench;

class GpuTrial final : public Trial {
 public:
  explicit GpuTrial(GpuBench& bench) : bench_(bench) {}
  Expected<double> time_us() override;
  int64_t held_bytes() const override { return held_; }

 private:
  friend class GpuBench;
  struct Piece {
    std::unique_ptr<Launch> launch;
    std::vector<std::byte*> buffers;
    DeviceMemory workspace;
  };
  Status launch_all();

  GpuBench& bench_;
  std::vector<std::unique_ptr<Kernel>> kernels_;
  std::vector<std::shared_ptr<DeviceMemory>> shared_;  // packed weights, perhaps of other trials too
  std::vector<Piece> pieces_;
  std::unique_ptr<Recording> recording_;
  int64_t held_ = 0;
};

class GpuBench final : public Bench {
 public:
  static Expected<std::unique_ptr<GpuBench>> open(const Session& session, const Candidate& candidate,
                                                  const std::vector<Tensor>& inputs, const BenchOptions& options) {
    std::unique_ptr<GpuBench> bench(new GpuBench(session, candidate, options));
    bench->queue_ = TEMPER_TRY(GpuQueue::make(session.gpu));
    {
      CurrentContext current(*session.gpu);
      TEMPER_TRY(current.status());
      for (CuEvent* event : {&bench->begin_, &bench->end_})
        TEMPER_TRY(bench->check(bench->api().cuEventCreate(event, 0), "cuEventCreate"));
    }
    if (options.cold_constants) bench->flush_ = TEMPER_TRY(DeviceMemory::of(*bench->queue_, 2 * session.cache_bytes));
    TEMPER_TRY(bench->allocate(inputs));
    return bench;
  }
  ~GpuBench() override {
    CurrentContext current(*session_.gpu);
    for (CuEvent event : {begin_, end_}) {
      if (event) api().cuEventDestroy_v2(event);
    }
  }

  Expected<std::unique_ptr<Trial>> prepare(std::vector<KernelStep> steps) override {
    auto trial = std::make_unique<GpuTrial>(*this);
    for (KernelStep& step : steps) {
      auto kernel = TEMPER_TRY(session_.backend->decode(step.kernel, step.blob));
      std::vector<int64_t> parameters, sizes;
      for (SymInt p : step.parameters) parameters.push_back(candidate_.best(p));
      GpuTrial::Piece piece;
      for (Argument& argument : step.arguments) {
        const DeviceMemory& memory = argument.buffer >= 0 ? *TEMPER_TRY(placed_buffer(size_t(argument.buffer)))
                                                          : *TEMPER_TRY(held(argument.constant, *trial));
        piece.buffers.push_back(memory.data());
        sizes.push_back(memory.bytes());
      }
      if (kernel->buffer_count() != int(sizes.size()) || kernel->parameter_count() != int(parameters.size()))
        return Error(ErrorCode::kUnsupported, "its kernel takes more than the tensors of the region");
      piece.launch = TEMPER_TRY(queue_->prepare(*kernel, parameters, sizes));
      piece.workspace = TEMPER_TRY(DeviceMemory::of(*queue_, piece.launch->workspace_bytes(1)));
      trial->held_ += piece.workspace.bytes();
      trial->kernels_.push_back(std::move(kernel));
      trial->pieces_.push_back(std::move(piece));
    }
    TEMPER_TRY(queue_->finish());
    return std::unique_ptr<Trial>(std::move(trial));
  }

  void spoil_outputs() override {
    images_.clear();
    CurrentContext current(*session_.gpu);
    for (size_t i = candidate_.region->inputs.size(); i < memory_.size(); ++i) {
      api().cuMemsetD8Async(reinterpret_cast<CuPointer>(memory_[i]->data()), 0xA5, size_t(memory_[i]->bytes()),
                            queue_->stream());
    }
  }

  ScalarValue output(size_t output, std::span<const int64_t> index) const override {
    const size_t i = candidate_.region->inputs.size() + output;
    const Placed& p = places_[i];
    int64_t at = p.offset;
    for (size_t d = 0; d < index.size(); ++d) at += index[d] * p.strides[d];
    Tensor one = Tensor::zeros(p.dtype, {2});
    const int bits = dtype_bits(p.dtype);
    const int64_t byte = bits < 8 ? at / 2 : at * (bits / 8);
    copy_out(i, byte, one.mutable_bytes(), std::max(1, bits / 8));
    return one.at(bits < 8 ? at % 2 : 0);
  }

 private:
  friend class GpuTrial;
  GpuBench(const Session& session, const Candidate& candidate, const BenchOptions& options)
      : session_(session), candidate_(candidate), options_(options) {}
  const DriverApi& api() const { return session_.gpu->driver().api; }
  Status check(CuResult result, const char* function) const { return session_.gpu->driver().check(result, function); }

  Status allocate(const std::vector<Tensor>& inputs) {
    const Region& region = *candidate_.region;
    const auto types = region.value_types();
    int64_t total = 0;
    for (size_t i = 0; i < candidate_.layouts.size(); ++i) {
      const bool input = i < region.inputs.size();
      const TensorType& type = input ? region.inputs[i] : types[size_t(region.outputs[i - region.inputs.size()])];
      const Layout& layout = candidate_.layouts[i];
      Placed p;
      p.dtype = type.dtype;
      for (SymInt d : type.dims) p.dims.push_back(candidate_.best(d));
      for (SymInt s : layout.strides) p.strides.push_back(candidate_.best(s));
      p.offset = candidate_.best(layout.offset);
      places_.push_back(std::move(p));
      const int64_t bytes = places_.back().bytes();
      total += bytes;
      if (total > 8 * options_.max_bytes)
        return Error(ErrorCode::kOutOfMemory,
                     "its tensors take more than " + std::to_string(8 * options_.max_bytes) + " bytes");
      memory_.emplace_back();
      if (input && candidate_.constants[i]) continue;
      memory_.back() = TEMPER_TRY(DeviceMemory::of(*queue_, bytes));
      if (input) TEMPER_TRY(upload(inputs[i], places_.back(), *memory_.back()));
    }
    return queue_->finish();
  }
  Status upload(const Tensor& tensor, const Placed& p, const DeviceMemory& memory) {
    const std::vector<std::byte> image = image_of(tensor, p);
    return queue_->write(memory.data(), image.data(), std::min<int64_t>(int64_t(image.size()), memory.bytes()));
  }

  // Weights are placed when a trial first reads them as they are: most read packed ones.
  Expected<const DeviceMemory*> placed_buffer(size_t buffer) {
    if (!memory_[buffer]) {
      memory_[buffer] = TEMPER_TRY(DeviceMemory::of(*queue_, places_[buffer].bytes()));
      TEMPER_TRY(upload(*candidate_.constants[buffer], places_[buffer], *memory_[buffer]));
    }
    return &*memory_[buffer];
  }
  // Equal packed weights of several trials are kept once.
  Expected<const DeviceMemory*> held(const Tensor& constant, GpuTrial& trial) {
    const Hash128 key = hash128(constant.bytes());
    for (auto& [hash, weak] : packed_) {
      auto strong = weak.lock();
      if (hash != key || !strong) continue;
      trial.shared_.push_back(std::move(strong));
      return trial.shared_.back().get();
    }
    const auto bytes = int64_t(constant.bytes().size());
    trial.held_ += bytes;
    trial.shared_.push_back(std::make_shared<DeviceMemory>(TEMPER_TRY(DeviceMemory::of(*queue_, bytes))));
    packed_.emplace_back(key, trial.shared_.back());
    TEMPER_TRY(queue_->write(trial.shared_.back()->data(), constant.bytes().data(), bytes));
    return trial.shared_.back().get();
  }

  // Outputs of moderate size are fetched whole, once for a run.
  void copy_out(size_t buffer, int64_t at, std::byte* to, int64_t bytes) const {
    constexpr int64_t kWhole = int64_t{32} << 20;
    const DeviceMemory& memory = *memory_[buffer];
    if (memory.bytes() > kWhole) {
      if (!queue_->read(to, memory.data() + at, bytes).ok()) std::memset(to, 0xA5, size_t(bytes));
      return;
    }
    images_.resize(memory_.size());
    std::vector<std::byte>& image = images_[buffer];
    if (image.empty()) {
      image.assign(size_t(memory.bytes()), std::byte{0xA5});
      (void)queue_->read(image.data(), memory.data(), memory.bytes());  // what does not come back is wrong
    }
    std::memcpy(to, image.data() + at, size_t(bytes));
  }

  const Session& session_;
  const Candidate& candidate_;
  BenchOptions options_;
  std::unique_ptr<GpuQueue> queue_;
  CuEvent begin_ = nullptr, end_ = nullptr;
  DeviceMemory flush_;
  std::vector<Placed> places_;
  std::vector<std::optional<DeviceMemory>> memory_;
  mutable std::vector<std::vector<std::byte>> images_;  // of outputs, on the host
  std::vector<std::pair<Hash128, std::weak_ptr<DeviceMemory>>> packed_;
};

Status GpuTrial::launch_all() {
  SerialExecutor executor;
  for (Piece& p : pieces_) TEMPER_TRY(bench_.queue_->run(*p.launch, p.buffers, p.workspace.data(), executor));
  return {};
}

// Note [Timing on a GPU].
Expected<double> GpuTrial::time_us() {
  constexpr int kRepeats = 4;
  GpuQueue& queue = *bench_.queue_;
  bench_.images_.clear();
  CurrentContext current(*bench_.session_.gpu);
  TEMPER_TRY(current.status());
  const bool cold = bench_.options_.cold_constants;
  if (cold) {
    TEMPER_TRY(bench_.check(bench_.api().cuMemsetD8Async(reinterpret_cast<CuPointer>(bench_.flush_.data()), 0,
                                                         size_t(bench_.flush_.bytes()), queue.stream()),
                            "cuMemsetD8Async"));
  } else if (!recording_) {
    TEMPER_TRY(launch_all());  // once, so that the kernels are on the device
    TEMPER_TRY(queue.finish());
    TEMPER_TRY(queue.begin_recording());
    Status noted;
    for (int r = 0; r < kRepeats && noted.ok(); ++r) noted = launch_all();
    auto made = queue.end_recording();
    TEMPER_TRY(std::move(noted));
    recording_ = TEMPER_TRY(std::move(made));
  }
  TEMPER_TRY(bench_.check(bench_.api().cuEventRecord(bench_.begin_, queue.stream()), "cuEventRecord"));
  TEMPER_TRY(cold ? launch_all() : recording_->replay());
  TEMPER_TRY(bench_.check(bench_.api().cuEventRecord(bench_.end_, queue.stream()), "cuEventRecord"));
  TEMPER_TRY(queue.finish());
  float ms = 0;
  TEMPER_TRY(bench_.check(bench_.api().cuEventElapsedTime(&ms, bench_.begin_, bench_.end_), "cuEventElapsedTime"));
  return double(ms) * 1e3 / (cold ? 1 : kRepeats);
}

class GpuRunner final : public temper::Runner {
 public:
  bool serves(const Device& device) const override {
    const auto wanted = architecture_of(device.target);
    if (!wanted.ok() || !nvrtc_status(*wanted).ok()) return false;
    const Session* session = Session::get();
    return session && session->gpu->architecture() == *wanted;
  }
  std::string machine() const override { return Session::get() ? Session::get()->text : ""; }
  int64_t cache_bytes(const Device&) const override { return Session::get() ? Session::get()->cache_bytes : 0; }
  Expected<std::unique_ptr<Bench>> open(const Candidate& candidate, const std::vector<Tensor>& inputs, const Device&,
                                        const BenchOptions& options) const override {
    return std::unique_ptr<Bench>(TEMPER_TRY(GpuBench::open(*Session::get(), candidate, inputs, options)));
  }
};

const GpuRunner kRunner;
const RegisterRunner kGpu{kRunner};

}  // namespace
}  // namespace temper::cuda
