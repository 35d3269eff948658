// GpuKernel: a KernelProgram with its module loaded on one device.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <vector>

#include "backend/cuda/run/device_kernel.h"
#include "backend/cuda/run/program.h"

namespace temper::cuda {

class GpuKernel final : public DeviceKernel {
 public:
  // Uses the machine code of the program where the device can run it, else compiles its text.
  static Expected<std::unique_ptr<GpuKernel>> load(std::shared_ptr<GpuDevice> gpu, KernelProgram program);
  ~GpuKernel() override;
  GpuKernel(const GpuKernel&) = delete;
  GpuKernel& operator=(const GpuKernel&) = delete;

  std::string_view name() const override { return program_.entries.empty() ? kKernelName : program_.entries.front().name; }
  int buffer_count() const override { return program_.buffers; }
  int parameter_count() const override { return program_.numbers; }
  // Its text could write to any address of the device: there is nothing to refuse. Weights lie there as a copy.
  bool writes(int) const override { return false; }
  Expected<std::unique_ptr<DeviceLaunch>> prepare(std::span<const int64_t> numbers, std::span<const int64_t> buffer_bytes,
                                                  CuPointer trouble, int64_t ordinal) const override;
  const KernelProgram& program() const { return program_; }
  CuFunction function(size_t entry) const { return functions_[entry]; }
  int most_blocks(size_t entry) const { return most_blocks_[entry]; }  // of one launch

 private:
  GpuKernel(std::shared_ptr<GpuDevice> gpu, KernelProgram program) : gpu_(std::move(gpu)), program_(std::move(program)) {}
  std::shared_ptr<GpuDevice> gpu_;
  KernelProgram program_;
  CuModule module_ = nullptr;
  std::vector<CuFunction> functions_;
  std::vector<int> most_blocks_;
};

// The arguments and grids of a kernel at one shape.
class GpuLaunch final : public DeviceLaunch {
 public:
  static Expected<std::unique_ptr<GpuLaunch>> prepare(const GpuKernel& kernel, std::span<const int64_t> numbers,
                                                      std::span<const int64_t> buffer_bytes, CuPointer trouble,
                                                      int64_t ordinal);

  int64_t workspace_bytes(int) const override { return workspace_; }
  Status run(const Driver& driver, CuStream stream, std::span<std::byte* const> buffers, std::byte* workspace,
             std::vector<CuGraphNode>* nodes) override;
  Status rebind(const GpuDevice& gpu, CuGraphRun graph, std::span<const CuGraphNode> nodes, std::span<std::byte* const> buffers,
                std::byte* workspace) override;

 private:
  explicit GpuLaunch(const GpuKernel& kernel) : kernel_(kernel) {}
  struct Map {
    KernelProgram::Map what;
    uint64_t offset;
    std::array<unsigned long long, kRankOfMaps> dims, strides;
    uint64_t address = 0;  // that it is made for
  };
  Status make_maps(const Driver& driver);
  Status set_addresses(const Driver& driver, std::span<std::byte* const> buffers, std::byte* workspace);
  const GpuKernel& kernel_;
  std::vector<Map> maps_;
  int64_t workspace_ = 0;
  std::vector<int64_t> places_;   // of the temporaries, in the workspace
  std::vector<uint64_t> words_;   // Args
  std::vector<unsigned> blocks_;  // by entry
};

}  // namespace temper::cuda
