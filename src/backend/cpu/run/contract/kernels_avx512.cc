// The kernels for AVX-512 without VNNI.
#include <immintrin.h>

#include <utility>

#include "backend/cpu/run/contract/kernels.h"
#include "base/dtype.h"

// g++ 12 takes the undefined operand of its own masked intrinsics for a use of an uninitialised variable.
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

namespace temper::cpu {
namespace {

// Each needs what the ones before it define.
// clang-format off
#include "backend/cpu/run/contract/tile_impl.h"
#include "backend/cpu/run/contract/op_avx512.h"
#include "backend/cpu/run/contract/winograd_impl.h"
#include "backend/cpu/run/contract/depthwise_impl.h"
#include "backend/cpu/run/contract/dot_impl.h"
// clang-format on

struct I16Pairs : Int {
  TEMPER_INLINE static void mac(Acc& c, Vec a, Vec b) { c = _mm512_add_epi32(c, _mm512_madd_epi16(a, b)); }
};
using I = I16Pairs;
#include "backend/cpu/run/contract/depthwise_i8_impl.h"

}  // namespace

const KernelTable& kernels_avx512() {
  static const KernelTable table = [] {
    KernelTable t;
    t.lanes = 16;
    fill_tiles<F32, 1, 14>(t.f32);
    fill_tiles<F32, 2, 14>(t.f32);
    fill_tiles<F32, 3, 9>(t.f32);
    fill_tiles<F32, 4, 6>(t.f32);
    fill_tiles<I16Pairs, 1, 12>(t.i8);
    fill_tiles<I16Pairs, 2, 12>(t.i8);
    fill_vector_kernels(t);
    t.depthwise_i8 = &depthwise_i8;
    return t;
  }();
  return table;
}

}  // namespace temper::cpu
