// The transcendental functions of scalar.def for vectors of f32 and f64. Included after vec.h by ops_*.cc only.
#pragma once

#include "backend/cpu/run/tile/vec.h"

namespace temper::cpu::tile::TEMPER_TILE_ISA {

// Functions of single lanes: through f64 for f32, so that they are right to half a unit or nearly.
#define TEMPER_TILE_LANES_F64(name)                                \
  inline VD name(VD a) {                                           \
    return lanes(a, [](double x) { return __builtin_##name(x); }); \
  }
#define TEMPER_TILE_LANES(name)                                                                            \
  TEMPER_TILE_LANES_F64(name)                                                                              \
  inline VF name(VF a) {                                                                                   \
    return lanes(a, [](float x) { return static_cast<float>(__builtin_##name(static_cast<double>(x))); }); \
  }
TEMPER_TILE_LANES_F64(exp)
TEMPER_TILE_LANES_F64(expm1)
TEMPER_TILE_LANES_F64(log)
TEMPER_TILE_LANES_F64(log1p)
TEMPER_TILE_LANES_F64(sin)
TEMPER_TILE_LANES_F64(cos)
TEMPER_TILE_LANES_F64(tanh)
TEMPER_TILE_LANES_F64(erf)
TEMPER_TILE_LANES(tan)
TEMPER_TILE_LANES(asin)
TEMPER_TILE_LANES(acos)
TEMPER_TILE_LANES(atan)
TEMPER_TILE_LANES(sinh)
TEMPER_TILE_LANES(cosh)
TEMPER_TILE_LANES(asinh)
TEMPER_TILE_LANES(acosh)
TEMPER_TILE_LANES(atanh)
#undef TEMPER_TILE_LANES
#undef TEMPER_TILE_LANES_F64

inline VF atan2(VF a, VF b) {
  return lanes(a, b, [](float x, float y) {
    return static_cast<float>(__builtin_atan2(static_cast<double>(x), static_cast<double>(y)));
  });
}
inline VD atan2(VD a, VD b) {
  return lanes(a, b, [](double x, double y) { return __builtin_atan2(x, y); });
}

// Note [Polynomials]: coefficients are Chebyshev fits of the functions named, rounded to the type; highest power first.
template <class T>
inline V<T> polynomial(V<T> x, T c) {
  return splat(c);
}
template <class T, class... C>
inline V<T> polynomial_from(V<T> x, V<T> sum) {
  return sum;
}
template <class T, class... C>
inline V<T> polynomial_from(V<T> x, V<T> sum, T c, C... rest) {
  return polynomial_from<T>(x, madd(sum, x, splat(c)), rest...);
}
template <class T, class... C>
inline V<T> polynomial(V<T> x, T c, C... rest) {
  return polynomial_from<T>(x, splat(c), rest...);
}

inline constexpr float kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;  // the high part has few bits: exact products
inline constexpr float kMagic = 12582912.0f;                                // 1.5 * 2^23: adding it rounds to a whole number

// p * 2^n for whole n, also where the result is denormal or overflows.
inline VF scale(VF p, VF n) {
#if defined(__AVX512F__)
  return {_mm512_scalef_ps(p.v, n.v)};
#else
  SRaw<float> k = bits(VF{n.v + kMagic}) - __builtin_bit_cast(int32_t, kMagic);
  SRaw<float> half = k >> 1;
  return {p.v * from_bits<float>((half + 127) << 23).v * from_bits<float>((k - half + 127) << 23).v};
#endif
}

// The nearest whole number of what is below 2^22.
inline VF nearest(VF x) {
#if defined(__AVX512F__)
  return {_mm512_roundscale_ps(x.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
#else
  return {(x.v + kMagic) - kMagic};
#endif
}

struct Reduced {
  VF n, r;  // x = n * ln 2 + r
};
inline Reduced reduce_by_ln2(VF x) {
  VF n = {madd(x, splat(1.44269504f), splat(kMagic)).v - kMagic};
  VF r = madd(n, splat(-kLn2High), x);
  return {n, madd(n, splat(-kLn2Low), r)};
}
// exp(r) - 1 for small r.
inline VF exp_small(VF r) {
  VF p = polynomial(r, 0.001392618171f, 0.008363178f, 0.04166655615f, 0.1666657627f, 0.5f);
  return madd(p, {r.v * r.v}, r);
}

// NaN in x stays.
inline VF at_most(VF x, float limit) {
#if defined(__AVX512F__)
  return {_mm512_min_ps(splat(limit).v, x.v)};
#else
  return choose<float>(x.v > limit, splat(limit), x);
#endif
}
inline VF at_least(VF x, float limit) {
#if defined(__AVX512F__)
  return {_mm512_max_ps(splat(limit).v, x.v)};
#else
  return choose<float>(x.v < limit, splat(limit), x);
#endif
}

inline VF exp_between(VF x) {
  Reduced q = reduce_by_ln2(x);
  return scale({exp_small(q.r).v + 1.0f}, q.n);
}
inline VF exp(VF a) {
  // Beyond 89 the result is infinite already. Below -104 it is 0, but to find that by scaling takes the processor a hundred
  // times as long, and masked scores are -infinity.
  const auto vanishes = a.v < -104.0f;
  const VF zero = splat(0.0f);
  return choose<float>(vanishes, zero, exp_between(choose<float>(vanishes, zero, at_most(a, 89.0f))));
}

inline VF expm1(VF a) {
  VF x = choose<float>(a.v > 88.0f, splat(88.0f), a);
  x = choose<float>(x.v < -40.0f, splat(-40.0f), x);
  Reduced q = reduce_by_ln2(x);
  VF power = scale(splat(1.0f), q.n);
  VF r = madd(exp_small(q.r), power, {power.v - 1.0f});
  r = choose<float>(a.v > 88.0f, exp(a), r);
  return choose<float>(a.v == 0.0f, a, r);
}

inline VF log(VF a) {
  constexpr int32_t kRootHalf = 0x3f3504f3;
  SRaw<float> tiny = a.v < 1.17549435e-38f;
  VF x = choose<float>(tiny, {a.v * 8388608.0f}, a);
  SRaw<float> b = bits(x);
  SRaw<float> e = (b - kRootHalf) >> 23;
  VF m = from_bits<float>(b - (e << 23));
  VF n = {__builtin_convertvector(e, Raw<float>) - (tiny ? splat(23.0f).v : splat(0.0f).v)};
  VF f = {m.v - 1.0f};
  VF p = polynomial(f, 0.06969753653f, -0.1147918776f, 0.1168579608f, -0.1242577657f, 0.1424903274f, -0.1666779816f,
                    0.2000071704f, -0.2499999702f, 0.3333333135f);
  VF f2 = {f.v * f.v};
  VF low = madd(n, splat(kLn2Low), {p.v * f2.v * f.v});
  low = madd(f2, splat(-0.5f), low);
  VF r = madd(n, splat(kLn2High), {f.v + low.v});
  r = choose<float>(a.v == __builtin_inff(), a, r);
  r = choose<float>(a.v == 0.0f, splat(-__builtin_inff()), r);
  return choose<float>((a.v < 0.0f) | (a.v != a.v), splat(__builtin_nanf("")), r);
}

// The rounding error of 1 + x is made up for to first order.
inline VF log1p(VF a) {
  VF u = {1.0f + a.v};
  VF lost = {a.v - (u.v - 1.0f)};
  VF r = {log(u).v + lost.v / u.v};
  SRaw<float> plain = (u.v == 1.0f) | (u.v == __builtin_inff()) | (u.v <= 0.0f);
  VF edge = choose<float>(u.v == 1.0f, a, log(u));
  return choose<float>(plain, edge, r);
}

inline VF tanh(VF a) {
  VF x = absolute(a);
  VF z = {x.v * x.v};
  VF small =
      madd({polynomial(z, -0.00604516454f, 0.02096132934f, -0.05384326354f, 0.1333271861f, -0.3333332837f).v * z.v}, a, a);
  VF e = exp(VF{x.v + x.v});
  VF large = {1.0f - 2.0f / (e.v + 1.0f)};
  large = from_bits<float>(bits(large) | (bits(a) & INT32_MIN));
  return choose<float>(x.v < 0.625f, small, large);
}

inline VF erf(VF a) {
  VF x = absolute(a);
  VF z = {x.v * x.v};
  // The coefficient of x is 1 + 0.128: adding x itself keeps the rounding small.
  VF small = madd(polynomial(z, -9.667044651e-6f, 0.0001126595889f, -0.0008484080317f, 0.005221031606f, -0.02686543018f,
                             0.1128378212f, -0.3761263788f, 0.1283791671f),
                  a, a);
  VF t = choose<float>(x.v > 4.0f, splat(4.0f), x);
  VF q = polynomial(t, -1.637151399e-6f, 4.605804133e-5f, -0.0005968056503f, 0.004759596195f, -0.02642113529f, 0.1100800857f,
                    0.6318260431f, 1.130233407f, -0.0003201380605f);
  VF large = {1.0f - exp(negate(q)).v};
  large = from_bits<float>(bits(large) | (bits(a) & INT32_MIN));
  return choose<float>(x.v < 1.0f, small, choose<float>(a.v != a.v, a, large));
}

// Note [Quadrants]: x = n * pi/2 + r by three constants of few bits; exact enough up to 8192, larger arguments go one by one.
template <int kShift>
inline VF sine(VF a) {
  constexpr float kMost = 8192.0f;
  SRaw<float> far = ~(absolute(a).v <= kMost) & (a.v == a.v);
  VF n = {madd(a, splat(0.636619772f), splat(kMagic)).v - kMagic};
  VF r = madd(n, splat(-1.5703125f), a);
  r = madd(n, splat(-4.837512969970703125e-4f), r);
  r = madd(n, splat(-7.549789954891888e-8f), r);
  SRaw<float> k = bits(VF{n.v + kMagic}) + kShift;
  VF z = {r.v * r.v};
  VF s = madd({polynomial(z, -0.0001958782959f, 0.008332747966f, -0.1666666418f).v * z.v}, r, r);
  VF c = madd(polynomial(z, 2.454788046e-5f, -0.001388830249f, 0.04166666418f), {z.v * z.v}, {1.0f - 0.5f * z.v});
  VF y = choose<float>((k & 1) != 0, c, s);
  y = from_bits<float>(bits(y) ^ ((k & 2) << 30));
  for (int i = 0; i < kLanes<float>; ++i) {
    if (far[i] == 0) continue;
    const double x = static_cast<double>(a.v[i]);
    y.v[i] = static_cast<float>(kShift == 0 ? __builtin_sin(x) : __builtin_cos(x));
  }
  return y;
}
inline VF sin(VF a) { return choose<float>(a.v == 0.0f, a, sine<0>(a)); }
inline VF cos(VF a) { return sine<1>(a); }

inline VD power(VD a, VD b) {
  return lanes(a, b, [](double x, double y) { return __builtin_pow(x, y); });
}

// |a|^b for normal a through log2 and exp2 in f64, which leaves the error of one rounding.
inline VD power_f64(VD x, VD y) {
  constexpr int64_t kRootHalf = 0x3fe6a09e667f3bcd;
  constexpr double kMagic64 = 0x1.8p52;
  SRaw<double> b = bits(x);
  SRaw<double> shifted = b - kRootHalf;
  // Arithmetic shift right by 52 of values that may be negative, in terms of what every instruction set has.
  SRaw<double> e;
  for (int i = 0; i < kLanes<double>; ++i) e[i] = shifted[i] >> 52;
  VD m = from_bits<double>(b - (e << 52));
  VD s = {(m.v - 1.0) / (m.v + 1.0)};
  VD z = {s.v * s.v};
  VD p = polynomial(z, 0.0730967172675630756, 0.0766574361793286662, 0.0909144809174154328, 0.111111055189082939,
                    0.142857143132851018, 0.19999999999949096, 0.333333333333333487);
  VD ln = {2.0 * (s.v + s.v * z.v * p.v)};
  VD n;
  for (int i = 0; i < kLanes<double>; ++i) n.v[i] = static_cast<double>(e[i]);
  VD t = {y.v * (n.v + ln.v * 1.4426950408889634)};
  t = choose<double>(t.v > 1000.0, splat(1000.0), t);
  t = choose<double>(t.v < -1000.0, splat(-1000.0), t);
  VD whole = {(t.v + kMagic64) - kMagic64};
  VD r = {(t.v - whole.v) * 0.6931471805599453};
  VD q = polynomial(r, 2.76138041706300407e-7, 2.76251123481320926e-6, 0.0000248015363935396949, 0.000198412087383569893,
                    0.00138888889058791154, 0.00833333335372648372, 0.0416666666666513579, 0.166666666666482916, 0.5);
  VD g = {1.0 + (r.v + r.v * r.v * q.v)};
  SRaw<double> k = bits(VD{whole.v + kMagic64}) - __builtin_bit_cast(int64_t, kMagic64);
  return from_bits<double>(bits(g) + (k << 52));
}

inline VF power(VF a, VF b) {
  VF x = absolute(a);
  // What log2 above does not cover, and signs of negative bases beyond 2^22, goes one by one.
  SRaw<float> odd_case = ~((x.v >= 1.17549435e-38f) & (x.v < __builtin_inff()) & (absolute(b).v < 4194304.0f));
  VF y;
  constexpr int kHalf = kLanes<double>;
  for (int h = 0; h < 2; ++h) {
    VD xd, yd;
    for (int i = 0; i < kHalf; ++i)
      xd.v[i] = static_cast<double>(x.v[h * kHalf + i]), yd.v[i] = static_cast<double>(b.v[h * kHalf + i]);
    VD r = power_f64(xd, yd);
    for (int i = 0; i < kHalf; ++i) y.v[h * kHalf + i] = static_cast<float>(r.v[i]);
  }
  VF whole = {(b.v + kMagic) - kMagic};
  SRaw<float> odd = (bits(VF{whole.v + kMagic}) << 31) & (bits(a) & INT32_MIN);
  y = from_bits<float>(bits(y) | odd);
  y = choose<float>((a.v < 0.0f) & (whole.v != b.v), splat(__builtin_nanf("")), y);
  for (int i = 0; i < kLanes<float>; ++i) {
    if (odd_case[i] != 0) y.v[i] = static_cast<float>(__builtin_pow(static_cast<double>(a.v[i]), static_cast<double>(b.v[i])));
  }
  return y;
}

inline VF sqrt(VF a) {
#if defined(__AVX512F__)
  return {_mm512_sqrt_ps(a.v)};
#elif defined(__AVX2__)
  return {_mm256_sqrt_ps(a.v)};
#else
  return {_mm_sqrt_ps(a.v)};
#endif
}
inline VD sqrt(VD a) {
#if defined(__AVX512F__)
  return {_mm512_sqrt_pd(a.v)};
#elif defined(__AVX2__)
  return {_mm256_sqrt_pd(a.v)};
#else
  return {_mm_sqrt_pd(a.v)};
#endif
}
template <class T>
inline V<T> rsqrt(V<T> a) {
  return {T(1) / sqrt(a).v};
}
template <class T>
inline V<T> reciprocal(V<T> a) {
  return {T(1) / a.v};
}
// Near 1 the small distance to it is what is computed, so that the result is rounded once: arguments that differ stay apart as
// long as floats can tell their results apart.
inline VD sigmoid(VD a) {
  // exp of what is not positive: no overflow, and tiny results stay exact.
  VD e = exp(negate(absolute(a)));
  VD q = {e.v / (1.0 + e.v)};
  return choose<double>(a.v < 0, q, {1.0 - q.v});
}
// One over what is between 1 and 2^100.
inline VF inverse(VF a) {
#if defined(__AVX512F__)
  // A step of Newton from 14 bits: half the time of a division.
  const VF r = {_mm512_rcp14_ps(a.v)};
  return madd(r, {_mm512_fnmadd_ps(a.v, r.v, splat(1.0f).v)}, r);
#else
  return {1.0f / a.v};
#endif
}
inline VF sigmoid(VF a) {
  // The result is 1 long before e overflows, and tiny ones stay exact.
  const VF e = exp_between(at_least(at_most(a, 40.0f), -104.0f));
  const VF r = inverse({1.0f + e.v});
  return choose<float>(a.v < 0, e * r, {1.0f - r.v});
}
inline VD silu(VD a) { return a * sigmoid(a); }
inline VF silu(VF a) {
  const VF least = at_least(a, -110.0f);
  const Reduced q = reduce_by_ln2(at_most(least, 40.0f));
  const VF p = {exp_small(q.r).v + 1.0f};
  const VF e = scale(p, q.n);
  // The power of two comes last, so that e may underflow where the product does not. Adding a zero makes NaN of -infinity.
  return madd(at_most(a, -110.0f), splat(0.0f), scale(least * (p * inverse({1.0f + e.v})), q.n));
}
// a * P(a), where P is the normal distribution, as max(a, 0) - |a| * P(-|a|): the logarithm of P(-t) is a parabola and what a
// polynomial follows. It follows it up to 5.5; beyond, the product is below 1e-7 and need only fade. Coefficients: Note
// [Polynomials], the constant ones chosen, so that small arguments are halved exactly.
inline VF gelu(VF a) {
  const VF x = absolute(a), t = at_most(x, 14.0f), s = at_most(x, 5.5f);
  const VF rest = polynomial(s, -2.40732341e-08f, 7.30828447e-07f, -9.53669314e-06f, 6.78281285e-05f, -0.000249139586f,
                             -6.4486434e-05f, 0.00702637248f, -0.0524947345f, 0.262143731f, -1.151106f, -1.0f);
  const VF log2 = madd({t.v * t.v}, splat(-0.72134752f), rest);
  const VF n = nearest(log2), f = {log2.v - n.v};
  const VF tail = scale(polynomial(f, 0.00132647273f, 0.00967151299f, 0.0555073358f, 0.240222424f, 0.693147004f, 1.0f), n);
  // Half of a + |a|: NaN for minus infinity, as the product is.
  const VF positive = madd(a, splat(0.5f), {x.v * 0.5f});
  return {positive.v - t.v * tail.v};
}
inline VD gelu(VD a) {
  return lanes(a, [](double x) { return 0.5 * x * __builtin_erfc(x * -0.70710678118654752); });
}
// NaN comes through the product.
inline VF hard_swish(VF a) { return a * VF{at_most(at_least(VF{a.v + 3.0f}, 0.0f), 6.0f).v * (1.0f / 6)}; }
inline VD hard_swish(VD a) { return a * VD{minimum(maximum(VD{a.v + 3.0}, splat(0.0)), splat(6.0)).v * (1.0 / 6)}; }

// Rounding to whole numbers. Note [Whole]: adding and subtracting 2^23 (2^52) rounds to nearest even any smaller magnitude;
// larger ones are whole already. The sign of zero is the argument's.
template <class T>
inline V<T> round_even(V<T> a) {
  constexpr T kWhole = sizeof(T) == 4 ? T(0x1p23) : T(0x1p52);
  using S = typename IntOf<T>::S;
  constexpr S kSign = static_cast<S>(typename IntOf<T>::U(1) << (sizeof(T) * 8 - 1));
  V<T> m = absolute(a);
  V<T> r = {(m.v + kWhole) - kWhole};
  r = from_bits<T>(bits(r) | (bits(a) & kSign));
  return choose<T>(m.v < kWhole, r, a);
}
template <class T>
inline V<T> floor(V<T> a) {
  using S = typename IntOf<T>::S;
  constexpr S kSign = static_cast<S>(typename IntOf<T>::U(1) << (sizeof(T) * 8 - 1));
  V<T> r = round_even(a);
  V<T> lower = {r.v - T(1)};
  V<T> f = choose<T>(a.v < r.v, lower, r);
  return from_bits<T>(bits(f) | (bits(a) & kSign));
}
template <class T>
inline V<T> ceil(V<T> a) {
  return negate(floor(negate(a)));
}
template <class T>
inline V<T> trunc(V<T> a) {
  using S = typename IntOf<T>::S;
  constexpr S kSign = static_cast<S>(typename IntOf<T>::U(1) << (sizeof(T) * 8 - 1));
  return from_bits<T>(bits(floor(absolute(a))) | (bits(a) & kSign));
}

}  // namespace temper::cpu::tile::TEMPER_TILE_ISA
