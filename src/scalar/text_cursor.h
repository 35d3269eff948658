// TextCursor: a place in a text that is being parsed. Every reader skips leading blanks first; what was not there leaves the
// cursor where it was. Errors name line and column.
//
//   TextCursor cursor("%12 = add");
//   cursor.accept("%");          // true
//   cursor.integer();            // 12
//   cursor.expect("=");          // ok
//   cursor.word();               // "add"
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/dtype.h"
#include "base/error.h"

namespace temper {

class TextCursor {
 public:
  explicit TextCursor(std::string_view text) : text_(text) {}

  void skip_blanks();
  bool at_end();
  bool looking_at(std::string_view token);
  bool accept(std::string_view token);
  Status expect(std::string_view token);
  // A letter or '_', then letters, digits and '_'; "" if there is none.
  std::string_view word();
  // Like accept, but of a whole word: accept_word("max") is false before "max_pool".
  bool accept_word(std::string_view word);
  Expected<int64_t> integer();
  // "f32": the name of an element type.
  Expected<DType> dtype();
  // A number or one of the words inf, nan, true, false, with its sign.
  std::string_view number();
  // All text up to one of the characters `ends` outside of any (), [] and {}; blanks around it are cut off. The cursor stops
  // before it.
  std::string_view until(std::string_view ends);

  size_t offset() const { return offset_; }
  void seek(size_t offset) { offset_ = offset; }
  std::string_view rest() const { return text_.substr(offset_); }
  Error error(std::string_view message) const { return error_at(offset_, message); }
  Error error_at(size_t offset, std::string_view message) const;

 private:
  std::string_view text_;
  size_t offset_ = 0;
};

}  // namespace temper
