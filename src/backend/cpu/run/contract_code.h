// The parameter blob of the kernel kind "contract": what is fixed when a plan is built. All sizes, strides and offsets are
// parameters of the launch, in the order of ContractField; an epilogue's own parameters follow them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backend/cpu/run/contract/contract.h"
#include "base/bytes.h"
#include "scalar/scalar.h"

namespace temper::cpu {

// Parameters of both forms, in order; a form uses its own and leaves the rest out.
inline constexpr int kGemmFields = 6 + 3 * 4;  // rows depth cols lda ldb ldc, then count a b c for each batch
inline constexpr int kConvFields = 22;  // batch in_h in_w in_c out_h out_w out_c groups kernel_h kernel_w stride_h stride_w
                                        // dilation_h dilation_w pad_top pad_left, then in_ and out_ image row pixel

// The parameters behind those; in elements.
struct ContractOffsets {
  int64_t a = 0, b = 0, c = 0;  // b: 0 where packed
  int64_t residual_row = 0;     // a stride
  int64_t residual = 0;
};
inline constexpr int kOffsetFields = 5;

// A row of scalar.def that makes a float of one float.
bool is_activation(ScalarOp op);

struct ContractCode {
  ContractProblem::Form form = ContractProblem::Form::kGemm;
  DType a = DType::kF32, b = DType::kF32, c = DType::kF32;
  bool a_transposed = false;
  BForm b_form = BForm::kPacked;
  ContractConfig config;
  int buffers = 0;                               // of the step
  int a_buffer = 0, b_buffer = 1, c_buffer = 2;  // c -1: a transient result
  int bias_buffer = -1, residual_buffer = -1;
  float lo = -std::numeric_limits<float>::infinity(), hi = std::numeric_limits<float>::infinity();
  // Integers: see Quantization.
  int shift_buffer = -1, scale_buffer = -1;
  DType residual_type = DType::kF32;
  int a_fill = 0, residual_zero = 0, out_zero = 0;
  // 16-bit results: see Epilogue. `activation` is a row of scalar.def, or -1.
  int activation = -1;
  float slope = 1;
  ResidualUse residual_use = ResidualUse::kFirst;
  float residual_scale = 1, middle_lo = 0, middle_hi = 0, middle_scale = 0;
  std::vector<int> epilogue_buffers;  // buffer of the step for each buffer of the epilogue; empty: no epilogue
  std::vector<std::byte> epilogue;    // for TileEpilogue::decode

  int field_count() const { return (form == ContractProblem::Form::kGemm ? kGemmFields : kConvFields) + kOffsetFields; }
  void encode(ByteWriter& out) const;
  static Expected<ContractCode> decode(ByteReader& in);
  // The problem with the values of the fields.
  ContractProblem problem(std::span<const int64_t> fields) const;
  ContractOffsets offsets(std::span<const int64_t> fields) const;
};

}  // namespace temper::cpu
