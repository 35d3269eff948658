// Errors as values.
//
// `Expected<T>` holds a T or an `Error`; `Status` is `Expected<void>`. An Error says what is wrong (`message`: the cause and
// the cure, in a sentence) and where (`trail`: one frame per layer it passed, innermost first: "node 'conv1'", "pass fold").
// Nothing throws across a room. Three things are never confused: an Error (the user or the environment is at fault), a
// Decline (a normal "no" of a tactic source, see tune/) and a broken invariant (our bug: TEMPER_CHECK).
//
//   Expected<Graph> read(std::string_view path) {
//     MappedFile file = TEMPER_TRY(MappedFile::open(path));
//     if (file.size() == 0) return Error(ErrorCode::kCorrupt, "the file is empty; export the model again").at(path);
//     ...
//   }
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace temper {

enum class ErrorCode : uint8_t {
  kInvalidArgument,  // the caller asked for something that has no meaning
  kUnsupported,      // it has a meaning, and Temper can't do it yet
  kNotFound,         // a file, a tensor or a symbol of that name does not exist
  kIo,               // the operating system refused
  kCorrupt,          // bytes that are not what they claim to be
  kIncompatible,     // a plan or cache of another version, machine or model
  kDeviceLost,       // a GPU that answers nothing any more, after a fault of it or of a kernel
  kOutOfMemory,      // not within the memory that there is, or that the caller allows
  kCancelled,        // the caller, a progress monitor or a signal stopped it
  kInternal,         // a broken invariant that could be reported instead of ending the process
};

// The stable spelling that users see and scripts match, such as "E_CORRUPT".
std::string_view error_code_name(ErrorCode code);

class [[nodiscard]] Error {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }
  const std::vector<std::string>& trail() const { return trail_; }

  // Adds a frame of the trail: where, in the words of the layer that calls.
  Error at(std::string place) && {
    trail_.push_back(std::move(place));
    return std::move(*this);
  }

  // "E_CORRUPT: the file is empty; export the model again [model.onnx]": outermost place last.
  std::string to_string() const;

 private:
  ErrorCode code_;
  std::string message_;
  std::vector<std::string> trail_;
};

template <class T>
class [[nodiscard]] Expected {
 public:
  Expected(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Expected(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  Error& error() & { return std::get<1>(state_); }
  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Expected<void> {
 public:
  Expected() = default;
  Expected(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return !error_; }
  explicit operator bool() const { return ok(); }
  void value() const {}
  Error& error() & { return *error_; }
  const Error& error() const& { return *error_; }
  Error&& error() && { return std::move(*error_); }

 private:
  std::optional<Error> error_;
};

using Status = Expected<void>;

// Ends the process with file, line, condition and text: a broken invariant of ours, never the user's doing.
[[noreturn]] void broken_invariant(const char* file, int line, const char* condition, const std::string& text);

}  // namespace temper

// The value of an Expected, or return its error from the enclosing function. A statement expression: g++ and clang both have
// it.
#define TEMPER_TRY(expression)                                    \
  ({                                                              \
    auto&& temper_try_ = (expression);                            \
    if (!temper_try_.ok()) return std::move(temper_try_).error(); \
    std::move(temper_try_).value();                               \
  })

// The same, adding a frame to the trail.
#define TEMPER_TRY_AT(expression, place)                                    \
  ({                                                                        \
    auto&& temper_try_ = (expression);                                      \
    if (!temper_try_.ok()) return std::move(temper_try_).error().at(place); \
    std::move(temper_try_).value();                                         \
  })

#define TEMPER_CHECK(condition, text)                                                                \
  do {                                                                                               \
    if (!(condition)) ::temper::broken_invariant(__FILE__, __LINE__, #condition, std::string(text)); \
  } while (false)
