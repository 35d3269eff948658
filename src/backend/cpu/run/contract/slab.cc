// Copies a block of a into scratch: padding made explicit, rows put where the register tile wants them, integers converted.
#include <algorithm>
#include <cstring>

#include "backend/cpu/run/contract/lowering.h"
#include "backend/cpu/run/tile/ops.h"

namespace temper::cpu {
namespace {

// How elements become those of the slab: signed bytes that meet quads become unsigned by adding 128.
struct Convert {
  enum Kind : uint8_t { kCopy4, kCopy2, kCopy1, kFlip, kWidenU8, kWidenI8, kWidenHalf } kind = kCopy4;
  DType half = DType::kBF16;  // of kWidenHalf
  int32_t fill = 0;           // an element outside the image, as it lies in the slab
};

Convert conversion(const ContractProblem& problem, const Lowering& l, int32_t a_fill) {
  if (!l.integer) return {l.pairs ? Convert::kCopy2 : l.widens ? Convert::kWidenHalf : Convert::kCopy4, problem.a, 0};
  const bool is_signed = problem.a == DType::kI8;
  if (l.kernels->i8_quads) {
    return {is_signed ? Convert::kFlip : Convert::kCopy1, problem.a, a_fill + (is_signed ? 128 : 0)};
  }
  return {is_signed ? Convert::kWidenI8 : Convert::kWidenU8, problem.a, a_fill};
}

// A pixel outside the image. Elements of the last unit that are no channels meet weights of zero.
void fill_pixel(const Convert& convert, int64_t units, char* to) {
  if (convert.kind == Convert::kWidenU8 || convert.kind == Convert::kWidenI8) {
    std::fill_n(reinterpret_cast<int16_t*>(to), units * 2, static_cast<int16_t>(convert.fill));
  } else {
    std::memset(to, static_cast<uint8_t>(convert.fill), units * 4);  // of floats: 0
  }
}

void copy_pixel(const Convert& convert, const char* from, int64_t channels, int64_t units, char* to) {
  switch (convert.kind) {
    case Convert::kCopy4:
      std::memcpy(to, from, channels * 4);
      return;
    case Convert::kCopy2:
      std::memcpy(to, from, channels * 2);
      std::memset(to + channels * 2, 0, units * 4 - channels * 2);
      return;
    case Convert::kWidenHalf: {
      tile::OpCall call;
      call.dst = reinterpret_cast<std::byte*>(to);
      call.src[0] = reinterpret_cast<const std::byte*>(from);
      call.rows = 1;
      call.cols = channels;
      tile::tile_ops().load[static_cast<int>(convert.half)](call);
      return;
    }
    case Convert::kCopy1:
      std::memcpy(to, from, channels);
      std::memset(to + channels, 0, units * 4 - channels);
      return;
    case Convert::kFlip:
      for (int64_t c = 0; c < channels; ++c) to[c] = static_cast<char>(from[c] ^ 0x80);
      std::memset(to + channels, 0, units * 4 - channels);
      return;
    case Convert::kWidenU8:
    case Convert::kWidenI8: {
      int16_t* words = reinterpret_cast<int16_t*>(to);
      if (convert.kind == Convert::kWidenU8) {
        for (int64_t c = 0; c < channels; ++c) words[c] = static_cast<uint8_t>(from[c]);
      } else {
        for (int64_t c = 0; c < channels; ++c) words[c] = static_cast<int8_t>(from[c]);
      }
      if (channels < units * 2) words[channels] = 0;
      return;
    }
  }
}

// Pixels first_x, first_x + step, ... of input row y, `count` of them, `to_step` bytes apart in the slab.
struct RowCopy {
  const Lowering& l;
  const Convert convert;
  const char* a;

  void operator()(int64_t y, int64_t first_x, int64_t step, int64_t count, char* to, int64_t to_step) const {
    if (y < 0 || y >= l.in_height) {
      for (int64_t i = 0; i < count; ++i) fill_pixel(convert, l.units, to + i * to_step);
      return;
    }
    const char* row = a + y * l.in_row;
    int64_t begin = first_x >= 0 ? 0 : std::min(count, divide_up(-first_x, step));
    int64_t end = first_x >= l.in_width ? begin : std::max(begin, std::min(count, divide_up(l.in_width - first_x, step)));
    for (int64_t i = 0; i < begin; ++i) fill_pixel(convert, l.units, to + i * to_step);
    const bool pads = convert.kind == Convert::kCopy2 && l.channels % 2 != 0 && l.channels < 32 && l.kernels->pad_pixels;
    if ((convert.kind == Convert::kCopy4 || convert.kind == Convert::kCopy2) && step == 1 && to_step == l.in_pixel &&
        to_step == l.units * 4) {
      std::memcpy(to + begin * to_step, row + (first_x + begin) * l.in_pixel, (end - begin) * to_step);
    } else if (pads && step == 1 && to_step == l.units * 4 && l.in_pixel == l.channels * 2) {
      l.kernels->pad_pixels(reinterpret_cast<const uint16_t*>(row + (first_x + begin) * l.in_pixel), l.channels, end - begin,
                            reinterpret_cast<uint16_t*>(to + begin * to_step));
    } else {
      for (int64_t i = begin; i < end; ++i) {
        copy_pixel(convert, row + (first_x + i * step) * l.in_pixel, l.channels, l.units, to + i * to_step);
      }
    }
    for (int64_t i = end; i < count; ++i) fill_pixel(convert, l.units, to + i * to_step);
  }
};

// The same of 16-bit elements; an odd depth ends in a pair with a zero.
void transpose_halves(const Lowering& l, DType type, const char* a, int64_t first, int64_t count, char* slab) {
  for (int64_t i = 0; i < count; ++i) {
    char* to = slab + i * l.slab_pixel;
    auto* halves = reinterpret_cast<uint16_t*>(to);
    auto* floats = reinterpret_cast<float*>(to);
    for (int64_t k = 0; k < l.channels; ++k) {
      const uint16_t x = reinterpret_cast<const uint16_t*>(a + k * l.in_pixel)[first + i];
      if (l.pairs)
        halves[k] = x;
      else
        floats[k] = type == DType::kBF16 ? bf16_to_f32(x) : f16_to_f32(x);
    }
    if (l.pairs && l.channels % 2 != 0) halves[l.channels] = 0;
  }
}

// a is [depth, rows]: the slab gets [rows, depth].
void transpose_rows(const Lowering& l, const char* a, int64_t first, int64_t count, char* slab) {
  for (int64_t k0 = 0; k0 < l.channels; k0 += 16) {
    const int64_t k1 = std::min(l.channels, k0 + 16);
    for (int64_t i = 0; i < count; ++i) {
      float* to = reinterpret_cast<float*>(slab + i * l.slab_pixel);
      for (int64_t k = k0; k < k1; ++k) to[k] = reinterpret_cast<const float*>(a + k * l.in_pixel)[first + i];
    }
  }
}

}  // namespace

void fill_slab(const ContractProblem& problem, const ContractConfig& config, const Lowering& l, const Phase& p,
               const SlabFill& fill, char* slab) {
  const int64_t height = std::min(l.block_h, p.y.outs - fill.first_y), width = std::min(l.block_w, p.x.outs - fill.first_x);
  if (problem.form == ContractProblem::Form::kGemm && problem.gemm.a_transposed) {
    if (is_half(problem.a)) return transpose_halves(l, problem.a, fill.a, fill.first_x, width, slab);
    return transpose_rows(l, fill.a, fill.first_x, width, slab);
  }
  const RowCopy copy{l, conversion(problem, l, fill.a_fill), fill.a};
  const int64_t in_y = fill.first_y * p.y.in_step + p.y.shift, in_x = fill.first_x * p.x.in_step + p.x.shift;
  const int64_t span_y = (height - 1) * p.y.in_step + (p.y.taps - 1) * p.y.shift_step + 1;
  if (config.a_source == ASource::kSlab) {
    const int64_t span_x = (width - 1) * p.x.in_step + (p.x.taps - 1) * p.x.shift_step + 1;
    // With a dilation or a stride some rows between the taps are read by no output of the block.
    const auto is_read = [&](int64_t y) {
      for (int64_t tap = 0; tap < p.y.taps; ++tap) {
        const int64_t at = y - tap * p.y.shift_step;
        if (at >= 0 && at <= (height - 1) * p.y.in_step && at % p.y.in_step == 0) return true;
      }
      return false;
    };
    for (int64_t y = 0; y < span_y; ++y) {
      if (is_read(y)) copy(in_y + y, in_x, 1, span_x, slab + y * l.slab_row, l.slab_pixel);
    }
    return;
  }
  for (int64_t y = 0; y < span_y; ++y) {
    char* row = slab + y % p.y.in_step * l.slab_class + y / p.y.in_step * l.slab_row;
    for (int64_t tap = 0; tap < p.x.taps; ++tap) {
      copy(in_y + y, in_x + tap * p.x.shift_step, p.x.in_step, width, row + tap * l.units * 4, l.slab_pixel);
    }
  }
}

}  // namespace temper::cpu
