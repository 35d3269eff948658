// Fuzzes loading, preparing and running a plan. The checksums of most inputs are made right again, or nothing behind them would
// be seen.
#include "plan/container.h"
#include "tests/plan/forge.h"
#include "tests/runtime/plan_trial.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned int seed) {
  using namespace temper;
  std::span<std::byte> plan(reinterpret_cast<std::byte*>(data), size);
  const uint64_t sections = size >= kPlanHeaderBytes ? forge_read(plan, 12, 4) : 0;
  // Mostly inside one section, so that the container stays one.
  if (seed % 8 != 0 && sections > 0 && sections <= (size - kPlanHeaderBytes) / kPlanEntryBytes) {
    const uint64_t entry = size - sections * kPlanEntryBytes + (seed / 8 % 4 == 0 ? seed / 32 % sections : 0) * kPlanEntryBytes;
    const uint64_t offset = forge_read(plan, entry + 8, 8), bytes = forge_read(plan, entry + 16, 8);
    if (bytes > 0 && offset < size && bytes <= size - offset) {
      LLVMFuzzerMutate(data + offset, bytes, bytes);
      reseal_plan(plan);
      return size;
    }
  }
  size = LLVMFuzzerMutate(data, size, max_size);
  if (seed % 64 != 0) reseal_plan({reinterpret_cast<std::byte*>(data), size}, true);
  return size;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  (void)temper::PlanTrial::run({reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
