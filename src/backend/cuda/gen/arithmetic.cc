// What NVIDIA GPUs compute faster than f32.
#include "backend/cuda/run/program.h"
#include "tune/source.h"

namespace temper::cuda {
namespace {

std::optional<std::string> judge(const Device& device, DType type) {
  const auto architecture = architecture_of(device.target);
  const int least = type == DType::kBF16 ? 80 : 75;
  if (architecture.ok() && *architecture >= least) return std::nullopt;
  return "tensor cores for it come with sm_" + std::to_string(least);
}

const RegisterArithmetic kArithmetic{"sm", &judge};

}  // namespace
}  // namespace temper::cuda
