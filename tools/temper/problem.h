// The one exception of the tool: something that the user or the machine did wrong, in a sentence that names cause and cure.
// Thrown anywhere in the tool's own code (never through a callback of the library), caught in main.
#pragma once

#include <stdexcept>
#include <string>

namespace tool {

class Problem : public std::runtime_error {
 public:
  // `code` as in temper::ErrorReport, such as "E_INVALID_ARGUMENT".
  Problem(std::string code, const std::string& message) : std::runtime_error(message), code_(std::move(code)) {}
  const std::string& code() const { return code_; }

 private:
  std::string code_;
};

// The usual cases.
inline Problem bad_argument(const std::string& message) { return {"E_INVALID_ARGUMENT", message}; }
inline Problem unsupported(const std::string& message) { return {"E_UNSUPPORTED", message}; }
inline Problem io_problem(const std::string& message) { return {"E_IO", message}; }
// What the library's last error says, or `message` when it says nothing.
Problem library_problem(const std::string& message);
// Stopped by Ctrl-C.
struct Interrupted {};

}  // namespace tool
