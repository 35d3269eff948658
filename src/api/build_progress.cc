#include "api/build_progress.h"

namespace temper::api {
namespace {

constexpr const char* kBuild = "Build";
constexpr const char* kPasses = "Optimize the graph";
constexpr const char* kKernels = "Choose kernels";

}  // namespace

BuildProgress::~BuildProgress() {
  if (!monitor_ || !started_) return;
  leave();
  monitor_->phaseFinish(kBuild);
}

void BuildProgress::enter(const char* phase, int steps) {
  if (!started_) monitor_->phaseStart(kBuild, nullptr, 2);
  started_ = true;
  leave();
  monitor_->phaseStart(phase, kBuild, steps);
  phase_ = phase;
  next_ = 0;
}

void BuildProgress::leave() {
  if (!phase_) return;
  monitor_->phaseFinish(phase_);
  if (!stopped_) step(kBuild, phase_ == kPasses ? 0 : 1);
  phase_ = nullptr;
}

void BuildProgress::step(const char* phase, int number) { stopped_ |= !monitor_->stepComplete(phase, number); }

void BuildProgress::pass_done() {
  if (!monitor_ || stopped_) return;
  if (!phase_) enter(kPasses, pass_count_);
  step(kPasses, next_++);
}

bool BuildProgress::kernels_done(int done, int of) {
  if (!monitor_ || stopped_) return !stopped_;
  if (phase_ != kKernels) {
    enter(kKernels, of);
    kernel_count_ = of;
    return !stopped_;
  }
  if (of == kernel_count_ && done == next_ + 1) step(kKernels, next_++);
  return !stopped_;
}

}  // namespace temper::api
