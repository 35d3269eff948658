#include "base/error.h"

#include <cstdio>
#include <cstdlib>

namespace temper {

std::string_view error_code_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "E_INVALID_ARGUMENT";
    case ErrorCode::kUnsupported:
      return "E_UNSUPPORTED";
    case ErrorCode::kNotFound:
      return "E_NOT_FOUND";
    case ErrorCode::kIo:
      return "E_IO";
    case ErrorCode::kCorrupt:
      return "E_CORRUPT";
    case ErrorCode::kIncompatible:
      return "E_INCOMPATIBLE";
    case ErrorCode::kDeviceLost:
      return "E_DEVICE_LOST";
    case ErrorCode::kOutOfMemory:
      return "E_OUT_OF_MEMORY";
    case ErrorCode::kCancelled:
      return "E_CANCELLED";
    case ErrorCode::kInternal:
      return "E_INTERNAL";
  }
  return "E_INTERNAL";
}

std::string Error::to_string() const {
  std::string text{error_code_name(code_)};
  text += ": " + message_;
  if (!trail_.empty()) {
    text += " [";
    for (size_t i = 0; i < trail_.size(); ++i) text += (i ? ", in " : "") + trail_[i];
    text += "]";
  }
  return text;
}

void broken_invariant(const char* file, int line, const char* condition, const std::string& text) {
  std::fprintf(stderr, "temper: broken invariant at %s:%d: %s (%s). This is a bug of Temper; please report it.\n", file, line,
               condition, text.c_str());
  std::abort();
}

}  // namespace temper
