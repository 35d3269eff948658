// What a kernel for contractions proves of a launch before it runs: plans are untrusted.
#pragma once

#include <span>

#include "backend/cpu/run/contract_code.h"
#include "backend/cpu/run/kernel.h"

namespace temper::cpu {

// Whether a valid problem at these offsets stays inside buffers of these sizes.
// `packed_bytes`: what constant weights take.
Status check_bounds(const ContractCode& code, const ContractProblem& problem, const ContractOffsets& offsets,
                    int64_t packed_bytes, std::span<const int64_t> bytes);

// A tensor without elements: nothing to compute, and sizes that the core need not accept.
class EmptyLaunch final : public Launch {
 public:
  Status run(std::span<std::byte* const>, std::byte*, Executor&) override { return {}; }
};

}  // namespace temper::cpu
