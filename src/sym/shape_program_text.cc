// The text form of ShapeProgram, as its header shows it.
#include <array>

#include "sym/scan.h"
#include "sym/shape_program.h"

namespace temper {
namespace {

// In the order of ShapeOp.
constexpr std::array<std::string_view, 10> kOpNames = {"const", "add", "sub", "mul",  "floordiv",
                                                       "mod",   "min", "max", "less", "equal"};

std::string slot_name(int32_t slot) { return "s" + std::to_string(slot); }

Expected<int64_t> signed_integer(SymScanner& scan) {
  bool negative = scan.accept("-");
  // The magnitude of INT64_MIN is one more than fits.
  if (negative && scan.accept("9223372036854775808")) return INT64_MIN;
  int64_t value = TEMPER_TRY(scan.integer());
  return negative ? -value : value;
}

Expected<int32_t> slot(SymScanner& scan) {
  SymScanner::Name name = TEMPER_TRY(scan.name());
  int number = ordinal_of(name.text, 's');
  if (name.quoted || number < 0) return scan.error("a slot such as 's2' expected");
  return number;
}

Expected<ShapeInstruction> instruction(SymScanner& scan) {
  SymScanner::Name name = TEMPER_TRY(scan.name());
  for (size_t op = 0; op < kOpNames.size(); ++op) {
    if (name.text != kOpNames[op]) continue;
    ShapeInstruction i{static_cast<ShapeOp>(op)};
    if (i.op == ShapeOp::kConst) {
      i.constant = TEMPER_TRY(signed_integer(scan));
    } else {
      i.a = TEMPER_TRY(slot(scan));
      i.b = TEMPER_TRY(slot(scan));
    }
    return i;
  }
  return scan.error("no operation is called '" + name.text +
                    "'; one of const, add, sub, mul, floordiv, mod, min, max, less, equal expected");
}

}  // namespace

std::string ShapeProgram::to_string() const {
  std::string out = "shape_program (";
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (i > 0) out += ", ";
    // Sizes are inputs too, and are named "u<N>" without quotes.
    out += ordinal_of(inputs[i], 'u') >= 0 ? inputs[i] : quote_name(inputs[i]);
  }
  out += ") {\n";
  auto slot = static_cast<int32_t>(inputs.size());
  for (const ShapeInstruction& i : code) {
    out += "  " + slot_name(slot++) + " = " + std::string(kOpNames[static_cast<size_t>(i.op)]);
    out += i.op == ShapeOp::kConst ? " " + std::to_string(i.constant) : " " + slot_name(i.a) + " " + slot_name(i.b);
    out += '\n';
  }
  out += "} -> (";
  for (size_t i = 0; i < results.size(); ++i) out += (i > 0 ? ", " : "") + slot_name(results[i]);
  return out + ")";
}

Expected<ShapeProgram> parse_shape_program(std::string_view text) {
  SymScanner scan(text);
  ShapeProgram p;
  TEMPER_TRY(scan.expect("shape_program"));
  TEMPER_TRY(scan.expect("("));
  while (!scan.accept(")")) {
    if (!p.inputs.empty()) TEMPER_TRY(scan.expect(","));
    p.inputs.push_back(TEMPER_TRY(scan.name()).text);
  }
  TEMPER_TRY(scan.expect("{"));
  while (!scan.accept("}")) {
    int32_t written = TEMPER_TRY(slot(scan));
    if (written != p.slot_count())
      return scan.error("slot s" + std::to_string(p.slot_count()) + " comes next, not s" + std::to_string(written));
    TEMPER_TRY(scan.expect("="));
    p.code.push_back(TEMPER_TRY(instruction(scan)));
  }
  TEMPER_TRY(scan.expect("->"));
  TEMPER_TRY(scan.expect("("));
  while (!scan.accept(")")) {
    if (!p.results.empty()) TEMPER_TRY(scan.expect(","));
    p.results.push_back(TEMPER_TRY(slot(scan)));
  }
  if (!scan.at_end()) return scan.error("the end of the shape program expected");
  TEMPER_TRY(verify(p));
  return p;
}

}  // namespace temper
