// Calls on a context that this version answers without doing more than it says.
#include "api/execution_context.h"

namespace temper::api {

size_t ContextView::updateDeviceMemorySizeForShapes() noexcept {
  return static_cast<size_t>(engine_.getDeviceMemorySizeForProfileV2(profile_));
}

bool ContextView::setNvtxVerbosity(nvinfer1::ProfilingVerbosity verbosity) noexcept {
  using nvinfer1::ProfilingVerbosity;
  const auto most = facts_->notes.verbosity;
  const bool allowed = verbosity == ProfilingVerbosity::kNONE || verbosity == most ||
                       (verbosity == ProfilingVerbosity::kLAYER_NAMES_ONLY && most == ProfilingVerbosity::kDETAILED);
  if (allowed) nvtx_verbosity_ = verbosity;
  if (!allowed)
    reporter_.report(ErrorCode::kInvalidArgument, "the plan does not keep as much of its wording; build it with more");
  return allowed;
}

bool ContextView::setTensorDebugState(char const* name, bool) noexcept {
  reporter_.report(ErrorCode::kInvalidArgument, "no tensor of this plan was marked for debugging; make it an output to see it");
  return false;
}

bool ContextView::setCommunicator(void*) noexcept {
  reporter_.report(ErrorCode::kUnsupported, "one device runs a plan: there is nothing to communicate");
  return false;
}

bool ContextView::getShapeBinding(int32_t index, int32_t*) const noexcept {
  reporter_.report(ErrorCode::kUnsupported, "values of a tensor in host memory are read at its address (getTensorAddress)");
  return false;
}

}  // namespace temper::api
