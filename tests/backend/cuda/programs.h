// The kernels of a case, built for an architecture, and what the compiler says of them.
#pragma once

#include <string>
#include <vector>

#include "backend/cuda/run/program.h"
#include "tests/conformance/product_case.h"

namespace temper::testing {

std::vector<cuda::KernelProgram> programs_of(const ProductCase& product, int architecture);
// That nothing of it lies in local memory, and that what it asks of the hardware is given.
void expect_registers_only(const cuda::KernelProgram& program, int architecture, const std::string& name);

}  // namespace temper::testing
