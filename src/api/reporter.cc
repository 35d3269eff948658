#include "api/reporter.h"

#include "temper/temper.h"

namespace temper::api {
namespace {

thread_local ErrorReport last_error;

nvinfer1::ErrorCode public_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kNotFound:
      return nvinfer1::ErrorCode::kINVALID_ARGUMENT;
    case ErrorCode::kUnsupported:
      return nvinfer1::ErrorCode::kUNSUPPORTED_STATE;
    case ErrorCode::kIo:
    case ErrorCode::kDeviceLost:
      return nvinfer1::ErrorCode::kFAILED_EXECUTION;
    case ErrorCode::kCorrupt:
    case ErrorCode::kIncompatible:
      return nvinfer1::ErrorCode::kINVALID_STATE;
    case ErrorCode::kOutOfMemory:
      return nvinfer1::ErrorCode::kFAILED_ALLOCATION;
    case ErrorCode::kCancelled:
      return nvinfer1::ErrorCode::kUNSPECIFIED_ERROR;
    case ErrorCode::kInternal:
      return nvinfer1::ErrorCode::kINTERNAL_ERROR;
  }
  return nvinfer1::ErrorCode::kINTERNAL_ERROR;
}

}  // namespace

void remember(const Error& error) noexcept {
  try {
    last_error = {std::string(error_code_name(error.code())), error.message(), error.trail()};
  } catch (...) {
    last_error.message.clear();
    last_error.trail.clear();
  }
}

void Reporter::set_recorder(nvinfer1::IErrorRecorder* recorder) noexcept {
  try {
    if (recorder) recorder->incRefCount();
    if (auto* before = recorder_.exchange(recorder, std::memory_order_acq_rel)) before->decRefCount();
  } catch (...) {
    log(nvinfer1::ILogger::Severity::kERROR, "the error recorder threw an exception");
  }
}

void Reporter::log(nvinfer1::ILogger::Severity severity, const std::string& text) const noexcept {
  if (!logger_) return;
  try {
    logger_->log(severity, text.c_str());
  } catch (...) {  // the program's own; there is nobody left to tell
  }
}

void Reporter::report(const Error& error) const noexcept {
  remember(error);
  try {
    const std::string text = error.to_string();
    log(error.code() == ErrorCode::kInternal ? nvinfer1::ILogger::Severity::kINTERNAL_ERROR
                                             : nvinfer1::ILogger::Severity::kERROR,
        text);
    if (auto* to = recorder()) to->reportError(public_code(error.code()), text.c_str());
  } catch (...) {  // no memory for the text, or the program's recorder threw: the last error stays
  }
}

void Reporter::report(ErrorCode code, const char* message) const noexcept {
  try {
    report(Error(code, message));
  } catch (...) {
    if (logger_) logger_->log(nvinfer1::ILogger::Severity::kERROR, "out of memory");
  }
}

}  // namespace temper::api

namespace temper {

ErrorReport lastError() { return api::last_error; }
void clearLastError() noexcept { api::last_error = {}; }

}  // namespace temper
