#include "scalar/text_cursor.h"

#include <charconv>

namespace temper {

namespace {

bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

}  // namespace

void TextCursor::skip_blanks() {
  while (offset_ < text_.size() && is_blank(text_[offset_])) ++offset_;
}

bool TextCursor::at_end() {
  skip_blanks();
  return offset_ == text_.size();
}

bool TextCursor::looking_at(std::string_view token) {
  skip_blanks();
  return text_.substr(offset_).starts_with(token);
}

bool TextCursor::accept(std::string_view token) {
  if (!looking_at(token)) return false;
  offset_ += token.size();
  return true;
}

Status TextCursor::expect(std::string_view token) {
  if (accept(token)) return {};
  return error("expected '" + std::string(token) + "'");
}

std::string_view TextCursor::word() {
  skip_blanks();
  size_t end = offset_;
  while (end < text_.size() && (is_letter(text_[end]) || (end > offset_ && is_digit(text_[end])))) ++end;
  std::string_view found = text_.substr(offset_, end - offset_);
  offset_ = end;
  return found;
}

bool TextCursor::accept_word(std::string_view expected) {
  size_t start = offset_;
  if (word() == expected) return true;
  offset_ = start;
  return false;
}

Expected<int64_t> TextCursor::integer() {
  skip_blanks();
  int64_t value = 0;
  auto [end, code] = std::from_chars(text_.data() + offset_, text_.data() + text_.size(), value);
  if (code != std::errc()) return error("expected an integer");
  offset_ = static_cast<size_t>(end - text_.data());
  return value;
}

Expected<DType> TextCursor::dtype() {
  skip_blanks();
  size_t start = offset_;
  std::string_view name = word();
  std::optional<DType> type = dtype_from_name(name);
  if (!type) return error_at(start, "expected an element type such as f32, found '" + std::string(name) + "'");
  return *type;
}

std::string_view TextCursor::number() {
  skip_blanks();
  size_t end = offset_;
  auto follows = [&](std::string_view set) { return end < text_.size() && set.find(text_[end]) != std::string_view::npos; };
  if (follows("+-")) ++end;
  while (end < text_.size() && (is_letter(text_[end]) || is_digit(text_[end]) || text_[end] == '.' ||
                                (follows("+-") && (text_[end - 1] == 'e' || text_[end - 1] == 'E')))) {
    ++end;
  }
  std::string_view found = text_.substr(offset_, end - offset_);
  offset_ = end;
  return found;
}

std::string_view TextCursor::until(std::string_view ends) {
  skip_blanks();
  size_t end = offset_;
  int depth = 0;
  for (; end < text_.size(); ++end) {
    char c = text_[end];
    if (depth == 0 && ends.find(c) != std::string_view::npos) break;
    if (c == '(' || c == '[' || c == '{') ++depth;
    if (c == ')' || c == ']' || c == '}') --depth;
    if (depth < 0) break;
  }
  std::string_view found = text_.substr(offset_, end - offset_);
  offset_ = end;
  while (!found.empty() && is_blank(found.back())) found.remove_suffix(1);
  return found;
}

Error TextCursor::error_at(size_t offset, std::string_view message) const {
  size_t line = 1, column = 1;
  for (char c : text_.substr(0, offset)) {
    column = c == '\n' ? 1 : column + 1;
    line += c == '\n';
  }
  return Error(ErrorCode::kInvalidArgument,
               "line " + std::to_string(line) + ", column " + std::to_string(column) + ": " + std::string(message));
}

}  // namespace temper
