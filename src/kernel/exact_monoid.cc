#include "kernel/exact_monoid.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace temper {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// An infinity or NaN that comes from operands without infinite error is certain.
ExactValue of_float(double value, double error) {
  if (std::isnan(error)) error = kInfinity;
  if (!std::isfinite(value) && error < kInfinity) error = 0;
  return {.value = {.f = value}, .error = error};
}

// Adds what storing in the result's type costs, and infinity where the compute type may overflow.
ExactValue stored(ExactValue x, DType type) {
  if (!is_float(type) || !std::isfinite(x.value.f)) return x;
  if (compute_type(type) == DType::kF32 && std::fabs(x.value.f) + x.error > std::numeric_limits<float>::max())
    x.error = kInfinity;
  x.error += store_error(type, std::fabs(x.value.f));
  return x;
}

class Sum final : public ExactMonoid {
 public:
  Sum(DType from, DType to) : from_(from), to_(to) {}

  void add(ExactValue x) override {
    ++count_;
    error_ += x.error;
    if (!is_float(from_)) {
      integer_ = evaluate_scalar(ScalarOp::k_add, from_, integer_, x.value, {});
      return;
    }
    sum_ += x.value.f;
    magnitude_ += std::fabs(x.value.f) + x.error;
  }
  void results(std::span<ExactValue> results) const override {
    if (!is_float(from_)) {
      results[0] = {.value = integer_, .error = error_};
      return;
    }
    double roundings = static_cast<double>(count_);
    double error = error_;
    if (std::isfinite(sum_)) {
      error += (rounding_growth(roundings, compute_type(to_)) + rounding_growth(roundings, DType::kF64)) * magnitude_;
      // Partial sums may overflow although the whole does not.
      if (compute_type(to_) == DType::kF32 && magnitude_ > std::numeric_limits<float>::max()) error = kInfinity;
    }
    results[0] = stored(of_float(sum_, error), to_);
  }

 private:
  DType from_, to_;
  int64_t count_ = 0;
  ScalarValue integer_;
  double sum_ = 0, magnitude_ = 0, error_ = 0;
};

class Product final : public ExactMonoid {
 public:
  Product(DType from, DType to) : from_(from), to_(to) {}

  void add(ExactValue x) override {
    if (!is_float(from_)) {
      integer_ = evaluate_scalar(ScalarOp::k_mul, from_, integer_, x.value, {});
      error_ = x.error > 0 || error_ > 0 ? kInfinity : 0;
      return;
    }
    double u = unit_roundoff(compute_type(to_));
    error_ = std::fabs(product_) * x.error + std::fabs(x.value.f) * error_ + error_ * x.error;
    product_ *= x.value.f;
    error_ += u * (std::fabs(product_) + error_);
    largest_ = std::max(largest_, std::fabs(product_) + error_);
    if (product_ != 0) smallest_ = std::min(smallest_, std::fabs(product_));
  }
  void results(std::span<ExactValue> results) const override {
    if (!is_float(from_)) {
      results[0] = {.value = integer_, .error = error_};
      return;
    }
    // In another order a partial product may leave the range of the compute type although this one does not: only a product
    // that is far from both ends on the whole way is certain.
    bool is_certain = compute_type(to_) == DType::kF64 || (largest_ < 0x1p60 && smallest_ > 0x1p-60);
    results[0] = stored(of_float(product_, is_certain ? error_ : kInfinity), to_);
  }

 private:
  DType from_, to_;
  ScalarValue integer_{.i = 1};
  double product_ = 1, error_ = 0, largest_ = 1, smallest_ = 1;
};

class Extremum final : public ExactMonoid {
 public:
  Extremum(ScalarOp op, DType from, DType to) : op_(op), from_(from), to_(to) {
    bool is_max = op == ScalarOp::k_max;
    if (is_float(from)) {
      value_.f = is_max ? -kInfinity : kInfinity;
    } else {
      int bits = dtype_bits(from);
      bool is_signed = is_signed_int(from);
      uint64_t ones = ~uint64_t{0} >> (64 - bits);
      int64_t least = is_signed ? -static_cast<int64_t>(ones >> 1) - 1 : 0;
      int64_t most = static_cast<int64_t>(is_signed ? ones >> 1 : ones);
      value_.i = is_max ? least : most;
    }
  }
  void add(ExactValue x) override {
    value_ = evaluate_scalar(op_, from_, value_, x.value, {});
    error_ = std::max(error_, x.error);
  }
  void results(std::span<ExactValue> results) const override { results[0] = stored({.value = value_, .error = error_}, to_); }

 private:
  ScalarOp op_;
  DType from_, to_;
  ScalarValue value_;
  double error_ = 0;
};

// any and all: certain as soon as one certain element decides.
class Truth final : public ExactMonoid {
 public:
  explicit Truth(bool decides) : decides_(decides) {}
  void add(ExactValue x) override {
    bool truth = x.value.i != 0;
    found_ = found_ || truth == decides_;
    certain_ = certain_ || (truth == decides_ && x.error == 0);
    doubtful_ = doubtful_ || x.error > 0;
  }
  void results(std::span<ExactValue> results) const override {
    results[0] = {.value = {.i = found_ == decides_}, .error = !certain_ && doubtful_ ? 1.0 : 0.0};
  }

 private:
  bool decides_, found_ = false, certain_ = false, doubtful_ = false;
};

// Positions of extrema. NaN counts as the extremum, as for max and min. The error is the distance to the farthest element that
// may be the extremum as well.
class Position final : public ExactMonoid {
 public:
  Position(DType from, bool is_max, bool last) : from_(from), is_max_(is_max), last_(last) {}
  void add(ExactValue x) override {
    bool better = all_.empty() || beats(x.value, all_[best_].value) || (last_ && !beats(all_[best_].value, x.value));
    if (better) best_ = all_.size();
    all_.push_back(x);
    doubtful_ = doubtful_ || x.error > 0;
  }
  void results(std::span<ExactValue> results) const override {
    double error = 0;
    for (size_t i = 0; doubtful_ && i < all_.size(); ++i) {
      if (i == best_ || !may_win(all_[i])) continue;
      error = std::max(error, std::fabs(static_cast<double>(i) - static_cast<double>(best_)));
    }
    results[0] = {.value = {.i = static_cast<int64_t>(best_)}, .error = error};
  }

 private:
  bool beats(ScalarValue a, ScalarValue b) const {
    if (is_float(from_)) {
      if (std::isnan(a.f) || std::isnan(b.f)) return std::isnan(a.f) && !std::isnan(b.f);
      return is_max_ ? a.f > b.f : a.f < b.f;
    }
    return evaluate_scalar(ScalarOp::k_less, from_, is_max_ ? b : a, is_max_ ? a : b, {}).i != 0;
  }
  bool may_win(ExactValue x) const {
    ExactValue best = all_[best_];
    if (x.error == kInfinity || best.error == kInfinity) return true;
    double gap =
        is_float(from_) ? best.value.f - x.value.f : static_cast<double>(best.value.i) - static_cast<double>(x.value.i);
    return x.error + best.error > 0 && std::fabs(gap) <= x.error + best.error;
  }

  DType from_;
  bool is_max_, last_, doubtful_ = false;
  size_t best_ = 0;
  std::vector<ExactValue> all_;
};

// Welford's algorithm errs in the variance by about n u sqrt(var (var + mean^2)) (Higham, 1.9): the condition number of the
// variance.
class Welford final : public ExactMonoid {
 public:
  explicit Welford(DType to) : to_(to) {}
  void add(ExactValue x) override { all_.push_back(x); }
  void results(std::span<ExactValue> results) const override {
    double n = static_cast<double>(all_.size());
    if (all_.empty()) {
      results[0] = results[1] = ExactValue{};
      return;
    }
    double sum = 0, magnitude = 0, input_error = 0, largest_error = 0;
    for (ExactValue x : all_) {
      sum += x.value.f;
      magnitude += std::fabs(x.value.f) + x.error;
      input_error += x.error;
      largest_error = std::max(largest_error, x.error);
    }
    double mean = sum / n, squares = 0, slope = 0;
    double growth = rounding_growth(n + 4, compute_type(to_)) + rounding_growth(n + 4, DType::kF64);
    double mean_error = (input_error + growth * magnitude) / n;
    for (ExactValue x : all_) {
      double d = x.value.f - mean;
      squares += d * d;
      slope += std::fabs(d) * (x.error + input_error / n);
    }
    double variance = squares / n;
    double variance_error = growth * std::sqrt(variance * (variance + mean * mean)) + growth * variance + 2 * slope / n +
                            largest_error * largest_error + mean_error * mean_error;
    results[0] = stored(of_float(mean, mean_error), to_);
    results[1] = stored(of_float(variance, variance_error), to_);
  }

 private:
  DType to_;
  std::vector<ExactValue> all_;
};

class MaxSumExp final : public ExactMonoid {
 public:
  explicit MaxSumExp(DType to) : to_(to) {}
  void add(ExactValue x) override { all_.push_back(x); }
  void results(std::span<ExactValue> results) const override {
    double m = -kInfinity, largest_error = 0;
    for (ExactValue x : all_) {
      m = std::isnan(x.value.f) || std::isnan(m) ? std::numeric_limits<double>::quiet_NaN() : std::max(m, x.value.f);
      largest_error = std::max(largest_error, x.error);
    }
    // Combining partial sums rescales them once per combination: that adds to the roundings of the sum.
    double n = static_cast<double>(all_.size());
    double u = unit_roundoff(compute_type(to_));
    double sum = 0, error = 0;
    for (ExactValue x : all_) {
      double d = x.value.f - m;
      double term = std::exp(d);
      sum += term;
      if (term > 0) error += term * std::expm1(x.error + largest_error + 2 * u * (std::fabs(d) + 8));
    }
    error += (rounding_growth(3 * n, compute_type(to_)) + rounding_growth(3 * n, DType::kF64)) * sum;
    // If all elements are -infinity the sum is NaN by its definition; a kernel that combines neutral elements has something
    // else.
    if (std::isinf(m) && m < 0) error = kInfinity;
    results[0] = stored(of_float(m, largest_error), to_);
    results[1] = stored(of_float(sum, error), to_);
  }

 private:
  DType to_;
  std::vector<ExactValue> all_;
};

}  // namespace

std::unique_ptr<ExactMonoid> make_exact_monoid(MonoidKind kind, DType from, DType to) {
  switch (kind) {
    case MonoidKind::k_sum:
      return std::make_unique<Sum>(from, to);
    case MonoidKind::k_prod:
      return std::make_unique<Product>(from, to);
    case MonoidKind::k_max:
      return std::make_unique<Extremum>(ScalarOp::k_max, from, to);
    case MonoidKind::k_min:
      return std::make_unique<Extremum>(ScalarOp::k_min, from, to);
    case MonoidKind::k_any:
      return std::make_unique<Truth>(true);
    case MonoidKind::k_all:
      return std::make_unique<Truth>(false);
    case MonoidKind::k_arg_max:
      return std::make_unique<Position>(from, true, false);
    case MonoidKind::k_arg_min:
      return std::make_unique<Position>(from, false, false);
    case MonoidKind::k_arg_max_last:
      return std::make_unique<Position>(from, true, true);
    case MonoidKind::k_arg_min_last:
      return std::make_unique<Position>(from, false, true);
    case MonoidKind::k_welford:
      return std::make_unique<Welford>(to);
    case MonoidKind::k_max_sum_exp:
      return std::make_unique<MaxSumExp>(to);
  }
  TEMPER_CHECK(false, "a monoid without exact evaluator");
}

}  // namespace temper
