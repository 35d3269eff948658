// KernelCode: what a lowering yields, ready to become a launch step of a plan.
//
// `name` and `blob` are what decode_kernel() takes; `parameters` are the values, in order, that prepare() takes: the builder
// compiles them into the plan's ShapeProgram.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "sym/sym.h"

namespace temper::cpu {

struct KernelCode {
  std::string name;
  std::vector<std::byte> blob;
  std::vector<SymInt> parameters;
};

}  // namespace temper::cpu
