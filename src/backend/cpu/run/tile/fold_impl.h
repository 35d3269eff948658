// How tiles are folded into the accumulators of a reduction. Included only by ops_*.cc (see vec.h).
//
// Each monoid has two functions: `span` folds n values into one accumulator (the dimension along the vector is reduced), `each`
// folds n values into n accumulators (it is kept). Note [Order of sums]: a span is summed in 64 interleaved partial sums that
// are then added pairwise, whatever the width of a vector, and spans (at most one tile) are added in f64; columns are added in
// f32, at most 64 at a time, and these in f64. So long sums stay accurate, and every instruction set computes the same bits.
#pragma once

#include <utility>

#include "backend/cpu/run/tile/math.h"
#include "backend/cpu/run/tile/ops.h"

namespace temper::cpu::tile::TEMPER_TILE_ISA {

inline constexpr int kBlockLanes = 64;

template <class T, int kShift, size_t... kIndex>
inline V<T> rotate_lanes(V<T> a, std::index_sequence<kIndex...>) {
  return {__builtin_shufflevector(a.v, a.v, static_cast<int>((kIndex + kShift) % sizeof...(kIndex))...)};
}
template <class T, int kShift, class Op>
inline V<T> combine_lanes(V<T> a, Op op) {
  if constexpr (kShift == 0) {
    return a;
  } else {
    a = op(a, rotate_lanes<T, kShift>(a, std::make_index_sequence<static_cast<size_t>(kLanes<T>)>()));
    return combine_lanes<T, kShift / 2>(a, op);
  }
}

template <class T>
inline V<T> lane_numbers() {
  V<T> x;
  for (int i = 0; i < kLanes<T>; ++i) x.v[i] = static_cast<T>(i);
  return x;
}

// op over map(x) of n values, in the order of Note [Order of sums].
template <class T, class Map, class Op>
inline T reduce_span(const T* p, int64_t n, T neutral, Map map, Op op) {
  constexpr int kVectors = kBlockLanes / kLanes<T>;
  V<T> acc[kVectors];
  for (int j = 0; j < kVectors; ++j) acc[j] = splat(neutral);
  int64_t i = 0;
  for (; i + kBlockLanes <= n; i += kBlockLanes) {
    for (int j = 0; j < kVectors; ++j) acc[j] = op(acc[j], map(load(p + i + j * kLanes<T>)));
  }
  for (int j = 0; i < n; ++j, i += kLanes<T>) {
    if (n - i >= kLanes<T>) {
      acc[j] = op(acc[j], map(load(p + i)));
    } else {
      const int left = static_cast<int>(n - i);
      V<T> x = map(load_part(p + i, left));
      acc[j] = op(acc[j], choose<T>(SRaw<T>(lane_numbers<T>().v < static_cast<T>(left)), x, splat(neutral)));
    }
  }
  for (int half = kVectors / 2; half > 0; half /= 2) {
    for (int j = 0; j < half; ++j) acc[j] = op(acc[j], acc[j + half]);
  }
  return combine_lanes<T, kLanes<T> / 2>(acc[0], op).v[0];
}

template <class T>
inline T* state_of(const FoldCall& c, int k) {
  return reinterpret_cast<T*>(c.state[k]);
}

struct Place {    // where in the reduction a row of a tile lies
  int64_t state;  // first accumulator
  int64_t count;  // values folded before, per accumulator
  int64_t position, step;
};

inline constexpr auto kAdd = [](auto a, auto b) { return a + b; };
inline constexpr auto kSame = [](auto a) { return a; };

template <class T>
struct FoldSum {
  static void span(const FoldCall& c, const Place& at, const T* x, int64_t n) {
    if constexpr (sizeof(T) == 4 && kFloating<T>)
      state_of<double>(c, 1)[at.state] += reduce_span(x, n, 0.0f, kSame, kAdd);
    else {
      T& s = state_of<T>(c, 0)[at.state];
      s = (splat(s) + splat(reduce_span(x, n, T(0), kSame, kAdd))).v[0];
    }
  }
  static void each(const FoldCall& c, const Place& at, const T* x, int64_t n) {
    T* s = state_of<T>(c, 0) + at.state;
    int64_t i = 0;
    for (; i + kLanes<T> <= n; i += kLanes<T>) store(s + i, load(s + i) + load(x + i));
    if (i < n) {
      const int left = static_cast<int>(n - i);
      store_part(s + i, load_part(s + i, left) + load_part(x + i, left), left);
    }
    if constexpr (sizeof(T) == 4 && kFloating<T>) {
      if (at.count % 64 == 63) {
        double* total = state_of<double>(c, 1) + at.state;
        for (int64_t k = 0; k < n; ++k) total[k] += s[k], s[k] = 0;
      }
    }
  }
};

template <class T>
struct FoldProd {
  using S = std::conditional_t<kFloating<T>, double, typename IntOf<T>::U>;
  static void span(const FoldCall& c, const Place& at, const T* x, int64_t n) {
    S s = state_of<S>(c, 0)[at.state];
    for (int64_t i = 0; i < n; ++i) s *= static_cast<S>(x[i]);
    state_of<S>(c, 0)[at.state] = s;
  }
  static void each(const FoldCall& c, const Place& at, const T* x, int64_t n) {
    S* __restrict s = state_of<S>(c, 0) + at.state;
    for (int64_t i = 0; i < n; ++i) s[i] *= static_cast<S>(x[i]);
  }
};

template <class T, bool kMax>
struct FoldExtreme {
  static V<T> pick(V<T> a, V<T> b) { return kMax ? maximum(a, b) : minimum(a, b); }
  static T one(T a, T b) { return pick(splat(a), splat(b)).v[0]; }
  // A plain comparison is enough unless a NaN is there; whether one is, is found on the way.
  static T extreme(const T* x, int64_t n) {
    constexpr auto kPlain = [](V<T> a, V<T> b) -> V<T> { return {kMax ? (a.v > b.v ? a.v : b.v) : (a.v < b.v ? a.v : b.v)}; };
    if constexpr (kFloating<T>) {
      SRaw<T> nan = {};
      auto watch = [&nan](V<T> v) {
        nan |= v.v != v.v;
        return v;
      };
      const T e = reduce_span(x, n, x[0], watch, kPlain);
      using S = typename IntOf<T>::S;
      const S any = combine_lanes<S, kLanes<S> / 2>(V<S>{nan}, [](V<S> a, V<S> b) -> V<S> { return {a.v | b.v}; }).v[0];
      return any != 0 || x[0] != x[0] ? static_cast<T>(__builtin_nan("")) : e;
    } else {
      return reduce_span(x, n, x[0], kSame, kPlain);
    }
  }
  static void span(const FoldCall& c, const Place& at, const T* x, int64_t n) {
    T& s = state_of<T>(c, 0)[at.state];
    T e = extreme(x, n);
    s = at.count == 0 ? e : one(s, e);
  }
  static void each(const FoldCall& c, const Place& at, const T* x, int64_t n) {
    T* s = state_of<T>(c, 0) + at.state;
    if (at.count == 0) {
      __builtin_memcpy(s, x, static_cast<size_t>(n) * sizeof(T));
      return;
    }
    int64_t i = 0;
    for (; i + kLanes<T> <= n; i += kLanes<T>) store(s + i, pick(load(s + i), load(x + i)));
    if (i < n) {
      const int left = static_cast<int>(n - i);
      store_part(s + i, pick(load_part(s + i, left), load_part(x + i, left)), left);
    }
  }
};

template <bool kAll>
struct FoldTruth {
  static void span(const FoldCall& c, const Place& at, const uint8_t* x, int64_t n) {
    uint8_t& s = state_of<uint8_t>(c, 0)[at.state];
    for (int64_t i = 0; i < n; ++i) s = kAll ? s & x[i] : s | x[i];
  }
  static void each(const FoldCall& c, const Place& at, const uint8_t* __restrict x, int64_t n) {
    uint8_t* __restrict s = state_of<uint8_t>(c, 0) + at.state;
    for (int64_t i = 0; i < n; ++i) s[i] = kAll ? s[i] & x[i] : s[i] | x[i];
  }
};

// A NaN counts as larger (smaller) than every number. Of equals the first (last) position wins, in whatever order they come.
template <class T, bool kMax, bool kLast>
struct FoldArg {
  static bool better(T x, T best) {
    if (x != x) return best == best;
    return kMax ? x > best : x < best;
  }
  static bool same(T x, T best) { return x == best || (x != x && best != best); }
  static void take(const FoldCall& c, int64_t state, T x, int64_t position, bool first) {
    T& best = state_of<T>(c, 0)[state];
    int64_t& where = state_of<int64_t>(c, 1)[state];
    if (first || better(x, best) || (same(x, best) && (kLast ? position > where : position < where))) {
      best = x;
      where = position;
    }
  }
  static void span(const FoldCall& c, const Place& at, const T* x, int64_t n) {
    if constexpr (sizeof(T) > 1) {
      // The extreme value first, with vectors; then its position.
      const T e = FoldExtreme<T, kMax>::extreme(x, n);
      int64_t k = kLast ? n - 1 : 0;
      if constexpr (kFloating<T>) {
        if (e != e) {
          while (x[k] == x[k]) k += kLast ? -1 : 1;
        } else {
          while (x[k] != e) k += kLast ? -1 : 1;
        }
      } else {
        while (x[k] != e) k += kLast ? -1 : 1;
      }
      take(c, at.state, e, at.position + k * at.step, at.count == 0);
    } else {
      for (int64_t i = 0; i < n; ++i) take(c, at.state, x[i], at.position + i * at.step, at.count == 0 && i == 0);
    }
  }
  static void each(const FoldCall& c, const Place& at, const T* x, int64_t n) {
    for (int64_t i = 0; i < n; ++i) take(c, at.state + i, x[i], at.position, at.count == 0);
  }
};

// State: mean and sum of squared deviations, f64. Parts are merged by Chan's formula.
template <class T>
struct FoldWelford {
  static void span(const FoldCall& c, const Place& at, const T* x, int64_t n) {
    double& mean = state_of<double>(c, 0)[at.state];
    double& m2 = state_of<double>(c, 1)[at.state];
    const double count = static_cast<double>(n), before = static_cast<double>(at.count);
    const double part_mean = static_cast<double>(reduce_span(x, n, T(0), kSame, kAdd)) / count;
    const V<T> centre = splat(static_cast<T>(part_mean));
    auto square = [centre](V<T> v) {
      V<T> d = v - centre;
      return d * d;
    };
    const double part_m2 = static_cast<double>(reduce_span(x, n, T(0), square, kAdd));
    const double delta = part_mean - mean, all = before + count;
    if (at.count == 0) {
      mean = part_mean, m2 = part_m2;
    } else {
      mean += delta * count / all;
      m2 += part_m2 + delta * delta * before * count / all;
    }
  }
  static void each(const FoldCall& c, const Place& at, const T* __restrict x, int64_t n) {
    double* __restrict mean = state_of<double>(c, 0) + at.state;
    double* __restrict m2 = state_of<double>(c, 1) + at.state;
    const double inverse = 1.0 / static_cast<double>(at.count + 1);
    for (int64_t i = 0; i < n; ++i) {
      const double v = static_cast<double>(x[i]), d = v - mean[i];
      mean[i] += d * inverse;
      m2[i] += d * (v - mean[i]);
    }
  }
};

// State: largest value so far (T) and sum of exp(x - largest) (f64). While everything is -inf the sum is zero.
template <class T>
struct FoldMaxSumExp {
  static T least() { return -static_cast<T>(__builtin_inf()); }
  static void span(const FoldCall& c, const Place& at, const T* x, int64_t n) {
    T& m = state_of<T>(c, 0)[at.state];
    double& s = state_of<double>(c, 1)[at.state];
    const T part_m = FoldExtreme<T, true>::extreme(x, n);
    const V<T> shift = splat(part_m == least() ? T(0) : part_m);
    double part_s = static_cast<double>(reduce_span(
        x, n, T(0), [shift](V<T> v) { return exp(v - shift); }, kAdd));
    if (at.count == 0) {
      m = part_m, s = part_s;
      return;
    }
    const T old = m;
    m = FoldExtreme<T, true>::one(old, part_m);
    if (m == least()) return;
    s = s * __builtin_exp(static_cast<double>(old) - static_cast<double>(m)) +
        part_s * __builtin_exp(static_cast<double>(part_m) - static_cast<double>(m));
  }
  static void each(const FoldCall& c, const Place& at, const T* x, int64_t n) {
    T* m = state_of<T>(c, 0) + at.state;
    double* s = state_of<double>(c, 1) + at.state;
    for (int64_t i = 0; i < n; i += kLanes<T>) {
      const int left = n - i < kLanes<T> ? static_cast<int>(n - i) : kLanes<T>;
      const bool whole = left == kLanes<T>;
      V<T> v = whole ? load(x + i) : load_part(x + i, left);
      V<T> old = whole ? load(m + i) : load_part(m + i, left);
      if (at.count == 0) old = splat(least());
      V<T> now = maximum(old, v);
      V<T> shift = choose<T>(now.v == least(), splat(T(0)), now);
      V<T> keep = exp(old - shift), add = exp(v - shift);
      if (whole)
        store(m + i, now);
      else
        store_part(m + i, now, left);
      for (int k = 0; k < left; ++k)
        s[i + k] = (at.count == 0 ? 0.0 : s[i + k] * static_cast<double>(keep.v[k])) + static_cast<double>(add.v[k]);
    }
  }
};

template <class T, class Monoid>
void fold(const FoldCall& c) {
  FoldCall call = c;
  if (c.fold_rows && c.fold_cols && c.src_step == c.cols * static_cast<int64_t>(sizeof(T)) &&
      c.row_position == c.cols * c.col_position) {
    call.cols = c.rows * c.cols;
    call.rows = 1;
  }
  const int64_t kept_cols = call.fold_cols ? 1 : call.cols, folded_cols = call.fold_cols ? call.cols : 1;
  for (int64_t r = 0; r < call.rows; ++r) {
    const T* x = reinterpret_cast<const T*>(call.src + r * call.src_step);
    Place at{call.fold_rows ? 0 : r * kept_cols, call.count + (call.fold_rows ? r * folded_cols : 0),
             call.position + (call.fold_rows ? r * call.row_position : 0), call.col_position};
    if (call.fold_cols)
      Monoid::span(call, at, x, call.cols);
    else
      Monoid::each(call, at, x, call.cols);
  }
}

template <class T>
inline void add_folds_of(OpTable& t, RegType type) {
  auto set = [&](MonoidKind kind, FoldFn fn) { t.fold[static_cast<int>(kind)][static_cast<int>(type)] = fn; };
  set(MonoidKind::k_max, &fold<T, FoldExtreme<T, true>>);
  set(MonoidKind::k_min, &fold<T, FoldExtreme<T, false>>);
  set(MonoidKind::k_arg_max, &fold<T, FoldArg<T, true, false>>);
  set(MonoidKind::k_arg_min, &fold<T, FoldArg<T, false, false>>);
  set(MonoidKind::k_arg_max_last, &fold<T, FoldArg<T, true, true>>);
  set(MonoidKind::k_arg_min_last, &fold<T, FoldArg<T, false, true>>);
  if constexpr (sizeof(T) > 1) {
    set(MonoidKind::k_sum, &fold<T, FoldSum<T>>);
    set(MonoidKind::k_prod, &fold<T, FoldProd<T>>);
  } else {
    set(MonoidKind::k_any, &fold<T, FoldTruth<false>>);
    set(MonoidKind::k_all, &fold<T, FoldTruth<true>>);
  }
  if constexpr (kFloating<T>) {
    set(MonoidKind::k_welford, &fold<T, FoldWelford<T>>);
    set(MonoidKind::k_max_sum_exp, &fold<T, FoldMaxSumExp<T>>);
  }
}

inline void add_folds(OpTable& t) {
  add_folds_of<float>(t, RegType::kF32);
  add_folds_of<double>(t, RegType::kF64);
  add_folds_of<int32_t>(t, RegType::kI32);
  add_folds_of<int64_t>(t, RegType::kI64);
  add_folds_of<uint64_t>(t, RegType::kU64);
  add_folds_of<uint8_t>(t, RegType::kBool);
}

}  // namespace temper::cpu::tile::TEMPER_TILE_ISA
