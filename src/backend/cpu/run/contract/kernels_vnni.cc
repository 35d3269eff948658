// The kernels for AVX-512 with VNNI: integers by dot products of four; the rest is that of plain AVX-512.
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
// clang-format on

struct I8Quads : Int {
  // As text, because the compiler copies the accumulator around the intrinsic.
  TEMPER_INLINE static void mac(Acc& c, Vec a, Vec b) { asm("vpdpbusd %2, %1, %0" : "+v"(c) : "v"(a), "v"(b)); }
};

struct I : Int {
  TEMPER_INLINE static void mac(Acc& c, Vec a, Vec b) { asm("vpdpwssd %2, %1, %0" : "+v"(c) : "v"(a), "v"(b)); }
};
#include "backend/cpu/run/contract/depthwise_i8_impl.h"

}  // namespace

const KernelTable& kernels_vnni() {
  static const KernelTable table = [] {
    KernelTable t = kernels_avx512();
    t.i8_quads = true;
    t.depthwise_i8 = &depthwise_i8;
    fill_tiles<I8Quads, 1, 14>(t.i8);
    fill_tiles<I8Quads, 2, 14>(t.i8);
    fill_tiles<I8Quads, 3, 9>(t.i8);
    fill_tiles<I8Quads, 4, 6>(t.i8);
    return t;
  }();
  return table;
}

}  // namespace temper::cpu
