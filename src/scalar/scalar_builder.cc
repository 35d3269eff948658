#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "scalar/scalar.h"

namespace temper {

namespace {

std::string_view rule_text(TypeRule rule) {
  switch (rule) {
    case TypeRule::kNumeric:
      return "operands of one floating or integer type";
    case TypeRule::kFloat:
    case TypeRule::kPredicate:
      return "operands of one floating type";
    case TypeRule::kInt:
      return "operands of one integer type";
    case TypeRule::kBool:
      return "operands of type bool";
    case TypeRule::kCompare:
      return "operands of one type, not string";
    case TypeRule::kSelect:
      return "a bool and two operands of one type, not string";
  }
  return "";
}

// The precision in which kernels compute with a value of that type.
DType compute_type(DType type) { return is_float(type) && type != DType::kF64 ? DType::kF32 : type; }

// What kConst holds: rounded to the compute type, one NaN, and nothing in the member that the type does not use.
ScalarValue canonical_constant(ScalarValue value, DType type) {
  if (!is_float(type)) return {.i = cast_scalar({.i = value.i}, type == DType::kU64 ? type : DType::kI64, type).i};
  if (std::isnan(value.f)) return {.f = std::numeric_limits<double>::quiet_NaN()};
  return {.f = cast_scalar({.f = value.f}, DType::kF64, compute_type(type)).f};
}

size_t mix(size_t seed, uint64_t value) {
  seed ^= value + 0x9E3779B97F4A7C15ull + (seed << 12) + (seed >> 4);
  return seed * 0xFF51AFD7ED558CCDull;
}

size_t hash_text(std::string_view text) {
  size_t hash = 0xCBF29CE484222325ull;
  for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ull;
  return hash;
}

bool is_commutative(ScalarOp op) { return static_cast<int>(op) < kScalarRows && (scalar_info(op).facts & kCommutative) != 0; }

// Numbers a body by its structure, so that the same computation gives the same body however it was built.
class Canonicalizer {
 public:
  explicit Canonicalizer(std::vector<ScalarInstruction> code)
      : code_(std::move(code)), hash_(code_.size()), number_(code_.size(), -1) {
    for (size_t i = 0; i < code_.size(); ++i) {
      ScalarInstruction& instruction = code_[i];
      if (is_commutative(instruction.op) && before(instruction.args[1], instruction.args[0])) {
        std::swap(instruction.args[0], instruction.args[1]);
      }
      hash_[i] = structural_hash(instruction);
    }
  }

  std::vector<int32_t> run(std::span<const int32_t> results) {
    place_operands(results);
    std::vector<int32_t> numbers;
    for (int32_t result : results) numbers.push_back(place(result));
    return numbers;
  }
  std::vector<ScalarInstruction> take() { return std::move(placed_); }

 private:
  // Constants last, operands first and by index; the hash decides the rest, and a tie between different values is harmless.
  bool before(int32_t a, int32_t b) const {
    auto rank = [&](int32_t v) { return code_[v].op == ScalarOp::kConst ? 2 : code_[v].op == ScalarOp::kOperand ? 0 : 1; };
    if (rank(a) != rank(b)) return rank(a) < rank(b);
    if (rank(a) == 0) return code_[a].index < code_[b].index;
    return hash_[a] < hash_[b];
  }

  size_t structural_hash(const ScalarInstruction& instruction) const {
    size_t hash = mix(static_cast<size_t>(instruction.op), static_cast<uint64_t>(instruction.dtype));
    for (int32_t arg : instruction.args) hash = mix(hash, arg < 0 ? 0 : hash_[arg]);
    hash = mix(hash, static_cast<uint64_t>(instruction.index));
    hash = mix(hash, std::bit_cast<uint64_t>(instruction.constant.f));
    hash = mix(hash, static_cast<uint64_t>(instruction.constant.i));
    return instruction.op == ScalarOp::kSym ? mix(hash, hash_text(instruction.sym.to_string())) : hash;
  }

  void place_operands(std::span<const int32_t> results) {
    std::vector<char> live(code_.size(), 0);
    for (int32_t result : results) live[result] = 1;
    std::vector<int32_t> operands;
    for (int32_t i = static_cast<int32_t>(code_.size()) - 1; i >= 0; --i) {
      if (!live[i]) continue;
      if (code_[i].op == ScalarOp::kOperand) operands.push_back(i);
      for (int32_t arg : code_[i].args) {
        if (arg >= 0) live[arg] = 1;
      }
    }
    std::sort(operands.begin(), operands.end(), [&](int32_t a, int32_t b) { return code_[a].index < code_[b].index; });
    for (int32_t operand : operands) emit(operand);
  }

  // Post-order with a stack of our own: a body from a file may be deep.
  int32_t place(int32_t root) {
    std::vector<int32_t> pending{root};
    while (!pending.empty()) {
      int32_t value = pending.back();
      int32_t missing = -1;
      for (int32_t arg : code_[value].args) {
        if (missing < 0 && arg >= 0 && number_[arg] < 0) missing = arg;
      }
      if (missing >= 0 && number_[value] < 0) {
        pending.push_back(missing);
        continue;
      }
      if (number_[value] < 0) emit(value);
      pending.pop_back();
    }
    return number_[root];
  }

  void emit(int32_t value) {
    ScalarInstruction instruction = code_[value];
    for (int32_t& arg : instruction.args) {
      if (arg >= 0) arg = number_[arg];
    }
    number_[value] = static_cast<int32_t>(placed_.size());
    placed_.push_back(instruction);
  }

  std::vector<ScalarInstruction> code_, placed_;
  std::vector<size_t> hash_;
  std::vector<int32_t> number_;
};

}  // namespace

Expected<DType> scalar_result_type(ScalarOp op, std::span<const DType> operands) {
  const ScalarInfo& info = scalar_info(op);
  auto wrong = [&] {
    std::string text = std::string(info.name) + " takes " + std::to_string(info.arity) + " operand" +
                       (info.arity == 1 ? "" : "s") + ": " + std::string(rule_text(info.rule)) + "; it was given (";
    for (DType type : operands) text += (&type == operands.data() ? "" : ", ") + std::string(dtype_name(type));
    return Error(ErrorCode::kInvalidArgument, text + ")");
  };
  if (static_cast<int>(operands.size()) != info.arity) return wrong();
  DType type = operands.back();
  std::span<const DType> alike = info.rule == TypeRule::kSelect ? operands.subspan(1) : operands;
  for (DType other : alike) {
    if (other != type) return wrong();
  }
  bool allowed = false;
  switch (info.rule) {
    case TypeRule::kNumeric:
      allowed = is_float(type) || is_int(type);
      break;
    case TypeRule::kFloat:
    case TypeRule::kPredicate:
      allowed = is_float(type);
      break;
    case TypeRule::kInt:
      allowed = is_int(type);
      break;
    case TypeRule::kBool:
      allowed = type == DType::kBool;
      break;
    case TypeRule::kCompare:
      allowed = type != DType::kString;
      break;
    case TypeRule::kSelect:
      allowed = type != DType::kString && operands[0] == DType::kBool;
      break;
  }
  if (!allowed) return wrong();
  bool is_truth = info.rule == TypeRule::kPredicate || info.rule == TypeRule::kCompare;
  return is_truth ? DType::kBool : type;
}

size_t ScalarBuilder::Hash::operator()(const ScalarInstruction& instruction) const {
  size_t hash = mix(static_cast<size_t>(instruction.op), static_cast<uint64_t>(instruction.dtype));
  for (int32_t arg : instruction.args) hash = mix(hash, static_cast<uint64_t>(arg));
  hash = mix(hash, static_cast<uint64_t>(instruction.index));
  hash = mix(hash, std::bit_cast<uint64_t>(instruction.constant.f) ^ static_cast<uint64_t>(instruction.constant.i));
  return mix(hash, instruction.sym.hash());
}

int32_t ScalarBuilder::add(ScalarInstruction instruction) {
  auto [found, is_new] = numbers_.try_emplace(instruction, static_cast<int32_t>(code_.size()));
  if (is_new) code_.push_back(instruction);
  return found->second;
}

int32_t ScalarBuilder::operand(int index, DType dtype) {
  TEMPER_CHECK(index >= 0 && dtype != DType::kString, "operands of bodies are numbers");
  return add({.op = ScalarOp::kOperand, .dtype = dtype, .index = index});
}

int32_t ScalarBuilder::constant(double value, DType dtype) {
  if (is_float(dtype))
    return add({.op = ScalarOp::kConst, .dtype = dtype, .constant = canonical_constant({.f = value}, dtype)});
  return constant_int(cast_scalar({.f = value}, DType::kF64, dtype).i, dtype);
}

int32_t ScalarBuilder::constant_int(int64_t value, DType dtype) {
  if (is_float(dtype)) return constant(cast_scalar({.i = value}, DType::kI64, compute_type(dtype)).f, dtype);
  if (dtype == DType::kBool) value = value != 0;
  return add({.op = ScalarOp::kConst, .dtype = dtype, .constant = canonical_constant({.i = value}, dtype)});
}

int32_t ScalarBuilder::sym(SymInt value) {
  if (value.is_const()) return constant_int(value.value(), DType::kI64);
  return add({.op = ScalarOp::kSym, .dtype = DType::kI64, .sym = value});
}

int32_t ScalarBuilder::cast(int32_t a, DType to) {
  DType from = dtype(a);
  TEMPER_CHECK(to != DType::kString, "a cast to string is no scalar function");
  if (from == to) return a;
  if (code_[a].op == ScalarOp::kConst) {
    ScalarValue value = canonical_constant(cast_scalar(code_[a].constant, from, to), to);
    return add({.op = ScalarOp::kConst, .dtype = to, .constant = value});
  }
  if (std::optional<int32_t> simpler = simplify_cast(a, to)) return *simpler;
  return add({.op = ScalarOp::kCast, .dtype = to, .args = {a, -1, -1}});
}

int32_t ScalarBuilder::apply(ScalarOp op, int32_t a, int32_t b, int32_t c) {
  int32_t args[3] = {a, b, c};
  std::vector<DType> types;
  bool all_constant = true;
  for (int32_t arg : args) {
    if (arg < 0) break;
    TEMPER_CHECK(arg < static_cast<int32_t>(code_.size()), "operand of a scalar function is no value of this builder");
    types.push_back(dtype(arg));
    all_constant = all_constant && code_[arg].op == ScalarOp::kConst;
  }
  Expected<DType> result = scalar_result_type(op, types);
  TEMPER_CHECK(result.ok(), result.error().message());
  if (all_constant) {
    ScalarValue values[3];
    for (size_t i = 0; i < types.size(); ++i) values[i] = code_[args[i]].constant;
    ScalarValue value = evaluate_scalar(op, types.back(), values[0], values[1], values[2]);
    return add({.op = ScalarOp::kConst, .dtype = *result, .constant = canonical_constant(value, *result)});
  }
  if (is_commutative(op) && std::pair(code_[b].op == ScalarOp::kConst, b) < std::pair(code_[a].op == ScalarOp::kConst, a))
    std::swap(a, b);
  if (std::optional<int32_t> simpler = simplify(op, a, b, c)) return *simpler;
  return add({.op = op, .dtype = *result, .args = {a, b, c}});
}

std::vector<int32_t> ScalarBuilder::inline_body(const ScalarBody& body, std::span<const int32_t> operands,
                                                const std::function<SymInt(SymInt)>& rewrite) {
  TEMPER_CHECK(operands.size() == static_cast<size_t>(body.operand_count()), "a body is inlined with all its operands");
  std::vector<int32_t> values;
  values.reserve(body.code().size());
  for (const ScalarInstruction& instruction : body.code()) {
    int32_t args[3] = {-1, -1, -1};
    for (int i = 0; i < 3; ++i) {
      if (instruction.args[i] >= 0) args[i] = values[instruction.args[i]];
    }
    switch (instruction.op) {
      case ScalarOp::kOperand: {
        int32_t value = operands[instruction.index];
        TEMPER_CHECK(dtype(value) == instruction.dtype, "a body is inlined with operands of its types");
        values.push_back(value);
        break;
      }
      case ScalarOp::kConst:
        values.push_back(add(instruction));
        break;
      case ScalarOp::kSym:
        values.push_back(sym(rewrite ? rewrite(instruction.sym) : instruction.sym));
        break;
      case ScalarOp::kCast:
        values.push_back(cast(args[0], instruction.dtype));
        break;
      default:
        values.push_back(apply(instruction.op, args[0], args[1], args[2]));
        break;
    }
  }
  std::vector<int32_t> results;
  for (int32_t result : body.results()) results.push_back(values[result]);
  return results;
}

ScalarBodyPtr ScalarBuilder::finish(std::span<const int32_t> results, int operand_count) {
  auto body = std::make_shared<ScalarBody>();
  Canonicalizer canonicalizer(code_);
  body->results_ = canonicalizer.run(results);
  body->code_ = canonicalizer.take();
  body->operand_count_ = operand_count;
  for (size_t i = 0; i < body->code_.size(); ++i) {
    const ScalarInstruction& instruction = body->code_[i];
    if (instruction.op != ScalarOp::kOperand) break;
    TEMPER_CHECK(instruction.index < operand_count, "a body uses an operand that it does not have");
    TEMPER_CHECK(i == 0 || body->code_[i - 1].index != instruction.index, "one operand of a body has two types");
  }
  return body;
}

}  // namespace temper
