// BuildProgress: tells an IProgressMonitor how a build goes, in the phases "Build" > "Optimize the graph" and "Choose kernels",
// and remembers that it asked to stop.
#pragma once

#include "NvInfer.h"

namespace temper::api {

class BuildProgress {
 public:
  BuildProgress(nvinfer1::IProgressMonitor* monitor, int pass_count) : monitor_(monitor), pass_count_(pass_count) {}
  ~BuildProgress();

  void pass_done();
  // Of `of` kernels, `done` are chosen. Bodies of loops and branches count for themselves, inside one of the outer ones: only
  // the outermost count is told. false: stop.
  bool kernels_done(int done, int of);
  bool stopped() const { return stopped_; }

 private:
  void enter(const char* phase, int steps);
  void leave();
  void step(const char* phase, int number);

  nvinfer1::IProgressMonitor* monitor_;
  int pass_count_;
  const char* phase_ = nullptr;  // inside "Build"
  int next_ = 0;                 // step of the phase
  int kernel_count_ = -1;
  bool started_ = false;
  bool stopped_ = false;
};

}  // namespace temper::api
