// The contraction core: matrix product and convolution (direct, Winograd, depthwise, grouped, transposed, 1-D) on the CPU.
//
// A ContractProblem says what to compute (sizes, element types, strides: all counted in elements), a ContractConfig how (the
// tactic: kernel family, instruction set, register tile, blocking). Activations are channels-last: a matrix is [rows, columns],
// an image [batch, height, width, channels]; the innermost stride is 1, all others are free, so an operand may be a slice of a
// wider tensor and a result may be written into a slice of a concat. Weights are packed once, by pack(), for one config.
//
// Invariants. The work is cut by problem and config, never by the number of workers, and the order in which an output element
// is summed is fixed by the config: the same bits with any number of threads and any schedule. run() checks nothing, allocates
// nothing and takes no lock: validate() first, because problems and configs come out of plans, which are untrusted.
// Accumulation is float32 (int32 for integers). The result may not overlap a or b; the residual may be the result itself.
//
//   ContractProblem p = ContractProblem::make_conv(geometry);
//   ContractConfig c = enumerate_configs(p, Machine::detect()).front();       // or each, timed
//   TEMPER_TRY(validate(p, c));
//   std::vector<std::byte> packed(packed_size(p, c)), scratch(workspace_bytes(p, c, executor.workers()));
//   pack(p, c, onnx_conv_weights(p, w), packed.data());
//   run(p, c, {.a = x, .b = packed.data(), .c = y, .epilogue = {.bias = bias, .lo = 0}, .workspace = scratch.data()},
//   executor);
//
// Text form of a config: "direct cpu-v4 14x2 mc=56 kc=576 nc=64 a=slab", with " b=late" behind it where that holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/cpu_info.h"
#include "base/dtype.h"
#include "base/error.h"
#include "base/parallel.h"

namespace temper::cpu {

// A convolution, or a transposed one: there `in` is the small and `out` the large image, out = (in - 1) * stride + (kernel - 1)
// * dilation + 1 - pads + output_padding. Channel counts are those of one group; group g reads channels [g * in_c, (g + 1) *
// in_c) of a pixel and writes [g * out_c, (g + 1) * out_c). Taps outside the image read zero (for integers: a_fill), so the
// pads at the bottom and right follow from out_h and out_w. A 1-D convolution has height 1.
struct ConvGeometry {
  int64_t batch = 1;
  int64_t in_h = 1, in_w = 1, in_c = 1;
  int64_t out_h = 1, out_w = 1, out_c = 1;
  int64_t groups = 1;
  int64_t kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  int64_t pad_top = 0, pad_left = 0;
  int64_t in_image = 0, in_row = 0, in_pixel = 0;  // strides; 0 where dense
  int64_t out_image = 0, out_row = 0, out_pixel = 0;

  ConvGeometry with_strides() const;  // the same with the zeros replaced by dense strides
};

enum class BForm : uint8_t {
  kPacked,      // weights packed by pack()
  kRowMajor,    // run-time matrix, [depth, cols], row stride ldb
  kTransposed,  // run-time matrix, [cols, depth], row stride ldb
};

// c[row, col] = sum over depth of a[row, k] * b[k, col], for each point of up to three batch dimensions (outermost first; count
// 1 where unused). A stride of 0 broadcasts. Packed matrices follow each other in the order of the batch dimensions whose b !=
// 0; there the number says no more than that.
struct GemmGeometry {
  struct Batch {
    int64_t count = 1, a = 0, b = 0, c = 0;
  };
  int64_t rows = 1, depth = 1, cols = 1;
  int64_t lda = 0, ldb = 0, ldc = 0;  // 0 where dense
  bool a_transposed = false;          // a is [depth, rows], row stride lda
  BForm b_form = BForm::kPacked;
  Batch batch[3];

  GemmGeometry with_strides() const;
  int64_t batch_count() const { return batch[0].count * batch[1].count * batch[2].count; }
};

// A floating type of 16 bits.
inline bool is_half(DType type) { return type == DType::kBF16 || type == DType::kF16; }

struct ContractProblem {
  enum class Form : uint8_t { kGemm, kConv, kConvTranspose };
  Form form = Form::kGemm;
  // f32 x f32 -> f32; bf16 x bf16 or f16 x f16 -> f32 or the same; u8 or i8 x i8 -> i32, u8, i8 or f32. Where an instruction
  // set does not multiply a 16-bit type, operands become f32 on their way into the kernel.
  DType a = DType::kF32, b = DType::kF32, c = DType::kF32;
  // The result exists only as the tiles that Epilogue::tile sees: they lie in scratch, and what the tile function makes of them
  // (in another type, or several things) is stored by itself. Then c is f32 for floats and i32 for integers, and its strides
  // say nothing.
  bool transient = false;
  ConvGeometry conv;
  GemmGeometry gemm;

  static ContractProblem make_gemm(const GemmGeometry& g);
  static ContractProblem make_conv(const ConvGeometry& g);
  static ContractProblem make_conv_transpose(const ConvGeometry& g);
  bool is_empty() const;  // no element to compute: sizes that validate() need not accept
  double flops() const;   // of the definition: 2 per multiply-add, padding counted
};

namespace tile {
struct OpCall;
}
using ActivationFn = void (*)(const tile::OpCall& call);  // a row of one operand of tile::OpTable

enum class ResidualUse : uint8_t {
  kFirst,     // + residual before everything but the bias
  kAdd,       // + residual at last
  kMultiply,  // * residual at last
};

// What happens to a finished output value, in this order: + bias, + residual, clamp to [lo, hi], store; then `tile` is called
// on pieces of the output, in place, while they are in the cache. Rows number the output pixels (or batch x rows of a
// GEMM) in dense order; columns number the output channels of all groups. `tile` sees every element exactly once, from
// any worker, each call with at most kMaxTileElements elements (or one row); `worker` indexes scratch of the caller's.
struct Epilogue {
  const float* bias = nullptr;     // one per output column of all groups
  const void* residual = nullptr;  // of float operands: element (row, col) at residual[row * residual_row + col]
  int64_t residual_row = 0;
  float lo = -std::numeric_limits<float>::infinity();
  float hi = std::numeric_limits<float>::infinity();
  void (*tile)(void* self, int worker, void* tile, int64_t ld, int64_t row, int64_t rows, int64_t col, int64_t cols) = nullptr;
  void* self = nullptr;               // only for a result of 4 bytes, f32 or i32
  DType residual_type = DType::kF32;  // or that of 16-bit operands
  // Only for results of 16 bits, behind + bias and before the clamp: what is below zero times `slope`, then `activation` of
  // each value, then the residual, if it comes last.
  float slope = 1;
  ActivationFn activation = nullptr;
  ResidualUse residual_use = ResidualUse::kFirst;
};
inline constexpr int64_t kMaxTileElements = 4096;

// Integers: what lies between the sum and the result, in this order. All numbers are in units of the result, so that nothing is
// left to divide by: the caller takes 1 / scale of the result into them.
//   x = (sum of a * b - shift[col]) * scale[col] + bias[col]       an i32 result is the sum - shift, and all that follows is
//   left out x = clamp(round(x), middle.lo, middle.hi) * middle.scale       if there is a middle: a value that was quantised in
//   between x = x + (residual - residual_zero) * residual_scale result = round(clamp(x, lo, hi)) + out_zero saturated to its
//   type; an f32 result is clamp(x, lo, hi)
// round is to the nearest, ties to even. A zero point z of a is a_fill = z and shift[col] = z * (sum of column col of b).
struct Quantization {
  int32_t a_fill = 0;              // what is read outside the image
  const int32_t* shift = nullptr;  // these three: one per output column of all groups; null: 0, and bias also
  const float* scale = nullptr;
  struct Middle {
    float lo = 0, hi = 0, scale = 0;  // scale 0: there is none
  } middle;
  const void* residual = nullptr;     // element (row, col) at residual[row * residual_row + col]
  DType residual_type = DType::kF32;  // or u8, i8
  int64_t residual_row = 0;
  int32_t residual_zero = 0;
  float residual_scale = 1;
  int32_t out_zero = 0;
};

struct ContractArgs {
  const void* a = nullptr;
  const void* b = nullptr;  // what pack() wrote, or the run-time matrix
  void* c = nullptr;
  Epilogue epilogue;
  Quantization quantization;
  void* workspace = nullptr;  // workspace_bytes(), aligned to 64
};

enum class ContractKind : uint8_t {
  kGemm,       // matrix product; also 1x1 convolution: rows are read in place
  kDirect,     // convolution as a sum of matrix products over the taps
  kWinograd2,  // 3x3, stride 1: F(2x2, 3x3)
  kWinograd4,  // F(4x4, 3x3)
  kDepthwise,  // one input channel a group; vectors run over channels
  kGrouped,    // 2, 4 or 8 input and as many output channels a group: vectors run over several groups
  kDot,        // up to 4 columns or output channels, or a transposed b and up to 4 rows: vectors run along the depth
};
std::string_view contract_kind_name(ContractKind kind);

// Where the rows of a come from.
enum class ASource : uint8_t {
  kInPlace,   // the tensor itself
  kSlab,      // copied into scratch with its padding (and transposed or converted where needed)
  kExpanded,  // the same, each pixel holding the kernel_w taps that it needs: rows then run on across image rows
};

struct ContractConfig {
  ContractKind kind = ContractKind::kGemm;
  IsaLevel isa = IsaLevel::kV1;
  int mr = 1;      // register tile: rows,
  int nv = 1;      //                vectors of columns
  int64_t mc = 1;  // rows a task
  int64_t kc = 1;  // depth a pass, in elements; integers and what has a result of 16 bits take all of it
  int64_t nc = 1;  // columns a task
  ASource a_source = ASource::kInPlace;
  bool late = false;  // Winograd: weights are kept as they are, a quarter of the bytes or less, and transformed in each run

  bool operator==(const ContractConfig&) const = default;
  std::string to_string() const;
  static Expected<ContractConfig> parse(std::string_view text);
};

struct Machine {
  IsaLevel isa = IsaLevel::kV1;
  int64_t l1 = 32 << 10, l2 = 1 << 20, l3 = 32 << 20;  // bytes; l3 is shared
  int workers = 1;                                     // a hint for the grain of tasks
  static Machine detect();
};

// All candidates worth timing, the best first by the model. Not empty for a valid problem.
std::vector<ContractConfig> enumerate_configs(const ContractProblem& problem, const Machine& machine);
double estimate_us(const ContractProblem& problem, const ContractConfig& config, const Machine& machine);

// Whether the problem has a meaning, and whether the config can run it: sizes positive, products within 63 bits, tile and kind
// exist. Does not look at whether the machine has the instruction set: compare with cpu_info().isa.
Status validate(const ContractProblem& problem);
Status validate(const ContractProblem& problem, const ContractConfig& config);

// How many elements from its pointer each operand may be touched: for checking a plan against its tensors. b of run-time
// matrices only; the residual has as many rows as c.
struct Extents {
  int64_t a = 0, b = 0, c = 0;
  int64_t rows = 0, cols = 0;  // of the epilogue
};
Extents extents(const ContractProblem& problem);

// Weights in their raw order, by element strides. A GEMM's group is the packed matrix of a batch; in = depth, out = cols.
struct WeightView {
  const void* data = nullptr;
  int64_t group = 0, out = 0, in = 0, kh = 0, kw = 0;
};
WeightView onnx_conv_weights(const ContractProblem& problem, const void* data);  // Conv: OIHW; ConvTranspose: IOHW
WeightView row_major_weights(const ContractProblem& problem, const void* data);  // GEMM: [matrices, depth, cols]

int64_t packed_size(const ContractProblem& problem, const ContractConfig& config);  // bytes; 0 for a run-time b
void pack(const ContractProblem& problem, const ContractConfig& config, const WeightView& weights, void* packed);
int64_t workspace_bytes(const ContractProblem& problem, const ContractConfig& config, int workers);
void run(const ContractProblem& problem, const ContractConfig& config, const ContractArgs& args, Executor& executor);

}  // namespace temper::cpu
