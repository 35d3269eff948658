// The move `inline`: a map that only one stage reads, and that does not leave the region, is computed where it is read.
#pragma once

#include "kernel/region.h"

namespace temper {

// Applies the move as often as it can be; numbers values anew.
Region inline_maps(SymContext& context, Region region);

}  // namespace temper
