// What an enqueue costs, on the GPU at hand: the host's time for a call, with the same and with rotating addresses; the
// device's time; and whether a capture of the caller's, and rotating addresses, give the bits of a plain run.
#pragma once

#include <span>
#include <string>

#include "base/error.h"

namespace temper::testing {

// One line of JSON.
Status check_enqueue(const std::string& plan_path);
// One line for each plan: microseconds of a run, of many in one graph over rotating inputs and outputs.
Status time_in_graphs(std::span<const std::string> plan_paths);

}  // namespace temper::testing
