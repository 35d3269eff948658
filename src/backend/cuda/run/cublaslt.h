// cuBLASLt, found at run time: NVIDIA's library of matrix products.
//
// Looked for in the folder that TEMPER_CUBLAS names (of the PyPI wheel nvidia-cublas, say), then where the loader looks, then
// in /usr/local/cuda. A handle belongs to the device that is current when it is made; products may be put on streams from
// several threads at once.
//
//   const CuBlasLt* lt = TEMPER_TRY(CuBlasLt::get());
//   TEMPER_TRY(lt->check(lt->api.cublasLtCreate(&handle), "cublasLtCreate"));
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "backend/cuda/run/driver.h"
#include "base/dynlib.h"

namespace temper::cuda {

using LtHandle = struct LtHandleTag*;
using LtProduct = struct LtProductTag*;
using LtMatrix = struct LtMatrixTag*;
using LtPreference = struct LtPreferenceTag*;

// cublasLtMatmulHeuristicResult_t.
struct LtWay {
  uint64_t algorithm[8];
  size_t workspace_bytes;
  int status;
  float waves;
  int reserved[4];
};
static_assert(sizeof(LtWay) == 96);

struct CuBlasLtApi {
#define CUBLASLT(name, parameters) int(*name) parameters = nullptr;
#include "backend/cuda/run/cublaslt.def"
#undef CUBLASLT
  size_t (*cublasLtGetVersion)() = nullptr;
};

class CuBlasLt {
 public:
  static Expected<const CuBlasLt*> get();
  CuBlasLtApi api;
  // "13.1.0"
  std::string version() const;
  Status check(int status, const char* function) const;

 private:
  CuBlasLt() = default;
  static Expected<std::unique_ptr<CuBlasLt>> open();
  std::optional<DynamicLibrary> library_;
};

}  // namespace temper::cuda
