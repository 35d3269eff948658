// The entry points that run an inference: kept apart from the rest of ContextView because these are what happens for each one.
#include "api/execution_context.h"
#include "hostcuda/queue.h"

namespace temper::api {

bool ContextView::enqueueV3(cudaStream_t stream) noexcept {
  return guarded(reporter_, false, [&]() -> Expected<bool> {
    if (!checked_) TEMPER_TRY(check_ready());
    Run* run = take_run();
    fill(*run, stream);
    pending_.fetch_add(1, std::memory_order_relaxed);
    if (!hostcuda::submit) {
      Status put = enqueue_on_device(*run);
      give_back(run);
      TEMPER_TRY(std::move(put));
      return !profiler_ || !emits_profile_ || reportToProfiler();
    }
    if (cudaError_t refused = hostcuda::submit(stream, &ContextView::work, run); refused != cudaSuccess) {
      give_back(run);
      return Error(ErrorCode::kIo, std::string("the stream does not take work: ") + cudaGetErrorString(refused));
    }
    if (consumed_) cudaEventRecord(consumed_, stream);
    if (!profiler_ || !emits_profile_) return true;
    if (cudaStreamSynchronize(stream) != cudaSuccess)
      return Error(ErrorCode::kInternal, "the inference that was to be timed has failed");
    return reportToProfiler();
  });
}

// The stream is one of the driver's: what is to be done goes to it now, and takes place in its order.
Status ContextView::enqueue_on_device(const Run& run) {
  if (!run_.has_streams()) {
    return Error(ErrorCode::kUnsupported,
                 "the plan runs on the processor, and the stream is a GPU's; build the plan for this GPU, or link the program "
                 "with hostcuda in place of the CUDA runtime");
  }
  TEMPER_TRY(execute(run, Way::kStream));
  if (consumed_ && cudaEventRecord(consumed_, run.stream) != cudaSuccess)
    return Error(ErrorCode::kInvalidArgument, "the event for the inputs can't be recorded on the stream");
  return {};
}

bool ContextView::executeV2(void* const* bindings) noexcept {
  return guarded(reporter_, false, [&]() -> Expected<bool> {
    if (!bindings) return invalid("executeV2 was given no addresses");
    for (size_t i = 0; i < addresses_.size(); ++i) {
      if ((addresses_[i] == nullptr) != (bindings[i] == nullptr)) checked_ = false;
      addresses_[i] = bindings[i];
    }
    if (!checked_) TEMPER_TRY(check_ready());
    Run* run = take_run();
    fill(*run, nullptr);
    pending_.fetch_add(1, std::memory_order_relaxed);
    Status done = execute(*run, Way::kWait);
    give_back(run);
    TEMPER_TRY(std::move(done));
    return !profiler_ || !emits_profile_ || reportToProfiler();
  });
}

bool ContextView::execute(int32_t batch, void* const* bindings) noexcept {
  const bool fits = guarded(reporter_, false, [&]() -> Expected<bool> {
    TEMPER_TRY(set_batch(batch, "execute"));
    return true;
  });
  return fits && executeV2(bindings);
}

bool ContextView::enqueue(int32_t batch, void* const* bindings, cudaStream_t stream, cudaEvent_t* consumed) noexcept {
  const bool fits = guarded(reporter_, false, [&]() -> Expected<bool> {
    if (!bindings) return invalid("enqueue was given no addresses");
    TEMPER_TRY(set_batch(batch, "enqueue"));
    return true;
  });
  return fits && enqueueV2(bindings, stream, consumed);
}

}  // namespace temper::api
