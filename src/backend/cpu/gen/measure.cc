// The Runner of the CPU backend: tactics become Launches on buffers of their own, run on the process' thread pool.
#include <emmintrin.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>

#include "backend/cpu/gen/measure_peak.h"
#include "backend/cpu/run/kernel.h"
#include "base/cpu_info.h"
#include "base/hash.h"
#include "base/thread_pool.h"
#include "tune/runner.h"

namespace temper::cpu {
namespace {

struct Free {
  void operator()(void* p) const { std::free(p); }
};
// Aligned to a page, and big enough for whole cache lines.
class Memory {
 public:
  static Expected<Memory> of(int64_t bytes) {
    Memory m;
    m.bytes_ = std::max<int64_t>(bytes, 1);
    m.data_.reset(static_cast<std::byte*>(std::aligned_alloc(4096, size_t((m.bytes_ + 4095) / 4096 * 4096))));
    if (!m.data_) return Error(ErrorCode::kOutOfMemory, "no memory for " + std::to_string(bytes) + " bytes to measure with");
    return m;
  }
  std::byte* data() const { return data_.get(); }
  int64_t bytes() const { return bytes_; }

 private:
  std::unique_ptr<std::byte, Free> data_;
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
};

Placed placed(const Candidate& candidate, const TensorType& type, const Layout& layout) {
  Placed p;
  p.dtype = type.dtype;
  for (SymInt d : type.dims) p.dims.push_back(candidate.best(d));
  for (SymInt s : layout.strides) p.strides.push_back(candidate.best(s));
  p.offset = candidate.best(layout.offset);
  return p;
}

// Copies the last dimensions of a row-major tensor to where they belong.
template <class T>
void spread(const T*& from, T* to, const Placed& p, size_t d) {
  if (d == p.dims.size()) {
    *to = *from++;
  } else if (d + 1 == p.dims.size()) {
    for (int64_t i = 0; i < p.dims[d]; ++i) to[i * p.strides[d]] = from[i];
    from += p.dims[d];
  } else {
    for (int64_t i = 0; i < p.dims[d]; ++i) spread(from, to + i * p.strides[d], p, d + 1);
  }
}

void fill(const Tensor& tensor, std::byte* memory, const Placed& p) {
  if (tensor.count() == 0) return;
  const auto copy = [&]<class T>(T) {
    const T* from = reinterpret_cast<const T*>(tensor.bytes().data());
    spread(from, reinterpret_cast<T*>(memory) + p.offset, p, 0);
  };
  switch (dtype_bits(tensor.dtype())) {
    case 8:
      return copy(uint8_t{});
    case 16:
      return copy(uint16_t{});
    case 32:
      return copy(uint32_t{});
    case 64:
      return copy(uint64_t{});
    // Two to a byte: dense, or it is not measured.
    default:
      std::memcpy(memory, tensor.bytes().data(), tensor.bytes().size());
  }
}

void flush(std::span<const std::byte> bytes) {
  for (size_t i = 0; i < bytes.size(); i += 64) _mm_clflush(bytes.data() + i);
  _mm_mfence();
}

class CpuBench;

class CpuTrial final : public Trial {
 public:
  struct Piece {
    std::unique_ptr<Launch> launch;
    std::vector<std::byte*> buffers;
    Memory workspace;
  };

  CpuTrial(int threads, bool cold) : threads_(threads), cold_(cold) {}

  Expected<double> time_us() override {
    ThreadPool::Lease lease = ThreadPool::process().try_acquire(threads_);
    if (cold_) {
      for (const auto& constant : shared_) flush(constant->bytes());
      // The workers fell asleep over that; in a network they come from the kernel before.
      for_each_task(lease, lease.workers(), [](int64_t, int) {});
    }
    const auto begin = std::chrono::steady_clock::now();
    for (Piece& p : pieces_) TEMPER_TRY(p.launch->run(p.buffers, p.workspace.data(), lease));
    return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count();
  }
  int64_t held_bytes() const override { return held_; }

 private:
  friend class CpuBench;
  std::vector<Piece> pieces_;
  std::vector<std::unique_ptr<Kernel>> kernels_;
  std::vector<std::shared_ptr<Tensor>> shared_;  // packed weights, perhaps of other trials too
  int threads_;
  bool cold_;
  int64_t held_ = 0;
};

class CpuBench final : public Bench {
 public:
  CpuBench(const Candidate& candidate, const Device& device, const BenchOptions& options)
      : candidate_(candidate), threads_(std::max(1, device.threads)), options_(options) {}

  Status allocate(const std::vector<Tensor>& inputs) {
    const Region& region = *candidate_.region;
    const auto types = region.value_types();
    int64_t total = 0;
    for (size_t i = 0; i < candidate_.layouts.size(); ++i) {
      const bool input = i < region.inputs.size();
      const TensorType& type = input ? region.inputs[i] : types[size_t(region.outputs[i - region.inputs.size()])];
      places_.push_back(placed(candidate_, type, candidate_.layouts[i]));
      const Placed& p = places_.back();
      const int64_t bytes = dtype_bytes(p.dtype, p.elements());
      total += bytes;
      if (total > options_.max_bytes)
        return Error(ErrorCode::kOutOfMemory, "its tensors take more than " + std::to_string(options_.max_bytes) + " bytes");
      memory_.emplace_back();
      if (input && candidate_.constants[i]) continue;
      memory_.back() = TEMPER_TRY(Memory::of(bytes));
      if (input)
        fill(inputs[i], memory_.back().data(), p);
      else
        std::memset(memory_.back().data(), 0, size_t(memory_.back().bytes()));
    }
    return {};
  }

  Expected<std::unique_ptr<Trial>> prepare(std::vector<KernelStep> steps) override {
    auto trial = std::make_unique<CpuTrial>(threads_, options_.cold_constants);
    for (KernelStep& step : steps) {
      auto kernel = TEMPER_TRY(decode_kernel(step.kernel, step.blob));
      std::vector<int64_t> parameters, sizes;
      for (SymInt p : step.parameters) parameters.push_back(candidate_.best(p));
      CpuTrial::Piece piece;
      for (Argument& argument : step.arguments) {
        if (argument.buffer >= 0) {
          TEMPER_TRY(place_constant(size_t(argument.buffer)));
          piece.buffers.push_back(memory_[size_t(argument.buffer)].data());
          sizes.push_back(memory_[size_t(argument.buffer)].bytes());
        } else {
          const Tensor& constant = held(std::move(argument.constant), *trial);
          piece.buffers.push_back(const_cast<std::byte*>(constant.bytes().data()));
          sizes.push_back(int64_t(constant.bytes().size()));
        }
      }
      if (kernel->buffer_count() != int(sizes.size()) || kernel->parameter_count() != int(parameters.size())) {
        return Error(ErrorCode::kUnsupported, "its kernel takes more than the tensors of the region");
      }
      piece.launch = TEMPER_TRY(kernel->prepare(parameters, sizes));
      piece.workspace = TEMPER_TRY(Memory::of(piece.launch->workspace_bytes(threads_)));
      trial->held_ += piece.workspace.bytes();
      trial->kernels_.push_back(std::move(kernel));
      trial->pieces_.push_back(std::move(piece));
    }
    return std::unique_ptr<Trial>(std::move(trial));
  }

  void spoil_outputs() override {
    for (size_t i = candidate_.region->inputs.size(); i < memory_.size(); ++i)
      std::memset(memory_[i].data(), 0xA5, size_t(memory_[i].bytes()));
  }

  ScalarValue output(size_t output, std::span<const int64_t> index) const override {
    const size_t i = candidate_.region->inputs.size() + output;
    const Placed& p = places_[i];
    int64_t at = p.offset;
    for (size_t d = 0; d < index.size(); ++d) at += index[d] * p.strides[d];
    Tensor one = Tensor::zeros(p.dtype, {2});
    const int bits = dtype_bits(p.dtype);
    if (bits < 8) {
      one.mutable_bytes()[0] = memory_[i].data()[at / 2];
      return one.at(at % 2);
    }
    std::memcpy(one.mutable_bytes(), memory_[i].data() + at * (bits / 8), size_t(bits) / 8);
    return one.at(0);
  }

 private:
  // Weights are placed when a trial first reads them as they are: most read packed ones, and they may be most of a model.
  Status place_constant(size_t buffer) {
    if (memory_[buffer].data() || buffer >= candidate_.constants.size()) return {};
    const Placed& p = places_[buffer];
    memory_[buffer] = TEMPER_TRY(Memory::of(dtype_bytes(p.dtype, p.elements())));
    fill(*candidate_.constants[buffer], memory_[buffer].data(), p);
    return {};
  }
  // Equal packed weights of several trials are kept once.
  const Tensor& held(Tensor constant, CpuTrial& trial) {
    const Hash128 key = hash128(constant.bytes());
    for (auto& [hash, weak] : packed_) {
      auto strong = weak.lock();
      if (hash != key || !strong || strong->bytes().size() != constant.bytes().size()) continue;
      trial.shared_.push_back(std::move(strong));
      return *trial.shared_.back();
    }
    trial.held_ += int64_t(constant.bytes().size());
    trial.shared_.push_back(std::make_shared<Tensor>(std::move(constant)));
    packed_.emplace_back(key, trial.shared_.back());
    return *trial.shared_.back();
  }

  const Candidate& candidate_;
  int threads_;
  BenchOptions options_;
  std::vector<Placed> places_;
  std::vector<Memory> memory_;
  std::vector<std::pair<Hash128, std::weak_ptr<Tensor>>> packed_;
};

class CpuRunner final : public temper::Runner {
 public:
  bool serves(const Device& device) const override {
    auto isa = isa_from_name(device.target);
    return isa && *isa <= cpu_info().isa;
  }
  std::string machine() const override {
    const CpuInfo& cpu = cpu_info();
    return cpu.model + " " + std::to_string(cpu.l1d_bytes) + " " + std::to_string(cpu.l2_bytes) + " " +
           std::to_string(cpu.l3_bytes);
  }
  int64_t cache_bytes(const Device&) const override { return cpu_info().l3_bytes; }
  int64_t ns_per_gigaoperation(const Device& device) const override { return measure_peak(device); }
  Expected<std::unique_ptr<Bench>> open(const Candidate& candidate, const std::vector<Tensor>& inputs, const Device& device,
                                        const BenchOptions& options) const override {
    auto bench = std::make_unique<CpuBench>(candidate, device, options);
    TEMPER_TRY(bench->allocate(inputs));
    return std::unique_ptr<Bench>(std::move(bench));
  }
};

const CpuRunner kRunner;
const RegisterRunner kCpu{kRunner};

}  // namespace
}  // namespace temper::cpu
