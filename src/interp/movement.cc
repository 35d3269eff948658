// Movement of elements: reindex, gather, concat, scatter, compact.
#include <algorithm>

#include "interp/kernels.h"

namespace temper::exact {
namespace {

// Calls f with the element vectors of both tensors, which have the same dtype.
template <class F>
auto with_elements(ExactTensor& to, const ExactTensor& from, F f) {
  if (to.dtype == DType::kString) return f(to.strings, from.strings);
  if (is_float(to.dtype)) return f(to.floats, from.floats);
  return f(to.ints, from.ints);
}

Error outside(int64_t value) {
  return Error(ErrorCode::kInvalidArgument,
               "an index (" + std::to_string(value) + ") lies outside the tensor that it points into");
}

// Reads v0, v1, ... for a piece of a row.
class Loads {
 public:
  static Expected<Loads> make(SymContext& context, const Dims& domain, const IndexMaps& maps, Operands indices,
                              const SymbolValues& symbols) {
    Loads loads;
    for (const IndexMap& m : maps)
      loads.programs_.push_back(TEMPER_TRY(PointProgram::make(context, domain, m.results, 0, symbols)));
    loads.indices_ = indices;
    loads.values.resize(maps.size() * PointProgram::kRow);
    return loads;
  }
  Status run_row(const int64_t* point, int64_t n) {
    for (size_t k = 0; k < programs_.size(); ++k) {
      programs_[k].run_row(point, n, {});
      for (int64_t i = 0; i < n; ++i) {
        int64_t at = row_position(programs_[k], i, indices_[k]->dims);
        if (at < 0) return outside(at);
        values[k * PointProgram::kRow + static_cast<size_t>(i)] = indices_[k]->ints[at];
      }
    }
    return {};
  }
  int64_t first(int64_t i) const { return values.empty() ? -1 : values[static_cast<size_t>(i)]; }
  std::vector<int64_t> values;

 private:
  std::vector<PointProgram> programs_;
  Operands indices_;
};

std::vector<SymInt> with_guard(const IndexMap& m) {
  std::vector<SymInt> all = m.results;
  all.push_back(m.guard);
  return all;
}

// Copies along strides: to[row-major] = from[offset + sum of point[d] * strides[d]].
template <class T>
void strided_copy(T* to, const T* from, const std::vector<int64_t>& dims, const Strided& s) {
  int64_t count = element_count(dims), last = dims.empty() ? 1 : dims.back(), step = dims.empty() ? 0 : s.strides.back();
  std::vector<int64_t> point(dims.size(), 0);
  for (int64_t at = 0; at < count; at += last) {
    int64_t base = s.offset;
    for (size_t d = 0; d + 1 < dims.size(); ++d) base += point[d] * s.strides[d];
    if (step == 1) {
      std::copy_n(from + base, last, to + at);
    } else {
      for (int64_t i = 0; i < last; ++i) to[at + i] = from[base + i * step];
    }
    for (size_t d = dims.size(); d-- > 0;) {
      if (d + 1 == dims.size()) continue;
      if (++point[d] < dims[d]) break;
      point[d] = 0;
    }
  }
}

// A whole gather between arrays of one element type.
template <class T>
Status gather_array(SymContext& context, const IndexMap& m, const IndexMaps& load_maps, const T& fill, const T* from,
                    const std::vector<int64_t>& source, Operands indices, const SymbolValues& symbols,
                    const std::vector<int64_t>& dims, T* to) {
  if (load_maps.empty()) {
    if (auto strided = TEMPER_TRY(as_strided(context, m, dims, source, symbols))) {
      strided_copy(to, from, dims, *strided);
      return {};
    }
  }
  auto program = TEMPER_TRY(PointProgram::make(context, m.domain, with_guard(m), static_cast<int>(load_maps.size()), symbols));
  auto loads = TEMPER_TRY(Loads::make(context, m.domain, load_maps, indices, symbols));
  size_t guard = m.results.size();
  return for_each_row(dims, [&](const int64_t* point, int64_t n, int64_t at) -> Status {
    TEMPER_TRY(loads.run_row(point, n));
    program.run_row(point, n, loads.values);
    for (int64_t i = 0; i < n; ++i) {
      if (program.value(guard, i) == 0) {
        to[at + i] = fill;
        continue;
      }
      int64_t read = row_position(program, i, source);
      if (read < 0) return outside(loads.first(i));
      to[at + i] = from[read];
    }
    return {};
  });
}

// Calls f with an unsigned type of the width of dtype's elements; false if there is none.
template <class F>
bool with_width(DType dtype, F f) {
  switch (dtype_bits(dtype)) {
    case 8:
      f(uint8_t{});
      return true;
    case 16:
      f(uint16_t{});
      return true;
    case 32:
      f(uint32_t{});
      return true;
    case 64:
      f(uint64_t{});
      return true;
    default:
      return false;
  }
}

}  // namespace

// Note [Strided maps]: a map without guard whose row-major address is affine reads along constant strides, whatever its results
// are (a reshape that divides gives the affine address of a plain copy). Only that the lowest and the highest address lie in
// the tensor has to be checked, besides those results that are affine themselves.
Expected<std::optional<Strided>> as_strided(SymContext& context, const IndexMap& m, const std::vector<int64_t>& dims,
                                            const std::vector<int64_t>& source, const SymbolValues& symbols) {
  if (!m.guard.is_const(1)) return std::optional<Strided>();
  Dims numeric(dims.begin(), dims.end()), extents(source.begin(), source.end());
  auto old_vars = index_vars(context, m.domain), vars = index_vars(context, numeric);
  std::vector<SymInt> results;
  for (size_t k = 0; k < m.results.size(); ++k) {
    results.push_back(substitute(TEMPER_TRY(with_numbers(m.results[k], symbols)), old_vars, vars));
    SymBounds range = bounds(results[k]);
    if (as_affine(results[k], vars) && element_count(dims) > 0 && (range.lo < 0 || range.hi >= source[k]))
      return outside(range.lo < 0 ? range.lo : range.hi);
  }
  auto affine = as_affine(linear_index(results, extents), vars);
  if (!affine || !affine->offset.is_const()) return std::optional<Strided>();
  Strided s{{}, affine->offset.value()};
  int64_t low = s.offset, high = s.offset;
  for (size_t d = 0; d < vars.size(); ++d) {
    if (!affine->coefficients[d].is_const()) return std::optional<Strided>();
    s.strides.push_back(affine->coefficients[d].value());
    (s.strides[d] < 0 ? low : high) += s.strides[d] * (dims[d] - 1);
  }
  if (element_count(dims) > 0 && (low < 0 || high >= element_count(source))) return outside(low < 0 ? low : high);
  return std::optional(std::move(s));
}

Expected<ExactTensor> gather(SymContext& context, const IndexMap& m, const IndexMaps& load_maps, double fill, Operands in,
                             const SymbolValues& symbols) {
  auto dims = TEMPER_TRY(symbol_values(m.domain, symbols));
  const ExactTensor& source = *in[0];
  ExactTensor result = ExactTensor::zeros(source.dtype, dims);
  TEMPER_TRY(with_elements(result, source, [&](auto& to, const auto& from) {
    std::remove_cvref_t<decltype(to[0])> filler{};
    if constexpr (std::is_arithmetic_v<decltype(filler)>) filler = static_cast<decltype(filler)>(fill);
    return gather_array(context, m, load_maps, filler, from.data(), source.dims, in.subspan(1), symbols, dims, to.data());
  }));
  return result;
}

Expected<std::optional<Tensor>> gather(SymContext& context, const IndexMap& m, const IndexMaps& load_maps, double fill,
                                       std::span<const Tensor> in) {
  const SymbolValues none;
  auto dims = TEMPER_TRY(symbol_values(m.domain, none));
  Tensor result = Tensor::zeros(in[0].dtype(), dims), filler = Tensor::zeros(in[0].dtype(), {1});
  filler.set(0, {fill, static_cast<int64_t>(fill)});
  std::vector<ExactTensor> indices;
  std::vector<const ExactTensor*> pointers;
  for (const Tensor& t : in.subspan(1)) indices.push_back(ExactTensor::from(t));
  for (const ExactTensor& t : indices) pointers.push_back(&t);
  Status status;
  bool whole = with_width(in[0].dtype(), [&](auto width) {
    using T = decltype(width);
    status = gather_array(context, m, load_maps, filler.as<T>()[0], in[0].as<T>().data(), in[0].dims(), pointers, none, dims,
                          reinterpret_cast<T*>(result.mutable_bytes()));
  });
  TEMPER_TRY(std::move(status));
  return whole ? std::optional(std::move(result)) : std::nullopt;
}

namespace {

// Dims of a concatenation.
template <class Dims>
Expected<std::vector<int64_t>> joined_dims(int64_t axis, size_t count, Dims dims_of) {
  std::vector<int64_t> dims = dims_of(0);
  for (size_t k = 1; k < count; ++k) {
    for (size_t d = 0; d < dims.size(); ++d) {
      if (static_cast<int64_t>(d) == axis)
        dims[d] += dims_of(k)[d];
      else if (dims[d] != dims_of(k)[d])
        return Error(ErrorCode::kInvalidArgument, "the parts of a concatenation differ in dimension " + std::to_string(d));
    }
  }
  return dims;
}

// Puts a part at `start` (in elements of its first row) of the whole; returns where the next one starts.
template <class T>
int64_t put_part(T* to, const std::vector<int64_t>& dims, const T* from, const std::vector<int64_t>& part, int64_t axis,
                 int64_t start) {
  int64_t outer = 1, inner = 1;
  for (size_t d = 0; d < dims.size(); ++d) {
    if (static_cast<int64_t>(d) != axis) (static_cast<int64_t>(d) < axis ? outer : inner) *= dims[d];
  }
  int64_t run = part[axis] * inner, stride = dims[axis] * inner;
  for (int64_t o = 0; o < outer; ++o) std::copy_n(from + o * run, run, to + o * stride + start);
  return start + run;
}

}  // namespace

Expected<ExactTensor> concat(const Concat& attrs, Operands in) {
  auto dims =
      TEMPER_TRY(joined_dims(attrs.axis, in.size(), [&](size_t k) -> const std::vector<int64_t>& { return in[k]->dims; }));
  ExactTensor result = ExactTensor::zeros(in[0]->dtype, dims);
  int64_t start = 0;
  for (const ExactTensor* part : in) {
    start = with_elements(result, *part, [&](auto& to, const auto& from) {
      return put_part(to.data(), dims, from.data(), part->dims, attrs.axis, start);
    });
  }
  return result;
}

Expected<std::optional<Tensor>> concat(const Concat& attrs, std::span<const Tensor> in) {
  auto dims =
      TEMPER_TRY(joined_dims(attrs.axis, in.size(), [&](size_t k) -> const std::vector<int64_t>& { return in[k].dims(); }));
  Tensor result = Tensor::zeros(in[0].dtype(), dims);
  int64_t start = 0;
  bool whole = true;
  for (const Tensor& part : in) {
    whole = with_width(part.dtype(), [&](auto width) {
      using T = decltype(width);
      start = put_part(reinterpret_cast<T*>(result.mutable_bytes()), dims, part.as<T>().data(), part.dims(), attrs.axis, start);
    });
  }
  return whole ? std::optional(std::move(result)) : std::nullopt;
}

Expected<ExactTensor> scatter(SymContext& context, const ScatterAttrs& attrs, Operands in, const SymbolValues& symbols) {
  ExactTensor result = *in[0];
  const ExactTensor& update = *in[1];
  const IndexMap& target = attrs.target;
  auto program =
      TEMPER_TRY(PointProgram::make(context, target.domain, with_guard(target), static_cast<int>(attrs.loads.size()), symbols));
  auto loads = TEMPER_TRY(Loads::make(context, target.domain, attrs.loads, in.subspan(2), symbols));
  TEMPER_TRY(for_each_row(update.dims, [&](const int64_t* point, int64_t n, int64_t at) -> Status {
    TEMPER_TRY(loads.run_row(point, n));
    program.run_row(point, n, loads.values);
    for (int64_t i = 0; i < n; ++i) {
      if (program.value(target.results.size(), i) == 0) continue;
      int64_t to = row_position(program, i, result.dims);
      if (to < 0) return outside(loads.first(i));
      if (attrs.combine)
        result.set(to, evaluate_scalar(*attrs.combine, result.dtype, result.at(to), update.at(at + i), {}));
      else if (result.dtype == DType::kString)
        result.strings[to] = update.strings[at + i];
      else
        result.set(to, update.at(at + i));
    }
    return {};
  }));
  return result;
}

Expected<ExactTensor> compact(const ExactTensor& mask) {
  ExactTensor result;
  result.dtype = DType::kI64;
  for (int64_t i = 0; i < mask.count(); ++i) {
    if (mask.ints[i]) result.ints.push_back(i);
  }
  result.dims = {static_cast<int64_t>(result.ints.size())};
  return result;
}

Expected<ExactTensor> suppress(const ExactTensor& boxes, const ExactTensor& threshold) {
  int64_t lists = boxes.dims[0], n = boxes.dims[1];
  ExactTensor kept = ExactTensor::zeros(DType::kBool, {lists, n});
  for (int64_t s = 0; s < lists; ++s) {
    auto box = [&](int64_t i, int k) { return boxes.floats[(s * n + i) * 4 + k]; };
    auto area = [&](int64_t i) { return (box(i, 2) - box(i, 0)) * (box(i, 3) - box(i, 1)); };
    for (int64_t i = 0; i < n; ++i) {
      bool keep = true;
      for (int64_t j = 0; j < i && keep; ++j) {
        if (!kept.ints[s * n + j]) continue;
        double w = std::min(box(i, 2), box(j, 2)) - std::max(box(i, 0), box(j, 0));
        double h = std::min(box(i, 3), box(j, 3)) - std::max(box(i, 1), box(j, 1));
        if (w <= 0 || h <= 0) continue;
        double both = w * h;
        keep = !(both / (area(i) + area(j) - both) > threshold.floats[0]);
      }
      kept.ints[s * n + i] = keep;
    }
  }
  return kept;
}

}  // namespace temper::exact
