// SymInts as CUDA C++, over d<i> (variables of the stage), v<k> (loaded ones) and the numbers of Args.
#include <algorithm>
#include <cmath>

#include "backend/cuda/gen/kernel_writer.h"

namespace temper::cuda {
namespace {

bool iterates(SymInt e) {
  const std::vector<SymInt> vars = vars_of(e);
  return std::any_of(vars.begin(), vars.end(),
                     [](SymInt v) { return var_of(v).kind == VarKind::kIndex || var_of(v).kind == VarKind::kLoaded; });
}

}  // namespace

int KernelWriter::number(SymInt e) {
  auto found = std::find(result_.numbers.begin(), result_.numbers.end(), e);
  if (found != result_.numbers.end()) return static_cast<int>(found - result_.numbers.begin());
  result_.numbers.push_back(e);
  return static_cast<int>(result_.numbers.size()) - 1;
}

// The most that the absolute value of e is at the shapes to be fast for; `most`: that of anything on the way to it.
double KernelWriter::magnitude(SymInt e, double& most) const {
  double value = 0;
  if (e.is_const()) {
    value = std::fabs(static_cast<double>(e.value()));
  } else if (kind_of(e) == SymKind::kVar) {
    const SymVar& v = var_of(e);
    const bool ranges = v.kind == VarKind::kIndex || v.kind == VarKind::kLoaded;
    value = static_cast<double>(best_(ranges ? v.extent : e));
  } else {
    const SymKind kind = kind_of(e);
    double sum = 0, largest = 0, all = 1;
    for (SymInt x : operands_of(e)) {
      const double m = magnitude(x, most);
      sum += m;
      largest = std::max(largest, m);
      all *= std::max(m, 1.0);
    }
    const bool compares = kind == SymKind::kLess || kind == SymKind::kEqual;
    const bool divides = kind == SymKind::kFloorDiv || kind == SymKind::kMod;
    value = compares ? 1 : kind == SymKind::kSum ? sum : kind == SymKind::kProduct ? all : divides ? 2 * largest : largest;
  }
  most = std::max(most, value);
  return value;
}

// Note [Narrow indices]: division in 64 bits is many times slower than in 32, so a kernel computes indices in 32 bits where the
// shapes to be fast for stay far below them. A launch for shapes that are too large for that is refused when it is prepared.
std::string KernelWriter::expression(SymInt e) {
  double most = 0;
  magnitude(e, most);
  wide_ = wide_ || !(most < 0x1p28);
  return term(e);
}

std::string KernelWriter::term(SymInt e) {
  if (e.is_const()) {
    if (e.value() == INT64_MIN) return "(-9223372036854775807LL - 1)";
    std::string text = std::to_string(e.value()) + (std::abs(e.value()) > INT32_MAX ? "LL" : "");
    return e.value() < 0 ? "(" + text + ")" : text;
  }
  if (!iterates(e)) return "(I)a.n[" + std::to_string(number(e)) + "]";
  if (kind_of(e) == SymKind::kVar) {
    const SymVar& v = var_of(e);
    return (v.kind == VarKind::kIndex ? "d" : "v") + std::to_string(v.ordinal);
  }
  const std::vector<SymInt> operands = operands_of(e);
  const SymKind kind = kind_of(e);
  if (kind == SymKind::kSum || kind == SymKind::kProduct) {
    // What does not iterate is one number.
    const bool is_sum = kind == SymKind::kSum;
    SymInt fixed = is_sum ? 0 : 1;
    std::string text;
    for (SymInt x : operands) {
      if (!iterates(x)) {
        fixed = is_sum ? fixed + x : fixed * x;
      } else {
        text += (text.empty() ? "" : is_sum ? " + " : " * ") + term(x);
      }
    }
    if (!fixed.is_const(is_sum ? 0 : 1)) text += (is_sum ? " + " : " * ") + term(fixed);
    return "(" + text + ")";
  }
  auto pair = [&](const std::string& before, const std::string& between) {
    std::string text = term(operands[0]);
    for (size_t i = 1; i < operands.size(); ++i) text = before + "(" + text + between + term(operands[i]) + ")";
    return text;
  };
  const bool plain = bounds(operands[0]).lo >= 0;
  switch (kind) {
    case SymKind::kFloorDiv:
      return plain ? pair("", " / ") : pair("floor_div", ", ");
    case SymKind::kMod:
      return plain ? pair("", " % ") : pair("floor_rest", ", ");
    case SymKind::kMin:
      return pair("least", ", ");
    case SymKind::kMax:
      return pair("most", ", ");
    case SymKind::kLess:
      return "(I)" + pair("", " < ");
    default:
      return "(I)" + pair("", " == ");
  }
}

}  // namespace temper::cuda
