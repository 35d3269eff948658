// PointProgram: integer expressions made quick to evaluate at many points. Dimensions are numbers; what is left is
// straight-line code over iteration and loaded variables, run for a piece of a row at a time: neighbouring points that differ
// in the last variable only.
//
//   auto program = TEMPER_TRY(PointProgram::make(context, domain, map.results, 0, symbols));
//   program.run_row(point, n, {});              // at point, and the n - 1 that follow it in its row; n <= kRow
//   program.value(k, i);                        // expression k at point i
//
// A division by something that is not positive gives -1: where a guard fails, the expressions that it guards may be nonsense.
#pragma once

#include <vector>

#include "interp/interp.h"

namespace temper {

class PointProgram {
 public:
  static constexpr int64_t kRow = 512;

  // Evaluates `expressions` over d0 .. d<n-1> of `domain` and loaded variables v0 .. v<loads-1>.
  static Expected<PointProgram> make(SymContext& context, const Dims& domain, std::span<const SymInt> expressions, int loads,
                                     const SymbolValues& symbols);
  // loaded: kRow values for each loaded variable, one after the other.
  void run_row(const int64_t* point, int64_t n, std::span<const int64_t> loaded);
  int64_t value(size_t expression, int64_t i) const {
    int node = results_[expression];
    return values_[static_cast<size_t>(node) * kRow + static_cast<size_t>(code_[node].varies ? i : 0)];
  }
  // The same value at every point of a row.
  bool constant_in_row(size_t expression) const { return !code_[results_[expression]].varies; }

 private:
  struct Instruction {
    SymKind kind;
    int a = -1, b = -1;    // earlier instructions
    int64_t constant = 0;  // kConst; the ordinal of a variable (loaded ones after the iteration variables)
    bool varies = false;   // along a row
  };
  int add(SymInt e, std::unordered_map<SymInt, int>& numbers);
  int emit(Instruction instruction);

  size_t rank_ = 0;
  std::vector<Instruction> code_;
  std::vector<int> results_;
  std::vector<int64_t> values_;
};

// Rows of a domain in order: f(point of its first element, length, position of its first element); pieces of kRow at most.
template <class F>
Status for_each_row(const std::vector<int64_t>& dims, F f) {
  int64_t count = element_count(dims), last = dims.empty() ? 1 : dims.back();
  std::vector<int64_t> point(dims.size(), 0);
  for (int64_t at = 0; at < count;) {
    int64_t start = dims.empty() ? 0 : point.back(), n = std::min(PointProgram::kRow, last - start);
    TEMPER_TRY(f(point.data(), n, at));
    at += n;
    if (dims.empty()) break;
    point.back() += n;
    for (size_t d = dims.size(); d-- > 0 && point[d] >= dims[d];) {
      point[d] = 0;
      if (d > 0) ++point[d - 1];
    }
  }
  return {};
}

Expected<int64_t> symbol_value(SymInt e, const SymbolValues& symbols);
Expected<std::vector<int64_t>> symbol_values(const Dims& dims, const SymbolValues& symbols);
// e with dimensions and sizes as numbers.
Expected<SymInt> with_numbers(SymInt e, const SymbolValues& symbols);

}  // namespace temper
