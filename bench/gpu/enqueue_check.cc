#include "bench/gpu/enqueue_check.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <random>
#include <vector>

#include "backend/cuda/run/driver.h"
#include "base/mapped_file.h"
#include "ir/tensor.h"
#include "runtime/context.h"

namespace temper::testing {
namespace {

using Clock = std::chrono::steady_clock;
double us_since(Clock::time_point start) { return std::chrono::duration<double, std::micro>(Clock::now() - start).count(); }

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

constexpr size_t kSets = 16;            // of addresses
constexpr int64_t kDrawn = 1 << 16;     // elements that are random; the others repeat them
constexpr int kRuns = 50, kGraphs = 3;  // that are timed together

class EnqueueCheck {
 public:
  EnqueueCheck(std::shared_ptr<const Engine> engine, const cuda::Driver& driver)
      : engine_(std::move(engine)), driver_(driver), context_(engine_) {}
  ~EnqueueCheck() {
    if (queue_) {
      for (std::byte* p : taken_) queue_->release(p);
    }
    if (stream_) driver_.api.cuStreamDestroy_v2(stream_);
    for (cuda::CuEvent e : {begin_, end_}) {
      if (e) driver_.api.cuEventDestroy_v2(e);
    }
  }

  // The time of a run on the device, of many over rotating addresses in one graph of the caller's.
  Expected<double> time_in_graph() {
    TEMPER_TRY(set_up());
    TEMPER_TRY(enqueue(0));
    TEMPER_TRY(wait());
    const cuda::DriverApi& api = driver_.api;
    constexpr int kGlobal = 0, kRunsOfGraph = 20;
    TEMPER_TRY(driver_.check(api.cuStreamBeginCapture_v2(stream_, kGlobal), "cuStreamBeginCapture"));
    Status put;
    for (int i = 0; i < kRunsOfGraph && put.ok(); ++i) put = enqueue(size_t(i) % kSets);
    cuda::CuGraph graph = nullptr;
    TEMPER_TRY(driver_.check(api.cuStreamEndCapture(stream_, &graph), "cuStreamEndCapture"));
    TEMPER_TRY(std::move(put));
    cuda::CuGraphRun run = nullptr;
    TEMPER_TRY(driver_.check(api.cuGraphInstantiateWithFlags(&run, graph, 0), "cuGraphInstantiate"));
    auto us = device_time([&] { return driver_.check(api.cuGraphLaunch(run, stream_), "cuGraphLaunch"); }, kGraphs);
    api.cuGraphExecDestroy(run);
    api.cuGraphDestroy(graph);
    return TEMPER_TRY(std::move(us)) / kRunsOfGraph;
  }

  Status run() {
    TEMPER_TRY(set_up());
    const double first_us = TEMPER_TRY(timed_enqueue(0));
    TEMPER_TRY(wait());
    const std::vector<std::byte> want = TEMPER_TRY(output(0));
    std::vector<double> same, rotating;
    for (int i = 0; i < 1000; ++i) {
      same.push_back(TEMPER_TRY(timed_enqueue(0)));
      if (i % 20 == 19) TEMPER_TRY(wait());
    }
    for (int i = 0; i < 1000; ++i) {
      rotating.push_back(TEMPER_TRY(timed_enqueue(size_t(i) % kSets)));
      if (i % 20 == 19) TEMPER_TRY(wait());
    }
    TEMPER_TRY(wait());
    bool rotates = true;
    for (size_t s = 0; s < kSets; ++s) rotates = rotates && TEMPER_TRY(output(s)) == want;
    const double device_us = TEMPER_TRY(device_time([&] { return enqueue(0); }));
    bool captures = false;
    double captured_us = -1;
    Status captured = check_capture(want, captures, captured_us);
    std::printf(
        "{\"enqueue\": true, \"first_us\": %.1f, \"host_us\": %.2f, \"host_rotating_us\": %.2f, \"rotating_agrees\": %s, "
        "\"device_us\": %.2f, \"capture_agrees\": %s, \"captured_device_us\": %.2f, \"why\": \"%s\"}\n",
        first_us, median(same), median(rotating), rotates ? "true" : "false", device_us, captures ? "true" : "false",
        captured_us, captured.ok() ? "" : captured.error().message().c_str());
    return {};
  }

 private:
  Status set_up() {
    queue_ = TEMPER_TRY(engine_->backend().make_queue());
    const cuda::DriverApi& api = driver_.api;
    TEMPER_TRY(driver_.check(api.cuStreamCreate(&stream_, cuda::kStreamNonBlocking), "cuStreamCreate"));
    TEMPER_TRY(driver_.check(api.cuEventCreate(&begin_, 0), "cuEventCreate"));
    TEMPER_TRY(driver_.check(api.cuEventCreate(&end_, 0), "cuEventCreate"));
    const plan::PlanT& plan = engine_->plan();
    std::mt19937_64 random(7);
    std::uniform_real_distribution<double> uniform(-2, 2);
    sets_.resize(kSets);
    for (size_t i = 0; i < plan.inputs.size(); ++i) {
      Tensor t = Tensor::zeros(static_cast<DType>(plan.inputs[i]->dtype), plan.inputs[i]->best);
      const int64_t drawn = std::min(t.count(), kDrawn);
      for (int64_t k = 0; k < drawn; ++k) t.set(k, {uniform(random), static_cast<int64_t>(random() % 2)});
      std::byte* bytes = t.mutable_bytes();
      const auto period = size_t(dtype_bytes(t.dtype(), drawn));
      for (size_t k = period; k < t.bytes().size(); ++k) bytes[k] = bytes[k - period];
      TEMPER_TRY(context_.set_input_shape(static_cast<int>(i), plan.inputs[i]->best));
      for (auto& set : sets_) {
        set.push_back(TEMPER_TRY(take(static_cast<int64_t>(t.bytes().size()))));
        TEMPER_TRY(queue_->write(set.back(), t.bytes().data(), static_cast<int64_t>(t.bytes().size())));
      }
    }
    TEMPER_TRY(context_.resolve_shapes());
    for (size_t o = 0; o < plan.outputs.size(); ++o) {
      const std::vector<int64_t> dims = context_.output_shape(static_cast<int>(o));
      for (int64_t d : dims) {
        if (d < 0) return Error(ErrorCode::kUnsupported, "a size of an output depends on data");
      }
      output_bytes_.push_back(dtype_bytes(static_cast<DType>(plan.outputs[o]->dtype), element_count(dims)));
      for (auto& set : sets_) set.push_back(TEMPER_TRY(take(output_bytes_.back())));
    }
    return queue_->finish();
  }
  Expected<std::byte*> take(int64_t bytes) {
    std::byte* p = queue_->allocate(bytes);
    if (!p) return Error(ErrorCode::kOutOfMemory, "no memory on the GPU for inputs and outputs");
    taken_.push_back(p);
    return p;
  }
  Status enqueue(size_t set) {
    const plan::PlanT& plan = engine_->plan();
    size_t at = 0;
    for (size_t i = 0; i < plan.inputs.size(); ++i)
      context_.set_address(Context::kInput, static_cast<int>(i), sets_[set][at++]);
    for (size_t o = 0; o < plan.outputs.size(); ++o)
      context_.set_address(Context::kOutput, static_cast<int>(o), sets_[set][at++]);
    SerialExecutor executor;
    return context_.enqueue(stream_, executor);
  }
  Expected<double> timed_enqueue(size_t set) {
    const auto start = Clock::now();
    TEMPER_TRY(enqueue(set));
    return us_since(start);
  }
  Status wait() { return driver_.check(driver_.api.cuStreamSynchronize(stream_), "cuStreamSynchronize"); }
  Expected<std::vector<std::byte>> output(size_t set) {
    std::vector<std::byte> all;
    for (size_t o = 0; o < output_bytes_.size(); ++o) {
      const size_t at = all.size();
      all.resize(at + size_t(output_bytes_[o]));
      TEMPER_TRY(queue_->read(all.data() + at, sets_[set][engine_->plan().inputs.size() + o], output_bytes_[o]));
    }
    return all;
  }
  template <class F>
  Expected<double> device_time(F work, int runs = kRuns) {
    std::vector<double> times;
    for (int repeat = 0; repeat < 5; ++repeat) {
      TEMPER_TRY(driver_.check(driver_.api.cuEventRecord(begin_, stream_), "cuEventRecord"));
      for (int i = 0; i < runs; ++i) TEMPER_TRY(work());
      TEMPER_TRY(driver_.check(driver_.api.cuEventRecord(end_, stream_), "cuEventRecord"));
      TEMPER_TRY(driver_.check(driver_.api.cuEventSynchronize(end_), "cuEventSynchronize"));
      float ms = 0;
      TEMPER_TRY(driver_.check(driver_.api.cuEventElapsedTime(&ms, begin_, end_), "cuEventElapsedTime"));
      times.push_back(double(ms) * 1000 / runs);
    }
    return median(times);
  }
  Status check_capture(const std::vector<std::byte>& want, bool& agrees, double& us) {
    const cuda::DriverApi& api = driver_.api;
    constexpr int kGlobal = 0;
    TEMPER_TRY(driver_.check(api.cuStreamBeginCapture_v2(stream_, kGlobal), "cuStreamBeginCapture"));
    Status put = enqueue(1);
    cuda::CuGraph graph = nullptr;
    TEMPER_TRY(driver_.check(api.cuStreamEndCapture(stream_, &graph), "cuStreamEndCapture"));
    TEMPER_TRY(std::move(put));
    cuda::CuGraphRun run = nullptr;
    TEMPER_TRY(driver_.check(api.cuGraphInstantiateWithFlags(&run, graph, 0), "cuGraphInstantiate"));
    // Nothing that another run has left there may pass for this one's.
    for (size_t o = 0; o < output_bytes_.size(); ++o) {
      const std::vector<std::byte> spoilt(size_t(output_bytes_[o]), std::byte{0x5a});
      TEMPER_TRY(queue_->write(sets_[1][engine_->plan().inputs.size() + o], spoilt.data(), output_bytes_[o]));
    }
    TEMPER_TRY(queue_->finish());
    us = TEMPER_TRY(device_time([&] { return driver_.check(api.cuGraphLaunch(run, stream_), "cuGraphLaunch"); }));
    agrees = TEMPER_TRY(output(1)) == want;
    api.cuGraphExecDestroy(run);
    api.cuGraphDestroy(graph);
    return {};
  }

  std::shared_ptr<const Engine> engine_;
  const cuda::Driver& driver_;
  Context context_;
  std::unique_ptr<Queue> queue_;
  cuda::CuStream stream_ = nullptr;
  cuda::CuEvent begin_ = nullptr, end_ = nullptr;
  std::vector<std::byte*> taken_;
  std::vector<std::vector<std::byte*>> sets_;  // inputs, then outputs
  std::vector<int64_t> output_bytes_;
};

}  // namespace

Status time_in_graphs(std::span<const std::string> plan_paths) {
  const cuda::Driver* driver = TEMPER_TRY(cuda::Driver::get());
  auto gpu = TEMPER_TRY(cuda::GpuDevice::open(*driver, 0));
  cuda::CurrentContext current(*gpu);
  TEMPER_TRY(current.status());
  for (const std::string& path : plan_paths) {
    MappedFile file = TEMPER_TRY(MappedFile::open(path));
    auto engine = TEMPER_TRY(Engine::load(file.bytes(), nullptr));
    const double us = TEMPER_TRY_AT(EnqueueCheck(std::move(engine), *driver).time_in_graph(), path);
    std::printf("{\"plan\": \"%s\", \"graph_us\": %.3f}\n", path.c_str(), us);
    std::fflush(stdout);
  }
  return {};
}

Status check_enqueue(const std::string& plan_path) {
  MappedFile file = TEMPER_TRY(MappedFile::open(plan_path));
  const cuda::Driver* driver = TEMPER_TRY(cuda::Driver::get());
  auto gpu = TEMPER_TRY(cuda::GpuDevice::open(*driver, 0));
  cuda::CurrentContext current(*gpu);
  TEMPER_TRY(current.status());
  auto engine = TEMPER_TRY(Engine::load(file.bytes(), nullptr));
  return EnqueueCheck(std::move(engine), *driver).run();
}

}  // namespace temper::testing
