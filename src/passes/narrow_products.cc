// Integer products behind quantisation. Where both operands of a contraction are 8-bit levels with an affine meaning,
//
//   contract((a - za) * sa, (w - zw) * sw)    becomes    (contract(a, w') - shift) * (sa * sw)
//
// with w' = w - zw in i8 and an exact sum in i32, shift = za * (sum of w' over what is summed), and one multiplication for what
// is left of the scales. The same holds without scales, where the operands were widened to i32 (MatMulInteger). So the levels
// that lie in memory are what kernels read; what follows (bias, activation, the next quantisation) are maps, and joins the
// contraction as its epilogue.
//
// Levels are found by algebra on the bodies of maps, read through movement: a cast from i8 or u8, less a zero point, times a
// scale. They must be such that the right side can be written: w is constant and w - zw fits i8; za and, below a guard, its
// value is known; scales do not vary along what is summed; the sum cannot leave 32 bits.
//
// Padding: outside its guard a contraction reads 0, which is the level za. So where za is not 0 the levels are padded with za
// before (one reindex, which kernels read through), and the guard goes; what is summed then has the same length everywhere, as
// shift needs it.
//
// What differs: a product of dequantised numbers is rounded once instead of for every term, so a result moves by some units of
// roundoff, and what is quantised from it by a step where it lies between two levels.
#include <algorithm>
#include <limits>

#include "interp/interp.h"
#include "passes/pass.h"

namespace temper {
namespace {

// One number for each point of a domain: the element of a small tensor.
struct Spread {
  Val value;  // in the new graph
  IndexMap map;
};

// (source[map] - zero) * scale, at each point of a domain.
struct Levels {
  ValueId source = kNone32;  // of 8 bits, in the old graph
  IndexMap map;
  std::optional<Spread> zero, scale;
  bool real = false;  // converted to f32
};

constexpr int64_t kSmall = 1 << 16;     // elements of zero points and scales
constexpr int64_t kMostTerms = 65'000;  // that surely fit i32: each is at most 255 * 128

bool is_byte(DType t) { return t == DType::kU8 || t == DType::kI8; }

class Quantizer {
 public:
  explicit Quantizer(Rewrite& rewrite) : rewrite_(rewrite), b_(rewrite.builder()), old_(rewrite.old_graph()) {}

  std::optional<Val> run(const Node& node) {
    const auto& attrs = attrs_as<ContractAttrs>(*node.attrs);
    if ((attrs.dtype != DType::kF32 && attrs.dtype != DType::kI32) || !attrs.rhs.guard.is_const(1)) return std::nullopt;
    if (is_byte(old_.type(node.operands[0]).dtype)) return std::nullopt;
    auto a = levels_of(node.operands[0], IndexMap{attrs.lhs.domain, attrs.lhs.results, 1});
    if (!a) return std::nullopt;
    const Dims& weight_dims = old_.type(node.operands[1]).dims;
    auto w = levels_of(node.operands[1], identity_map(b_.sym(), weight_dims));
    if (!w || a->real != w->real || a->real != is_float(attrs.dtype)) return std::nullopt;
    kept_ = attrs.lhs.domain.size() - static_cast<size_t>(attrs.reduced);
    domain_ = attrs.lhs.domain;
    vars_ = index_vars(b_.sym(), domain_);
    if (!can_sum()) return std::nullopt;
    auto weights = whole_weights(*w, weight_dims);
    if (!weights) return std::nullopt;
    IndexMap rhs = compose(b_.sym(), attrs.rhs, weights->map);
    // What is not part of the integer product.
    std::optional<Val> shift;
    double fill = 0;
    if (a->zero) {
      if (b_.dims(a->zero->value).size() != 0 && !element_count(old_type(a->zero->value)).is_const(1)) return std::nullopt;
      auto known = b_.constant_value(a->zero->value);
      if (known) fill = static_cast<double>(known->at(0).i);
      if (!known && !attrs.lhs.guard.is_const(1)) return std::nullopt;
      if (!known || fill != 0) {
        shift = shift_of(weights->data, rhs, a->zero->value);
        if (!shift) return std::nullopt;
      }
    }
    std::vector<Spread> scales;
    for (Levels* side : {&*a, &*w}) {
      if (!side->scale) continue;
      Spread s = *side->scale;
      if (side == &*w) s.map = compose(b_.sym(), attrs.rhs, s.map);
      if (!over_result(s.map)) return std::nullopt;
      scales.push_back(std::move(s));
    }
    Val levels = rewrite_.mapped(a->source);
    IndexMap lhs = a->map;
    lhs.guard = attrs.lhs.guard;
    if (!lhs.guard.is_const(1) && fill != 0) {
      auto padded = padded_levels(levels, lhs, fill);
      if (!padded) return std::nullopt;
      levels = *padded;
    }
    Val sum = b_.contract(levels, weights->value, std::move(lhs), std::move(rhs), static_cast<int>(attrs.reduced), DType::kI32);
    if (shift) sum = sum - *shift;
    if (!a->real) return sum;
    Val real = b_.cast(sum, DType::kF32);
    if (scales.size() == 2) {  // one number takes part in the other's tensor
      size_t one = b_.rank(scales[0].value) == 0 ? 0 : 1;
      if (b_.rank(scales[one].value) == 0) {
        scales[1 - one].value = times(scales[1 - one].value, scales[one].value);
        scales.erase(scales.begin() + static_cast<std::ptrdiff_t>(one));
      }
    }
    for (Spread& s : scales) real = real * b_.reindex(s.value, s.map);
    return real;
  }

 private:
  const TensorType& old_type(Val v) const { return b_.graph().type(v.id); }

  // ---- what a value is ----

  // The value at `map`, as levels.
  std::optional<Levels> levels_of(ValueId v, IndexMap map) {
    if (is_byte(old_.type(v).dtype)) return Levels{v, std::move(map), {}, {}};
    const Node* node = old_.producer(v);
    if (!node) return std::nullopt;
    if (node->op->name == "reindex") {
      const auto& attrs = attrs_as<Reindex>(*node->attrs);
      if (!attrs.map.guard.is_const(1)) return std::nullopt;
      return levels_of(node->operands[0], compose(b_.sym(), map, attrs.map));
    }
    if (node->op->name != "map") return std::nullopt;
    const ScalarBody& body = *attrs_as<MapAttrs>(*node->attrs).body;
    if (body.results().size() != 1) return std::nullopt;
    return levels_in(*node, body, body.results()[0], map);
  }

  std::optional<Levels> levels_in(const Node& node, const ScalarBody& body, int32_t at, const IndexMap& map) {
    const ScalarInstruction& in = body.code()[at];
    std::optional<Levels> levels;
    if (in.op == ScalarOp::kOperand) return levels_of(node.operands[in.index], map);
    if (in.op == ScalarOp::kCast) {
      levels = levels_in(node, body, in.args[0], map);
      if (!levels || levels->real || (in.dtype != DType::kI32 && in.dtype != DType::kF32)) return std::nullopt;
      levels->real = in.dtype == DType::kF32;
    } else if (in.op == ScalarOp::k_sub && in.dtype == DType::kI32) {
      levels = levels_in(node, body, in.args[0], map);
      if (!levels || levels->zero) return std::nullopt;
      levels->zero = spread_in(node, body, in.args[1], map);
      if (!levels->zero) return std::nullopt;
    } else if (in.op == ScalarOp::k_mul && in.dtype == DType::kF32) {
      for (int side = 0; side < 2 && !levels; ++side) {
        levels = levels_in(node, body, in.args[side], map);
        if (!levels || levels->scale) return std::nullopt;
        levels->scale = spread_in(node, body, in.args[1 - side], map);
        if (!levels->scale) return std::nullopt;
      }
    }
    return levels;
  }

  std::optional<Spread> spread_in(const Node& node, const ScalarBody& body, int32_t at, const IndexMap& map) {
    const ScalarInstruction& in = body.code()[at];
    if (in.op == ScalarOp::kOperand) return spread_of(node.operands[in.index], map);
    if (in.op == ScalarOp::kConst) {
      Tensor one = Tensor::zeros(in.dtype, {});
      one.set(0, in.constant);
      return Spread{b_.constant(std::move(one)), IndexMap{map.domain, {}, 1}};
    }
    if (in.op != ScalarOp::kCast) return std::nullopt;
    auto inner = spread_in(node, body, in.args[0], map);
    if (inner) inner->value = b_.cast(inner->value, in.dtype);
    return inner;
  }

  // The value at `map`, as an element of a small constant, or of a tensor of one element: of the smallest that it is spread
  // from.
  std::optional<Spread> spread_of(ValueId v, IndexMap map) {
    const Node* node = old_.producer(v);
    if (node && node->op->name == "reindex" && attrs_as<Reindex>(*node->attrs).map.guard.is_const(1)) {
      return spread_of(node->operands[0], compose(b_.sym(), map, attrs_as<Reindex>(*node->attrs).map));
    }
    const IndexMap nowhere{map.domain, {}, 1};
    if (auto data = known(v, kSmall)) {
      if (data->count() == 1) return Spread{b_.constant(data->reshaped({})), nowhere};
      return Spread{b_.constant(*data), std::move(map)};
    }
    if (element_count(old_.type(v)).is_const(1)) return Spread{b_.reshape(rewrite_.mapped(v), {}), nowhere};
    return std::nullopt;
  }

  // What is computed from constants alone.
  std::optional<Tensor> known(ValueId v, int64_t most) {
    const Node* node = old_.producer(v);
    const SymInt count = element_count(old_.type(v));
    if (!node || !node->bodies.empty() || !count.is_const() || count.value() > most) return std::nullopt;
    if (node->op->name == "constant") return attrs_as<Constant>(*node->attrs).data;
    if (node->op->name != "map" && node->op->name != "reindex") return std::nullopt;
    std::vector<Tensor> operands;
    for (ValueId operand : node->operands) {
      auto data = known(operand, most);
      if (!data) return std::nullopt;
      operands.push_back(std::move(*data));
    }
    auto results = fold_node(old_, *node, operands);
    if (!results.ok()) return std::nullopt;
    return (*results)[0];
  }

  // ---- weights ----

  struct Weights {
    Val value;
    Tensor data;
    IndexMap map;  // from the dims of the operand
  };

  // w - zw as i8.
  std::optional<Weights> whole_weights(const Levels& w, const Dims& dims) {
    auto data = known(w.source, std::numeric_limits<int64_t>::max());
    if (!data) return std::nullopt;
    std::optional<Tensor> zero;
    if (w.zero) {
      zero = b_.constant_value(w.zero->value);
      if (!zero) return std::nullopt;
      bool all = true;
      for (int64_t i = 0; i < zero->count(); ++i) all = all && zero->at(i).i == 0;
      if (all) zero.reset();
    }
    if (data->dtype() == DType::kI8 && !zero) return Weights{b_.constant(*data), *data, w.map};
    // Anew, in the order of the operand.
    std::vector<int64_t> extents;
    for (SymInt d : dims) {
      if (!d.is_const()) return std::nullopt;
      extents.push_back(d.value());
    }
    auto source = strides_of(w.map, data->dims());
    auto shift = zero ? strides_of(w.zero->map, zero->dims()) : std::optional(Strides{std::vector<int64_t>(dims.size(), 0), 0});
    if (!source || !shift) return std::nullopt;
    Tensor made = Tensor::zeros(DType::kI8, extents);
    auto* to = reinterpret_cast<int8_t*>(made.mutable_bytes());
    bool fits = true;
    walk(extents, [&](std::span<const int64_t> point) {
      const int64_t level = data->at(source->at(point)).i - (zero ? zero->at(shift->at(point)).i : 0);
      fits = fits && level >= -128 && level <= 127;
      *to++ = static_cast<int8_t>(level);
    });
    if (!fits) return std::nullopt;
    return Weights{b_.constant(made), made, identity_map(b_.sym(), dims)};
  }

  // An index map into a row-major tensor as strides of its domain's variables.
  struct Strides {
    std::vector<int64_t> step;
    int64_t offset = 0;
    int64_t at(std::span<const int64_t> point) const {
      int64_t sum = offset;
      for (size_t d = 0; d < point.size(); ++d) sum += point[d] * step[d];
      return sum;
    }
  };
  std::optional<Strides> strides_of(const IndexMap& map, const std::vector<int64_t>& dims) {
    auto affine = as_affine(linear_index(map.results, Dims(dims.begin(), dims.end())), index_vars(b_.sym(), map.domain));
    if (!affine || !affine->offset.is_const()) return std::nullopt;
    Strides s{{}, affine->offset.value()};
    for (SymInt c : affine->coefficients) {
      if (!c.is_const()) return std::nullopt;
      s.step.push_back(c.value());
    }
    return s;
  }

  template <class F>
  static void walk(std::span<const int64_t> extents, const F& f) {
    std::vector<int64_t> point(extents.size(), 0);
    if (std::find(extents.begin(), extents.end(), 0) != extents.end()) return;
    while (true) {
      f(std::span<const int64_t>(point));
      size_t d = extents.size();
      while (d > 0 && ++point[d - 1] == extents[d - 1]) point[--d] = 0;
      if (d == 0) return;
    }
  }

  // ---- the rest of the product ----

  bool can_sum() const {
    int64_t terms = 1;
    for (size_t v = kept_; v < domain_.size(); ++v) {
      if (!domain_[v].is_const() || domain_[v].value() > kMostTerms) return false;
      terms *= domain_[v].value();
      if (terms > kMostTerms) return false;
    }
    return true;
  }

  // zero * (sum of the weights over the reduced variables), spread over the result.
  std::optional<Val> shift_of(const Tensor& weights, const IndexMap& rhs, Val zero) {
    auto strides = strides_of(rhs, weights.dims());
    if (!strides) return std::nullopt;
    std::vector<int64_t> extents, kept_dims, at;  // of the variables that the weights have
    std::vector<size_t> columns;
    for (size_t v = 0; v < domain_.size(); ++v) {
      if (v < kept_ && strides->step[v] == 0) continue;
      if (!domain_[v].is_const()) return std::nullopt;
      if (v < kept_) columns.push_back(v), kept_dims.push_back(domain_[v].value());
      extents.push_back(domain_[v].value());
      at.push_back(strides->step[v]);
    }
    const Strides inner{at, strides->offset};
    Tensor sums = Tensor::zeros(DType::kI32, kept_dims);
    auto* to = reinterpret_cast<int32_t*>(sums.mutable_bytes());
    const auto from = weights.as<int8_t>();
    const int64_t terms = element_count(std::span<const int64_t>(extents).subspan(kept_dims.size()));
    int64_t n = 0;
    walk(extents, [&](std::span<const int64_t> point) { to[n++ / terms] += from[static_cast<size_t>(inner.at(point))]; });
    Val shift = times(b_.constant(std::move(sums)), b_.cast(zero, DType::kI32));
    const Dims result(domain_.begin(), domain_.begin() + static_cast<std::ptrdiff_t>(kept_));
    const auto vars = index_vars(b_.sym(), result);
    IndexMap map{result, {}, 1};
    for (size_t v : columns) map.results.push_back(vars[v]);
    return b_.reindex(shift, std::move(map));
  }

  // v * one, of which `one` is a single number; constants are multiplied here, whatever their size.
  Val times(Val v, Val one) {
    auto data = b_.constant_value(v), factor = b_.constant_value(one);
    if (!data || !factor) return v * one;
    Tensor product = Tensor::zeros(data->dtype(), data->dims());
    for (int64_t i = 0; i < data->count(); ++i)
      product.set(i, evaluate_scalar(ScalarOp::k_mul, data->dtype(), data->at(i), factor->at(0), {}));
    return b_.constant(std::move(product));
  }

  // Makes a map over all variables one over the result, if it says nothing of what is summed.
  bool over_result(IndexMap& map) {
    const Dims result(domain_.begin(), domain_.begin() + static_cast<std::ptrdiff_t>(kept_));
    std::vector<SymInt> to = index_vars(b_.sym(), result);
    for (SymInt& e : map.results) {
      for (size_t v = kept_; v < vars_.size(); ++v) {
        if (!vars_[v].is_const() && depends_on(e, vars_[v])) return false;
      }
      e = substitute(e, std::span(vars_).first(kept_), to);
    }
    map.domain = result;
    return true;
  }

  // The levels with `fill` around them, as far as `map` reaches; its guard, which must say no more than that the index is
  // inside, goes.
  std::optional<Val> padded_levels(Val levels, IndexMap& map, double fill) {
    const Dims dims = b_.dims(levels);
    std::vector<SymInt> factors{map.guard};
    if (kind_of(map.guard) == SymKind::kProduct) factors = operands_of(map.guard);
    std::vector<bool> guarded(dims.size(), false);
    for (SymInt f : factors) {
      if (kind_of(f) != SymKind::kLess) return std::nullopt;
      auto sides = operands_of(f);
      const SymInt margin = sides[1] - sides[0] - 1;  // >= 0 where the factor holds
      bool found = false;
      for (size_t k = 0; k < dims.size(); ++k) {
        if (margin != map.results[k] && margin != dims[k] - 1 - map.results[k]) continue;
        guarded[k] = found = true;
      }
      if (!found) return std::nullopt;
    }
    std::vector<SymInt> before(dims.size(), SymInt(0));
    Dims to = dims;
    for (size_t k = 0; k < dims.size(); ++k) {
      if (!guarded[k]) continue;
      auto affine = as_affine(map.results[k], vars_);
      if (!affine) return std::nullopt;
      SymInt least = affine->offset, most = affine->offset;
      for (size_t v = 0; v < vars_.size(); ++v) {
        const SymInt c = affine->coefficients[v];
        if (!c.is_const()) return std::nullopt;
        (c.value() < 0 ? least : most) += c * (domain_[v] - 1);
      }
      before[k] = max(-least, SymInt(0));
      to[k] = before[k] + max(dims[k], most + 1);
      map.results[k] = map.results[k] + before[k];
    }
    map.guard = 1;
    return b_.reindex(levels, pad_map(b_.sym(), dims, before, to), fill);
  }

  Rewrite& rewrite_;
  Builder& b_;
  const Graph& old_;
  size_t kept_ = 0;  // variables of the result
  Dims domain_;
  std::vector<SymInt> vars_;
};

}  // namespace

Expected<Graph> narrow_products(const Graph& graph) {
  return Rewrite::run(graph, [](Rewrite& rewrite, const Node& node, std::span<const Val>) -> std::vector<Val> {
    if (node.op->name != "contract") return {};
    auto result = Quantizer(rewrite).run(node);
    return result ? std::vector<Val>{*result} : std::vector<Val>{};
  });
}

}  // namespace temper
