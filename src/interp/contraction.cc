// contract: sums of products. Along strides where both maps allow, else point by point.
#include <algorithm>

#include "interp/kernels.h"

namespace temper::exact {
namespace {

struct Sum {
  double real = 0;
  uint64_t integer = 0;
};

std::vector<SymInt> with_guard(const IndexMap& m) {
  std::vector<SymInt> all = m.results;
  all.push_back(m.guard);
  return all;
}

void store(ExactTensor& to, int64_t at, const Sum& sum, bool real) {
  auto integer = static_cast<int64_t>(sum.integer);
  if (is_float(to.dtype))
    to.floats[at] = real ? sum.real : static_cast<double>(integer);
  else
    to.ints[at] = cast_scalar({0, integer}, DType::kI64, to.dtype).i;
}

// The reduced part of a domain as a plain nest of loops over two addresses.
void strided_sum(const ExactTensor& x, const ExactTensor& y, std::span<const int64_t> dims, std::span<const int64_t> xs,
                 std::span<const int64_t> ys, int64_t x_at, int64_t y_at, bool real, Sum& sum) {
  if (dims.size() > 1) {
    for (int64_t i = 0; i < dims[0]; ++i) {
      strided_sum(x, y, dims.subspan(1), xs.subspan(1), ys.subspan(1), x_at + i * xs[0], y_at + i * ys[0], real, sum);
    }
    return;
  }
  int64_t n = dims.empty() ? 1 : dims[0], dx = dims.empty() ? 0 : xs[0], dy = dims.empty() ? 0 : ys[0];
  if (real) {
    for (int64_t i = 0; i < n; ++i) sum.real += x.floats[x_at + i * dx] * y.floats[y_at + i * dy];
  } else {
    for (int64_t i = 0; i < n; ++i)
      sum.integer += static_cast<uint64_t>(x.ints[x_at + i * dx]) * static_cast<uint64_t>(y.ints[y_at + i * dy]);
  }
}

}  // namespace

Expected<ExactTensor> contract(SymContext& context, const ContractAttrs& attrs, Operands in, const SymbolValues& symbols) {
  auto dims = TEMPER_TRY(symbol_values(attrs.lhs.domain, symbols));
  auto split = dims.end() - attrs.reduced;
  std::vector<int64_t> kept(dims.begin(), split), reduced(split, dims.end());
  ExactTensor result = ExactTensor::zeros(attrs.dtype, kept);
  const ExactTensor &x = *in[0], &y = *in[1];
  bool real = is_float(x.dtype);
  int64_t count = result.count(), inner = element_count(reduced);
  if (inner == 0) return result;
  std::vector<int64_t> point(kept.size(), 0);
  auto xs = TEMPER_TRY(as_strided(context, attrs.lhs, dims, x.dims, symbols));
  auto ys = TEMPER_TRY(as_strided(context, attrs.rhs, dims, y.dims, symbols));
  if (xs && ys) {
    size_t k = kept.size();
    for (int64_t at = 0; at < count; ++at, next_point(point, kept)) {
      int64_t x_at = xs->offset, y_at = ys->offset;
      for (size_t d = 0; d < k; ++d) x_at += point[d] * xs->strides[d], y_at += point[d] * ys->strides[d];
      Sum sum;
      strided_sum(x, y, reduced, std::span(xs->strides).subspan(k), std::span(ys->strides).subspan(k), x_at, y_at, real, sum);
      store(result, at, sum, real);
    }
    return result;
  }
  auto lhs = TEMPER_TRY(PointProgram::make(context, attrs.lhs.domain, with_guard(attrs.lhs), 0, symbols));
  auto rhs = TEMPER_TRY(PointProgram::make(context, attrs.rhs.domain, with_guard(attrs.rhs), 0, symbols));
  Sum sum;
  TEMPER_TRY(for_each_row(dims, [&](const int64_t* p, int64_t n, int64_t at) -> Status {
    lhs.run_row(p, n, {});
    rhs.run_row(p, n, {});
    for (int64_t i = 0; i < n; ++i) {
      if (lhs.value(x.dims.size(), i) != 0 && rhs.value(y.dims.size(), i) != 0) {
        int64_t a = row_position(lhs, i, x.dims), b = row_position(rhs, i, y.dims);
        if (a < 0 || b < 0) return Error(ErrorCode::kInternal, "a contraction reads outside its operand");
        if (real)
          sum.real += x.floats[a] * y.floats[b];
        else
          sum.integer += static_cast<uint64_t>(x.ints[a]) * static_cast<uint64_t>(y.ints[b]);
      }
      if ((at + i + 1) % inner == 0) {
        store(result, (at + i) / inner, sum, real);
        sum = {};
      }
    }
    return {};
  }));
  return result;
}

}  // namespace temper::exact
