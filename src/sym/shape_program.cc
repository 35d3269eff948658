#include "sym/shape_program.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "sym/node.h"

namespace temper {
namespace {

// A program is a few instructions for each dimension of a network; one beyond this is not a program of ours.
constexpr size_t kMaxSlots = size_t(1) << 24;

class Compiler {
 public:
  Status declare(std::span<const SymInt> inputs) {
    for (SymInt input : inputs) {
      if (kind_of(input) != SymKind::kVar) {
        return Error(ErrorCode::kInvalidArgument, "the input '" + input.to_string() + "' of a shape program is not a variable");
      }
      const std::string& name = var_of(input).name;
      if (std::ranges::find(program_.inputs, name) != program_.inputs.end()) {
        return Error(ErrorCode::kInvalidArgument, "two inputs of the shape program are named '" + name +
                                                      "'; list it once, or rename the dimension of the model");
      }
      slots_.emplace(input, slot_count());
      program_.inputs.push_back(name);
    }
    return {};
  }

  Status add_result(SymInt e) {
    program_.results.push_back(TEMPER_TRY(slot_of(e)));
    return {};
  }

  ShapeProgram take() { return std::move(program_); }

 private:
  int32_t slot_count() const { return program_.slot_count(); }

  int32_t emit(ShapeOp op, int32_t a, int32_t b, int64_t constant = 0) {
    auto [it, fresh] = emitted_.try_emplace({op, a, b, constant}, slot_count());
    if (fresh) program_.code.push_back({op, a, b, constant});
    return it->second;
  }

  int32_t constant(int64_t value) { return emit(ShapeOp::kConst, 0, 0, value); }

  Expected<int32_t> slot_of(SymInt e) {
    if (e.is_const()) return constant(e.value());
    if (auto it = slots_.find(e); it != slots_.end()) return it->second;
    int32_t slot = TEMPER_TRY(compile(e));
    slots_.emplace(e, slot);
    return slot;
  }

  Expected<int32_t> compile(SymInt e) {
    if (is_error(e)) {
      return Error(ErrorCode::kInvalidArgument,
                   "the expression can't be computed: a value does not fit into 64 bits, or a divisor is below 1 (" +
                       e.to_string() + "); use smaller dimensions");
    }
    std::vector<SymInt> operands = operands_of(e);
    switch (kind_of(e)) {
      case SymKind::kVar:
        return Error(
            ErrorCode::kInvalidArgument,
            "'" + e.to_string() + "' is not an input of the shape program; it has no value when the shapes are computed");
      case SymKind::kSum:
        return sum(operands);
      case SymKind::kProduct:
        return product(operands);
      case SymKind::kFloorDiv:
        return binary(ShapeOp::kFloorDiv, operands);
      case SymKind::kMod:
        return binary(ShapeOp::kMod, operands);
      case SymKind::kMin:
        return binary(ShapeOp::kMin, operands);
      case SymKind::kMax:
        return binary(ShapeOp::kMax, operands);
      case SymKind::kLess:
        return binary(ShapeOp::kLess, operands);
      case SymKind::kEqual:
        return binary(ShapeOp::kEqual, operands);
      case SymKind::kConst:
        break;
    }
    return constant(e.value());
  }

  Expected<int32_t> binary(ShapeOp op, const std::vector<SymInt>& operands) {
    int32_t a = TEMPER_TRY(slot_of(operands[0])), b = TEMPER_TRY(slot_of(operands[1]));
    return emit(op, a, b);
  }

  Expected<int32_t> product(const std::vector<SymInt>& factors) {
    // The coefficient comes last, so that terms which differ in it alone share the rest.
    bool scaled = factors[0].is_const();
    int32_t slot = TEMPER_TRY(slot_of(factors[scaled]));
    for (size_t i = scaled + size_t(1); i < factors.size(); ++i)
      slot = emit(ShapeOp::kMul, slot, TEMPER_TRY(slot_of(factors[i])));
    return scaled ? emit(ShapeOp::kMul, slot, constant(factors[0].value())) : slot;
  }

  // Terms to add first, then those to subtract: a sum of dimensions stays in range on the way if it does at the end.
  Expected<int32_t> sum(const std::vector<SymInt>& terms) {
    int32_t slot = -1;
    std::vector<SymInt> subtracted;
    for (SymInt t : terms) {
      bool constant = t.is_const(), scaled = kind_of(t) == SymKind::kProduct && operands_of(t)[0].is_const();
      int64_t coefficient = constant ? t.value() : scaled ? operands_of(t)[0].value() : 1;
      if (coefficient < 0 && coefficient != INT64_MIN) {
        subtracted.push_back(-t);
        continue;
      }
      int32_t term = TEMPER_TRY(slot_of(t));
      slot = slot < 0 ? term : emit(ShapeOp::kAdd, slot, term);
    }
    if (slot < 0) slot = constant(0);
    for (SymInt t : subtracted) slot = emit(ShapeOp::kSub, slot, TEMPER_TRY(slot_of(t)));
    return slot;
  }

  ShapeProgram program_;
  std::unordered_map<SymInt, int32_t> slots_;
  std::map<std::tuple<ShapeOp, int32_t, int32_t, int64_t>, int32_t> emitted_;
};

Error bad(const std::string& what) { return Error(ErrorCode::kCorrupt, "shape program: " + what + "; build the plan again"); }

}  // namespace

Expected<ShapeProgram> compile_shapes(std::span<const SymInt> inputs, std::span<const SymInt> results) {
  Compiler compiler;
  TEMPER_TRY(compiler.declare(inputs));
  for (size_t i = 0; i < results.size(); ++i)
    TEMPER_TRY_AT(compiler.add_result(results[i]), "shape program result " + std::to_string(i));
  return compiler.take();
}

Status verify(const ShapeProgram& p) {
  if (p.inputs.size() > kMaxSlots || p.code.size() > kMaxSlots || p.results.size() > kMaxSlots) return bad("too many slots");
  std::unordered_set<std::string_view> names;
  for (const std::string& name : p.inputs) {
    if (!names.insert(name).second) return bad("two inputs are named '" + name + "'");
  }
  auto slot = static_cast<int32_t>(p.inputs.size());
  for (const ShapeInstruction& i : p.code) {
    std::string where = "instruction s" + std::to_string(slot);
    if (i.op > ShapeOp::kEqual) return bad(where + " has the unknown operation " + std::to_string(static_cast<int>(i.op)));
    if (i.op == ShapeOp::kConst) {
      if (i.a != 0 || i.b != 0) return bad(where + " is a constant with operands");
    } else {
      if (i.constant != 0) return bad(where + " has a constant that it does not use");
      if (i.a < 0 || i.a >= slot || i.b < 0 || i.b >= slot) return bad(where + " reads a slot that is not written before it");
    }
    ++slot;
  }
  for (int32_t r : p.results) {
    if (r < 0 || r >= slot) return bad("the result s" + std::to_string(r) + " is not a slot");
  }
  return {};
}

Status run(const ShapeProgram& p, std::span<int64_t> slots) {
  TEMPER_CHECK(slots.size() == static_cast<size_t>(p.slot_count()), "a shape program runs on as many slots as it has");
  int64_t* out = slots.data() + p.inputs.size();
  auto failure = [&](const char* what, const char* cure) {
    auto k = static_cast<size_t>(out - slots.data());
    const ShapeInstruction& i = p.code[k - p.inputs.size()];
    return Error(ErrorCode::kInvalidArgument, "instruction s" + std::to_string(k) + " of the shape program " + what +
                                                  " (operands " + std::to_string(slots[static_cast<size_t>(i.a)]) + " and " +
                                                  std::to_string(slots[static_cast<size_t>(i.b)]) + "); " + cure);
  };
  for (const ShapeInstruction& i : p.code) {
    int64_t a = slots[static_cast<size_t>(i.a)], b = slots[static_cast<size_t>(i.b)];
    bool overflow = false;
    switch (i.op) {
      case ShapeOp::kConst:
        *out = i.constant;
        break;
      case ShapeOp::kAdd:
        overflow = __builtin_add_overflow(a, b, out);
        break;
      case ShapeOp::kSub:
        overflow = __builtin_sub_overflow(a, b, out);
        break;
      case ShapeOp::kMul:
        overflow = __builtin_mul_overflow(a, b, out);
        break;
      case ShapeOp::kFloorDiv:
      case ShapeOp::kMod: {
        if (b < 1) return failure("divides by a number below 1", "check the shapes that were set");
        int64_t quotient = a / b, rest = a % b;
        *out = i.op == ShapeOp::kFloorDiv ? quotient - (rest < 0) : rest + (rest < 0 ? b : 0);
        break;
      }
      case ShapeOp::kMin:
        *out = std::min(a, b);
        break;
      case ShapeOp::kMax:
        *out = std::max(a, b);
        break;
      case ShapeOp::kLess:
        *out = a < b;
        break;
      case ShapeOp::kEqual:
        *out = a == b;
        break;
    }
    if (overflow) return failure("does not fit into 64 bits", "use smaller dimensions");
    ++out;
  }
  return {};
}

}  // namespace temper
