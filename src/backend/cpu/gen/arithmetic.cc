// What the CPU computes faster than f32.
#include "base/cpu_info.h"
#include "tune/source.h"

namespace temper::cpu {
namespace {

std::optional<std::string> judge(const Device& device, DType type) {
  if (type == DType::kF16) return "a CPU multiplies it no faster than f32";
  const auto isa = isa_from_name(device.target);
  if (type == DType::kBF16 && isa && *isa >= IsaLevel::kV4Bf16) return std::nullopt;
  return device.target + " has no instructions that multiply it";
}

const RegisterArithmetic kArithmetic{"cpu", &judge};

}  // namespace
}  // namespace temper::cpu
