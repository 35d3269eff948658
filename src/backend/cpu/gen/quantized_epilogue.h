// The epilogues of integer contractions that the registers can do: scale and bias per column, a value quantised in between, a
// residual (a quantised one too), clamp, quantisation. See Quantization in contract/contract.h for what is computed; anything
// else is a tile program.
#pragma once

#include <limits>
#include <optional>

#include "kernel/contraction.h"
#include "tune/source.h"

namespace temper::cpu {

// Where what an epilogue reads beside the sum lies: elements from row to row of the result; columns follow each other.
struct PlaceInResult {
  SymInt row = 0, offset = 0;
  bool any_row = false;  // there is more than one row
  bool per_column() const { return row.is_const(0); }
  bool per_point() const { return !(any_row && row.is_const(0)); }
};
std::optional<PlaceInResult> place_in_result(const Candidate& candidate, const Contraction& contraction, const Access& access,
                                             const std::vector<SymInt>& vars);

struct QuantizedEpilogue {
  DType type = DType::kU8;    // of the result: u8, i8 or f32
  Tensor shift, scale, bias;  // i32, f32, f32, one per column; no elements: none
  float middle_lo = 0, middle_hi = 0, middle_scale = 0;
  int residual = -1;  // input of the region
  DType residual_type = DType::kF32;
  int residual_zero = 0;
  float residual_scale = 1;
  SymInt residual_row = 0, residual_offset = 0;
  float lo = -std::numeric_limits<float>::infinity(), hi = std::numeric_limits<float>::infinity();
  int zero = 0;
};
// nullopt where the region's only map behind the contraction is no such thing.
std::optional<QuantizedEpilogue> match_quantized(const Candidate& candidate, const Contraction& contraction);

}  // namespace temper::cpu
