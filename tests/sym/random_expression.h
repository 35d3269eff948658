// Random expressions whose value is known without SymInt: each is built twice, as a SymInt and as a plain number for each of a
// few assignments of the variables.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "sym/sym.h"
#include "tests/sym/print.h"

namespace temper::testing {

inline constexpr int kAssignments = 6;

// nullopt: not defined (a divisor below 1) or too large to judge.
using Values = std::vector<std::optional<__int128>>;

struct Sample {
  SymInt expression;
  Values values;
};

inline std::optional<__int128> apply(SymKind kind, __int128 a, __int128 b) {
  auto limited = [](__int128 v) {
    return v > -(__int128{1} << 50) && v < (__int128{1} << 50) ? std::optional(v) : std::nullopt;
  };
  switch (kind) {
    case SymKind::kSum:
      return limited(a + b);
    case SymKind::kProduct:
      return limited(a * b);
    case SymKind::kFloorDiv:
    case SymKind::kMod: {
      if (b < 1) return std::nullopt;
      __int128 rest = ((a % b) + b) % b;
      return kind == SymKind::kMod ? rest : (a - rest) / b;
    }
    case SymKind::kMin:
      return a < b ? a : b;
    case SymKind::kMax:
      return a < b ? b : a;
    case SymKind::kLess:
      return a < b;
    default:
      return a == b;
  }
}

inline SymInt apply(SymKind kind, SymInt a, SymInt b) {
  switch (kind) {
    case SymKind::kSum:
      return a + b;
    case SymKind::kProduct:
      return a * b;
    case SymKind::kFloorDiv:
      return floor_div(a, b);
    case SymKind::kMod:
      return mod(a, b);
    case SymKind::kMin:
      return min(a, b);
    case SymKind::kMax:
      return max(a, b);
    case SymKind::kLess:
      return less(a, b);
    default:
      return equal(a, b);
  }
}

inline Sample apply(SymKind kind, const Sample& a, const Sample& b) {
  Sample result{apply(kind, a.expression, b.expression), Values(kAssignments)};
  for (size_t i = 0; i < kAssignments; ++i)
    if (a.values[i] && b.values[i]) result.values[i] = apply(kind, *a.values[i], *b.values[i]);
  return result;
}

class RandomExpressions {
 public:
  explicit RandomExpressions(uint64_t seed) : random_(seed) {
    for (const char* name : {"n", "m", "k"}) {
      Sample dim{context.symbol(name), {}};
      for (int i = 0; i < kAssignments; ++i)
        dim.values.emplace_back(i == 0 ? 1 : i == 1 ? pick(1, 1000) : i == 3 ? pick(0, 2) : pick(1, 7));
      add(dim);
    }
    Sample size{context.fresh_size(), {}};
    context.set_range(size.expression, -9, 9);
    for (int i = 0; i < kAssignments; ++i) size.values.emplace_back(pick(-9, 9));
    add(size);
    index(variables[0]);
    index(variables[1]);
    index(constant(pick(2, 9)));
    index(apply(SymKind::kProduct, variables[0], variables[1]));
    index(apply(SymKind::kSum, apply(SymKind::kFloorDiv, variables[2], constant(2)), constant(1)));
  }

  int64_t pick(int64_t lo, int64_t hi) { return std::uniform_int_distribution<int64_t>(lo, hi)(random_); }

  Sample constant(int64_t value) { return {value, Values(kAssignments, std::optional<__int128>(value))}; }

  Sample positive(int depth) {
    static constexpr int64_t kOften[] = {2, 3, 4, 6, 8, 12, 16, 24, 64};
    switch (pick(0, 5)) {
      case 0:
        return variables[static_cast<size_t>(pick(0, 2))];
      case 1:
        return depth > 0 ? apply(SymKind::kProduct, positive(depth - 1), positive(depth - 1)) : variables[0];
      case 2:
        return depth > 0 ? apply(SymKind::kMax, any(depth - 1), constant(1)) : constant(5);
      case 3:
        return extents[static_cast<size_t>(pick(0, static_cast<int64_t>(extents.size()) - 1))];
      default:
        return constant(kOften[pick(0, 8)]);
    }
  }

  Sample leaf() {
    if (pick(0, 3) == 0) return constant(pick(-12, 70));
    return variables[static_cast<size_t>(pick(0, static_cast<int64_t>(variables.size()) - 1))];
  }

  // index * extent + index and the like: what reshapes make.
  Sample linear(int depth) {
    Sample sum = leaf();
    for (int64_t i = pick(1, 3); i > 0; --i) {
      sum = apply(SymKind::kProduct, sum, positive(0));
      sum = apply(SymKind::kSum, sum, depth > 0 && pick(0, 3) == 0 ? any(depth - 1) : leaf());
    }
    return sum;
  }

  Sample any(int depth) {
    if (depth == 0) return leaf();
    static constexpr SymKind kKinds[] = {SymKind::kSum, SymKind::kSum,  SymKind::kProduct, SymKind::kMin,
                                         SymKind::kMax, SymKind::kLess, SymKind::kEqual};
    int64_t choice = pick(0, 15);
    if (choice < 7) return apply(kKinds[choice], any(depth - 1), any(depth - 1));
    if (choice < 10) return apply(SymKind::kFloorDiv, pick(0, 1) ? linear(depth - 1) : any(depth - 1), positive(1));
    if (choice < 13) return apply(SymKind::kMod, pick(0, 1) ? linear(depth - 1) : any(depth - 1), positive(1));
    if (choice == 13) return apply(SymKind::kProduct, any(depth - 1), constant(pick(-9, 9)));
    return linear(depth - 1);
  }

  Expected<int64_t> value(SymInt e, size_t assignment) {
    return evaluate(e, [&](SymInt var) -> std::optional<int64_t> {
      auto it = values_.find(var);
      if (it == values_.end() || !it->second[assignment]) return std::nullopt;
      return static_cast<int64_t>(*it->second[assignment]);
    });
  }

  SymContext context;
  std::vector<Sample> variables;
  std::vector<Sample> extents;

 private:
  void add(const Sample& variable) {
    variables.push_back(variable);
    values_[variable.expression] = variable.values;
  }

  void index(const Sample& extent) {
    Sample i{context.index(static_cast<int>(extents.size()), extent.expression), {}};
    for (const auto& e : extent.values) {
      // An index over nothing has no value.
      if (*e < 1)
        i.values.emplace_back(std::nullopt);
      else
        i.values.emplace_back(pick(0, static_cast<int64_t>(*e) - 1));
    }
    extents.push_back(extent);
    add(i);
  }

  std::mt19937_64 random_;
  std::unordered_map<SymInt, Values> values_;
};

}  // namespace temper::testing
