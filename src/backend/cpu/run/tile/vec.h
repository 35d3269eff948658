// Vectors of one instruction set: V<T> is one register full of T, with the arithmetic of scalar.def.
//
// Included only by ops_*.cc, after TEMPER_TILE_ISA was defined as the namespace of that instruction set: the same names then
// mean different code in each file, and no two of them meet. Integers wrap around. Nothing here may call an inline function
// with external linkage (such as those of the standard library): the linker could keep the copy of the widest instruction set.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace temper::cpu::tile::TEMPER_TILE_ISA {

#if defined(__AVX512F__)
inline constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
inline constexpr int kVectorBytes = 32;
#else
inline constexpr int kVectorBytes = 16;
#endif

template <class T>
struct IntOf;
template <>
struct IntOf<float> {
  using S = int32_t;
  using U = uint32_t;
};
template <>
struct IntOf<double> {
  using S = int64_t;
  using U = uint64_t;
};
template <>
struct IntOf<int32_t> {
  using S = int32_t;
  using U = uint32_t;
};
template <>
struct IntOf<uint32_t> {
  using S = int32_t;
  using U = uint32_t;
};
template <>
struct IntOf<int64_t> {
  using S = int64_t;
  using U = uint64_t;
};
template <>
struct IntOf<uint64_t> {
  using S = int64_t;
  using U = uint64_t;
};
template <>
struct IntOf<uint8_t> {
  using S = int8_t;
  using U = uint8_t;
};

template <class T>
inline constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(T));

template <class T>
struct V {
  typedef T Raw __attribute__((vector_size(kVectorBytes)));
  Raw v;
};
template <class T>
using Raw = typename V<T>::Raw;
template <class T>
using SRaw = typename V<typename IntOf<T>::S>::Raw;
template <class T>
using URaw = typename V<typename IntOf<T>::U>::Raw;

// Truth per lane: all bits or none.
template <class T>
struct M {
  SRaw<T> m;
};

// Booleans for the lanes of T, as they lie in bool registers: bytes 0 or 1.
template <class T>
struct Bytes {
  typedef uint8_t Raw __attribute__((vector_size(kLanes<T>)));
  Raw v;
};

using VF = V<float>;
using VD = V<double>;
using VB = V<uint8_t>;

template <class T>
inline V<T> splat(T x) {
  Raw<T> zero = {};
  return {x - zero};  // a sum would lose the sign of a zero
}
template <class T>
inline SRaw<T> bits(V<T> a) {
  return reinterpret_cast<SRaw<T>>(a.v);
}
template <class T>
inline V<T> from_bits(SRaw<T> a) {
  return {reinterpret_cast<Raw<T>>(a)};
}
template <class T>
inline V<T> choose(SRaw<T> m, V<T> a, V<T> b) {
  return {m ? a.v : b.v};
}

template <class T>
inline V<T> load(const T* p) {
  V<T> x;
  __builtin_memcpy(&x.v, p, kVectorBytes);
  return x;
}
template <class T>
inline void store(T* p, V<T> x) {
  __builtin_memcpy(p, &x.v, kVectorBytes);
}
template <class T>
inline Bytes<T> load_bytes(const uint8_t* p) {
  Bytes<T> x;
  __builtin_memcpy(&x.v, p, kLanes<T>);
  return x;
}
template <class T>
inline void store(uint8_t* p, Bytes<T> x) {
  __builtin_memcpy(p, &x.v, kLanes<T>);
}

// The first n lanes, 0 < n < kLanes; the others are zero.
template <class T>
inline V<T> load_part(const T* p, int n) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4)
    return {reinterpret_cast<Raw<T>>(_mm512_maskz_loadu_epi32(static_cast<__mmask16>((1u << n) - 1), p))};
  if constexpr (sizeof(T) == 8)
    return {reinterpret_cast<Raw<T>>(_mm512_maskz_loadu_epi64(static_cast<__mmask8>((1u << n) - 1), p))};
#endif
  T part[kLanes<T>] = {};
  for (int i = 0; i < n; ++i) part[i] = p[i];
  return load(part);
}
template <class T>
inline void store_part(T* p, V<T> x, int n) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    _mm512_mask_storeu_epi32(p, static_cast<__mmask16>((1u << n) - 1), reinterpret_cast<__m512i>(x.v));
    return;
  }
  if constexpr (sizeof(T) == 8) {
    _mm512_mask_storeu_epi64(p, static_cast<__mmask8>((1u << n) - 1), reinterpret_cast<__m512i>(x.v));
    return;
  }
#endif
  for (int i = 0; i < n; ++i) p[i] = x.v[i];
}
template <class T>
inline Bytes<T> load_bytes_part(const uint8_t* p, int n) {
  uint8_t part[kLanes<T>] = {};
  for (int i = 0; i < n; ++i) part[i] = p[i];
  return load_bytes<T>(part);
}
template <class T>
inline void store_part(uint8_t* p, Bytes<T> x, int n) {
  for (int i = 0; i < n; ++i) p[i] = x.v[i];
}

template <class T>
inline Bytes<T> to_bytes(M<T> m) {
  return {reinterpret_cast<typename Bytes<T>::Raw>(__builtin_convertvector(m.m, typename Bytes<typename IntOf<T>::S>::Raw)) &
          uint8_t(1)};
}
template <>
inline Bytes<uint8_t> to_bytes<uint8_t>(M<uint8_t> m) {
  return {reinterpret_cast<Raw<uint8_t>>(m.m) & uint8_t(1)};
}
template <class T>
inline SRaw<T> to_mask(Bytes<T> b) {
  return __builtin_convertvector(b.v, SRaw<T>) != 0;
}
template <>
inline SRaw<uint8_t> to_mask<uint8_t>(Bytes<uint8_t> b) {
  return b.v != 0;
}

// A function of single lanes, for what is not worth vector code.
template <class T, class F>
inline V<T> lanes(V<T> a, F f) {
  for (int i = 0; i < kLanes<T>; ++i) a.v[i] = f(a.v[i]);
  return a;
}
template <class T, class F>
inline V<T> lanes(V<T> a, V<T> b, F f) {
  for (int i = 0; i < kLanes<T>; ++i) a.v[i] = f(a.v[i], b.v[i]);
  return a;
}

template <class T>
inline constexpr bool kFloating = static_cast<T>(0.5) != 0;

// a * b + c, fused where the instruction set has it.
inline VF madd(VF a, VF b, VF c) {
#if defined(__AVX512F__)
  return {_mm512_fmadd_ps(a.v, b.v, c.v)};
#elif defined(__FMA__)
  return {_mm256_fmadd_ps(a.v, b.v, c.v)};
#else
  return {a.v * b.v + c.v};
#endif
}
inline VD madd(VD a, VD b, VD c) {
#if defined(__AVX512F__)
  return {_mm512_fmadd_pd(a.v, b.v, c.v)};
#elif defined(__FMA__)
  return {_mm256_fmadd_pd(a.v, b.v, c.v)};
#else
  return {a.v * b.v + c.v};
#endif
}

template <class T>
inline V<T> operator+(V<T> a, V<T> b) {
  if constexpr (kFloating<T>)
    return {a.v + b.v};
  else
    return {reinterpret_cast<Raw<T>>(reinterpret_cast<URaw<T>>(a.v) + reinterpret_cast<URaw<T>>(b.v))};
}
template <class T>
inline V<T> operator-(V<T> a, V<T> b) {
  if constexpr (kFloating<T>)
    return {a.v - b.v};
  else
    return {reinterpret_cast<Raw<T>>(reinterpret_cast<URaw<T>>(a.v) - reinterpret_cast<URaw<T>>(b.v))};
}
template <class T>
inline V<T> operator*(V<T> a, V<T> b) {
  if constexpr (kFloating<T>)
    return {a.v * b.v};
  else
    return {reinterpret_cast<Raw<T>>(reinterpret_cast<URaw<T>>(a.v) * reinterpret_cast<URaw<T>>(b.v))};
}
template <class T>
inline M<T> operator<(V<T> a, V<T> b) {
  return {a.v < b.v};
}
template <class T>
inline M<T> operator<=(V<T> a, V<T> b) {
  return {a.v <= b.v};
}
template <class T>
inline M<T> operator==(V<T> a, V<T> b) {
  return {a.v == b.v};
}

inline VF divide(VF a, VF b) { return {a.v / b.v}; }
inline VD divide(VD a, VD b) { return {a.v / b.v}; }
template <class T>
inline V<T> divide(V<T> a, V<T> b) {
  return lanes(a, b, [](T x, T y) -> T {
    if (y == 0) return 0;
    if (static_cast<T>(-1) < 0 && y == static_cast<T>(-1)) return static_cast<T>(0 - static_cast<typename IntOf<T>::U>(x));
    return x / y;
  });
}
template <class T>
inline T int_remainder(T x, T y) {
  if (y == 0 || (static_cast<T>(-1) < 0 && y == static_cast<T>(-1))) return 0;
  return x % y;
}
inline VF fmod(VF a, VF b) {
  return lanes(a, b, [](float x, float y) { return __builtin_fmodf(x, y); });
}
inline VD fmod(VD a, VD b) {
  return lanes(a, b, [](double x, double y) { return __builtin_fmod(x, y); });
}
template <class T>
inline V<T> fmod(V<T> a, V<T> b) {
  return lanes(a, b, [](T x, T y) { return int_remainder(x, y); });
}
template <class T>
inline V<T> floor_mod(V<T> a, V<T> b) {
  return lanes(a, b, [](T x, T y) -> T {
    T r;
    if constexpr (sizeof(T) == 4 && kFloating<T>)
      r = __builtin_fmodf(x, y);
    else if constexpr (kFloating<T>)
      r = __builtin_fmod(x, y);
    else
      r = int_remainder(x, y);
    return r != 0 && (r < 0) != (y < 0) ? r + y : r;
  });
}

// Note [Minimum]: NaN if either is, and -0 is less than +0. The instructions return their second operand where the first is not
// less (not greater): for equal zeros, so the two orders differ in the sign only, and OR (AND) of both results has the sign if
// one has it (if both have it). Where one is NaN, a + b is one too.
template <class T>
inline V<T> either_nan(V<T> a, V<T> b, V<T> otherwise) {
  return {((a.v == a.v) & (b.v == b.v)) ? otherwise.v : a.v + b.v};
}
template <class T>
inline V<T> minimum(V<T> a, V<T> b) {
  Raw<T> m = a.v < b.v ? a.v : b.v;
  if constexpr (!kFloating<T>) {
    return {m};
  } else {
    Raw<T> w = b.v < a.v ? b.v : a.v;
    return either_nan<T>(a, b, from_bits<T>(bits(V<T>{m}) | bits(V<T>{w})));
  }
}
template <class T>
inline V<T> maximum(V<T> a, V<T> b) {
  Raw<T> m = b.v < a.v ? a.v : b.v;
  if constexpr (!kFloating<T>) {
    return {m};
  } else {
    Raw<T> w = a.v < b.v ? b.v : a.v;
    return either_nan<T>(a, b, from_bits<T>(bits(V<T>{m}) & bits(V<T>{w})));
  }
}
#if defined(__AVX512F__)
// One instruction knows the order of zeros; it prefers a number to a NaN.
template <>
inline VF minimum<float>(VF a, VF b) {
  return {_mm512_mask_add_ps(_mm512_range_ps(a.v, b.v, 4), _mm512_cmp_ps_mask(a.v, b.v, _CMP_UNORD_Q), a.v, b.v)};
}
template <>
inline VF maximum<float>(VF a, VF b) {
  return {_mm512_mask_add_ps(_mm512_range_ps(a.v, b.v, 5), _mm512_cmp_ps_mask(a.v, b.v, _CMP_UNORD_Q), a.v, b.v)};
}
#endif

template <class T>
inline V<T> negate(V<T> a) {
  if constexpr (kFloating<T>)
    return {-a.v};
  else
    return {reinterpret_cast<Raw<T>>(-reinterpret_cast<URaw<T>>(a.v))};
}
template <class T>
inline V<T> absolute(V<T> a) {
  if constexpr (kFloating<T>) {
    constexpr auto kSign = static_cast<typename IntOf<T>::S>(typename IntOf<T>::U(1) << (sizeof(T) * 8 - 1));
    return from_bits<T>(bits(a) & ~kSign);
  } else {
    return choose(SRaw<T>(a.v < 0), negate(a), a);
  }
}
template <class T>
inline V<T> sign(V<T> a) {
  V<T> one = splat(T(1)), zero = splat(T(0));
  if constexpr (kFloating<T>)
    return choose<T>(zero.v < a.v, one, choose<T>(a.v < zero.v, splat(T(-1)), a));
  else
    return choose<T>(zero.v < a.v, one, choose<T>(a.v < zero.v, negate(one), zero));
}

template <class T>
inline V<T> power(V<T> a, V<T> b) {
  return lanes(a, b, [](T x, T y) -> T {
    using U = typename IntOf<T>::U;
    if (static_cast<T>(-1) < 0 && y < 0)
      return x == static_cast<T>(-1) ? ((y & 1) != 0 ? static_cast<T>(-1) : T(1)) : T(x == 1);
    U result = 1, base = static_cast<U>(x);
    for (U e = static_cast<U>(y); e != 0; e >>= 1, base *= base) {
      if ((e & 1) != 0) result *= base;
    }
    return static_cast<T>(result);
  });
}

template <class T>
inline V<T> bit_and(V<T> a, V<T> b) {
  return {a.v & b.v};
}
template <class T>
inline V<T> bit_or(V<T> a, V<T> b) {
  return {a.v | b.v};
}
template <class T>
inline V<T> bit_xor(V<T> a, V<T> b) {
  return {a.v ^ b.v};
}
template <class T>
inline V<T> bit_not(V<T> a) {
  return {~a.v};
}
// By the width or more, or a negative amount: 0.
template <class T>
inline V<T> shift_left(V<T> a, V<T> b) {
  return lanes(a, b, [](T x, T y) -> T {
    using U = typename IntOf<T>::U;
    return static_cast<U>(y) >= sizeof(T) * 8 ? T(0) : static_cast<T>(static_cast<U>(x) << y);
  });
}
template <class T>
inline V<T> shift_right(V<T> a, V<T> b) {
  return lanes(a, b, [](T x, T y) -> T {
    return static_cast<typename IntOf<T>::U>(y) >= sizeof(T) * 8 ? T(0) : static_cast<T>(x >> y);
  });
}

inline VB logical_and(VB a, VB b) { return {a.v & b.v}; }
inline VB logical_or(VB a, VB b) { return {a.v | b.v}; }
inline VB logical_xor(VB a, VB b) { return {a.v ^ b.v}; }
inline VB logical_not(VB a) { return {a.v ^ uint8_t(1)}; }

template <class T>
inline M<T> is_nan(V<T> a) {
  return {a.v != a.v};
}
template <class T>
inline M<T> is_inf(V<T> a) {
  return {absolute(a).v == static_cast<T>(__builtin_inf())};
}

template <class T>
inline V<T> select(Bytes<T> condition, V<T> a, V<T> b) {
  return choose<T>(to_mask<T>(condition), a, b);
}

}  // namespace temper::cpu::tile::TEMPER_TILE_ISA
