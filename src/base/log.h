// Log messages: a severity, one line of text, a sink.
//
// A sink may be called from several threads at the same time. Nothing logs to a global: whoever logs was handed a sink.
//
//   StderrSink sink(Severity::kInfo);
//   sink.log(Severity::kWarning, "the timing cache is of another machine; it is ignored");
#pragma once

#include <cstdint>
#include <string_view>

namespace temper {

enum class Severity : uint8_t { kInternalError, kError, kWarning, kInfo, kVerbose };

// "error", "warning", ...
std::string_view severity_name(Severity severity);

class LogSink {
 public:
  virtual ~LogSink() = default;
  // Is it worth making the text? Messages of other severities may be passed and are dropped.
  virtual bool wants(Severity severity) const { return true; }
  // From any thread; must not throw. The text is valid during the call only.
  virtual void log(Severity severity, std::string_view text) noexcept = 0;
};

// Drops everything.
class NullSink final : public LogSink {
 public:
  bool wants(Severity) const override { return false; }
  void log(Severity, std::string_view) noexcept override {}
};

// Whole lines "temper: warning: text" on the standard error stream, for messages at least as severe as `least`.
class StderrSink final : public LogSink {
 public:
  explicit StderrSink(Severity least = Severity::kWarning) : least_(least) {}
  bool wants(Severity severity) const override { return severity <= least_; }
  void log(Severity severity, std::string_view text) noexcept override;

 private:
  const Severity least_;
};

}  // namespace temper
