// How fast the machine can multiply and add at best: what the time of a kernel is judged by.
#pragma once

#include <cstdint>

#include "tune/source.h"

namespace temper::cpu {

// Nanoseconds for 10^9 operations of f32 arithmetic on the device's threads: register tiles of the contraction core on operands
// that stay in the first-level cache. Takes a few milliseconds.
int64_t measure_peak(const Device& device);

}  // namespace temper::cpu
