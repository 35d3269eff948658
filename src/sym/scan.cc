#include "sym/scan.h"

#include <algorithm>
#include <charconv>

namespace temper {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_first(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_word(char c) { return is_first(c) || is_digit(c) || c == '.'; }

constexpr char kHex[] = "0123456789abcdef";

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

int ordinal_of(std::string_view word, char letter) {
  if (word.size() < 2 || word.size() > 10 || word[0] != letter || (word[1] == '0' && word.size() > 2)) return -1;
  int ordinal = 0;
  auto [end, code] = std::from_chars(word.data() + 1, word.data() + word.size(), ordinal);
  return code == std::errc() && end == word.data() + word.size() ? ordinal : -1;
}

std::string quote_name(std::string_view name) {
  bool plain = !name.empty() && is_first(name[0]) && std::ranges::all_of(name, is_word) && name != "min" && name != "max" &&
               ordinal_of(name, 'd') < 0 && ordinal_of(name, 'u') < 0 && ordinal_of(name, 'v') < 0;
  if (plain) return std::string(name);
  std::string text = "\"";
  for (char c : name) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      text += '\\';
      text += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      text += "\\x";
      text += kHex[byte >> 4];
      text += kHex[byte & 15];
    } else {
      text += c;
    }
  }
  return text + '"';
}

void SymScanner::skip_blanks() {
  while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r')) ++at_;
}

bool SymScanner::at_end() {
  skip_blanks();
  return at_ == text_.size();
}

bool SymScanner::accept(std::string_view punctuation) {
  skip_blanks();
  if (!text_.substr(at_).starts_with(punctuation)) return false;
  at_ += punctuation.size();
  return true;
}

Status SymScanner::expect(std::string_view punctuation) {
  if (!accept(punctuation)) return error("'" + std::string(punctuation) + "' expected");
  return {};
}

bool SymScanner::peek_digit() {
  skip_blanks();
  return at_ < text_.size() && is_digit(text_[at_]);
}

bool SymScanner::peek_name() {
  skip_blanks();
  return at_ < text_.size() && (is_first(text_[at_]) || text_[at_] == '"');
}

Expected<int64_t> SymScanner::integer() {
  if (!peek_digit()) return error("a number expected");
  int64_t value = 0;
  auto [end, code] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
  if (code != std::errc()) return error("a number that fits into 64 bits expected");
  at_ = static_cast<size_t>(end - text_.data());
  return value;
}

Expected<SymScanner::Name> SymScanner::name() {
  if (!peek_name()) return error("a name expected");
  if (text_[at_] != '"') {
    size_t begin = at_;
    while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    return Name{std::string(text_.substr(begin, at_ - begin)), false};
  }
  Name name{"", true};
  for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
    if (text_[at_] != '\\') {
      name.text += text_[at_];
      continue;
    }
    if (++at_ == text_.size()) break;
    if (text_[at_] != 'x') {
      name.text += text_[at_];
      continue;
    }
    if (at_ + 2 >= text_.size() || hex_value(text_[at_ + 1]) < 0 || hex_value(text_[at_ + 2]) < 0)
      return error("two hexadecimal digits expected");
    name.text += static_cast<char>(hex_value(text_[at_ + 1]) * 16 + hex_value(text_[at_ + 2]));
    at_ += 2;
  }
  if (at_ == text_.size()) return error("the name lacks its closing quote");
  ++at_;
  return name;
}

Error SymScanner::error(const std::string& what) const {
  size_t line = 1 + static_cast<size_t>(std::count(text_.begin(), text_.begin() + static_cast<ptrdiff_t>(at_), '\n'));
  size_t start = at_ == 0 ? std::string_view::npos : text_.rfind('\n', at_ - 1);
  size_t column = start == std::string_view::npos ? at_ + 1 : at_ - start;
  return Error(ErrorCode::kCorrupt, what + " at line " + std::to_string(line) + ", column " + std::to_string(column) +
                                        "; correct the text, or print it anew");
}

}  // namespace temper
