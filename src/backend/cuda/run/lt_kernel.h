// LtKernel: a matrix product by cuBLASLt, and what follows it by a kernel of our own.
//
// D = A * B for a batch of matrices, in the library's terms: D is rows x cols with neighbours in a column next to each other, A
// is rows x depth, B depth x cols, each as it is or transposed. Where there is a `rest`, D is a temporary, the rest's buffer of
// the number `temporary`, and the other buffers of the step are the rest's in order.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "backend/cuda/run/cublaslt.h"
#include "backend/cuda/run/device_kernel.h"
#include "backend/cuda/run/gpu_kernel.h"
#include "base/bytes.h"
#include "base/dtype.h"

namespace temper::cuda {

inline constexpr std::string_view kLtKernelName = "cublaslt";  // in plans

struct LtProgram {
  // What the numbers of the step are, before those of the rest. Strides, offsets and distances between matrices of a batch are
  // in elements.
  enum Number {
    kRows,
    kCols,
    kDepth,
    kBatch,
    kStrideA,
    kStrideB,
    kStrideD,
    kNextA,
    kNextB,
    kNextD,
    kOffsetA,
    kOffsetB,
    kOffsetD,
    kTemporaryBytes,
    kNumbers
  };
  DType operands = DType::kF32, result = DType::kF32;
  bool tf32 = false, transpose_a = false, transpose_b = false;
  int32_t a = 0, b = 0, d = 0;  // buffers of the step; d is not used where there is a rest
  int32_t buffers = 0;
  int32_t way = 0;         // of the library's list
  int32_t temporary = -1;  // of the rest
  std::optional<KernelProgram> rest;
};

void encode(const LtProgram& program, ByteWriter& out);
// Untrusted bytes: every index is within bounds in what it returns.
Expected<LtProgram> decode_lt_program(ByteReader& in);

// The library's state on one device, which all products there share.
class LtDevice {
 public:
  static Expected<std::shared_ptr<LtDevice>> open(std::shared_ptr<GpuDevice> gpu);
  ~LtDevice();
  LtDevice(const LtDevice&) = delete;
  LtDevice& operator=(const LtDevice&) = delete;
  const CuBlasLt& library() const { return *lt_; }
  LtHandle handle() const { return handle_; }
  const std::shared_ptr<GpuDevice>& gpu() const { return gpu_; }

 private:
  explicit LtDevice(std::shared_ptr<GpuDevice> gpu) : gpu_(std::move(gpu)) {}
  std::shared_ptr<GpuDevice> gpu_;
  const CuBlasLt* lt_ = nullptr;
  LtHandle handle_ = nullptr;
};

class LtKernel final : public DeviceKernel {
 public:
  static Expected<std::unique_ptr<LtKernel>> load(std::shared_ptr<LtDevice> device, LtProgram program);
  std::string_view name() const override { return kLtKernelName; }
  int buffer_count() const override { return program_.buffers; }
  int parameter_count() const override { return LtProgram::kNumbers + (rest_ ? rest_->parameter_count() : 0); }
  bool writes(int) const override { return false; }  // as GpuKernel
  bool keeps_addresses() const override { return true; }
  Expected<std::unique_ptr<DeviceLaunch>> prepare(std::span<const int64_t> numbers, std::span<const int64_t> buffer_bytes,
                                                  CuPointer trouble, int64_t ordinal) const override;

 private:
  LtKernel(std::shared_ptr<LtDevice> device, LtProgram program) : device_(std::move(device)), program_(std::move(program)) {}
  std::shared_ptr<LtDevice> device_;
  LtProgram program_;
  std::unique_ptr<GpuKernel> rest_;
};

}  // namespace temper::cuda
