// What the CPU computes faster than f32.
#include "tune/source.h"

namespace temper::cpu {
namespace {

std::optional<std::string> judge(const Device& device, DType type) {
  if (type == DType::kF16) return "a CPU multiplies it no faster than f32";
  return "the kernels of the CPU multiply it no faster than f32";
}

const RegisterArithmetic kArithmetic{"cpu", &judge};

}  // namespace
}  // namespace temper::cpu
