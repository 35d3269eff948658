// Shows how far a build is, on a terminal, in one line that is drawn over; and lets Ctrl-C stop the build.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "NvInfer.h"
#include "logger.h"

namespace tool {

class Progress : public nvinfer1::IProgressMonitor {
 public:
  explicit Progress(Logger& logger);
  ~Progress() override;

  void phaseStart(const char* name, const char* parent, int32_t steps) noexcept override;
  bool stepComplete(const char* name, int32_t step) noexcept override;
  void phaseFinish(const char* name) noexcept override;

  // "measuring 12/57": the innermost phases, outermost first.
  std::string text() const;

 private:
  struct Phase {
    std::string name;
    int32_t steps;
    int32_t done;
  };
  void draw(bool always);
  void clear();

  Logger& logger_;
  const bool terminal_;
  std::vector<Phase> phases_;
  std::chrono::steady_clock::time_point drawn_{};
  bool visible_ = false;
};

}  // namespace tool
