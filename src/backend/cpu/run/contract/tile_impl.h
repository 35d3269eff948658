// The register tile, once for all instruction sets and element types. A kernels_<isa>.cc includes this inside its anonymous
// namespace, so that no function compiled for one instruction set can be merged with that of another; for the same reason
// nothing here calls an inline function of the standard library.
//
// `Op` is an arithmetic: Vec (a vector of units), Acc (a vector of sums), kLanes, zero(), load(), broadcast(), mac(), and
// begin() / end(), which start
// a vector of sums from the bias and finish it into memory.

// Kernels are never instrumented: they only make sense as straight code in registers, and a sanitizer takes minutes to compile
// one. The tests of this folder place every operand against an unreadable page instead.
#define TEMPER_KERNEL __attribute__((no_sanitize("address", "undefined", "thread")))
#define TEMPER_INLINE __attribute__((always_inline, no_sanitize("address", "undefined", "thread")))

template <int N, class F>
TEMPER_INLINE inline void unrolled(F&& f) {
  [&]<int... I>(std::integer_sequence<int, I...>) TEMPER_INLINE { (f(std::integral_constant<int, I>{}), ...); }
  (std::make_integer_sequence<int, N>{});
}

// 16-bit floats, as integers.
TEMPER_INLINE inline float widen_bf16(uint16_t x) { return __builtin_bit_cast(float, static_cast<uint32_t>(x) << 16); }
TEMPER_INLINE inline uint16_t narrow_bf16(float x) {
  const uint32_t u = __builtin_bit_cast(uint32_t, x);
  if ((u & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((u >> 16) | 0x40u);
  return static_cast<uint16_t>((u + 0x7fffu + ((u >> 16) & 1)) >> 16);
}

// ResidualUse.
constexpr int32_t kResidualFirst = 0, kResidualAdd = 1;

// Sums of floats as they lie in scratch to a result, or from a residual, of 16 bits.
TEMPER_INLINE inline float mixed_residual(const TileFinish& f, const char* row, int64_t j) {
  const auto* halves = reinterpret_cast<const uint16_t*>(row);
  if (f.residual_kind == kElementF32) return reinterpret_cast<const float*>(row)[j];
  return f.residual_kind == kElementBF16 ? widen_bf16(halves[j]) : f16_to_f32(halves[j]);
}
TEMPER_KERNEL inline void end_mixed(float* sums, int64_t step, const TileCall& t, int64_t rows) {
  const TileFinish& f = t.finish;
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < t.cols; ++j) {
      float& v = sums[i * step + j];
      if (f.residual != nullptr && f.residual_use == kResidualFirst) v += mixed_residual(f, f.residual + i * f.residual_row, j);
      v = v < 0 ? v * f.slope : v;
    }
  }
  if (f.activation != nullptr) activate(f.activation, sums, rows * step);
  for (int64_t i = 0; i < rows; ++i) {
    char* c = t.c + i * t.c_row;
    for (int64_t j = 0; j < t.cols; ++j) {
      float v = sums[i * step + j];
      if (f.residual != nullptr && f.residual_use != kResidualFirst) {
        const float r = mixed_residual(f, f.residual + i * f.residual_row, j);
        v = f.residual_use == kResidualAdd ? v + r : v * r;
      }
      v = v < f.lo ? f.lo : v;  // a NaN stays
      v = v > f.hi ? f.hi : v;
      if (f.out_kind == kElementF32) {
        reinterpret_cast<float*>(c)[j] = v;
      } else {
        reinterpret_cast<uint16_t*>(c)[j] = f.out_kind == kElementBF16 ? narrow_bf16(v) : f32_to_f16(v);
      }
    }
  }
}

// Finishes the sums of rows [row, row + MR) into memory.
template <class Op, int MR, int NV>
TEMPER_INLINE inline void end_tile(typename Op::Acc (&acc)[MR * NV], const TileCall& t, int64_t row, typename Op::Mask mask) {
  // The bias comes last: added first, each product would be rounded at its size, however small the sum of products is.
  if constexpr (Op::kAddsBias) {
    if (t.finish.bias != nullptr) {
      unrolled<NV>([&](auto j) TEMPER_INLINE {
        const typename Op::Acc bias =
            Op::load_sum(reinterpret_cast<const char*>(t.finish.bias + j * Op::kLanes), mask, j == NV - 1);
        unrolled<MR>([&](auto i) TEMPER_INLINE { acc[i * NV + j] = Op::add(acc[i * NV + j], bias); });
      });
    }
  }
  if constexpr (Op::kAddsBias) {  // of floats
    if (t.finish.out_kind != kElementF32 || t.finish.residual_kind != kElementF32) {
      if constexpr (Op::kMixesInRegisters) {
        if (t.finish.activation == nullptr) {
          unrolled<MR>([&](auto i) TEMPER_INLINE {
            unrolled<NV>([&](auto j)
                             TEMPER_INLINE { Op::end_mixed(acc[i * NV + j], t, row + i, j * Op::kLanes, mask, j == NV - 1); });
          });
          return;
        }
      }
      alignas(64) float sums[MR * NV * Op::kLanes];
      const auto whole = Op::mask(Op::kLanes);
      unrolled<MR * NV>(
          [&](auto i) TEMPER_INLINE { Op::store_sum(reinterpret_cast<char*>(sums + i * Op::kLanes), acc[i], whole, false); });
      if constexpr (Op::kMixesInRegisters)
        Op::end_rows(sums, NV * Op::kLanes, t, MR);
      else
        end_mixed(sums, NV * Op::kLanes, t, MR);
      return;
    }
  }
  auto end = [&](auto residual) TEMPER_INLINE {
    unrolled<MR>([&](auto i) TEMPER_INLINE {
      unrolled<NV>([&](auto j) TEMPER_INLINE {
        Op::template end<residual>(acc[i * NV + j], t, row + i, j * Op::kLanes, mask, j == NV - 1);
      });
    });
  };
  if (t.finish.residual != nullptr) {
    end(std::true_type{});
  } else {
    end(std::false_type{});
  }
}

// Note [Row addresses] Fourteen rows have fourteen addresses, and there are not as many registers. One pointer for every
// three rows serves [p], [p + s] and [p + 2s]; the empty asm keeps the compiler from computing the pointers anew.
template <class Op, int MR, int NV>
TEMPER_KERNEL void tile(const TileCall& t) {
  constexpr int kPointers = (MR + 2) / 3;
  constexpr int kVecBytes = Op::kLanes * 4;
  typename Op::Acc acc[MR * NV];
  const typename Op::Mask mask = Op::mask(t.cols - (NV - 1) * Op::kLanes);
  if (t.first) {
    unrolled<NV>([&](auto j) TEMPER_INLINE {
      const typename Op::Acc start = Op::begin(t.finish, j * Op::kLanes, mask, j == NV - 1);
      unrolled<MR>([&](auto i) TEMPER_INLINE { acc[i * NV + j] = start; });
    });
  } else {
    unrolled<MR>([&](auto i) TEMPER_INLINE {
      unrolled<NV>([&](auto j)
                       TEMPER_INLINE { acc[i * NV + j] = Op::load_sum(t.c + i * t.c_row + j * kVecBytes, mask, j == NV - 1); });
    });
  }
  if (t.last && t.finish.residual != nullptr) {
    unrolled<MR>([&](auto i) TEMPER_INLINE {
      unrolled<NV>([&](auto j)
                       TEMPER_INLINE { __builtin_prefetch(t.finish.residual + i * t.finish.residual_row + j * kVecBytes); });
    });
  }
  const int64_t row = t.a_row, step = t.b_step, ahead_step = t.prefetch_step;
  const char* b = t.b;
  const char* ahead = t.prefetch;
  for (int64_t tap = 0; tap < t.tap_count; ++tap) {
    const char* p[kPointers];
    const char* base = t.a + t.taps[tap];
    unrolled<kPointers>([&](auto i) TEMPER_INLINE {
      p[i] = base + 3 * i * row;
      asm("" : "+r"(p[i]));
    });
    auto one = [&](auto u) TEMPER_INLINE {
      typename Op::Vec y[NV];
      unrolled<NV>([&](auto j) TEMPER_INLINE { y[j] = Op::load(b + j * kVecBytes); });
      b += step;
      unrolled<MR>([&](auto i) TEMPER_INLINE {
        const typename Op::Vec x = Op::broadcast(p[i / 3] + (i % 3) * row + 4 * u);
        unrolled<NV>([&](auto j) TEMPER_INLINE { Op::mac(acc[i * NV + j], x, y[j]); });
      });
    };
    int64_t k = t.depth;
    for (; k >= 4; k -= 4) {
      one(std::integral_constant<int, 0>{});
      one(std::integral_constant<int, 1>{});
      __builtin_prefetch(ahead, 0, 2);
      __builtin_prefetch(ahead + 64, 0, 2);
      ahead += ahead_step;
      one(std::integral_constant<int, 2>{});
      one(std::integral_constant<int, 3>{});
      unrolled<kPointers>([&](auto i) TEMPER_INLINE { p[i] += 16; });
    }
    for (; k > 0; --k) {
      one(std::integral_constant<int, 0>{});
      unrolled<kPointers>([&](auto i) TEMPER_INLINE { p[i] += 4; });
    }
  }
  if (t.last) return end_tile<Op, MR, NV>(acc, t, 0, mask);
  unrolled<MR>([&](auto i) TEMPER_INLINE {
    unrolled<NV>([&](auto j)
                     TEMPER_INLINE { Op::store_sum(t.c + i * t.c_row + j * kVecBytes, acc[i * NV + j], mask, j == NV - 1); });
  });
}

template <class Op, int NV, int MAX>
void fill_tiles(TileFn (&table)[kMaxVectors + 1][kMaxRows + 1]) {
  [&]<int... I>(std::integer_sequence<int, I...>) { ((table[NV][I + 1] = &tile<Op, I + 1, NV>), ...); }
  (std::make_integer_sequence<int, MAX>{});
}
