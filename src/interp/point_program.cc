#include "interp/point_program.h"

#include <algorithm>

namespace temper {

Expected<int64_t> symbol_value(SymInt e, const SymbolValues& symbols) {
  if (e.is_const()) return e.value();
  return evaluate(e, [&](SymInt v) -> std::optional<int64_t> {
    auto found = symbols.find(v);
    return found == symbols.end() ? std::nullopt : std::optional(found->second);
  });
}

Expected<std::vector<int64_t>> symbol_values(const Dims& dims, const SymbolValues& symbols) {
  constexpr double kMost = 1e11;  // elements: more than any machine that runs this holds
  std::vector<int64_t> values;
  double count = 1;
  for (SymInt d : dims) {
    values.push_back(TEMPER_TRY(symbol_value(d, symbols)));
    if (values.back() < 0) {
      return Error(ErrorCode::kInvalidArgument, "dimension " + d.to_string() + " is " + std::to_string(values.back()) +
                                                    " for these inputs; a dimension is never negative");
    }
    count *= static_cast<double>(values.back());
  }
  if (count > kMost) return Error(ErrorCode::kOutOfMemory, "a tensor of " + std::to_string(count) + " elements");
  return values;
}

Expected<SymInt> with_numbers(SymInt e, const SymbolValues& symbols) {
  std::vector<SymInt> from, to;
  for (SymInt v : vars_of(e)) {
    VarKind kind = var_of(v).kind;
    if (kind == VarKind::kIndex || kind == VarKind::kLoaded) continue;
    from.push_back(v);
    to.push_back(TEMPER_TRY(symbol_value(v, symbols)));
  }
  return from.empty() ? e : substitute(e, from, to);
}

namespace {

int64_t apply(SymKind kind, int64_t a, int64_t b) {
  switch (kind) {
    case SymKind::kSum:
      return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
    case SymKind::kProduct:
      return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
    case SymKind::kFloorDiv:
      return b <= 0 ? -1 : (a >= 0 ? a / b : -((-(a + 1)) / b) - 1);
    case SymKind::kMod: {
      if (b <= 0) return -1;
      int64_t r = a % b;
      return r < 0 ? r + b : r;
    }
    case SymKind::kMin:
      return std::min(a, b);
    case SymKind::kMax:
      return std::max(a, b);
    case SymKind::kLess:
      return a < b;
    case SymKind::kEqual:
      return a == b;
    case SymKind::kConst:
    case SymKind::kVar:
      break;
  }
  return 0;
}

template <SymKind kKind>
void apply_row(const int64_t* a, const int64_t* b, bool a_varies, bool b_varies, int64_t n, int64_t* out) {
  if (a_varies && b_varies) {
    for (int64_t i = 0; i < n; ++i) out[i] = apply(kKind, a[i], b[i]);
  } else if (a_varies) {
    for (int64_t i = 0, y = b[0]; i < n; ++i) out[i] = apply(kKind, a[i], y);
  } else {
    for (int64_t i = 0, x = a[0]; i < n; ++i) out[i] = apply(kKind, x, b[i]);
  }
}

}  // namespace

int PointProgram::emit(Instruction instruction) {
  if (instruction.a >= 0) instruction.varies = code_[instruction.a].varies || code_[instruction.b].varies;
  code_.push_back(instruction);
  return static_cast<int>(code_.size()) - 1;
}

int PointProgram::add(SymInt e, std::unordered_map<SymInt, int>& numbers) {
  if (auto found = numbers.find(e); found != numbers.end()) return found->second;
  int number = -1;
  if (e.is_const()) {
    number = emit({.kind = SymKind::kConst, .constant = e.value()});
  } else if (kind_of(e) == SymKind::kVar) {
    const SymVar& var = var_of(e);
    bool is_loaded = var.kind == VarKind::kLoaded;
    Instruction i{.kind = SymKind::kVar, .constant = var.ordinal + (is_loaded ? static_cast<int64_t>(rank_) : 0)};
    i.varies = is_loaded || var.ordinal + 1 == static_cast<int>(rank_);
    number = emit(i);
  } else {
    std::vector<SymInt> operands = operands_of(e);
    number = add(operands[0], numbers);
    for (size_t i = 1; i < operands.size(); ++i)
      number = emit({.kind = kind_of(e), .a = number, .b = add(operands[i], numbers)});
  }
  numbers.emplace(e, number);
  return number;
}

Expected<PointProgram> PointProgram::make(SymContext& context, const Dims& domain, std::span<const SymInt> expressions,
                                          int loads, const SymbolValues& symbols) {
  PointProgram result;
  result.rank_ = domain.size();
  std::unordered_map<SymInt, int> numbers;
  for (SymInt e : expressions) {
    SymInt numeric = TEMPER_TRY(with_numbers(e, symbols));
    for (SymInt v : vars_of(numeric)) {
      const SymVar& var = var_of(v);
      int limit = var.kind == VarKind::kLoaded ? loads : static_cast<int>(domain.size());
      if (var.ordinal >= limit)
        return Error(ErrorCode::kInternal, "an expression uses " + var.name + ", which its map does not have");
    }
    result.results_.push_back(result.add(numeric, numbers));
  }
  result.values_.resize(result.code_.size() * kRow);
  for (size_t k = 0; k < result.code_.size(); ++k) {
    if (result.code_[k].kind == SymKind::kConst) result.values_[k * kRow] = result.code_[k].constant;
  }
  return result;
}

void PointProgram::run_row(const int64_t* point, int64_t n, std::span<const int64_t> loaded) {
  for (size_t k = 0; k < code_.size(); ++k) {
    const Instruction& in = code_[k];
    int64_t* out = values_.data() + k * kRow;
    if (in.kind == SymKind::kConst) continue;
    if (in.kind == SymKind::kVar) {
      auto ordinal = static_cast<size_t>(in.constant);
      if (ordinal >= rank_) {
        std::copy_n(loaded.data() + (ordinal - rank_) * kRow, n, out);
      } else if (in.varies) {
        for (int64_t i = 0; i < n; ++i) out[i] = point[ordinal] + i;
      } else {
        out[0] = point[ordinal];
      }
      continue;
    }
    const int64_t *a = values_.data() + static_cast<size_t>(in.a) * kRow,
                  *b = values_.data() + static_cast<size_t>(in.b) * kRow;
    if (!in.varies) {
      out[0] = apply(in.kind, a[0], b[0]);
      continue;
    }
    bool va = code_[in.a].varies, vb = code_[in.b].varies;
    switch (in.kind) {
      case SymKind::kSum:
        apply_row<SymKind::kSum>(a, b, va, vb, n, out);
        break;
      case SymKind::kProduct:
        apply_row<SymKind::kProduct>(a, b, va, vb, n, out);
        break;
      case SymKind::kFloorDiv:
        apply_row<SymKind::kFloorDiv>(a, b, va, vb, n, out);
        break;
      case SymKind::kMod:
        apply_row<SymKind::kMod>(a, b, va, vb, n, out);
        break;
      case SymKind::kMin:
        apply_row<SymKind::kMin>(a, b, va, vb, n, out);
        break;
      case SymKind::kMax:
        apply_row<SymKind::kMax>(a, b, va, vb, n, out);
        break;
      case SymKind::kLess:
        apply_row<SymKind::kLess>(a, b, va, vb, n, out);
        break;
      case SymKind::kEqual:
        apply_row<SymKind::kEqual>(a, b, va, vb, n, out);
        break;
      case SymKind::kConst:
      case SymKind::kVar:
        break;
    }
  }
}

}  // namespace temper
