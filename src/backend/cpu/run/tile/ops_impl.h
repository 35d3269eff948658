// The opcodes themselves, as loops over tiles. Included only by ops_*.cc, after TEMPER_TILE_ISA was defined (see vec.h).
#pragma once

#include "backend/cpu/run/tile/fold_impl.h"
#include "backend/cpu/run/tile/math.h"
#include "backend/cpu/run/tile/ops.h"
#include "backend/cpu/run/tile/transpose_impl.h"

namespace temper::cpu::tile::TEMPER_TILE_ISA {

// What the loops need of an operand type: how to load it whole, in part, and one value for all lanes.
template <class T>
struct AsValue {
  using Element = T;
  static V<T> whole(const T* p) { return load(p); }
  static V<T> part(const T* p, int n) { return load_part(p, n); }
  static V<T> one(const T* p) { return splat(*p); }
};
template <class T>  // a bool register beside lanes of T
struct AsBytes {
  using Element = uint8_t;
  static Bytes<T> whole(const uint8_t* p) { return load_bytes<T>(p); }
  static Bytes<T> part(const uint8_t* p, int n) { return load_bytes_part<T>(p, n); }
  static Bytes<T> one(const uint8_t* p) { return {typename Bytes<T>::Raw{} + *p}; }
};

template <class T>
inline void put(T* p, V<T> x) {
  store(p, x);
}
template <class T>
inline void put_part(T* p, V<T> x, int n) {
  store_part(p, x, n);
}
template <class T>
inline void put(uint8_t* p, M<T> x) {
  store(p, to_bytes(x));
}
template <class T>
inline void put_part(uint8_t* p, M<T> x, int n) {
  store_part(p, to_bytes(x), n);
}

template <class A, class Out, class F>
inline void unary(const OpCall& c, F f) {
  constexpr int kN = kVectorBytes / static_cast<int>(sizeof(typename A::Element));
  for (int64_t r = 0; r < c.rows; ++r) {
    Out* d = reinterpret_cast<Out*>(c.dst + r * c.dst_step);
    auto* a = reinterpret_cast<const typename A::Element*>(c.src[0] + r * c.src_step[0]);
    int64_t i = 0;
    for (; i + kN <= c.cols; i += kN) put(d + i, f(A::whole(a + i)));
    if (i < c.cols) put_part(d + i, f(A::part(a + i, static_cast<int>(c.cols - i))), static_cast<int>(c.cols - i));
  }
}

template <class T, class A, class B, class Out, bool kOneA, bool kOneB, class F>
inline void binary_loop(const OpCall& c, F f) {
  constexpr int kN = kLanes<T>;
  for (int64_t r = 0; r < c.rows; ++r) {
    Out* d = reinterpret_cast<Out*>(c.dst + r * c.dst_step);
    auto* a = reinterpret_cast<const typename A::Element*>(c.src[0] + r * c.src_step[0]);
    auto* b = reinterpret_cast<const typename B::Element*>(c.src[1] + r * c.src_step[1]);
    auto one_a = A::one(a);
    auto one_b = B::one(b);
    int64_t i = 0;
    for (; i + kN <= c.cols; i += kN) put(d + i, f(kOneA ? one_a : A::whole(a + i), kOneB ? one_b : B::whole(b + i)));
    if (i < c.cols) {
      int n = static_cast<int>(c.cols - i);
      put_part(d + i, f(kOneA ? one_a : A::part(a + i, n), kOneB ? one_b : B::part(b + i, n)), n);
    }
  }
}
template <class T, class A, class B, class Out, class F>
inline void binary(const OpCall& c, F f) {
  if ((c.single & 1) != 0)
    binary_loop<T, A, B, Out, true, false>(c, f);
  else if ((c.single & 2) != 0)
    binary_loop<T, A, B, Out, false, true>(c, f);
  else
    binary_loop<T, A, B, Out, false, false>(c, f);
}

template <class T>
void op_select(const OpCall& c) {
  constexpr int kN = kLanes<T>;
  const bool one_m = (c.single & 1) != 0, one_a = (c.single & 2) != 0, one_b = (c.single & 4) != 0;
  for (int64_t r = 0; r < c.rows; ++r) {
    T* d = reinterpret_cast<T*>(c.dst + r * c.dst_step);
    auto* m = reinterpret_cast<const uint8_t*>(c.src[0] + r * c.src_step[0]);
    auto* a = reinterpret_cast<const T*>(c.src[1] + r * c.src_step[1]);
    auto* b = reinterpret_cast<const T*>(c.src[2] + r * c.src_step[2]);
    for (int64_t i = 0; i < c.cols; i += kN) {
      const int n = c.cols - i < kN ? static_cast<int>(c.cols - i) : kN;
      const bool whole = n == kN;
      auto mask = one_m ? AsBytes<T>::one(m) : whole ? load_bytes<T>(m + i) : load_bytes_part<T>(m + i, n);
      V<T> x = one_a ? splat(*a) : whole ? load(a + i) : load_part(a + i, n);
      V<T> y = one_b ? splat(*b) : whole ? load(b + i) : load_part(b + i, n);
      V<T> z = select<T>(mask, x, y);
      if (whole)
        store(d + i, z);
      else
        store_part(d + i, z, n);
    }
  }
}

template <class T>
inline constexpr bool allows(TypeRule rule) {
  constexpr bool kBoolean = sizeof(T) == 1;
  switch (rule) {
    case TypeRule::kNumeric:
      return !kBoolean;
    case TypeRule::kFloat:
    case TypeRule::kPredicate:
      return kFloating<T>;
    case TypeRule::kInt:
      return !kFloating<T> && !kBoolean;
    case TypeRule::kBool:
      return kBoolean;
    case TypeRule::kCompare:
      return true;
    case TypeRule::kSelect:
      return false;
  }
  return false;
}

// One function object per row, so that its value column becomes code for each type that the rule allows.
#define SCALAR(name, onnx, arity, rule, value, facts)                                                \
  struct Row_##name {                                                                                \
    template <class T>                                                                               \
    static auto at(V<T> a, [[maybe_unused]] V<T> b, [[maybe_unused]] V<T> c) {                       \
      return value;                                                                                  \
    }                                                                                                \
    template <class T>                                                                               \
    static void run(const OpCall& call) {                                                            \
      using Out = decltype(element_of(at<T>(V<T>{}, V<T>{}, V<T>{})));                               \
      if constexpr ((arity) == 1)                                                                    \
        unary<AsValue<T>, Out>(call, [](V<T> a) { return at<T>(a, a, a); });                         \
      else                                                                                           \
        binary<T, AsValue<T>, AsValue<T>, Out>(call, [](V<T> a, V<T> b) { return at<T>(a, b, b); }); \
    }                                                                                                \
    template <class T>                                                                               \
    static constexpr OpFn entry() {                                                                  \
      if constexpr (allows<T>(TypeRule::rule))                                                       \
        return &run<T>;                                                                              \
      else if constexpr (TypeRule::rule == TypeRule::kSelect)                                        \
        return &op_select<T>;                                                                        \
      else                                                                                           \
        return nullptr;                                                                              \
    }                                                                                                \
  };
template <class T>
T element_of(V<T>);
template <class T>
uint8_t element_of(M<T>);
#include "scalar/scalar.def"
#undef SCALAR

template <class From, class To>
void op_cast(const OpCall& c) {
  for (int64_t r = 0; r < c.rows; ++r) {
    To* __restrict d = reinterpret_cast<To*>(c.dst + r * c.dst_step);
    const From* __restrict a = reinterpret_cast<const From*>(c.src[0] + r * c.src_step[0]);
    for (int64_t i = 0; i < c.cols; ++i) {
      From x = a[i];
      if constexpr (sizeof(To) == 1) {
        d[i] = x != 0;
      } else if constexpr (kFloating<From> && !kFloating<To>) {
        // Note [Float to integer] in scalar.cc: out of range is the least value; u64 takes the upper half as well.
        if constexpr (static_cast<To>(-1) > 0) {
          d[i] = x >= From(0x1p63) && x < From(0x1p64)   ? static_cast<To>(x)
                 : x > From(-0x1p63) && x < From(0x1p63) ? static_cast<To>(static_cast<int64_t>(x))
                                                         : To(1) << 63;
        } else {
          constexpr From kLimit = sizeof(To) == 4 ? From(0x1p31) : From(0x1p63);
          constexpr To kLeast = static_cast<To>(typename IntOf<To>::U(1) << (sizeof(To) * 8 - 1));
          d[i] = x > -kLimit - (sizeof(To) == 4 && sizeof(From) == 8 ? From(1) : From(0)) && x < kLimit ? static_cast<To>(x)
                                                                                                        : kLeast;
        }
      } else {
        d[i] = static_cast<To>(x);
      }
    }
  }
}

// The instruction itself yields the least value for what does not fit.
template <>
void op_cast<float, int32_t>(const OpCall& c) {
  unary<AsValue<float>, int32_t>(c, [](VF a) -> V<int32_t> {
#if defined(__AVX512F__)
    return {reinterpret_cast<Raw<int32_t>>(_mm512_cvttps_epi32(a.v))};
#elif defined(__AVX2__)
    return {reinterpret_cast<Raw<int32_t>>(_mm256_cvttps_epi32(a.v))};
#else
    return {reinterpret_cast<Raw<int32_t>>(_mm_cvttps_epi32(a.v))};
#endif
  });
}

inline void op_odd(const OpCall& c) {
  for (int64_t r = 0; r < c.rows; ++r) {
    float* d = reinterpret_cast<float*>(c.dst + r * c.dst_step);
    const double* a = reinterpret_cast<const double*>(c.src[0] + r * c.src_step[0]);
    for (int64_t i = 0; i < c.cols; ++i) {
      const double x = a[i];
      float y = static_cast<float>(x);
      if (x == x && static_cast<double>(y) != x) {
        uint32_t u = __builtin_bit_cast(uint32_t, y);
        if (__builtin_fabs(static_cast<double>(y)) > __builtin_fabs(x)) --u;
        y = __builtin_bit_cast(float, u | 1u);
      }
      d[i] = y;
    }
  }
}

// Conversions of single elements between a tensor's type and its register type.
template <DType kType>
struct Format;
template <class T>
struct Plain {
  using Element = T;
  using Register = T;
  static T get(T x) { return x; }
  static T put(T x) { return x; }
};
template <class E, class R>
struct Widened {
  using Element = E;
  using Register = R;
  static R get(E x) { return static_cast<R>(x); }
  static E put(R x) { return static_cast<E>(x); }
};
template <>
struct Format<DType::kF32> : Plain<float> {};
template <>
struct Format<DType::kF64> : Plain<double> {};
template <>
struct Format<DType::kI32> : Plain<int32_t> {};
template <>
struct Format<DType::kI64> : Plain<int64_t> {};
template <>
struct Format<DType::kU64> : Plain<uint64_t> {};
template <>
struct Format<DType::kBool> : Plain<uint8_t> {
  static uint8_t get(uint8_t x) { return x != 0; }
};
template <>
struct Format<DType::kI8> : Widened<int8_t, int32_t> {};
template <>
struct Format<DType::kI16> : Widened<int16_t, int32_t> {};
template <>
struct Format<DType::kU8> : Widened<uint8_t, int32_t> {};
template <>
struct Format<DType::kU16> : Widened<uint16_t, int32_t> {};
template <>
struct Format<DType::kU32> : Widened<uint32_t, int64_t> {};
// Nibbles come unpacked, one to a byte.
template <>
struct Format<DType::kI4> {
  using Element = uint8_t;
  using Register = int32_t;
  static int32_t get(uint8_t x) { return static_cast<int32_t>(static_cast<uint32_t>(x) << 28) >> 28; }
  static uint8_t put(int32_t x) { return static_cast<uint8_t>(x & 15); }
};
template <>
struct Format<DType::kU4> {
  using Element = uint8_t;
  using Register = int32_t;
  static int32_t get(uint8_t x) { return x & 15; }
  static uint8_t put(int32_t x) { return static_cast<uint8_t>(x & 15); }
};
template <>
struct Format<DType::kF16> {
  using Element = uint16_t;
  using Register = float;
#if defined(__F16C__)
  static float get(uint16_t x) { return _cvtsh_ss(x); }
  static uint16_t put(float x) { return _cvtss_sh(x, _MM_FROUND_TO_NEAREST_INT); }
#else
  static float get(uint16_t x) { return f16_to_f32(x); }
  static uint16_t put(float x) { return f32_to_f16(x); }
#endif
};
template <>
struct Format<DType::kBF16> {
  using Element = uint16_t;
  using Register = float;
  static float get(uint16_t x) { return __builtin_bit_cast(float, static_cast<uint32_t>(x) << 16); }
  static uint16_t put(float x) {
    uint32_t u = __builtin_bit_cast(uint32_t, x);
    uint32_t rounded = (u + 0x7fffu + ((u >> 16) & 1)) >> 16;
    return static_cast<uint16_t>((u & 0x7fffffffu) > 0x7f800000u ? (u >> 16) | 0x40u : rounded);
  }
};
template <>
struct Format<DType::kF8E4M3> {
  using Element = uint8_t;
  using Register = float;
  static float get(uint8_t x) { return f8e4m3_to_f32(x); }
  static uint8_t put(float x) { return f32_to_f8e4m3(x); }
};
template <>
struct Format<DType::kF8E5M2> {
  using Element = uint8_t;
  using Register = float;
  static float get(uint8_t x) { return f8e5m2_to_f32(x); }
  static uint8_t put(float x) { return f32_to_f8e5m2(x); }
};

#if defined(__AVX512F__)
inline __m512 widened_bf16(__m256i x) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16)); }
inline __m256i narrowed_bf16(__m512 x) {
  const __m512i u = _mm512_castps_si512(x);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
  const __m512i rounded = _mm512_srli_epi32(_mm512_add_epi32(_mm512_add_epi32(u, _mm512_set1_epi32(0x7fff)), odd), 16);
  const __m512i quiet = _mm512_or_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(0x40));
  return _mm512_cvtepi32_epi16(_mm512_mask_mov_epi32(rounded, _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), quiet));
}
#elif defined(__AVX2__)
inline __m256 widened_bf16(__m128i x) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(x), 16)); }
inline __m128i narrowed_bf16(__m256 x) {
  const __m256i u = _mm256_castps_si256(x);
  const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(1));
  const __m256i rounded = _mm256_srli_epi32(_mm256_add_epi32(_mm256_add_epi32(u, _mm256_set1_epi32(0x7fff)), odd), 16);
  const __m256i quiet = _mm256_or_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(0x40));
  const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
  const __m256i words = _mm256_blendv_epi8(rounded, quiet, nan);
  return _mm_packus_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
}
#endif

template <DType kType>
void op_load(const OpCall& c) {
  using F = Format<kType>;
  for (int64_t r = 0; r < c.rows; ++r) {
    auto* d = reinterpret_cast<typename F::Register*>(c.dst + r * c.dst_step);
    auto* a = reinterpret_cast<const typename F::Element*>(c.src[0] + r * c.src_step[0]);
    if ((c.single & 1) != 0) {
      auto x = F::get(*a);
      for (int64_t i = 0; i < c.cols; ++i) d[i] = x;
      continue;
    }
    int64_t i = 0;
#if defined(__AVX512F__)
    if constexpr (kType == DType::kF16) {
      for (; i + 16 <= c.cols; i += 16)
        _mm512_storeu_ps(d + i, _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(a + i))));
    }
    if constexpr (kType == DType::kBF16) {
      for (; i + 16 <= c.cols; i += 16)
        _mm512_storeu_ps(d + i, widened_bf16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(a + i))));
      if (i < c.cols) {
        const auto part = static_cast<__mmask16>((1u << (c.cols - i)) - 1);
        _mm512_mask_storeu_ps(d + i, part, widened_bf16(_mm256_maskz_loadu_epi16(part, a + i)));
        continue;
      }
    }
#elif defined(__AVX2__)
    if constexpr (kType == DType::kF16) {
      for (; i + 8 <= c.cols; i += 8)
        _mm256_storeu_ps(d + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(a + i))));
    }
    if constexpr (kType == DType::kBF16) {
      for (; i + 8 <= c.cols; i += 8)
        _mm256_storeu_ps(d + i, widened_bf16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(a + i))));
    }
#endif
    for (; i < c.cols; ++i) d[i] = F::get(a[i]);
  }
}
template <DType kType>
void op_store(const OpCall& c) {
  using F = Format<kType>;
  for (int64_t r = 0; r < c.rows; ++r) {
    auto* d = reinterpret_cast<typename F::Element*>(c.dst + r * c.dst_step);
    auto* a = reinterpret_cast<const typename F::Register*>(c.src[0] + r * c.src_step[0]);
    if ((c.single & 1) != 0) {
      auto x = F::put(*a);
      for (int64_t i = 0; i < c.cols; ++i) d[i] = x;
      continue;
    }
    int64_t i = 0;
#if defined(__AVX512F__)
    if constexpr (kType == DType::kF16) {
      for (; i + 16 <= c.cols; i += 16)
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(d + i),
                            _mm512_cvtps_ph(_mm512_loadu_ps(a + i), _MM_FROUND_TO_NEAREST_INT));
    }
    if constexpr (kType == DType::kBF16) {
      for (; i + 16 <= c.cols; i += 16)
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(d + i), narrowed_bf16(_mm512_loadu_ps(a + i)));
      if (i < c.cols) {
        const auto part = static_cast<__mmask16>((1u << (c.cols - i)) - 1);
        _mm256_mask_storeu_epi16(d + i, part, narrowed_bf16(_mm512_maskz_loadu_ps(part, a + i)));
        continue;
      }
    }
#elif defined(__AVX2__)
    if constexpr (kType == DType::kF16) {
      for (; i + 8 <= c.cols; i += 8)
        _mm_storeu_si128(reinterpret_cast<__m128i*>(d + i), _mm256_cvtps_ph(_mm256_loadu_ps(a + i), _MM_FROUND_TO_NEAREST_INT));
    }
    if constexpr (kType == DType::kBF16) {
      for (; i + 8 <= c.cols; i += 8)
        _mm_storeu_si128(reinterpret_cast<__m128i*>(d + i), narrowed_bf16(_mm256_loadu_ps(a + i)));
    }
#endif
    for (; i < c.cols; ++i) d[i] = F::put(a[i]);
  }
}
template <DType kType>
void op_narrow(const OpCall& c) {
  using F = Format<kType>;
  for (int64_t r = 0; r < c.rows; ++r) {
    auto* d = reinterpret_cast<typename F::Register*>(c.dst + r * c.dst_step);
    auto* a = reinterpret_cast<const typename F::Register*>(c.src[0] + r * c.src_step[0]);
    for (int64_t i = 0; i < c.cols; ++i) d[i] = F::get(F::put(a[i]));
  }
}

inline OpTable make_ops() {
  OpTable t{};
#define SCALAR(name, ...)                                       \
  {                                                             \
    OpFn* row = t.scalar[static_cast<int>(ScalarOp::k_##name)]; \
    row[0] = Row_##name::template entry<float>();               \
    row[1] = Row_##name::template entry<double>();              \
    row[2] = Row_##name::template entry<int32_t>();             \
    row[3] = Row_##name::template entry<int64_t>();             \
    row[4] = Row_##name::template entry<uint64_t>();            \
    row[5] = Row_##name::template entry<uint8_t>();             \
  }
#include "scalar/scalar.def"
#undef SCALAR
#define TEMPER_TILE_CASTS(i, From)                                                                                     \
  t.cast[i][0] = &op_cast<From, float>, t.cast[i][1] = &op_cast<From, double>, t.cast[i][2] = &op_cast<From, int32_t>, \
  t.cast[i][3] = &op_cast<From, int64_t>, t.cast[i][4] = &op_cast<From, uint64_t>, t.cast[i][5] = &op_cast<From, uint8_t>;
  TEMPER_TILE_CASTS(0, float)
  TEMPER_TILE_CASTS(1, double)
  TEMPER_TILE_CASTS(2, int32_t)
  TEMPER_TILE_CASTS(3, int64_t)
  TEMPER_TILE_CASTS(4, uint64_t)
  TEMPER_TILE_CASTS(5, uint8_t)
#undef TEMPER_TILE_CASTS
  t.odd = &op_odd;
  t.transpose = &transpose;
#define TEMPER_TILE_FORMAT(name)                                 \
  t.load[static_cast<int>(DType::name)] = &op_load<DType::name>, \
  t.store[static_cast<int>(DType::name)] = &op_store<DType::name>;
  TEMPER_TILE_FORMAT(kF32)
  TEMPER_TILE_FORMAT(kF64)
  TEMPER_TILE_FORMAT(kI32)
  TEMPER_TILE_FORMAT(kI64)
  TEMPER_TILE_FORMAT(kU64)
  TEMPER_TILE_FORMAT(kBool)
#undef TEMPER_TILE_FORMAT
#define TEMPER_TILE_FORMAT(name)                                   \
  t.load[static_cast<int>(DType::name)] = &op_load<DType::name>,   \
  t.store[static_cast<int>(DType::name)] = &op_store<DType::name>, \
  t.narrow[static_cast<int>(DType::name)] = &op_narrow<DType::name>;
  TEMPER_TILE_FORMAT(kF16)
  TEMPER_TILE_FORMAT(kBF16)
  TEMPER_TILE_FORMAT(kF8E4M3)
  TEMPER_TILE_FORMAT(kF8E5M2)
  TEMPER_TILE_FORMAT(kI8)
  TEMPER_TILE_FORMAT(kI16)
  TEMPER_TILE_FORMAT(kU8)
  TEMPER_TILE_FORMAT(kU16)
  TEMPER_TILE_FORMAT(kU32)
  TEMPER_TILE_FORMAT(kI4)
  TEMPER_TILE_FORMAT(kU4)
#undef TEMPER_TILE_FORMAT
  add_folds(t);
  return t;
}

}  // namespace temper::cpu::tile::TEMPER_TILE_ISA
