#include <algorithm>
#include <cmath>
#include <numeric>

#include "interp/kernels.h"

namespace temper::exact {
namespace {

// Strides of the kept and of the reduced dimensions of a row-major tensor.
struct Split {
  std::vector<int64_t> kept, reduced, kept_strides, reduced_strides;
};
Split split(const std::vector<int64_t>& dims, const std::vector<int64_t>& axes) {
  Split s;
  int64_t stride = element_count(dims);
  for (size_t d = 0; d < dims.size(); ++d) {
    stride = dims[d] ? stride / dims[d] : 0;
    bool is_reduced = std::binary_search(axes.begin(), axes.end(), static_cast<int64_t>(d));
    (is_reduced ? s.reduced : s.kept).push_back(dims[d]);
    (is_reduced ? s.reduced_strides : s.kept_strides).push_back(stride);
  }
  return s;
}

int64_t address(const std::vector<int64_t>& point, const std::vector<int64_t>& strides) {
  return std::inner_product(point.begin(), point.end(), strides.begin(), int64_t(0));
}

// In a sort. NaN is greater than every number.
bool precedes(DType type, ScalarValue a, ScalarValue b, bool largest) {
  if (is_float(type) && (std::isnan(a.f) || std::isnan(b.f))) {
    return largest ? std::isnan(a.f) && !std::isnan(b.f) : !std::isnan(a.f) && std::isnan(b.f);
  }
  return largest ? evaluate_scalar(ScalarOp::k_less, type, b, a, {}).i != 0
                 : evaluate_scalar(ScalarOp::k_less, type, a, b, {}).i != 0;
}

// NaN is the extremum, as for max and min.
bool beats(DType type, ScalarValue a, ScalarValue b, bool largest) {
  if (is_float(type) && (std::isnan(a.f) || std::isnan(b.f))) return std::isnan(a.f) && !std::isnan(b.f);
  return precedes(type, a, b, largest);
}

ScalarValue neutral(MonoidKind monoid, DType type) {
  switch (monoid) {
    case MonoidKind::k_prod:
    case MonoidKind::k_all:
      return {1, 1};
    case MonoidKind::k_max:
      return {-INFINITY, is_unsigned_int(type) ? 0 : -(int64_t(1) << (std::min(64, dtype_bits(type)) - 1))};
    case MonoidKind::k_min: {
      if (type == DType::kBool) return {0, 1};
      int bits = dtype_bits(type) - (is_signed_int(type) ? 1 : 0);
      return {INFINITY, bits >= 64 ? -1 : static_cast<int64_t>((uint64_t(1) << bits) - 1)};
    }
    default:
      return {0, 0};
  }
}

}  // namespace

Expected<std::vector<ExactTensor>> reduce(const ReduceAttrs& attrs, const ExactTensor& in) {
  Split s = split(in.dims, attrs.axes);
  bool positions = attrs.monoid >= MonoidKind::k_arg_max && attrs.monoid <= MonoidKind::k_arg_min_last;
  std::vector<ExactTensor> results(monoid_info(attrs.monoid).results,
                                   ExactTensor::zeros(positions ? DType::kI64 : in.dtype, s.kept));
  int64_t kept = element_count(s.kept), reduced = element_count(s.reduced);
  std::vector<int64_t> outer(s.kept.size(), 0), inner(s.reduced.size(), 0);
  for (int64_t k = 0; k < kept; ++k, next_point(outer, s.kept)) {
    int64_t base = address(outer, s.kept_strides);
    ScalarValue total = neutral(attrs.monoid, in.dtype);
    double mean = 0, square = 0, largest = -INFINITY, sum = 0;
    int64_t best = 0;
    ScalarValue best_value;
    std::fill(inner.begin(), inner.end(), 0);
    for (int64_t r = 0; r < reduced; ++r, next_point(inner, s.reduced)) {
      ScalarValue x = in.at(base + address(inner, s.reduced_strides));
      switch (attrs.monoid) {
        case MonoidKind::k_sum:
          total = evaluate_scalar(ScalarOp::k_add, in.dtype, total, x, {});
          break;
        case MonoidKind::k_prod:
          total = evaluate_scalar(ScalarOp::k_mul, in.dtype, total, x, {});
          break;
        case MonoidKind::k_max:
          total = evaluate_scalar(ScalarOp::k_max, in.dtype, total, x, {});
          break;
        case MonoidKind::k_min:
          total = evaluate_scalar(ScalarOp::k_min, in.dtype, total, x, {});
          break;
        case MonoidKind::k_any:
          total.i |= x.i;
          break;
        case MonoidKind::k_all:
          total.i &= x.i;
          break;
        case MonoidKind::k_arg_max:
        case MonoidKind::k_arg_min:
        case MonoidKind::k_arg_max_last:
        case MonoidKind::k_arg_min_last: {
          bool max = attrs.monoid == MonoidKind::k_arg_max || attrs.monoid == MonoidKind::k_arg_max_last;
          bool last = attrs.monoid == MonoidKind::k_arg_max_last || attrs.monoid == MonoidKind::k_arg_min_last;
          if (r == 0 || beats(in.dtype, x, best_value, max) || (last && !beats(in.dtype, best_value, x, max)))
            best = r, best_value = x;
          break;
        }
        case MonoidKind::k_welford: {
          double delta = x.f - mean;
          mean += delta / static_cast<double>(r + 1);
          square += delta * (x.f - mean);
          break;
        }
        case MonoidKind::k_max_sum_exp:
          if (x.f > largest)
            sum = sum * std::exp(largest - x.f) + 1, largest = x.f;
          else
            sum += std::isinf(x.f) ? 0 : std::exp(x.f - largest);
          break;
      }
    }
    if (positions) {
      results[0].ints[k] = best;
    } else if (attrs.monoid == MonoidKind::k_welford) {
      results[0].floats[k] = mean;
      results[1].floats[k] = reduced ? square / static_cast<double>(reduced) : NAN;
    } else if (attrs.monoid == MonoidKind::k_max_sum_exp) {
      results[0].floats[k] = largest;
      results[1].floats[k] = sum;
    } else {
      results[0].set(k, total);
    }
  }
  return results;
}

Expected<ExactTensor> scan(const ScanAttrs& attrs, const ExactTensor& in) {
  ExactTensor result = in;
  Split s = split(in.dims, {attrs.axis});
  ScalarOp op = ScalarOp::k_add;
  if (attrs.monoid == MonoidKind::k_prod) op = ScalarOp::k_mul;
  if (attrs.monoid == MonoidKind::k_max) op = ScalarOp::k_max;
  if (attrs.monoid == MonoidKind::k_min) op = ScalarOp::k_min;
  std::vector<int64_t> outer(s.kept.size(), 0);
  int64_t n = in.dims[attrs.axis];
  for (int64_t k = 0; k < element_count(s.kept); ++k, next_point(outer, s.kept)) {
    int64_t base = address(outer, s.kept_strides);
    ScalarValue total = neutral(attrs.monoid, in.dtype);
    for (int64_t i = 0; i < n; ++i) {
      int64_t at = base + (attrs.reverse ? n - 1 - i : i) * s.reduced_strides[0];
      ScalarValue x = in.at(at);
      if (attrs.exclusive) result.set(at, total);
      total = evaluate_scalar(op, in.dtype, total, x, {});
      if (!attrs.exclusive) result.set(at, total);
    }
  }
  return result;
}

Expected<std::vector<ExactTensor>> sort(const SortAttrs& attrs, int64_t count, const ExactTensor& in) {
  Split s = split(in.dims, {attrs.axis});
  int64_t n = in.dims[attrs.axis];
  if (count < 0 || count > n)
    return Error(ErrorCode::kInvalidArgument,
                 "the first " + std::to_string(count) + " of " + std::to_string(n) + " elements are asked for");
  std::vector<int64_t> dims = in.dims;
  dims[attrs.axis] = count;
  ExactTensor values = ExactTensor::zeros(in.dtype, dims), positions = ExactTensor::zeros(DType::kI64, dims);
  Split to = split(dims, {attrs.axis});
  std::vector<int64_t> outer(s.kept.size(), 0), order(n);
  for (int64_t k = 0; k < element_count(s.kept); ++k, next_point(outer, s.kept)) {
    int64_t base = address(outer, s.kept_strides), out = address(outer, to.kept_strides);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      return precedes(in.dtype, in.at(base + a * s.reduced_strides[0]), in.at(base + b * s.reduced_strides[0]),
                      attrs.descending);
    });
    for (int64_t i = 0; i < count; ++i) {
      values.set(out + i * to.reduced_strides[0], in.at(base + order[i] * s.reduced_strides[0]));
      positions.ints[out + i * to.reduced_strides[0]] = order[i];
    }
  }
  return std::vector<ExactTensor>{std::move(values), std::move(positions)};
}

}  // namespace temper::exact
