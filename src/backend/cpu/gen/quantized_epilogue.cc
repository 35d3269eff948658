#include "backend/cpu/gen/quantized_epilogue.h"

#include <algorithm>
#include <cmath>

namespace temper::cpu {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Bounds {
  double lo = -kInfinity, hi = kInfinity;
};

// round(real * factor) + zero, clamped.
struct Rounding {
  int32_t real = -1;  // instruction
  double factor = 1, zero = 0;
  Bounds bounds;  // of the level, zero included
};

// Reads the body from its result down to the sum.
class Matcher {
 public:
  Matcher(const Candidate& candidate, const Contraction& contraction, const Map& map)
      : candidate_(candidate),
        contraction_(contraction),
        map_(map),
        code_(map.body->code()),
        vars_(index_vars(*candidate.context, map.domain)) {
    inputs_ = static_cast<int>(candidate.region->inputs.size());
    types_ = candidate.region->value_types();
    for (int d : contraction.col_dims) {
      const SymInt extent = types_[static_cast<size_t>(inputs_)].dims[static_cast<size_t>(d)];
      cols_ = extent.is_const() ? cols_ * extent.value() : -1;
      if (cols_ < 0) break;
    }
  }

  std::optional<QuantizedEpilogue> run() {
    if (cols_ < 1) return std::nullopt;
    QuantizedEpilogue e;
    int32_t at = map_.body->results()[0];
    e.type = in(at).dtype;
    double unit = 1;  // levels of the result for one of what is real
    Bounds bounds;
    if (e.type == DType::kU8 || e.type == DType::kI8) {
      auto rounding = rounding_at(at);
      if (!rounding) return std::nullopt;
      unit = rounding->factor;
      e.zero = static_cast<int>(rounding->zero);
      bounds = {rounding->bounds.lo - rounding->zero, rounding->bounds.hi - rounding->zero};
      at = rounding->real;
    } else if (e.type != DType::kF32) {
      return std::nullopt;
    }
    at = strip_clamp(at, unit, bounds);
    if (in(at).op == ScalarOp::k_add && !residual_of(at, unit, e)) return std::nullopt;
    e.lo = static_cast<float>(bounds.lo), e.hi = static_cast<float>(bounds.hi);
    double sum_unit = unit;
    if (auto middle = middle_at(at)) {
      Bounds levels{middle->bounds.lo - middle->zero, middle->bounds.hi - middle->zero};
      sum_unit = middle->factor;
      at = strip_clamp(middle->real, sum_unit, levels);
      e.middle_scale = static_cast<float>(middle_scale_ * unit);
      if (e.middle_scale == 0 || !std::isfinite(levels.lo) || !std::isfinite(levels.hi)) return std::nullopt;
      e.middle_lo = static_cast<float>(levels.lo), e.middle_hi = static_cast<float>(levels.hi);
    }
    if (!sum_at(at, sum_unit, e)) return std::nullopt;
    return e;
  }

 private:
  const ScalarInstruction& in(int32_t at) const { return code_[static_cast<size_t>(at)]; }
  std::optional<double> number(int32_t at) const {
    if (in(at).op != ScalarOp::kConst) return std::nullopt;
    return is_float(in(at).dtype) ? in(at).constant.f : static_cast<double>(in(at).constant.i);
  }
  // The operands of a commutative function, the constant one second.
  std::optional<std::pair<int32_t, double>> with_number(int32_t at, ScalarOp op) const {
    if (in(at).op != op) return std::nullopt;
    for (int side = 0; side < 2; ++side) {
      if (auto n = number(in(at).args[1 - side])) return std::pair(in(at).args[side], *n);
    }
    return std::nullopt;
  }

  // Clamps from outside inwards: what is outside applies last, so an inner bound that is wider says nothing. `unit` > 0.
  int32_t strip_clamp(int32_t at, double unit, Bounds& bounds) const {
    while (true) {
      if (auto low = with_number(at, ScalarOp::k_max)) {
        bounds.lo = std::clamp(low->second * unit, bounds.lo, bounds.hi);
        at = low->first;
      } else if (auto high = with_number(at, ScalarOp::k_min)) {
        bounds.hi = std::clamp(high->second * unit, bounds.lo, bounds.hi);
        at = high->first;
      } else {
        return at;
      }
    }
  }

  std::optional<Rounding> rounding_at(int32_t at) const {
    if (in(at).op != ScalarOp::kCast || in(in(at).args[0]).dtype != DType::kF32) return std::nullopt;
    Rounding r;
    const bool is_signed = in(at).dtype == DType::kI8;
    at = strip_clamp(in(at).args[0], 1, r.bounds);
    // A cast does not saturate: the bounds must be there.
    if (r.bounds.lo < (is_signed ? -128 : 0) || r.bounds.hi > (is_signed ? 127 : 255)) return std::nullopt;
    if (auto plus = with_number(at, ScalarOp::k_add)) {
      r.zero = plus->second;
      at = plus->first;
    }
    if (r.zero != std::nearbyint(r.zero) || std::fabs(r.zero) > 255 || in(at).op != ScalarOp::k_round) return std::nullopt;
    at = in(at).args[0];
    if (in(at).op == ScalarOp::k_div) {
      auto by = number(in(at).args[1]);
      if (!by) return std::nullopt;
      r.factor = 1 / *by;
      at = in(at).args[0];
    } else if (auto times = with_number(at, ScalarOp::k_mul)) {
      r.factor = times->second;
      at = times->first;
    }
    if (!(r.factor > 0) || !std::isfinite(r.factor)) return std::nullopt;
    r.real = at;
    return r;
  }

  // (level - zero) * scale in f32, of an instruction of 8 bits.
  struct Real {
    int32_t level = -1;
    double zero = 0, scale = 1;
  };
  std::optional<Real> dequantized(int32_t at) const {
    Real r;
    if (auto times = with_number(at, ScalarOp::k_mul)) {
      r.scale = times->second;
      at = times->first;
    }
    if (in(at).op != ScalarOp::kCast || in(at).dtype != DType::kF32) return std::nullopt;
    at = in(at).args[0];
    if (in(at).op == ScalarOp::k_sub && number(in(at).args[1])) {
      r.zero = *number(in(at).args[1]);
      at = in(at).args[0];
    } else if (auto plus = with_number(at, ScalarOp::k_add)) {
      r.zero = -plus->second;
      at = plus->first;
    }
    if (in(at).op == ScalarOp::kCast && in(at).dtype == DType::kI32) at = in(at).args[0];
    if (in(at).dtype != DType::kU8 && in(at).dtype != DType::kI8) return std::nullopt;
    r.level = at;
    return r;
  }

  std::optional<Rounding> middle_at(int32_t at) {
    auto real = dequantized(at);
    if (!real || in(real->level).op == ScalarOp::kOperand) return std::nullopt;
    auto rounding = rounding_at(real->level);
    if (!rounding || rounding->zero != real->zero) return std::nullopt;
    middle_scale_ = real->scale;
    return rounding;
  }

  std::optional<PlaceInResult> place_of(int32_t operand) const {
    const Access& access = map_.operands[static_cast<size_t>(in(operand).index)];
    if (access.value >= inputs_) return std::nullopt;
    return place_in_result(candidate_, contraction_, access, vars_);
  }

  // One side of the addition at `at` is a residual: then it is noted and `at` becomes the other; or neither is. False:
  // something else.
  bool residual_of(int32_t& at, double unit, QuantizedEpilogue& e) const {
    for (int side = 0; side < 2; ++side) {
      const int32_t one = in(at).args[side];
      Real real;
      if (auto r = dequantized(one); r && in(r->level).op == ScalarOp::kOperand)
        real = *r;
      else if (in(one).op == ScalarOp::kOperand && in(one).dtype == DType::kF32)
        real.level = one;
      else
        continue;
      auto place = place_of(real.level);
      if (!place) return false;
      if (!place->per_point()) continue;
      e.residual = map_.operands[static_cast<size_t>(in(real.level).index)].value;
      e.residual_type = in(real.level).dtype;
      e.residual_row = place->row, e.residual_offset = place->offset;
      e.residual_zero = static_cast<int>(real.zero);
      e.residual_scale = static_cast<float>(real.scale * unit);
      at = in(at).args[1 - side];
      return true;
    }
    return true;  // the addition of a bias
  }

  // One number per column, of a constant.
  std::optional<std::vector<double>> columns(int32_t at) const {
    if (auto n = number(at)) return std::vector<double>(static_cast<size_t>(cols_), *n);
    if (in(at).op != ScalarOp::kOperand) return std::nullopt;
    auto place = place_of(at);
    const int value = map_.operands[static_cast<size_t>(in(at).index)].value;
    const Tensor* data = place && value < inputs_ ? candidate_.constants[static_cast<size_t>(value)] : nullptr;
    if (!data || !place->per_column() || !place->offset.is_const(0) || data->count() < cols_) return std::nullopt;
    std::vector<double> all;
    for (int64_t c = 0; c < cols_; ++c)
      all.push_back(is_float(data->dtype()) ? data->at(c).f : static_cast<double>(data->at(c).i));
    return all;
  }

  // f32(sum - shift) [* scale]... [+ bias]...
  bool sum_at(int32_t at, double unit, QuantizedEpilogue& e) const {
    std::vector<double> scale(static_cast<size_t>(cols_), unit), bias(static_cast<size_t>(cols_), 0.0), shift = bias;
    bool biased = false, shifted = false;
    while (in(at).op == ScalarOp::k_add || in(at).op == ScalarOp::k_mul) {
      std::optional<std::vector<double>> by;
      int side = 1;
      for (; side >= 0 && !(by = columns(in(at).args[side])); --side) {
      }
      if (!by) return false;
      for (size_t c = 0; c < by->size(); ++c) {
        if (in(at).op == ScalarOp::k_mul)
          scale[c] *= (*by)[c];
        else
          bias[c] += scale[c] * (*by)[c];
      }
      biased = biased || in(at).op == ScalarOp::k_add;
      at = in(at).args[1 - side];
    }
    if (in(at).op != ScalarOp::kCast || in(at).dtype != DType::kF32) return false;
    at = in(at).args[0];
    while (in(at).dtype == DType::kI32 && (in(at).op == ScalarOp::k_sub || in(at).op == ScalarOp::k_add)) {
      auto by = columns(in(at).args[1]);
      if (!by) return false;
      for (size_t c = 0; c < by->size(); ++c) shift[c] += in(at).op == ScalarOp::k_sub ? (*by)[c] : -(*by)[c];
      shifted = true;
      at = in(at).args[0];
    }
    if (in(at).op != ScalarOp::kOperand) return false;
    const Access& access = map_.operands[static_cast<size_t>(in(at).index)];
    if (access.value != inputs_ || access.map.results != vars_) return false;
    e.scale = tensor(DType::kF32, scale);
    if (biased) e.bias = tensor(DType::kF32, bias);
    if (shifted) e.shift = tensor(DType::kI32, shift);
    return true;
  }

  static Tensor tensor(DType type, const std::vector<double>& values) {
    Tensor t = Tensor::zeros(type, {static_cast<int64_t>(values.size())});
    // Sums wrap around, and so does what is taken off them.
    for (size_t i = 0; i < values.size(); ++i)
      t.set(static_cast<int64_t>(i),
            is_float(type) ? ScalarValue{values[i], 0} : ScalarValue{0, static_cast<int64_t>(values[i])});
    return t;
  }

  const Candidate& candidate_;
  const Contraction& contraction_;
  const Map& map_;
  const std::vector<ScalarInstruction>& code_;
  std::vector<SymInt> vars_;
  std::vector<TensorType> types_;
  int inputs_ = 0;
  int64_t cols_ = 1;
  double middle_scale_ = 1;
};

}  // namespace

std::optional<PlaceInResult> place_in_result(const Candidate& candidate, const Contraction& contraction, const Access& access,
                                             const std::vector<SymInt>& vars) {
  if (!access.map.guard.is_const(1) || !access.loads.empty()) return std::nullopt;
  auto address = as_affine(candidate.layouts[static_cast<size_t>(access.value)].address(access.map.results), vars);
  if (!address) return std::nullopt;
  const Dims dims = result_types(candidate.region->stages[0])[0].dims;
  PlaceInResult place;
  place.offset = address->offset;
  // The columns must be dense, the rows one behind the other.
  SymInt expected = 1;
  for (size_t k = contraction.col_dims.size(); k-- > 0;) {
    const auto d = static_cast<size_t>(contraction.col_dims[k]);
    if (dims[d].is_const(1)) continue;
    if (address->coefficients[d] != expected) return std::nullopt;
    expected = expected * dims[d];
  }
  for (size_t k = contraction.row_dims.size(); k-- > 0;) {
    const auto d = static_cast<size_t>(contraction.row_dims[k]);
    if (dims[d].is_const(1)) continue;
    const SymInt stride = address->coefficients[d];
    if (!place.any_row)
      place.row = expected = stride, place.any_row = true;
    else if (stride != expected)
      return std::nullopt;
    expected = expected * dims[d];
  }
  return place;
}

std::optional<QuantizedEpilogue> match_quantized(const Candidate& candidate, const Contraction& contraction) {
  const Region& region = *candidate.region;
  const int inputs = static_cast<int>(region.inputs.size());
  const auto* map = region.stages.size() == 2 ? std::get_if<Map>(&region.stages[1]) : nullptr;
  if (!map || map->body->results().size() != 1 || region.outputs.size() != 1 || region.outputs[0] != inputs + 1)
    return std::nullopt;
  return Matcher(candidate, contraction, *map).run();
}

}  // namespace temper::cpu
