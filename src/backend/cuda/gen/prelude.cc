#include "backend/cuda/gen/prelude.h"

#include "scalar/scalar.h"

namespace temper::cuda {
namespace {

// Types, and how they lie in memory.
constexpr const char* kTypes = R"(
typedef signed char s8; typedef unsigned char u8; typedef short s16; typedef unsigned short u16; typedef unsigned u32;
typedef long long s64; typedef unsigned long long u64;
__device__ inline float f32_bits(u32 b) { return __uint_as_float(b); }
__device__ inline double f64_bits(u64 b) { return __longlong_as_double((s64)b); }

// Waits until the kernel before has done everything; then the next one may take its places, no earlier, for places are few.
__device__ inline void wait_and_start_next() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;\ngriddepcontrol.launch_dependents;" ::: "memory");
#endif
}

// An integer of a width of its own: results wrap around in it.
template <class T, int bits = (int)sizeof(T) * 8>
struct Int {
  T v;
  __device__ static Int of(u64 x) {
    constexpr int cut = 64 - bits;
    if (T(-1) < T(0)) return {(T)((s64)(x << cut) >> cut)};
    return {(T)((x << cut) >> cut)};
  }
  __device__ u64 u() const { return (u64)(s64)v; }
  __device__ static bool is_signed() { return T(-1) < T(0); }
};
#define INT template <class T, int n> __device__ inline Int<T, n>
#define ARGS Int<T, n> a, Int<T, n> b
INT operator+(ARGS) { return Int<T, n>::of(a.u() + b.u()); }
INT operator-(ARGS) { return Int<T, n>::of(a.u() - b.u()); }
INT operator*(ARGS) { return Int<T, n>::of(a.u() * b.u()); }
template <class T, int n> __device__ inline bool operator<(ARGS) { return a.v < b.v; }
template <class T, int n> __device__ inline bool operator<=(ARGS) { return a.v <= b.v; }
template <class T, int n> __device__ inline bool operator==(ARGS) { return a.v == b.v; }

struct f16 { u16 bits; };
struct bf16 { u16 bits; };
struct f8e4m3 { u8 bits; };
struct f8e5m2 { u8 bits; };
struct i4 { u8 bits; };
struct u4 { u8 bits; };

__device__ inline float f16_value(u16 bits) { float r; asm("{ .reg .b16 h; mov.b16 h, %1; cvt.f32.f16 %0, h; }" : "=f"(r) : "h"(bits)); return r; }
__device__ inline u16 f16_of(float x) { u16 r; asm("{ .reg .b16 h; cvt.rn.f16.f32 h, %1; mov.b16 %0, h; }" : "=h"(r) : "f"(x)); return r; }
__device__ inline float bf16_value(u16 bits) { return __uint_as_float((u32)bits << 16); }
__device__ inline u16 bf16_of(float x) {
  u32 b = __float_as_uint(x);
  if ((b & 0x7fffffffu) > 0x7f800000u) return (u16)((b >> 16) | 0x40u);
  return (u16)((b + 0x7fffu + ((b >> 16) & 1u)) >> 16);
}
// An 8-bit float of `m` bits of mantissa. The largest finite value stands for all finite ones that are larger, and for infinity where
// there is none.
__device__ inline float f8_value(u8 bits, int m, int bias, bool has_infinity) {
  int exponent = (bits & 0x7f) >> m, mantissa = bits & ((1 << m) - 1);
  float sign = bits & 0x80 ? -1.0f : 1.0f;
  int top = (1 << (7 - m)) - 1;
  if (has_infinity && exponent == top) return mantissa ? f32_bits(0x7fc00000u) : sign * f32_bits(0x7f800000u);
  if (!has_infinity && (bits & 0x7f) == 0x7f) return f32_bits(0x7fc00000u);
  if (exponent == 0) return sign * ldexpf((float)mantissa, 1 - bias - m);
  return sign * ldexpf((float)((1 << m) + mantissa), exponent - bias - m);
}
__device__ inline u8 f8_of(float x, int m, int bias, u8 largest, u8 nan) {
  u32 b = __float_as_uint(x);
  u8 sign = (u8)((b >> 24) & 0x80u);
  float a = fabsf(x);
  if (a != a) return sign | nan;
  if (a == f32_bits(0x7f800000u)) return sign | (nan == 0x7f ? largest : (u8)0x7c);
  int e = a == 0.0f ? -200 : ilogbf(a);
  int least = 1 - bias;
  int unit = (e < least ? least : e) - m;
  float q = rintf(ldexpf(a, -unit));
  float top = f8_value(largest, m, bias, nan != 0x7f);
  float rounded = ldexpf(q, unit);
  if (!(rounded <= top)) return sign | largest;
  if (rounded == 0.0f) return sign;
  int re = ilogbf(rounded);
  if (re < least) return sign | (u8)ldexpf(rounded, m - least);
  return sign | (u8)(((re + bias) << m) + (int)ldexpf(rounded, m - re) - (1 << m));
}

__device__ inline float load(const float* p, s64 i) { return p[i]; }
__device__ inline double load(const double* p, s64 i) { return p[i]; }
__device__ inline bool load(const bool* p, s64 i) { return ((const u8*)p)[i] != 0; }
__device__ inline float load(const f16* p, s64 i) { return f16_value(p[i].bits); }
__device__ inline float load(const bf16* p, s64 i) { return bf16_value(p[i].bits); }
__device__ inline float load(const f8e4m3* p, s64 i) { return f8_value(p[i].bits, 3, 7, false); }
__device__ inline float load(const f8e5m2* p, s64 i) { return f8_value(p[i].bits, 2, 15, true); }
__device__ inline Int<s8, 4> load(const i4* p, s64 i) { return Int<s8, 4>::of((u64)(p[i >> 1].bits >> ((i & 1) * 4))); }
__device__ inline Int<u8, 4> load(const u4* p, s64 i) { return Int<u8, 4>::of((u64)(p[i >> 1].bits >> ((i & 1) * 4))); }
__device__ inline void store(float* p, s64 i, float x) { p[i] = x; }
__device__ inline void store(double* p, s64 i, double x) { p[i] = x; }
__device__ inline void store(bool* p, s64 i, bool x) { ((u8*)p)[i] = x; }
__device__ inline void store(f16* p, s64 i, float x) { p[i].bits = f16_of(x); }
__device__ inline void store(bf16* p, s64 i, float x) { p[i].bits = bf16_of(x); }
__device__ inline void store(f8e4m3* p, s64 i, float x) { p[i].bits = f8_of(x, 3, 7, 0x7e, 0x7f); }
__device__ inline void store(f8e5m2* p, s64 i, float x) { p[i].bits = f8_of(x, 2, 15, 0x7b, 0x7e); }
// Two elements share a byte, and two threads may write them at once: each changes its own bits only.
__device__ inline void store_nibble(void* p, s64 i, u32 x) {
  u64 address = (u64)p + (u64)(i >> 1);
  u32* word = (u32*)(address & ~(u64)3);
  int shift = (int)(address & 3) * 8 + (int)(i & 1) * 4;
  atomicAnd(word, ~(15u << shift));
  atomicOr(word, (x & 15u) << shift);
}
__device__ inline void store(i4* p, s64 i, Int<s8, 4> x) { store_nibble(p, i, (u32)x.v); }
__device__ inline void store(u4* p, s64 i, Int<u8, 4> x) { store_nibble(p, i, (u32)x.v); }
#define PLAIN(T)                                                                 \
  __device__ inline Int<T> load(const T* p, s64 i) { return {p[i]}; }            \
  __device__ inline void store(T* p, s64 i, Int<T> x) { p[i] = x.v; }
PLAIN(s8) PLAIN(u8) PLAIN(s16) PLAIN(u16) PLAIN(int) PLAIN(u32) PLAIN(s64) PLAIN(u64)

// Elements that lie side by side, aligned to all of them, 16 bytes at once where there are so many.
template <int bytes> struct Chunk { unsigned char b[bytes]; };
template <> struct Chunk<16> { uint4 w; };
template <> struct Chunk<8> { uint2 w; };
template <> struct Chunk<4> { u32 w; };
template <> struct Chunk<2> { u16 w; };
template <class T, int n> struct Elements { static constexpr int bytes = n * (int)sizeof(T), size = bytes < 16 ? bytes : 16; Chunk<size> chunks[bytes / size]; };
template <int n, class T> __device__ inline Elements<T, n> elements_at(const T* p, s64 at) {
  typedef Elements<T, n> All;
  All all;
#pragma unroll
  for (int k = 0; k < All::bytes / All::size; ++k) all.chunks[k] = ((const Chunk<All::size>*)(p + at))[k];
  return all;
}
template <int n, class C, class T> __device__ inline void unpack(C (&to)[n], const Elements<T, n>& all) {
#pragma unroll
  for (int j = 0; j < n; ++j) to[j] = load((const T*)&all, j);
}
template <int n, class C, class T> __device__ inline void load_pack(C (&to)[n], const T* p, s64 at) { unpack(to, elements_at<n>(p, at)); }
// fill where they are not `there`.
template <int n, class C, class T> __device__ inline void load_pack_if(C (&to)[n], const T* p, s64 at, bool there, C fill) {
  typedef Elements<T, n> All;
  All all = {};
#pragma unroll
  for (int k = 0; k < All::bytes / All::size; ++k) if (there) all.chunks[k] = ((const Chunk<All::size>*)(p + at))[k];
#pragma unroll
  for (int j = 0; j < n; ++j) { C x = load((const T*)&all, j); to[j] = there ? x : fill; }
}
template <int n, class C, class T> __device__ inline void store_pack(T* p, s64 at, const C (&from)[n]) {
  typedef Elements<T, n> All;
  All all;
#pragma unroll
  for (int j = 0; j < n; ++j) store((T*)&all, j, from[j]);
#pragma unroll
  for (int k = 0; k < All::bytes / All::size; ++k) ((Chunk<All::size>*)(p + at))[k] = all.chunks[k];
}

__device__ inline s64 floor_div(s64 a, s64 b) { s64 q = a / b; return q * b > a ? q - 1 : q; }
__device__ inline int floor_div(int a, int b) { int q = a / b; return q * b > a ? q - 1 : q; }
template <class A, class B> __device__ inline s64 floor_div(A a, B b) { return floor_div((s64)a, (s64)b); }
template <class A, class B> __device__ inline auto floor_rest(A a, B b) { return a - b * floor_div(a, b); }
template <class A, class B> __device__ inline auto least(A a, B b) { return a < b ? a : b; }
template <class A, class B> __device__ inline auto most(A a, B b) { return a < b ? b : a; }
)";

// The functions that scalar.def is written in: exact_functions.h says what they mean.
constexpr const char* kFunctions = R"(
#define BOTH1(name, fn) __device__ inline float name(float a) { return ::fn##f(a); } __device__ inline double name(double a) { return ::fn(a); }
BOTH1(sqrt, sqrt) BOTH1(exp, exp) BOTH1(expm1, expm1) BOTH1(log, log) BOTH1(log1p, log1p) BOTH1(sin, sin) BOTH1(cos, cos) BOTH1(tan, tan)
BOTH1(asin, asin) BOTH1(acos, acos) BOTH1(atan, atan) BOTH1(sinh, sinh) BOTH1(cosh, cosh) BOTH1(tanh, tanh) BOTH1(asinh, asinh)
BOTH1(acosh, acosh) BOTH1(atanh, atanh) BOTH1(erf, erf) BOTH1(erfc, erfc) BOTH1(floor, floor) BOTH1(ceil, ceil) BOTH1(trunc, trunc) BOTH1(round_even, rint)
BOTH1(absolute, fabs)
#define BOTH2(name, fn)                                                                \
  __device__ inline float name(float a, float b) { return ::fn##f(a, b); }              \
  __device__ inline double name(double a, double b) { return ::fn(a, b); }
BOTH2(fmod, fmod) BOTH2(power, pow) BOTH2(atan2, atan2)
__device__ inline bool sign_bit(float a) { return (__float_as_uint(a) >> 31) != 0; }
__device__ inline bool sign_bit(double a) { return __double_as_longlong(a) < 0; }
#define REAL(F)                                                                                          \
  __device__ inline F divide(F a, F b) { return a / b; }                                                 \
  __device__ inline F negate(F a) { return -a; }                                                         \
  __device__ inline F rsqrt(F a) { return (F)1 / sqrt(a); }                                              \
  __device__ inline F reciprocal(F a) { return (F)1 / a; }                                               \
  __device__ inline F sigmoid(F a) {                                                                     \
    F e = exp(-absolute(a)), small = e / ((F)1 + e);                                                     \
    return a > 0 ? (F)1 - small : a <= 0 ? small : a;                                                    \
  }                                                                                                      \
  __device__ inline F silu(F a) { return a * sigmoid(a); }                                               \
  __device__ inline F gelu(F a) { return (F)0.5 * a * erfc(a * (F)-0.70710678118654752); }               \
  __device__ inline bool is_nan(F a) { return a != a; }                                                  \
  __device__ inline bool is_inf(F a) { return absolute(a) == (F)f32_bits(0x7f800000u); }                 \
  __device__ inline F sign(F a) { return a > 0 ? (F)1 : a < 0 ? (F)-1 : a; }                             \
  __device__ inline F floor_mod(F a, F b) { F r = fmod(a, b); return r != 0 && (r < 0) != (b < 0) ? r + b : r; } \
  __device__ inline F hard_swish(F a) { return a * (minimum(maximum(a + (F)3, (F)0), (F)6) * ((F)1 / (F)6)); }

// NaN if either is one, and -0 is less than +0.
__device__ inline float minimum(float a, float b) { float r; asm("min.NaN.f32 %0, %1, %2;" : "=f"(r) : "f"(a), "f"(b)); return r; }
__device__ inline float maximum(float a, float b) { float r; asm("max.NaN.f32 %0, %1, %2;" : "=f"(r) : "f"(a), "f"(b)); return r; }
__device__ inline double minimum(double a, double b) { return a != a ? a : b != b ? b : a == b ? (sign_bit(a) ? a : b) : a < b ? a : b; }
__device__ inline double maximum(double a, double b) { return a != a ? a : b != b ? b : a == b ? (sign_bit(a) ? b : a) : a > b ? a : b; }
REAL(float) REAL(double)
__device__ inline float multiply_add(float a, float b, float c) { return ::fmaf(a, b, c); }
__device__ inline double multiply_add(double a, double b, double c) { return ::fma(a, b, c); }
INT multiply_add(Int<T, n> a, Int<T, n> b, Int<T, n> c) { return a * b + c; }

// Of what is rounded to 16 bits afterwards: right to 17 bits or more, and to 2^-22 where the result is small beside the operand.
// Without branches, so that many can be under way at once.
namespace quick {
__device__ inline float inverse(float a) { float r; asm("rcp.approx.f32 %0, %1;" : "=f"(r) : "f"(a)); return r; }
// The inverse of a number close to 0 would be infinite. Of a divisor that many share it is computed once.
__device__ inline float op_div(float a, float b) {
  const float scale = fabsf(b) < f32_bits(0x0d800000u) ? f32_bits(0x5f800000u) : 1.0f;
  return a * scale * inverse(b * scale);
}
__device__ inline float op_reciprocal(float a) { return inverse(a); }
__device__ inline float op_exp(float a) { float r; asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(a * 1.44269504f)); return r; }
__device__ inline float op_sigmoid(float a) { return inverse(1.0f + op_exp(-a)); }
__device__ inline float op_silu(float a) { return a * op_sigmoid(a); }
// Abramowitz and Stegun, 7.1.26: the complement of erf at |a| / sqrt(2).
__device__ inline float op_gelu(float a) {
  const float z = fabsf(a) * 0.70710678f, t = inverse(1.0f + 0.3275911f * z);
  const float p = t * (0.254829592f + t * (-0.284496736f + t * (1.421413741f + t * (-1.453152027f + t * 1.061405429f))));
  const float half = 0.5f * p * op_exp(-z * z);
  return a * (a > 0.0f ? 1.0f - half : half);
}
}

INT negate(Int<T, n> a) { return Int<T, n>::of(0 - a.u()); }
INT divide(ARGS) {
  if (b.v == 0) return {0};
  if (b.is_signed() && b.v == (T)-1) return negate(a);
  return Int<T, n>::of((u64)(s64)(T)(a.v / b.v));
}
INT fmod(ARGS) {
  if (b.v == 0 || (b.is_signed() && b.v == (T)-1)) return {0};
  return {(T)(a.v % b.v)};
}
INT floor_mod(ARGS) {
  Int<T, n> r = fmod(a, b);
  return a.is_signed() && r.v != 0 && (r.v < 0) != (b.v < 0) ? r + b : r;
}
INT minimum(ARGS) { return b < a ? b : a; }
INT maximum(ARGS) { return a < b ? b : a; }
INT absolute(Int<T, n> a) { return a.is_signed() && a.v < 0 ? negate(a) : a; }
INT sign(Int<T, n> a) { return {(T)(a.is_signed() && a.v < 0 ? -1 : a.v != 0)}; }
INT power(ARGS) {
  if (b.is_signed() && b.v < 0) {
    if (a.is_signed() && a.v == (T)-1) return {(T)(b.v & 1 ? -1 : 1)};
    return {(T)(a.v == 1)};
  }
  u64 result = 1, base = a.u();
  for (u64 e = b.u(); e != 0; e >>= 1, base *= base) if (e & 1) result *= base;
  return Int<T, n>::of(result);
}
INT bit_and(ARGS) { return {(T)(a.v & b.v)}; }
INT bit_or(ARGS) { return {(T)(a.v | b.v)}; }
INT bit_xor(ARGS) { return {(T)(a.v ^ b.v)}; }
INT bit_not(Int<T, n> a) { return Int<T, n>::of(~a.u()); }
INT shift_left(ARGS) { return b.u() >= n ? Int<T, n>{0} : Int<T, n>::of(a.u() << b.u()); }
INT shift_right(ARGS) { return b.u() >= n ? Int<T, n>{0} : Int<T, n>::of(a.is_signed() ? (u64)((s64)a.v >> b.u()) : a.u() >> b.u()); }
__device__ inline bool logical_and(bool a, bool b) { return a && b; }
__device__ inline bool logical_or(bool a, bool b) { return a || b; }
__device__ inline bool logical_xor(bool a, bool b) { return a != b; }
__device__ inline bool logical_not(bool a) { return !a; }
template <class T> __device__ inline T select(bool c, T a, T b) { return c ? a : b; }

// Note [Float to integer] in scalar.cc.
template <class I, class F>
__device__ inline I int_of(F x, bool wide, bool is_u64) {
  F limit = wide ? (F)9223372036854775808.0 : (F)2147483648.0, whole = trunc(x);
  if (whole >= -limit && whole < limit) return I::of((u64)(s64)whole);
  if (is_u64 && whole >= limit && whole < (F)18446744073709551616.0) return I::of((u64)whole);
  return I::of(wide ? 0x8000000000000000ull : 0xffffffff80000000ull);
}
#define CAST_REAL(name, F, round)                                                                         \
  __device__ inline F cast_##name(float x) { return round((F)x); }                                        \
  __device__ inline F cast_##name(double x) { return round((F)x); }                                       \
  __device__ inline F cast_##name(bool x) { return x ? (F)1 : (F)0; }                                     \
  template <class T, int n> __device__ inline F cast_##name(Int<T, n> x) { return round((F)x.v); }
#define SAME(x) (x)
CAST_REAL(f32, float, SAME)
CAST_REAL(f64, double, SAME)
__device__ inline float as_f16(float x) { return f16_value(f16_of(x)); }
__device__ inline float as_bf16(float x) { return bf16_value(bf16_of(x)); }
__device__ inline float as_f8e4m3(float x) { return f8_value(f8_of(x, 3, 7, 0x7e, 0x7f), 3, 7, false); }
__device__ inline float as_f8e5m2(float x) { return f8_value(f8_of(x, 2, 15, 0x7b, 0x7e), 2, 15, true); }
CAST_REAL(f16, float, as_f16)
CAST_REAL(bf16, float, as_bf16)
CAST_REAL(f8e4m3, float, as_f8e4m3)
CAST_REAL(f8e5m2, float, as_f8e5m2)
#define CAST_INT(name, wide, ...)                                                                          \
  __device__ inline __VA_ARGS__ cast_##name(float x) { return int_of<__VA_ARGS__>(x, wide, sizeof(__VA_ARGS__) == 8 && !__VA_ARGS__::is_signed()); } \
  __device__ inline __VA_ARGS__ cast_##name(double x) { return int_of<__VA_ARGS__>(x, wide, sizeof(__VA_ARGS__) == 8 && !__VA_ARGS__::is_signed()); } \
  __device__ inline __VA_ARGS__ cast_##name(bool x) { return __VA_ARGS__::of(x); }                         \
  template <class T, int n> __device__ inline __VA_ARGS__ cast_##name(Int<T, n> x) { return __VA_ARGS__::of(x.u()); }
CAST_INT(i8, false, Int<s8>) CAST_INT(u8, false, Int<u8>) CAST_INT(i16, false, Int<s16>) CAST_INT(u16, false, Int<u16>)
CAST_INT(i32, false, Int<int>) CAST_INT(u32, true, Int<u32>) CAST_INT(i64, true, Int<s64>) CAST_INT(u64, true, Int<u64>)
CAST_INT(i4, false, Int<s8, 4>) CAST_INT(u4, false, Int<u8, 4>)
__device__ inline bool cast_bool(float x) { return x != 0; }
__device__ inline bool cast_bool(double x) { return x != 0; }
__device__ inline bool cast_bool(bool x) { return x; }
template <class T, int n> __device__ inline bool cast_bool(Int<T, n> x) { return x.v != 0; }
)";

// A monoid of elements X that accumulates in A: add in order of the positions, merge with one of later (or, in a block,
// interleaved) ones.
constexpr const char* kMonoids = R"(
template <class A> struct Zero { __device__ static A value() { return (A)0; } __device__ static A one() { return (A)1; } };
template <class T, int n> struct Zero<Int<T, n>> { __device__ static Int<T, n> value() { return {0}; } __device__ static Int<T, n> one() { return {1}; } };
template <class A> struct Ends {
  __device__ static A lowest() { return -(A)f32_bits(0x7f800000u); }
  __device__ static A highest() { return (A)f32_bits(0x7f800000u); }
};
template <class T, int n> struct Ends<Int<T, n>> {
  __device__ static Int<T, n> lowest() { return Int<T, n>::of(Int<T, n>::is_signed() ? (u64)1 << (n - 1) : 0); }
  __device__ static Int<T, n> highest() { return Int<T, n>::of(Int<T, n>::is_signed() ? ((u64)1 << (n - 1)) - 1 : ~(u64)0); }
};
template <> struct Ends<bool> { __device__ static bool lowest() { return false; } __device__ static bool highest() { return true; } };
__device__ inline float widen(float x, float) { return x; }
__device__ inline double widen(float x, double) { return (double)x; }
__device__ inline double widen(double x, double) { return x; }
__device__ inline float widen(double x, float) { return (float)x; }
INT widen(Int<T, n> x, Int<T, n>) { return x; }
__device__ inline bool widen(bool x, bool) { return x; }

#define SIMPLE(name, start, expression)                                                     \
  template <class X, class A> struct monoid_##name {                                        \
    A s;                                                                                    \
    __device__ void clear() { s = start; }                                                  \
    __device__ void add(X x, s64) { A a = s, b = widen(x, A()); s = expression; }           \
    __device__ void merge(const monoid_##name& o) { A a = s, b = o.s; s = expression; }     \
    __device__ A result0() const { return s; }                                              \
  };
SIMPLE(sum, Zero<A>::value(), a + b)
SIMPLE(prod, Zero<A>::one(), a * b)
SIMPLE(max, Ends<A>::lowest(), maximum(a, b))
SIMPLE(min, Ends<A>::highest(), minimum(a, b))
SIMPLE(any, false, a || b)
SIMPLE(all, true, a && b)

// NaN is the extremum, as for max and min.
template <class X> __device__ inline bool no_number(X) { return false; }
__device__ inline bool no_number(float x) { return x != x; }
__device__ inline bool no_number(double x) { return x != x; }
template <class X> __device__ inline bool beats(X a, X b, bool is_max) {
  if (no_number(a) || no_number(b)) return no_number(a) && !no_number(b);
  return is_max ? b < a : a < b;
}
#define POSITION(name, is_max, last)                                                                       \
  template <class X, class A> struct monoid_##name {                                                       \
    X best;                                                                                                \
    s64 at;                                                                                                \
    __device__ void clear() { at = -1; best = X(); }                                                       \
    __device__ void add(X x, s64 i) {                                                                      \
      if (i < 0) return;                                                                                   \
      if (at < 0 || beats(x, best, is_max) || (!beats(best, x, is_max) && (last ? i > at : i < at))) { best = x; at = i; } \
    }                                                                                                      \
    __device__ void merge(const monoid_##name& o) { add(o.best, o.at); }                                   \
    __device__ Int<s64> result0() const { return {at < 0 ? 0 : at}; }                                      \
  };
POSITION(arg_max, true, false) POSITION(arg_min, false, false) POSITION(arg_max_last, true, true) POSITION(arg_min_last, false, true)

template <class X, class A> struct monoid_welford {
  A mean, squares;
  s64 count;
  __device__ void clear() { mean = squares = 0; count = 0; }
  __device__ void add(X x, s64) {
    ++count;
    A d = (A)x - mean;
    mean = mean + d / (A)count;
    squares = squares + d * ((A)x - mean);
  }
  __device__ void merge(const monoid_welford& o) {
    if (o.count == 0) return;
    if (count == 0) { *this = o; return; }
    A d = o.mean - mean, share = (A)o.count / (A)(count + o.count);
    mean = mean + d * share;
    squares = squares + o.squares + d * d * (A)count * share;
    count += o.count;
  }
  __device__ A result0() const { return mean; }
  __device__ A result1() const { return count ? squares / (A)count : (A)0; }
};
template <class X, class A> struct monoid_max_sum_exp {
  A m, s;
  __device__ void clear() { m = Ends<A>::lowest(); s = 0; }
  __device__ void take(A om, A os) {
    if (om == Ends<A>::lowest()) return;
    A top = maximum(m, om);
    s = (s == 0 ? (A)0 : s * exp(m - top)) + os * exp(om - top);
    m = top;
  }
  __device__ void add(X x, s64) { take((A)x, (A)1); }
  __device__ void merge(const monoid_max_sum_exp& o) { take(o.m, o.s); }
  __device__ A result0() const { return m; }
  __device__ A result1() const { return s; }
};

// Another lane's value.
template <class M, class Shuffle> __device__ inline M shuffled(const M& mine, const Shuffle& shuffle) {
  constexpr int words = (sizeof(M) + 3) / 4;
  u32 w[words] = {};
  memcpy(w, &mine, sizeof(M));
#pragma unroll
  for (int k = 0; k < words; ++k) w[k] = shuffle(w[k]);
  M other;
  memcpy(&other, w, sizeof(M));
  return other;
}
template <class M> __device__ inline M from_first_lane(const M& mine) { return shuffled(mine, [](u32 w) { return __shfl_sync(0xffffffffu, w, 0); }); }
template <class M> __device__ inline M from_lane_after(const M& mine, int delta) { return shuffled(mine, [=](u32 w) { return __shfl_down_sync(0xffffffffu, w, delta); }); }
template <class M> __device__ inline M from_lane_before(const M& mine, int delta) { return shuffled(mine, [=](u32 w) { return __shfl_up_sync(0xffffffffu, w, delta); }); }
// The whole of a warp, for its first thread.
template <class M> __device__ inline M over_warp(M mine) {
  for (int delta = 16; delta > 0; delta /= 2) mine.merge(from_lane_after(mine, delta));
  return mine;
}
// The whole of a block, for each of its threads; always in the same order. Every thread of the block takes part.
template <int threads, class M> __device__ inline M over_block(M mine) {
  constexpr int warps = threads / 32;
  __shared__ __align__(16) unsigned char memory[warps * sizeof(M)];
  M* all = (M*)memory;
  mine = over_warp(mine);
  if (warps == 1) return from_first_lane(mine);
  if (threadIdx.x % 32 == 0) all[threadIdx.x / 32] = mine;
  __syncthreads();
  if (threadIdx.x < 32) {
    mine.clear();
    if (threadIdx.x < warps) mine = all[threadIdx.x];
    mine = over_warp(mine);
    if (threadIdx.x == 0) all[0] = mine;
  }
  __syncthreads();
  mine = all[0];
  __syncthreads();
  return mine;
}
// Each of n for the rows of a block of `lanes` threads, in order, by its first row. Every thread of the block takes part.
template <int threads, int lanes, int n, class M> __device__ inline void over_rows(M (&mine)[n]) {
  constexpr int warps = threads / 32;
  __shared__ __align__(16) unsigned char memory[warps * lanes * n * sizeof(M)];
  M (*all)[lanes][n] = (M (*)[lanes][n])memory;
  int lane = threadIdx.x % lanes, warp = threadIdx.x / 32;
#pragma unroll
  for (int j = 0; j < n; ++j) {
    for (int delta = 16; delta >= lanes; delta /= 2) mine[j].merge(from_lane_after(mine[j], delta));
    if (threadIdx.x % 32 < lanes) all[warp][lane][j] = mine[j];
  }
  __syncthreads();
#pragma unroll
  for (int j = 0; j < n; ++j) {
    if (threadIdx.x < lanes) for (int w = 1; w < warps; ++w) mine[j].merge(all[w][lane][j]);
  }
  __syncthreads();
}
)";

// The order of sorts: NaN is greater than every number.
constexpr const char* kCollectives = R"(
template <class X> __device__ inline bool sorts_before(X a, X b) {
  if (no_number(a) || no_number(b)) return !no_number(a) && no_number(b);
  return a < b;
}
// The monoid before or after each of n elements of a row, put(i, monoid), by a block: each thread goes through a few neighbours.
template <int threads, bool exclusive, class M, class At, class Put> __device__ inline void scan_row(s64 n, const At& at, const Put& put) {
  constexpr int each = 8, warps = threads / 32;
  __shared__ __align__(16) unsigned char memory[warps * sizeof(M)];
  M* totals = (M*)memory;
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  M before;
  before.clear();
  for (s64 base = 0; base < n; base += threads * each) {
    s64 first = base + threadIdx.x * each, end = least(first + each, n);
    M mine, none;
    none.clear();
    mine.clear();
    for (s64 i = first; i < end; ++i) mine.add(at(i), i);
    for (int delta = 1; delta < 32; delta *= 2) {
      M sum = from_lane_before(mine, delta);
      sum.merge(mine);
      if (lane >= delta) mine = sum;
    }
    if (lane == 31) totals[warp] = mine;
    M m = from_lane_before(mine, 1);
    if (lane == 0) m = none;
    __syncthreads();
    M all = before;
    for (int w = 0; w < warps; ++w) {
      if (w == warp) { M sum = all; sum.merge(m); m = sum; }
      all.merge(totals[w]);
    }
    for (s64 i = first; i < end; ++i) {
      if (exclusive) put(i, m);
      m.add(at(i), i);
      if (!exclusive) put(i, m);
    }
    before = all;
    __syncthreads();
  }
}
// Where element i of an array of n goes when its runs of `width` sorted elements are merged by pairs. Stable; `from` holds positions.
template <class X, class At> __device__ inline s64 merged_place(s64 i, s64 n, s64 width, const s64* from, bool descending, const At& at) {
  s64 start = i / (2 * width) * (2 * width), middle = least(start + width, n), end = least(start + 2 * width, n);
  bool left = i < middle;
  X x = at(from[i]);
  s64 lo = left ? middle : start, hi = left ? end : middle;
  s64 first = lo;
  while (lo < hi) {
    s64 m = (lo + hi) / 2;
    X y = at(from[m]);
    // Those of the other run that stand before x: on the right only smaller ones, on the left equal ones too.
    bool before = left ? (descending ? sorts_before(x, y) : sorts_before(y, x)) : !(descending ? sorts_before(y, x) : sorts_before(x, y));
    if (before) lo = m + 1; else hi = m;
  }
  return start + (left ? i - start : i - middle) + (lo - first);
}
// One block sorts a row. `from` and `to` hold positions; the sorted ones are in the array that is returned.
template <class X, class At> __device__ inline s64* merge_sort(s64 n, s64* from, s64* to, bool descending, const At& at) {
  for (s64 i = threadIdx.x; i < n; i += blockDim.x) from[i] = i;
  __syncthreads();
  for (s64 width = 1; width < n; width *= 2) {
    for (s64 i = threadIdx.x; i < n; i += blockDim.x) to[merged_place<X>(i, n, width, from, descending, at)] = from[i];
    __syncthreads();
    s64* t = from; from = to; to = t;
  }
  return from;
}
// All blocks of a launch that is together wait here for each other; what they have written before is then seen by all. `arrived`
// was 0 at the start, and this is their `meeting`th meeting.
__device__ inline void meet_all_blocks(u32* arrived, u32 meeting) {
  __syncthreads();
  if (threadIdx.x == 0) {
    u32 seen = 0, all = meeting * gridDim.x;
    asm volatile("red.release.gpu.global.add.u32 [%0], 1;" :: "l"(arrived) : "memory");
    do asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(seen) : "l"(arrived) : "memory"); while ((int)(seen - all) < 0);
  }
  __syncthreads();
}
// Matrix product by tiles: lhs(batch, row, k), rhs(batch, k, col), put(batch, row, col, sum). 256 threads, 64 x 64 results, 4 x 4 each.
template <class A, class I, class L, class R, class P>
__device__ inline void tiled_product(I batches, I rows, I cols, I depth, const L& lhs, const R& rhs, const P& put) {
  __shared__ A left[16][68], right[16][68];
  int tid = threadIdx.x, tx = tid % 16, ty = tid / 16;
  I across = (cols + 63) / 64, down = (rows + 63) / 64;
  for (s64 block = blockIdx.x; block < (s64)across * down * batches; block += gridDim.x) {
    I col0 = (I)(block % across) * 64, row0 = (I)(block / across % down) * 64, batch = (I)(block / across / down);
    A sum[4][4];
    for (int r = 0; r < 4; ++r) for (int c = 0; c < 4; ++c) sum[r][c] = Zero<A>::value();
    for (I k0 = 0; k0 < depth; k0 += 16) {
      for (int j = 0; j < 4; ++j) {
        int k = tid % 16, r = tid / 16 + j * 16;
        left[k][r] = row0 + r < rows && k0 + k < depth ? lhs(batch, row0 + r, k0 + k) : Zero<A>::value();
        int c = tid % 64, kr = tid / 64 + j * 4;
        right[kr][c] = col0 + c < cols && k0 + kr < depth ? rhs(batch, k0 + kr, col0 + c) : Zero<A>::value();
      }
      __syncthreads();
      for (int k = 0; k < 16; ++k) {
        A x[4], y[4];
        for (int r = 0; r < 4; ++r) x[r] = left[k][ty * 4 + r];
        for (int c = 0; c < 4; ++c) y[c] = right[k][tx * 4 + c];
        for (int r = 0; r < 4; ++r) for (int c = 0; c < 4; ++c) sum[r][c] = multiply_add(x[r], y[c], sum[r][c]);
      }
      __syncthreads();
    }
    for (int r = 0; r < 4; ++r) for (int c = 0; c < 4; ++c) {
      I row = row0 + ty * 4 + r, col = col0 + tx * 4 + c;
      if (row < rows && col < cols) put(batch, row, col, sum[r][c]);
    }
  }
}
)";

std::string rows_of_table() {
  std::string text;
  for (int k = 0; k < kScalarRows; ++k) {
    const ScalarInfo& row = scalar_info(static_cast<ScalarOp>(k));
    const char* parameters = row.rule == TypeRule::kSelect ? "bool a, T b, T c" : row.arity == 1 ? "T a" : "T a, T b";
    text += "template <class T> __device__ inline auto op_" + std::string(row.name) + "(" + parameters + ") { return " +
            std::string(row.text) + "; }\n";
  }
  return text;
}

}  // namespace

const std::string& prelude() {
  static const std::string kText = "namespace temper {\n" + std::string(kTypes) + kFunctions + kMonoids + kCollectives +
                                   rows_of_table() + "}\nusing namespace temper;\n";
  return kText;
}

std::string compute_type_text(DType dtype) {
  switch (dtype) {
    case DType::kF64:
      return "double";
    case DType::kBool:
      return "bool";
    case DType::kI8:
      return "Int<s8>";
    case DType::kU8:
      return "Int<u8>";
    case DType::kI16:
      return "Int<s16>";
    case DType::kU16:
      return "Int<u16>";
    case DType::kI32:
      return "Int<int>";
    case DType::kU32:
      return "Int<u32>";
    case DType::kI64:
      return "Int<s64>";
    case DType::kU64:
      return "Int<u64>";
    case DType::kI4:
      return "Int<s8, 4>";
    case DType::kU4:
      return "Int<u8, 4>";
    default:
      return "float";
  }
}

}  // namespace temper::cuda
