#include "backend/cuda/run/cublaslt.h"

#include <cstdlib>
#include <vector>

namespace temper::cuda {

Expected<std::unique_ptr<CuBlasLt>> CuBlasLt::open() {
  std::unique_ptr<CuBlasLt> lt(new CuBlasLt());
  const DynamicSymbol table[] = {
#define CUBLASLT(name, parameters) {#name, reinterpret_cast<void**>(&lt->api.name)},
#include "backend/cuda/run/cublaslt.def"
#undef CUBLASLT
      {"cublasLtGetVersion", reinterpret_cast<void**>(&lt->api.cublasLtGetVersion)},
  };
  std::vector<std::string> folders{"", "/usr/local/cuda/lib64/"}, names;
  if (const char* wanted = std::getenv("TEMPER_CUBLAS")) folders.insert(folders.begin(), std::string(wanted) + "/");
  for (const std::string& folder : folders) {
    for (const char* name : {"libcublasLt.so.13", "libcublasLt.so.12"}) names.push_back(folder + name);
  }
  auto library = DynamicLibrary::open(names, table);
  if (!library.ok()) {
    return Error(library.error().code(),
                 "cuBLASLt can't be used: " + library.error().message() +
                     "; install the PyPI package nvidia-cublas and set TEMPER_CUBLAS to its lib folder");
  }
  lt->library_.emplace(std::move(*library));
  constexpr size_t kLeast = 120000;  // 12.0.0; 11 and older have other structures
  if (lt->api.cublasLtGetVersion() < kLeast)
    return Error(ErrorCode::kIncompatible, "cuBLASLt " + lt->version() + " is too old; install 12.0 or later");
  return lt;
}

Expected<const CuBlasLt*> CuBlasLt::get() {
  // Never destroyed: handles may be given back to it at the end of the process.
  static const auto* const kLibrary = new Expected<std::unique_ptr<CuBlasLt>>(open());
  if (!kLibrary->ok()) return Error(kLibrary->error());
  return (*kLibrary)->get();
}

std::string CuBlasLt::version() const {
  const size_t v = api.cublasLtGetVersion();
  return std::to_string(v / 10000) + "." + std::to_string(v / 100 % 100) + "." + std::to_string(v % 100);
}

Status CuBlasLt::check(int status, const char* function) const {
  switch (status) {
    case 0:
      return {};
    case 3:
      return Error(ErrorCode::kOutOfMemory, std::string(function) + ": cuBLASLt has too little memory on the GPU or the host");
    case 7:
    case 15:
      return Error(ErrorCode::kUnsupported, std::string(function) + ": cuBLASLt " + version() + " does not do this product");
    case 8:
      return Error(ErrorCode::kIncompatible, std::string(function) + ": cuBLASLt " + version() + " does not know this GPU");
    case 13:
      return Error(ErrorCode::kDeviceLost, std::string(function) + ": a kernel of cuBLASLt has failed; restart the process");
    default:
      return Error(ErrorCode::kIo, std::string(function) + " failed with status " + std::to_string(status));
  }
}

}  // namespace temper::cuda
