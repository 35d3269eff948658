#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "kernel/exact_monoid.h"
#include "kernel/exact_state.h"

namespace temper {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

int64_t count_of(std::span<const int64_t> dims) {
  return std::accumulate(dims.begin(), dims.end(), int64_t{1}, std::multiplies<int64_t>());
}

// A result of a stage leaves with the error of a store, whether the kernel keeps it in a register or not.
ExactValue rounded(ExactValue x, DType type) {
  if (is_float(type) && std::isfinite(x.value.f) && type != DType::kF64 && type != DType::kF32)
    x.error += store_error(type, std::fabs(x.value.f));
  return x;
}

class ExactMapStage final : public ExactStage {
 public:
  static Expected<std::unique_ptr<ExactStage>> make(const ExactState& state, const Map& s) {
    auto stage = std::make_unique<ExactMapStage>();
    stage->domain = TEMPER_TRY(state.evaluate_dims(s.domain));
    stage->body_ = TEMPER_TRY(ExactBody::compile(state, s.body, s.operands));
    stage->point_.resize(s.domain.size());
    return std::unique_ptr<ExactStage>(std::move(stage));
  }
  Status evaluate(ExactState& state, int64_t position) override {
    point_of(position, domain, point_);
    std::span<const ExactValue> results = TEMPER_TRY(body_.run(state, point_));
    for (size_t i = 0; i < results.size(); ++i) {
      state.learn(first + static_cast<int>(i), position, rounded(results[i], body_.result_dtype(static_cast<int>(i))));
    }
    return {};
  }

 private:
  ExactBody body_;
  std::vector<int64_t> point_;
};

class ExactReduceStage final : public ExactStage {
 public:
  static Expected<std::unique_ptr<ExactStage>> make(const ExactState& state, const Reduce& s) {
    auto stage = std::make_unique<ExactReduceStage>();
    stage->domain = TEMPER_TRY(state.evaluate_dims(s.domain));
    stage->kept_ = s.domain.size() - s.reduced;
    stage->body_ = TEMPER_TRY(ExactBody::compile(state, s.body, s.operands));
    stage->monoid_ = s.monoid;
    stage->dtypes_ = s.dtypes;
    stage->point_.resize(s.domain.size());
    return std::unique_ptr<ExactStage>(std::move(stage));
  }
  Status evaluate(ExactState& state, int64_t position) override {
    std::unique_ptr<ExactMonoid> monoid = make_exact_monoid(monoid_, body_.result_dtype(0), dtypes_[0]);
    std::span<const int64_t> dims(domain);
    std::span<int64_t> point(point_);
    point_of(position, dims.first(kept_), point.first(kept_));
    int64_t count = count_of(dims.subspan(kept_));
    for (int64_t i = 0; i < count; ++i) {
      point_of(i, dims.subspan(kept_), point.subspan(kept_));
      monoid->add(TEMPER_TRY(body_.run(state, point_))[0]);
    }
    std::vector<ExactValue> results(dtypes_.size());
    monoid->results(results);
    for (size_t i = 0; i < results.size(); ++i) state.learn(first + static_cast<int>(i), position, results[i]);
    return {};
  }

 private:
  size_t kept_ = 0;
  ExactBody body_;
  MonoidKind monoid_ = MonoidKind::k_sum;
  std::vector<DType> dtypes_;
  std::vector<int64_t> point_;
};

class ExactContractStage final : public ExactStage {
 public:
  static Expected<std::unique_ptr<ExactStage>> make(const ExactState& state, const Contract& s) {
    auto stage = std::make_unique<ExactContractStage>();
    stage->domain = TEMPER_TRY(state.evaluate_dims(s.domain));
    stage->kept_ = s.domain.size() - s.reduced;
    stage->lhs_ = TEMPER_TRY(state.compile_access(s.lhs));
    stage->rhs_ = TEMPER_TRY(state.compile_access(s.rhs));
    stage->accumulate_ = s.accumulate;
    stage->dtype_ = s.dtype;
    if (state.values[s.lhs.value].dtype == DType::kF32) stage->lhs_rounding_ = state.operand_rounding;
    if (state.values[s.rhs.value].dtype == DType::kF32) stage->rhs_rounding_ = state.operand_rounding;
    stage->point_.resize(s.domain.size());
    return std::unique_ptr<ExactStage>(std::move(stage));
  }
  Status evaluate(ExactState& state, int64_t position) override {
    std::span<const int64_t> dims(domain);
    std::span<int64_t> point(point_);
    point_of(position, dims.first(kept_), point.first(kept_));
    int64_t count = count_of(dims.subspan(kept_));
    double sum = 0, magnitude = 0, carried = 0;
    uint64_t integer = 0;
    for (int64_t i = 0; i < count; ++i) {
      point_of(i, dims.subspan(kept_), point.subspan(kept_));
      ExactValue x = TEMPER_TRY(state.read(lhs_, point_)), y = TEMPER_TRY(state.read(rhs_, point_));
      if (!is_float(accumulate_)) {
        integer += static_cast<uint64_t>(x.value.i) * static_cast<uint64_t>(y.value.i);
        if (x.error > 0 || y.error > 0)
          carried += carry(static_cast<double>(x.value.i), x.error, static_cast<double>(y.value.i), y.error);
        continue;
      }
      x.error += lhs_rounding_ * std::fabs(x.value.f);
      y.error += rhs_rounding_ * std::fabs(y.value.f);
      double term = x.value.f * y.value.f;
      sum += term;
      magnitude += std::fabs(term);
      if (x.error > 0 || y.error > 0) carried += carry(x.value.f, x.error, y.value.f, y.error);
    }
    state.learn(first, position, result(count, sum, magnitude, carried, integer));
    return {};
  }

 private:
  static double carry(double x, double x_error, double y, double y_error) {
    double error = std::fabs(x) * y_error + std::fabs(y) * x_error + x_error * y_error;
    return std::isnan(error) ? kInfinity : error;
  }

  ExactValue result(int64_t count, double sum, double magnitude, double carried, uint64_t integer) const {
    if (!is_float(accumulate_)) {
      ScalarValue wrapped = cast_scalar({.i = static_cast<int64_t>(integer)}, DType::kI64, accumulate_);
      return cast_with_error({.value = wrapped, .error = carried}, accumulate_, dtype_);
    }
    ExactValue exact{.value = {.f = sum}, .error = carried};
    if (std::isfinite(sum)) {
      exact.error += tolerance(accumulate_, accumulate_, count, magnitude + carried);
      double largest = accumulate_ == DType::kF64 ? std::numeric_limits<double>::max() : std::numeric_limits<float>::max();
      if (magnitude + carried > largest) exact.error = kInfinity;
    }
    if (!is_float(dtype_)) return cast_with_error(exact, accumulate_, dtype_);
    if (std::isfinite(sum)) exact.error += store_error(dtype_, std::fabs(sum));
    return exact;
  }

  size_t kept_ = 0;
  ExactAccess lhs_, rhs_;
  DType accumulate_ = DType::kF32, dtype_ = DType::kF32;
  double lhs_rounding_ = 0, rhs_rounding_ = 0;
  std::vector<int64_t> point_;
};

// What scans and sorts share: a row is read along one axis.
class ExactRowStage : public ExactStage {
 protected:
  Status set_up(const ExactState& state, const Dims& dims, int axis, const Access& operand) {
    domain = TEMPER_TRY(state.evaluate_dims(dims));
    axis_ = axis;
    operand_ = TEMPER_TRY(state.compile_access(operand));
    from_ = state.values[operand.value].dtype;
    point_.resize(domain.size());
    return {};
  }
  // The row through point_.
  Expected<std::vector<ExactValue>> row(ExactState& state) {
    std::vector<ExactValue> all(domain[axis_]);
    for (int64_t i = 0; i < domain[axis_]; ++i) {
      point_[axis_] = i;
      all[i] = TEMPER_TRY(state.read(operand_, point_));
    }
    return all;
  }

  int axis_ = 0;
  ExactAccess operand_;
  DType from_ = DType::kF32;
  std::vector<int64_t> point_;
};

class ExactScanStage final : public ExactRowStage {
 public:
  static Expected<std::unique_ptr<ExactStage>> make(const ExactState& state, const Scan& s) {
    auto stage = std::make_unique<ExactScanStage>();
    TEMPER_TRY(stage->set_up(state, s.domain, s.axis, s.operand));
    stage->exclusive_ = s.exclusive;
    stage->reverse_ = s.reverse;
    stage->monoid_ = s.monoid;
    stage->dtype_ = s.dtype;
    return std::unique_ptr<ExactStage>(std::move(stage));
  }
  Status evaluate(ExactState& state, int64_t position) override {
    point_of(position, domain, point_);
    std::vector<ExactValue> all = TEMPER_TRY(row(state));
    std::unique_ptr<ExactMonoid> monoid = make_exact_monoid(monoid_, from_, dtype_);
    for (size_t step = 0; step < all.size(); ++step) {
      size_t i = reverse_ ? all.size() - 1 - step : step;
      ExactValue result;
      if (exclusive_) monoid->results(std::span(&result, 1));
      monoid->add(all[i]);
      if (!exclusive_) monoid->results(std::span(&result, 1));
      point_[axis_] = static_cast<int64_t>(i);
      state.learn(first, position_of(point_, domain), result);
    }
    return {};
  }

 private:
  bool exclusive_ = false, reverse_ = false;
  MonoidKind monoid_ = MonoidKind::k_sum;
  DType dtype_ = DType::kF32;
};

// NaN is greater than every number.
class ExactSortStage final : public ExactRowStage {
 public:
  static Expected<std::unique_ptr<ExactStage>> make(const ExactState& state, const Sort& s) {
    auto stage = std::make_unique<ExactSortStage>();
    TEMPER_TRY(stage->set_up(state, s.domain, s.axis, s.operand));
    stage->descending_ = s.descending;
    stage->result_dims_ = stage->domain;
    stage->result_dims_[s.axis] = TEMPER_TRY(state.evaluate_dim(s.count));
    if (stage->result_dims_[s.axis] > stage->domain[s.axis]) {
      return Error(ErrorCode::kInvalidArgument, "a sort of " + std::to_string(stage->domain[s.axis]) + " elements has " +
                                                    std::to_string(stage->result_dims_[s.axis]) + " results");
    }
    return std::unique_ptr<ExactStage>(std::move(stage));
  }
  Status evaluate(ExactState& state, int64_t position) override {
    point_of(position, result_dims_, point_);
    std::vector<ExactValue> all = TEMPER_TRY(row(state));
    std::vector<int64_t> order(all.size());
    std::iota(order.begin(), order.end(), int64_t{0});
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      return descending_ ? less(all[b].value, all[a].value) : less(all[a].value, all[b].value);
    });
    double error = 0;
    for (const ExactValue& x : all) error = std::max(error, x.error);
    for (int64_t k = 0; k < result_dims_[axis_]; ++k) {
      point_[axis_] = k;
      int64_t where = position_of(point_, result_dims_);
      ExactValue sorted = all[order[k]];
      bool is_doubtful = (k > 0 && touch(all[order[k - 1]], sorted)) ||
                         (k + 1 < static_cast<int64_t>(all.size()) && touch(sorted, all[order[k + 1]]));
      sorted.error = error;
      state.learn(first, where, sorted);
      state.learn(first + 1, where, {.value = {.i = order[k]}, .error = is_doubtful ? kInfinity : 0});
    }
    return {};
  }

 private:
  bool less(ScalarValue a, ScalarValue b) const {
    if (is_float(from_) && (std::isnan(a.f) || std::isnan(b.f))) return !std::isnan(a.f) && std::isnan(b.f);
    return evaluate_scalar(ScalarOp::k_less, from_, a, b, {}).i != 0;
  }
  // Whether errors may exchange two neighbours.
  bool touch(ExactValue a, ExactValue b) const {
    double error = a.error + b.error;
    if (error == 0) return false;
    double gap = is_float(from_) ? a.value.f - b.value.f : static_cast<double>(a.value.i) - static_cast<double>(b.value.i);
    return !(std::fabs(gap) > error);
  }

  bool descending_ = false;
  std::vector<int64_t> result_dims_;
};

class ExactScatterStage final : public ExactStage {
 public:
  static Expected<std::unique_ptr<ExactStage>> make(const ExactState& state, const Scatter& s) {
    auto stage = std::make_unique<ExactScatterStage>();
    stage->domain = TEMPER_TRY(state.evaluate_dims(s.dims));
    stage->updates_ = TEMPER_TRY(state.evaluate_dims(s.update.map.domain));
    stage->base_ = TEMPER_TRY(state.compile_access(s.base));
    stage->update_ = TEMPER_TRY(state.compile_access(s.update));
    stage->target_.map = TEMPER_TRY(state.compile_map(s.target.map, stage->domain));
    TEMPER_TRY(state.compile_loads(s.target, stage->target_));
    stage->combine_ = s.combine;
    stage->dtype_ = s.dtype;
    return std::unique_ptr<ExactStage>(std::move(stage));
  }
  Status evaluate(ExactState& state, int64_t position) override {
    if (!is_done_) TEMPER_TRY(update_all(state));
    auto found = updated_.find(position);
    ExactValue result = found != updated_.end() ? found->second : TEMPER_TRY(base(state, position));
    if (!is_certain_) result.error = kInfinity;
    state.learn(first, position, result);
    return {};
  }

 private:
  Expected<ExactValue> base(ExactState& state, int64_t position) {
    std::vector<int64_t> point(domain.size());
    point_of(position, domain, point);
    return state.read(base_, point);
  }

  Status update_all(ExactState& state) {
    std::vector<int64_t> point(updates_.size());
    int64_t count = count_of(updates_);
    for (int64_t i = 0; i < count; ++i) {
      point_of(i, updates_, point);
      bool is_certain = true;
      std::optional<int64_t> where = TEMPER_TRY(state.locate(target_, point, is_certain));
      is_certain_ = is_certain_ && is_certain;
      if (!where) continue;
      ExactValue value = TEMPER_TRY(state.read(update_, point));
      auto found = updated_.find(*where);
      if (combine_) {
        ExactValue old = found != updated_.end() ? found->second : TEMPER_TRY(base(state, *where));
        value = evaluate_with_error(*combine_, dtype_, old, value, {});
      }
      updated_.insert_or_assign(*where, value);
    }
    is_done_ = true;
    return {};
  }

  std::vector<int64_t> updates_;
  ExactAccess base_, update_, target_;
  std::optional<ScalarOp> combine_;
  DType dtype_ = DType::kF32;
  bool is_done_ = false, is_certain_ = true;
  std::unordered_map<int64_t, ExactValue> updated_;
};

class ExactCompactStage final : public ExactStage {
 public:
  static Expected<std::unique_ptr<ExactStage>> make(const ExactState& state, const Compact& s) {
    auto stage = std::make_unique<ExactCompactStage>();
    stage->domain = {TEMPER_TRY(state.evaluate_dim(s.extent))};
    stage->mask_ = TEMPER_TRY(state.compile_access(s.mask));
    stage->size_ = TEMPER_TRY(state.evaluate_dim(s.size));
    return std::unique_ptr<ExactStage>(std::move(stage));
  }
  Status evaluate(ExactState& state, int64_t position) override {
    std::vector<ExactValue> found;
    double error = 0;
    for (int64_t i = 0; i < domain[0]; ++i) {
      ExactValue mask = TEMPER_TRY(state.read(mask_, std::span(&i, 1)));
      if (mask.error > 0) error = kInfinity;
      if (mask.value.i != 0) found.push_back({.value = {.i = i}, .error = error});
    }
    if (static_cast<int64_t>(found.size()) != size_) {
      return Error(ErrorCode::kInvalidArgument, "the mask has " + std::to_string(found.size()) +
                                                    " true elements, and the size given for them is " + std::to_string(size_));
    }
    for (size_t k = 0; k < found.size(); ++k) state.learn(first, static_cast<int64_t>(k), found[k]);
    return {};
  }

 private:
  ExactAccess mask_;
  int64_t size_ = 0;
};

class ExactOpaqueStage final : public ExactStage {
 public:
  explicit ExactOpaqueStage(std::string name) : name_(std::move(name)) {}
  Status evaluate(ExactState&, int64_t) override {
    return Error(ErrorCode::kUnsupported,
                 "opaque stage '" + name_ + "' has no exact evaluator; check it against its own reference");
  }

 private:
  std::string name_;
};

struct Maker {
  const ExactState& state;
  Expected<std::unique_ptr<ExactStage>> operator()(const Map& s) { return ExactMapStage::make(state, s); }
  Expected<std::unique_ptr<ExactStage>> operator()(const Reduce& s) { return ExactReduceStage::make(state, s); }
  Expected<std::unique_ptr<ExactStage>> operator()(const Contract& s) { return ExactContractStage::make(state, s); }
  Expected<std::unique_ptr<ExactStage>> operator()(const Scan& s) { return ExactScanStage::make(state, s); }
  Expected<std::unique_ptr<ExactStage>> operator()(const Sort& s) { return ExactSortStage::make(state, s); }
  Expected<std::unique_ptr<ExactStage>> operator()(const Scatter& s) { return ExactScatterStage::make(state, s); }
  Expected<std::unique_ptr<ExactStage>> operator()(const Compact& s) { return ExactCompactStage::make(state, s); }
  Expected<std::unique_ptr<ExactStage>> operator()(const Opaque& s) {
    return std::unique_ptr<ExactStage>(std::make_unique<ExactOpaqueStage>(s.name));
  }
};

}  // namespace

Expected<std::unique_ptr<ExactStage>> make_exact_stage(const ExactState& state, const Stage& stage) {
  return std::visit(Maker{state}, stage);
}

}  // namespace temper
