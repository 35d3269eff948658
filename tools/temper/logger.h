// The tool's log, in trtexec's format: "[11/21/2026-07:33:17] [I] text". Errors and warnings go to stderr, the rest to stdout.
// Lines of several threads do not mix, and a progress line on the terminal is cleared before a line is printed.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include "NvInferRuntime.h"

namespace tool {

class Logger : public nvinfer1::ILogger {
 public:
  // Messages less severe than this are dropped; the tool's own reports are of kINFO.
  explicit Logger(Severity least = Severity::kINFO) : least_(least) {}
  void set_least(Severity least) { least_ = least; }

  void log(Severity severity, const char* text) noexcept override;
  void info(std::string_view text);
  void warning(std::string_view text);
  void error(std::string_view text);
  // Called with the lock held, before a line is printed; clears what progress has drawn.
  void set_before_line(std::function<void()> action);
  std::mutex& mutex() { return mutex_; }

 private:
  void print(Severity severity, std::string_view text);

  std::mutex mutex_;
  Severity least_;
  std::function<void()> before_line_;
};

}  // namespace tool
