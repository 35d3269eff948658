#include "backend/cpu/run/kernel.h"

#include <map>
#include <string>

namespace temper::cpu {
namespace {

std::map<std::string, KernelDecoder, std::less<>>& registry() {
  static std::map<std::string, KernelDecoder, std::less<>> map;
  return map;
}

}  // namespace

RegisterKernel::RegisterKernel(std::string_view name, KernelDecoder decoder) {
  TEMPER_CHECK(registry().emplace(std::string(name), decoder).second, "two kernels are named " + std::string(name));
}

Expected<std::unique_ptr<Kernel>> decode_kernel(std::string_view name, std::span<const std::byte> blob) {
  auto found = registry().find(name);
  if (found == registry().end()) {
    return Error(ErrorCode::kIncompatible, "the plan uses the CPU kernel '" + std::string(name) +
                                               "', which this version of Temper does not have; build the plan again");
  }
  ByteReader reader(blob);
  auto kernel = TEMPER_TRY_AT(found->second(reader), "kernel '" + std::string(name) + "'");
  if (reader.remaining() != 0)
    return Error(ErrorCode::kCorrupt, "bytes left over after the parameters of kernel '" + std::string(name) + "'");
  return kernel;
}

}  // namespace temper::cpu
