#include "backend/cpu/gen/tile_code.h"

namespace temper::cpu {

using tile::Access;
using tile::Form;
using tile::Instruction;

int32_t ParameterTable::number(SymInt value) {
  auto [at, fresh] = numbers_.try_emplace(value, static_cast<int32_t>(values_.size()));
  if (fresh) values_.push_back(value);
  return at->second;
}

int32_t TileCode::add(Instruction instruction) {
  code.push_back(instruction);
  return static_cast<int32_t>(code.size()) - 1;
}

int32_t TileCode::op(ScalarOp op, DType operand, DType result, int32_t a, int32_t b, int32_t c) {
  Instruction i;
  i.op = static_cast<uint8_t>(op);
  i.operand = operand;
  i.dtype = result;
  i.args[0] = a;
  i.args[1] = b;
  i.args[2] = c;
  return add(i);
}

int32_t TileCode::integer_constant(int64_t value, DType dtype) {
  Instruction i;
  i.op = tile::kOpConst;
  i.dtype = dtype;
  i.value.i = value;
  return add(i);
}

int32_t TileCode::accumulator(DType dtype) {
  Instruction i;
  i.op = tile::kOpAccumulator;
  i.dtype = i.operand = dtype;
  return add(i);
}

Form TileCode::form(SymInt expression) {
  auto parts = as_affine(expression, vars_);
  TEMPER_CHECK(parts, "a form is affine");
  Form f;
  f.constant = parameters_.or_zero(parts->offset);
  for (SymInt c : parts->coefficients) f.coefficients.push_back(parameters_.or_zero(c));
  return f;
}

namespace {

bool has_loaded(SymInt e) {
  for (SymInt v : vars_of(e)) {
    if (var_of(v).kind == VarKind::kLoaded) return true;
  }
  return false;
}

}  // namespace

Expected<int32_t> TileCode::integer(SymInt e) {
  if (auto found = loaded_.find(e); found != loaded_.end()) return found->second;
  const bool loaded = has_loaded(e);
  if (!loaded) {
    if (auto found = integers_.find(e); found != integers_.end()) return found->second;
  }
  auto binary = [&](ScalarOp o) -> Expected<int32_t> {
    const std::vector<SymInt> terms = operands_of(e);
    int32_t sum = TEMPER_TRY(integer(terms[0]));
    for (size_t k = 1; k < terms.size(); ++k) sum = op(o, DType::kI64, DType::kI64, sum, TEMPER_TRY(integer(terms[k])));
    return sum;
  };
  int32_t r = -1;
  if (!loaded && affine(e)) {
    Instruction i;
    i.op = tile::kOpForm;
    i.dtype = i.operand = DType::kI64;
    i.index = static_cast<int32_t>(forms.size());
    forms.push_back(form(e));
    r = add(i);
  } else {
    switch (kind_of(e)) {
      case SymKind::kConst:
        r = integer_constant(e.value(), DType::kI64);
        break;
      case SymKind::kVar:
        return Error(ErrorCode::kInternal, "the variable " + e.to_string() + " has no value in a tile kernel");
      case SymKind::kSum: {
        // The affine terms together are one form; the rest is added to it.
        SymInt straight = 0;
        std::vector<SymInt> others;
        for (SymInt t : operands_of(e)) {
          if (!has_loaded(t) && affine(t))
            straight += t;
          else
            others.push_back(t);
        }
        r = -1;
        for (SymInt t : others) {
          int32_t x = TEMPER_TRY(integer(t));
          r = r < 0 ? x : op(ScalarOp::k_add, DType::kI64, DType::kI64, r, x);
        }
        if (!straight.is_const(0)) r = op(ScalarOp::k_add, DType::kI64, DType::kI64, r, TEMPER_TRY(integer(straight)));
        break;
      }
      case SymKind::kProduct:
        r = TEMPER_TRY(binary(ScalarOp::k_mul));
        break;
      case SymKind::kMin:
        r = TEMPER_TRY(binary(ScalarOp::k_min));
        break;
      case SymKind::kMax:
        r = TEMPER_TRY(binary(ScalarOp::k_max));
        break;
      case SymKind::kMod:
        r = TEMPER_TRY(binary(ScalarOp::k_floor_mod));
        break;
      case SymKind::kFloorDiv: {
        const std::vector<SymInt> terms = operands_of(e);
        int32_t a = TEMPER_TRY(integer(terms[0]));
        const int32_t b = TEMPER_TRY(integer(terms[1]));
        if (bounds(terms[0]).lo < 0) {
          const int32_t rest = op(ScalarOp::k_floor_mod, DType::kI64, DType::kI64, a, b);
          a = op(ScalarOp::k_sub, DType::kI64, DType::kI64, a, rest);
        }
        r = op(ScalarOp::k_div, DType::kI64, DType::kI64, a, b);
        break;
      }
      case SymKind::kLess:
      case SymKind::kEqual: {
        const std::vector<SymInt> terms = operands_of(e);
        const int32_t a = TEMPER_TRY(integer(terms[0])), b = TEMPER_TRY(integer(terms[1]));
        const int32_t t =
            op(kind_of(e) == SymKind::kLess ? ScalarOp::k_less : ScalarOp::k_equal, DType::kI64, DType::kBool, a, b);
        r = op(ScalarOp::kCast, DType::kBool, DType::kI64, t);
        break;
      }
    }
  }
  if (!loaded) integers_.emplace(e, r);
  return r;
}

Expected<int32_t> TileCode::truth(SymInt e) { return op(ScalarOp::kCast, DType::kI64, DType::kBool, TEMPER_TRY(integer(e))); }

bool TileCode::linear_guard(SymInt guard, std::vector<Form>& out) {
  std::vector<SymInt> factors = kind_of(guard) == SymKind::kProduct ? operands_of(guard) : std::vector<SymInt>{guard};
  std::vector<SymInt> conditions;  // each >= 0
  for (SymInt f : factors) {
    if (f.is_const(1)) continue;
    SymInt negated = SymInt(1) - f;
    if (kind_of(f) == SymKind::kLess) {
      const std::vector<SymInt> terms = operands_of(f);
      conditions.push_back(terms[1] - terms[0] - 1);
    } else if (kind_of(f) == SymKind::kEqual) {
      const std::vector<SymInt> terms = operands_of(f);
      conditions.push_back(terms[0] - terms[1]);
      conditions.push_back(terms[1] - terms[0]);
    } else if (kind_of(negated) == SymKind::kLess) {
      const std::vector<SymInt> terms = operands_of(negated);
      conditions.push_back(terms[0] - terms[1]);
    } else {
      return false;
    }
  }
  for (SymInt c : conditions) {
    if (has_loaded(c) || !affine(c)) return false;
  }
  for (SymInt c : conditions) out.push_back(form(c));
  return true;
}

Expected<int32_t> TileCode::load(const Read& read) {
  loaded_.clear();
  for (const Read::Loaded& l : read.loaded) {
    // A load for an index is itself a plain read; it may not depend on loaded variables, so loaded_ is not needed while it is
    // built.
    Read inner;
    inner.place = l.place;
    inner.dtype = l.dtype;
    inner.address = l.address;
    inner.guard = l.guard;
    std::unordered_map<SymInt, int32_t> outer = std::move(loaded_);
    int32_t r = TEMPER_TRY(load(inner));
    loaded_ = std::move(outer);
    if (l.dtype != DType::kI64) r = op(ScalarOp::kCast, l.dtype, DType::kI64, r);
    Instruction check;
    check.op = tile::kOpCheck;
    check.dtype = check.operand = DType::kI64;
    check.args[0] = r;
    if (!read.guard.is_const(1) && !has_loaded(read.guard)) check.args[1] = TEMPER_TRY(truth(read.guard));
    check.index = parameters_.number(var_of(l.variable).extent);
    loaded_[l.variable] = add(check);
  }
  Access a;
  a.place = read.place;
  a.dtype = read.dtype;
  a.fill = read.fill;
  SymInt straight = 0, rest = 0;
  for (SymInt t : kind_of(read.address) == SymKind::kSum ? operands_of(read.address) : std::vector<SymInt>{read.address}) {
    (!has_loaded(t) && affine(t) ? straight : rest) += t;
  }
  a.address = form(straight);
  if (!rest.is_const(0)) a.index = TEMPER_TRY(integer(rest));
  if (!read.guard.is_const(1) && (a.index >= 0 || !linear_guard(read.guard, a.guards))) {
    a.guards.clear();
    a.guard = TEMPER_TRY(truth(read.guard));
  }
  Instruction i;
  i.op = tile::kOpLoad;
  i.dtype = i.operand = read.dtype;
  i.index = static_cast<int32_t>(accesses.size());
  accesses.push_back(std::move(a));
  loaded_.clear();
  return add(i);
}

Expected<std::vector<int32_t>> TileCode::body(const ScalarBody& body, std::span<const int32_t> operands,
                                              const std::function<SymInt(SymInt)>& rewrite) {
  std::vector<int32_t> map;
  for (const ScalarInstruction& s : body.code()) {
    switch (s.op) {
      case ScalarOp::kOperand:
        map.push_back(operands[static_cast<size_t>(s.index)]);
        continue;
      case ScalarOp::kSym:
        map.push_back(TEMPER_TRY(integer(rewrite(s.sym))));
        continue;
      case ScalarOp::kConst: {
        Instruction i;
        i.op = tile::kOpConst;
        i.dtype = i.operand = s.dtype;
        i.value = s.constant;
        map.push_back(add(i));
        continue;
      }
      default:
        break;
    }
    const bool select = s.op == ScalarOp::k_select;
    int32_t args[3] = {-1, -1, -1};
    for (int k = 0; k < 3; ++k) {
      if (s.args[k] >= 0) args[k] = map[static_cast<size_t>(s.args[k])];
    }
    const DType operand = body.code()[static_cast<size_t>(s.args[select ? 1 : 0])].dtype;
    if (s.op == ScalarOp::k_shift_right && is_signed_int(operand) && dtype_bits(operand) < 32) {
      // Registers are 32 bits wide: an amount between the type's width and that must be one that yields 0.
      const int32_t width = integer_constant(dtype_bits(operand), operand), beyond = integer_constant(-1, operand);
      const int32_t too_far = op(ScalarOp::k_less_equal, operand, DType::kBool, width, args[1]);
      args[1] = op(ScalarOp::k_select, operand, operand, too_far, beyond, args[1]);
    }
    map.push_back(op(s.op, operand, s.dtype, args[0], args[1], args[2]));
  }
  std::vector<int32_t> results;
  for (int32_t r : body.results()) results.push_back(map[static_cast<size_t>(r)]);
  return results;
}

}  // namespace temper::cpu
