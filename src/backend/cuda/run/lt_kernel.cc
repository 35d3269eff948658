#include "backend/cuda/run/lt_kernel.h"

#include <algorithm>

namespace temper::cuda {
namespace {

// The numbers are those of cublasLt.h and library_types.h.
constexpr int kTransposeA = 3, kTransposeB = 4;                                   // of a product
constexpr int kBatchCount = 5, kBatchDistance = 6;                                // of a matrix
constexpr int kMostWorkspace = 1, kReductions = 3, kAlignments[] = {5, 6, 7, 8};  // of a preference
constexpr int kComputeF32 = 68, kComputeTf32 = 77, kF32 = 0;
constexpr size_t kWorkspaceBytes = size_t{32} << 20;
constexpr int kMostWays = 8;
constexpr int64_t kRoom = 256;  // what each part of the workspace is aligned to

int type_number(DType type) { return type == DType::kF16 ? 2 : type == DType::kBF16 ? 14 : kF32; }
int64_t rounded(int64_t bytes) { return (bytes + kRoom - 1) / kRoom * kRoom; }
Error bad(const char* what) {
  return Error(ErrorCode::kCorrupt, std::string("a product of cuBLASLt with impossible ") + what + "; build the plan again");
}

class LtLaunch final : public DeviceLaunch {
 public:
  LtLaunch(const CuBlasLt& lt, LtHandle handle, const LtProgram& program) : lt_(lt), handle_(handle), program_(program) {}
  ~LtLaunch() override {
    if (product_) lt_.api.cublasLtMatmulDescDestroy(product_);
    for (LtMatrix m : {a_, b_, d_}) {
      if (m) lt_.api.cublasLtMatrixLayoutDestroy(m);
    }
  }
  LtLaunch(const LtLaunch&) = delete;
  LtLaunch& operator=(const LtLaunch&) = delete;

  int64_t workspace_bytes(int) const override {
    return rounded(way_bytes_) + rounded(temporary_bytes_) + (rest_ ? rest_->workspace_bytes(1) : 0);
  }

  Status set_up(std::span<const int64_t> n, std::span<const int64_t> buffer_bytes) {
    using N = LtProgram;
    for (int i = 0; i < N::kNumbers; ++i) {
      if (n[i] < 0 || n[i] > INT32_MAX) return Error(ErrorCode::kUnsupported, "a product too large for cuBLASLt");
    }
    is_empty_ = n[N::kRows] == 0 || n[N::kCols] == 0 || n[N::kBatch] == 0 || n[N::kDepth] == 0;
    operand_bytes_ = dtype_bits(program_.operands) / 8;
    const int64_t result_bytes = dtype_bits(program_.result) / 8;
    offset_a_ = n[N::kOffsetA] * operand_bytes_;
    offset_b_ = n[N::kOffsetB] * operand_bytes_;
    offset_d_ = n[N::kOffsetD] * result_bytes;
    temporary_bytes_ = program_.rest ? n[N::kTemporaryBytes] : 0;
    if (is_empty_) {
      if (n[N::kDepth] == 0 && n[N::kRows] * n[N::kCols] * n[N::kBatch] != 0)
        return Error(ErrorCode::kUnsupported, "cuBLASLt does no sums of nothing");
      return {};
    }
    const auto fits = [&](int64_t at, int64_t rows, int64_t cols, int64_t stride, int64_t next, int64_t element, int64_t room) {
      return stride >= rows && (at + (n[N::kBatch] - 1) * next + (cols - 1) * stride + rows) * element <= room;
    };
    const int64_t rows_a = program_.transpose_a ? n[N::kDepth] : n[N::kRows],
                  cols_a = program_.transpose_a ? n[N::kRows] : n[N::kDepth];
    const int64_t rows_b = program_.transpose_b ? n[N::kCols] : n[N::kDepth],
                  cols_b = program_.transpose_b ? n[N::kDepth] : n[N::kCols];
    const int64_t room_d = program_.rest ? temporary_bytes_ : buffer_bytes[program_.d];
    if (!fits(n[N::kOffsetA], rows_a, cols_a, n[N::kStrideA], n[N::kNextA], operand_bytes_, buffer_bytes[program_.a]) ||
        !fits(n[N::kOffsetB], rows_b, cols_b, n[N::kStrideB], n[N::kNextB], operand_bytes_, buffer_bytes[program_.b]) ||
        !fits(n[N::kOffsetD], n[N::kRows], n[N::kCols], n[N::kStrideD], n[N::kNextD], result_bytes, room_d))
      return bad("strides");
    const CuBlasLtApi& api = lt_.api;
    TEMPER_TRY(lt_.check(api.cublasLtMatmulDescCreate(&product_, program_.tf32 ? kComputeTf32 : kComputeF32, kF32),
                         "cublasLtMatmulDescCreate"));
    for (auto [attribute, is_transposed] :
         {std::pair(kTransposeA, program_.transpose_a), {kTransposeB, program_.transpose_b}}) {
      const int32_t value = is_transposed;
      TEMPER_TRY(lt_.check(api.cublasLtMatmulDescSetAttribute(product_, attribute, &value, sizeof value),
                           "cublasLtMatmulDescSetAttribute"));
    }
    const auto matrix = [&](LtMatrix& m, DType type, int64_t rows, int64_t cols, int64_t stride, int64_t next) -> Status {
      TEMPER_TRY(lt_.check(api.cublasLtMatrixLayoutCreate(&m, type_number(type), uint64_t(rows), uint64_t(cols), stride),
                           "cublasLtMatrixLayoutCreate"));
      const auto batch = static_cast<int32_t>(n[N::kBatch]);
      TEMPER_TRY(lt_.check(api.cublasLtMatrixLayoutSetAttribute(m, kBatchCount, &batch, sizeof batch),
                           "cublasLtMatrixLayoutSetAttribute"));
      return lt_.check(api.cublasLtMatrixLayoutSetAttribute(m, kBatchDistance, &next, sizeof next),
                       "cublasLtMatrixLayoutSetAttribute");
    };
    TEMPER_TRY(matrix(a_, program_.operands, rows_a, cols_a, n[N::kStrideA], n[N::kNextA]));
    TEMPER_TRY(matrix(b_, program_.operands, rows_b, cols_b, n[N::kStrideB], n[N::kNextB]));
    TEMPER_TRY(matrix(d_, program_.result, n[N::kRows], n[N::kCols], n[N::kStrideD], n[N::kNextD]));
    return choose_way();
  }

  void set_rest(std::unique_ptr<DeviceLaunch> rest) {
    rest_ = std::move(rest);
    rest_buffers_.resize(size_t(program_.buffers) + 1);
  }

  Status run(const Driver& driver, CuStream stream, std::span<std::byte* const> buffers, std::byte* workspace,
             std::vector<CuGraphNode>* nodes) override {
    std::byte* const temporary = workspace + rounded(way_bytes_);
    if (!is_empty_) {
      const float one = 1, zero = 0;
      std::byte* const d = (program_.rest ? temporary : buffers[program_.d]) + offset_d_;
      TEMPER_TRY(lt_.check(
          lt_.api.cublasLtMatmul(handle_, product_, &one, buffers[program_.a] + offset_a_, a_, buffers[program_.b] + offset_b_,
                                 b_, &zero, d, d_, d, d_, way_.algorithm, workspace, size_t(way_bytes_), stream),
          "cublasLtMatmul"));
    }
    if (!rest_) return {};
    for (int i = 0, from = 0; i <= program_.buffers; ++i)
      rest_buffers_[i] = i == program_.temporary ? temporary : buffers[from++];
    return rest_->run(driver, stream, rest_buffers_, temporary + rounded(temporary_bytes_), nodes);
  }
  // What the library has put on the stream is known to it alone.
  Status rebind(const GpuDevice&, CuGraphRun, std::span<const CuGraphNode>, std::span<std::byte* const>, std::byte*) override {
    return Error(ErrorCode::kUnsupported, "a product of cuBLASLt is captured with its addresses");
  }

 private:
  // The way of that number in the library's list for this shape, or the last of it. No way adds up in an order that varies.
  Status choose_way() {
    const CuBlasLtApi& api = lt_.api;
    LtPreference preference = nullptr;
    TEMPER_TRY(lt_.check(api.cublasLtMatmulPreferenceCreate(&preference), "cublasLtMatmulPreferenceCreate"));
    struct Guard {
      const CuBlasLtApi& api;
      LtPreference preference;
      ~Guard() { api.cublasLtMatmulPreferenceDestroy(preference); }
    } guard{api, preference};
    const uint64_t most = kWorkspaceBytes;
    const uint32_t reductions = 2 | 4, alignment = uint32_t(operand_bytes_);  // of what the caller and slices give
    const auto set = [&](int attribute, const void* value, size_t bytes) {
      return lt_.check(api.cublasLtMatmulPreferenceSetAttribute(preference, attribute, value, bytes),
                       "cublasLtMatmulPreferenceSetAttribute");
    };
    TEMPER_TRY(set(kMostWorkspace, &most, sizeof most));
    TEMPER_TRY(set(kReductions, &reductions, sizeof reductions));
    const bool is_aligned = (offset_a_ | offset_b_ | offset_d_) % 16 == 0;
    const uint32_t given = is_aligned ? 16 : alignment;
    for (int attribute : kAlignments) TEMPER_TRY(set(attribute, &given, sizeof given));
    LtWay ways[kMostWays];
    int count = 0;
    TEMPER_TRY(
        lt_.check(api.cublasLtMatmulAlgoGetHeuristic(handle_, product_, a_, b_, d_, d_, preference, kMostWays, ways, &count),
                  "cublasLtMatmulAlgoGetHeuristic"));
    if (count == 0) return Error(ErrorCode::kUnsupported, "cuBLASLt has no way for this product");
    way_ = ways[std::min(program_.way, count - 1)];
    way_bytes_ = int64_t(way_.workspace_bytes);
    return {};
  }

  const CuBlasLt& lt_;
  LtHandle handle_;
  const LtProgram& program_;
  LtProduct product_ = nullptr;
  LtMatrix a_ = nullptr, b_ = nullptr, d_ = nullptr;
  LtWay way_{};
  bool is_empty_ = false;
  int64_t operand_bytes_ = 4, offset_a_ = 0, offset_b_ = 0, offset_d_ = 0, way_bytes_ = 0, temporary_bytes_ = 0;
  std::unique_ptr<DeviceLaunch> rest_;
  std::vector<std::byte*> rest_buffers_;
};

}  // namespace

void encode(const LtProgram& p, ByteWriter& out) {
  for (int32_t n : {int32_t(p.operands), int32_t(p.result), int32_t(p.tf32), int32_t(p.transpose_a), int32_t(p.transpose_b),
                    p.a, p.b, p.d, p.buffers, p.way, p.temporary, int32_t(p.rest.has_value())})
    out.i32(n);
  if (p.rest) encode(*p.rest, out);
}

Expected<LtProgram> decode_lt_program(ByteReader& in) {
  LtProgram p;
  const auto type = [&]() -> Expected<DType> {
    const int32_t number = TEMPER_TRY(in.i32());
    for (DType known : {DType::kF32, DType::kF16, DType::kBF16}) {
      if (number == int32_t(known)) return known;
    }
    return bad("types");
  };
  p.operands = TEMPER_TRY(type());
  p.result = TEMPER_TRY(type());
  for (bool* flag : {&p.tf32, &p.transpose_a, &p.transpose_b}) *flag = TEMPER_TRY(in.i32()) != 0;
  for (int32_t* n : {&p.a, &p.b, &p.d, &p.buffers, &p.way, &p.temporary}) *n = TEMPER_TRY(in.i32());
  const bool has_rest = TEMPER_TRY(in.i32()) != 0;
  const auto is_buffer = [&](int32_t n) { return n >= 0 && n < p.buffers; };
  if (p.buffers < 1 || p.buffers > kMostWords || !is_buffer(p.a) || !is_buffer(p.b) || (!has_rest && !is_buffer(p.d)) ||
      p.way < 0 || p.way >= kMostWays)
    return bad("buffers");
  if (!has_rest) return p;
  p.rest = TEMPER_TRY(decode_program(in));
  if (p.rest->buffers != p.buffers + 1 || p.temporary < 0 || p.temporary > p.buffers) return bad("buffers");
  return p;
}

Expected<std::shared_ptr<LtDevice>> LtDevice::open(std::shared_ptr<GpuDevice> gpu) {
  std::shared_ptr<LtDevice> device(new LtDevice(std::move(gpu)));
  device->lt_ = TEMPER_TRY(CuBlasLt::get());
  CurrentContext current(*device->gpu_);
  TEMPER_TRY(current.status());
  TEMPER_TRY(device->lt_->check(device->lt_->api.cublasLtCreate(&device->handle_), "cublasLtCreate"));
  return device;
}

LtDevice::~LtDevice() {
  if (!handle_) return;
  CurrentContext current(*gpu_);
  lt_->api.cublasLtDestroy(handle_);
}

Expected<std::unique_ptr<LtKernel>> LtKernel::load(std::shared_ptr<LtDevice> device, LtProgram program) {
  std::unique_ptr<LtKernel> kernel(new LtKernel(std::move(device), std::move(program)));
  if (kernel->program_.rest) kernel->rest_ = TEMPER_TRY(GpuKernel::load(kernel->device_->gpu(), *kernel->program_.rest));
  return kernel;
}

Expected<std::unique_ptr<DeviceLaunch>> LtKernel::prepare(std::span<const int64_t> numbers,
                                                          std::span<const int64_t> buffer_bytes, CuPointer trouble,
                                                          int64_t ordinal) const {
  CurrentContext current(*device_->gpu());
  TEMPER_TRY(current.status());
  auto launch = std::make_unique<LtLaunch>(device_->library(), device_->handle(), program_);
  TEMPER_TRY(launch->set_up(numbers.first(LtProgram::kNumbers), buffer_bytes));
  if (rest_) {
    std::vector<int64_t> bytes(buffer_bytes.begin(), buffer_bytes.end());
    bytes.insert(bytes.begin() + program_.temporary, numbers[LtProgram::kTemporaryBytes]);
    launch->set_rest(TEMPER_TRY(rest_->prepare(numbers.subspan(LtProgram::kNumbers), bytes, trouble, ordinal)));
  }
  return std::unique_ptr<DeviceLaunch>(std::move(launch));
}

}  // namespace temper::cuda
