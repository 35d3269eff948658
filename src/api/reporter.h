// Reporter: where an object of the API sends its errors, and the last error of the thread.
//
// An object is born with the reporter of the one that made it (same logger, same recorder) and may be given another recorder.
// Every error goes to the thread's last error, to the logger as one line, and to the recorder. `guarded` is the wall at which
// exceptions end: each entry point of the API that may allocate runs inside it, with the default modes of floating point,
// so that what is read, folded and packed does not depend on the caller's.
//
//   return guarded(reporter_, false, [&]() -> Expected<bool> { TEMPER_TRY(engine.load(...)); return true; });
#pragma once

#include <atomic>
#include <exception>
#include <new>
#include <string>

#include "NvInferRuntime.h"
#include "base/error.h"
#include "base/float_environment.h"

namespace temper::api {

class Reporter {
 public:
  explicit Reporter(nvinfer1::ILogger* logger) : logger_(logger) {}
  Reporter(const Reporter& other) : logger_(other.logger_) { set_recorder(other.recorder()); }
  Reporter& operator=(const Reporter&) = delete;
  ~Reporter() { set_recorder(nullptr); }

  nvinfer1::ILogger* logger() const { return logger_; }
  nvinfer1::IErrorRecorder* recorder() const { return recorder_.load(std::memory_order_acquire); }
  void set_recorder(nvinfer1::IErrorRecorder* recorder) noexcept;

  void report(const Error& error) const noexcept;
  void report(ErrorCode code, const char* message) const noexcept;
  void warn(const std::string& text) const noexcept { log(nvinfer1::ILogger::Severity::kWARNING, text); }
  void log(nvinfer1::ILogger::Severity severity, const std::string& text) const noexcept;

 private:
  nvinfer1::ILogger* logger_;
  std::atomic<nvinfer1::IErrorRecorder*> recorder_{nullptr};
};

// For functions without an object: the error becomes the thread's last one only.
void remember(const Error& error) noexcept;

// `body` returns Expected<T>; an error of it, or an exception, is reported and becomes `failed`.
template <class T, class Body>
T guarded(const Reporter& reporter, T failed, Body&& body) noexcept {
  try {
    FloatEnvironment defaults;
    Expected<T> result = body();
    if (result.ok()) return std::move(result).value();
    reporter.report(result.error());
  } catch (const std::bad_alloc&) {
    reporter.report(ErrorCode::kOutOfMemory, "the machine has no more memory for this");
  } catch (const std::exception& thrown) {
    reporter.report(ErrorCode::kInternal, thrown.what());
  } catch (...) {
    reporter.report(ErrorCode::kInternal, "an exception was thrown by a function of the program");
  }
  return failed;
}

inline Error invalid(std::string message) { return Error(ErrorCode::kInvalidArgument, std::move(message)); }

}  // namespace temper::api

// The methods that every object has for its recorder.
#define TEMPER_API_RECORDER(reporter)                                                                                \
  void setErrorRecorder(nvinfer1::IErrorRecorder* recorder) noexcept override { (reporter).set_recorder(recorder); } \
  nvinfer1::IErrorRecorder* getErrorRecorder() const noexcept override { return (reporter).recorder(); }
