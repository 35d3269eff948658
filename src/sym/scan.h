// The lexical level of the text form of SymInt and ShapeProgram. Private to this room.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace temper {

// A dimension's name as text: as it is if it reads as a word that means nothing else, in double quotes otherwise.
std::string quote_name(std::string_view name);

class SymScanner {
 public:
  explicit SymScanner(std::string_view text) : text_(text) {}

  bool at_end();                              // skips blanks and line ends first
  bool accept(std::string_view punctuation);  // consumes it if it comes next
  Status expect(std::string_view punctuation);
  bool peek_digit();
  bool peek_name();
  Expected<int64_t> integer();  // digits, no sign, at most INT64_MAX
  struct Name {
    std::string text;
    bool quoted;
  };
  Expected<Name> name();  // letters, digits, '_', '.', not starting with a digit; or quoted
  Error error(const std::string& what) const;

 private:
  void skip_blanks();
  std::string_view text_;
  size_t at_ = 0;
};

// 'd', 'u' or 'v' and a number; -1 where the word is not of that form.
int ordinal_of(std::string_view word, char letter);

}  // namespace temper
