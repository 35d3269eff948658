// NVRTC, found at run time: CUDA C++ text to machine code for one architecture. It needs neither a GPU nor a driver.
//
// Looked for in the folder that TEMPER_NVRTC names (of the PyPI wheel nvidia-cuda-nvrtc, say), then where the loader looks,
// then in /usr/local/cuda. Equal text for the same architecture is compiled once in a process.
//
//   auto code = TEMPER_TRY(compile_cuda(source, 90));   // *code: a cubin
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"

namespace temper::cuda {

// Whether there is an NVRTC that can compile for it, or the reason why not.
Status nvrtc_status(int architecture);
// "13.0", or "" where there is none.
std::string nvrtc_version();
Expected<std::shared_ptr<const std::vector<std::byte>>> compile_cuda(const std::string& source, int architecture);
// It will be asked for. What goes wrong is told then.
void begin_compiling(const std::string& source, int architecture);
// What the compiler says of it: registers, local memory, warnings.
Expected<std::string> compiler_report(const std::string& source, int architecture);

}  // namespace temper::cuda
