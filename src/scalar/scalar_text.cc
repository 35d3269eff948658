#include <charconv>
#include <cmath>
#include <limits>

#include "scalar/scalar.h"
#include "scalar/text_cursor.h"

namespace temper {

namespace {

template <class T>
std::string shortest(T value) {
  char buffer[40];
  auto [end, code] = std::to_chars(buffer, buffer + sizeof buffer, value);
  TEMPER_CHECK(code == std::errc(), "a number has at most 40 characters");
  return std::string(buffer, end);
}

template <class T>
std::optional<T> number_from(std::string_view text) {
  T value{};
  if (text.starts_with('+')) text.remove_prefix(1);
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string quoted(std::string_view text) { return std::string("'").append(text).append("'"); }

// Operand i is %i in text, used or not; the other values follow in order.
std::vector<int32_t> text_numbers(const ScalarBody& body) {
  std::vector<int32_t> numbers;
  int32_t next = body.operand_count();
  for (const ScalarInstruction& instruction : body.code()) {
    numbers.push_back(instruction.op == ScalarOp::kOperand ? instruction.index : next++);
  }
  return numbers;
}

class BodyParser {
 public:
  BodyParser(std::string_view text, SymContext& context, std::span<const SymInt> extents)
      : cursor_(text), context_(context), extents_(extents) {}

  Expected<ScalarBodyPtr> run() {
    TEMPER_TRY(operands());
    TEMPER_TRY(cursor_.expect("{"));
    while (!cursor_.accept("}")) {
      TEMPER_TRY(instruction());
      if (!cursor_.looking_at("}")) TEMPER_TRY(cursor_.expect(";"));
    }
    TEMPER_TRY(cursor_.expect("->"));
    std::vector<int32_t> results;
    do {
      results.push_back(TEMPER_TRY(value()));
    } while (cursor_.accept(","));
    if (!cursor_.at_end()) return cursor_.error("text after the end of a body");
    return builder_.finish(results, operand_count_);
  }

 private:
  Status operands() {
    TEMPER_TRY(cursor_.expect("("));
    if (cursor_.accept(")")) return {};
    do {
      if (cursor_.accept("_")) {
        values_.push_back(-1);
        continue;
      }
      size_t start = cursor_.offset();
      DType dtype = TEMPER_TRY(cursor_.dtype());
      if (dtype == DType::kString) return cursor_.error_at(start, "a scalar body has no operands of type string");
      TEMPER_TRY(number("an operand"));
      values_.push_back(builder_.operand(static_cast<int>(values_.size()), dtype));
    } while (cursor_.accept(","));
    operand_count_ = static_cast<int>(values_.size());
    return cursor_.expect(")");
  }

  // The number of the value that is being defined.
  Status number(std::string_view what) {
    TEMPER_TRY(cursor_.expect("%"));
    size_t start = cursor_.offset();
    int64_t number = TEMPER_TRY(cursor_.integer());
    if (number == static_cast<int64_t>(values_.size())) return {};
    return cursor_.error_at(start, std::string(what) + " is numbered %" + std::to_string(number) + "; the next number is %" +
                                       std::to_string(values_.size()));
  }

  Expected<int32_t> value() {
    TEMPER_TRY(cursor_.expect("%"));
    size_t start = cursor_.offset();
    int64_t number = TEMPER_TRY(cursor_.integer());
    if (number < 0 || number >= static_cast<int64_t>(values_.size()))
      return cursor_.error_at(start, "a value that is not defined before");
    if (values_[number] < 0) return cursor_.error_at(start, "an operand that is declared as unused");
    return values_[number];
  }

  Status instruction() {
    TEMPER_TRY(number("a value"));
    TEMPER_TRY(cursor_.expect("="));
    cursor_.skip_blanks();
    size_t start = cursor_.offset();
    std::string_view name = cursor_.word();
    DType dtype = TEMPER_TRY(cursor_.dtype());
    if (dtype == DType::kString) return cursor_.error_at(start, "a scalar body has no values of type string");
    if (name == "const") {
      std::string_view text = cursor_.number();
      std::optional<ScalarValue> value = parse_scalar_value(text, dtype);
      if (!value) return cursor_.error_at(start, quoted(text) + " is no constant of type " + std::string(dtype_name(dtype)));
      values_.push_back(is_float(dtype) ? builder_.constant(value->f, dtype) : builder_.constant_int(value->i, dtype));
      return {};
    }
    if (name == "sym") {
      if (dtype != DType::kI64) return cursor_.error_at(start, "sym is of type i64");
      std::string_view text = cursor_.until(";}");
      Expected<SymInt> sym = context_.parse(text, extents_);
      if (!sym.ok()) return cursor_.error_at(start, sym.error().message());
      values_.push_back(builder_.sym(*sym));
      return {};
    }
    if (name == "cast") {
      values_.push_back(builder_.cast(TEMPER_TRY(value()), dtype));
      return {};
    }
    std::optional<ScalarOp> op = scalar_from_name(name);
    if (!op) return cursor_.error_at(start, "no scalar function has the name " + quoted(name));
    int32_t args[3] = {-1, -1, -1};
    std::vector<DType> types;
    for (int i = 0; i < scalar_info(*op).arity; ++i) {
      args[i] = TEMPER_TRY(value());
      types.push_back(builder_.dtype(args[i]));
    }
    Expected<DType> result = scalar_result_type(*op, types);
    if (!result.ok()) return cursor_.error_at(start, result.error().message());
    if (*result != dtype) return cursor_.error_at(start, "the result is of type " + std::string(dtype_name(*result)));
    values_.push_back(builder_.apply(*op, args[0], args[1], args[2]));
    return {};
  }

  TextCursor cursor_;
  SymContext& context_;
  std::span<const SymInt> extents_;
  ScalarBuilder builder_;
  std::vector<int32_t> values_;  // the builder's number of each %k
  int operand_count_ = 0;
};

}  // namespace

std::string to_string(ScalarValue value, DType type) {
  if (type == DType::kBool) return value.i != 0 ? "true" : "false";
  if (type == DType::kU64) return std::to_string(static_cast<uint64_t>(value.i));
  if (!is_float(type)) return std::to_string(value.i);
  if (std::isnan(value.f)) return "nan";
  return type == DType::kF64 ? shortest(value.f) : shortest(static_cast<float>(value.f));
}

std::optional<ScalarValue> parse_scalar_value(std::string_view text, DType type) {
  if (type == DType::kBool) {
    if (text == "true" || text == "false") return ScalarValue{.i = text == "true"};
    return std::nullopt;
  }
  if (type == DType::kString) return std::nullopt;
  if (type == DType::kU64) {
    std::optional<uint64_t> value = number_from<uint64_t>(text);
    return value ? std::optional(ScalarValue{.i = static_cast<int64_t>(*value)}) : std::nullopt;
  }
  if (!is_float(type)) {
    std::optional<int64_t> value = number_from<int64_t>(text);
    if (!value || cast_scalar({.i = *value}, DType::kI64, type).i != *value) return std::nullopt;
    return ScalarValue{.i = *value};
  }
  if (text == "nan") return ScalarValue{.f = std::numeric_limits<double>::quiet_NaN()};
  if (type == DType::kF64) {
    std::optional<double> value = number_from<double>(text);
    return value ? std::optional(ScalarValue{.f = *value}) : std::nullopt;
  }
  std::optional<float> value = number_from<float>(text);
  return value ? std::optional(ScalarValue{.f = *value}) : std::nullopt;
}

std::string ScalarBody::to_string() const {
  std::vector<int32_t> numbers = text_numbers(*this);
  auto name = [&](int32_t value) { return std::string("%").append(std::to_string(numbers[value])); };
  std::vector<std::string> operands(operand_count_, "_");
  std::string text;
  for (size_t i = 0; i < code_.size(); ++i) {
    const ScalarInstruction& instruction = code_[i];
    std::string dtype(dtype_name(instruction.dtype));
    if (instruction.op == ScalarOp::kOperand) {
      operands[instruction.index] = dtype + " " + name(static_cast<int32_t>(i));
      continue;
    }
    text += (text.empty() ? " " : "; ") + name(static_cast<int32_t>(i)) + " = ";
    switch (instruction.op) {
      case ScalarOp::kConst:
        text += "const " + dtype + " " + temper::to_string(instruction.constant, instruction.dtype);
        break;
      case ScalarOp::kSym:
        text += "sym i64 " + instruction.sym.to_string();
        break;
      case ScalarOp::kCast:
        text += "cast " + dtype;
        break;
      default:
        text += std::string(scalar_info(instruction.op).name) + " " + dtype;
        break;
    }
    for (int32_t arg : instruction.args) {
      if (arg >= 0) text += " " + name(arg);
    }
  }
  std::string head = "(";
  for (const std::string& operand : operands) head += (head.size() > 1 ? ", " : "") + operand;
  std::string tail = "} -> ";
  for (size_t i = 0; i < results_.size(); ++i) tail += (i == 0 ? "" : ", ") + name(results_[i]);
  return head + ") {" + text + (text.empty() ? "" : " ") + tail;
}

Expected<ScalarBodyPtr> parse_scalar_body(std::string_view text, SymContext& context, std::span<const SymInt> index_extents) {
  return BodyParser(text, context, index_extents).run();
}

}  // namespace temper
