// From a Region of one stage that has a kernel of its own (scan, sort, scatter, compact, or the opaque "suppress") to that
// kernel.
//
// Operands may be read through any index map and results may have any layout: tile programs around the core see to that.
// Buffers are the Region's inputs, then its outputs; a compact has one more, an i64[1] that receives how many elements were
// found.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "backend/cpu/gen/kernel_code.h"
#include "base/error.h"
#include "kernel/layout.h"
#include "kernel/region.h"

namespace temper::cpu {

// Why lower_solo would refuse; nullopt when it will not.
std::optional<std::string> solo_refusal(const Region& region);
Expected<KernelCode> lower_solo(SymContext& context, const Region& region, std::span<const Layout> layouts);

}  // namespace temper::cpu
