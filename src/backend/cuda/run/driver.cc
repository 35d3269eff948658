#include "backend/cuda/run/driver.h"

#include <cstdlib>
#include <vector>

namespace temper::cuda {
namespace {

// What an error of the driver means to a user, and what to do.
struct Meaning {
  CuResult first, last;
  ErrorCode code;
  const char* cure;
};
constexpr Meaning kMeanings[] = {
    {1, 1, ErrorCode::kInvalidArgument, ""},
    {2, 2, ErrorCode::kOutOfMemory,
     "the GPU has too little free memory; end other programs on it, or use smaller shapes or fewer contexts"},
    {34, 36, ErrorCode::kIncompatible, "the driver is older than the library that asks it; install a newer NVIDIA driver"},
    {46, 46, ErrorCode::kIo,
     "another process has the GPU to itself, or it is in use up to its limit; end that process or choose another GPU"},
    {100, 101, ErrorCode::kNotFound,
     "no such GPU is visible; see nvidia-smi and CUDA_VISIBLE_DEVICES, or build for a CPU target"},
    {200, 200, ErrorCode::kIncompatible, "the machine code is of another kind; load the plan with its kernels compiled anew"},
    {209, 209, ErrorCode::kIncompatible, "the machine code is for another GPU; load the plan with its kernels compiled anew"},
    {214, 214, ErrorCode::kDeviceLost,
     "the GPU's memory has failed; restart the process, and if it comes back, replace the GPU"},
    {218, 223, ErrorCode::kIncompatible,
     "the machine code is of a newer toolkit than the driver; install a newer NVIDIA driver"},
    {226, 226, ErrorCode::kDeviceLost, "restart the process"},
    {700, 700, ErrorCode::kDeviceLost,
     "a kernel has read or written where it must not, and the GPU takes no more work of this process: restart it, and report "
     "the plan"},
    {702, 702, ErrorCode::kDeviceLost,
     "a kernel ran longer than the system lets it, and the GPU takes no more work of this process: restart it"},
    {710, 710, ErrorCode::kDeviceLost, "the GPU takes no more work of this process: restart it"},
    {714, 719, ErrorCode::kDeviceLost,
     "a kernel has failed, and the GPU takes no more work of this process: restart it, and report the plan"},
    {801, 801, ErrorCode::kUnsupported, ""},
    {802, 804, ErrorCode::kIncompatible,
     "the driver's parts are not of one version, or do not serve this GPU; install one NVIDIA driver whole and restart the "
     "machine"},
    {900, 908, ErrorCode::kInvalidArgument,
     "the stream is being captured, and this can't be: run the context once at this shape before the capture"},
};

const Meaning* meaning_of(CuResult result) {
  for (const Meaning& m : kMeanings) {
    if (result >= m.first && result <= m.last) return &m;
  }
  return nullptr;
}

}  // namespace

Expected<std::unique_ptr<Driver>> Driver::open(std::span<const std::string> names) {
  std::unique_ptr<Driver> driver(new Driver());
  DriverApi& api = driver->api;
  const DynamicSymbol table[] = {
#define DRIVER(name, parameters, required) {#name, reinterpret_cast<void**>(&api.name), required},
#include "backend/cuda/run/driver.def"
#undef DRIVER
  };
  auto library = DynamicLibrary::open(names, table);
  if (!library.ok()) {
    Error error = std::move(library).error();
    if (error.code() != ErrorCode::kNotFound) return std::move(error).at("CUDA driver");
    return Error(ErrorCode::kNotFound,
                 "there is no NVIDIA driver on this machine: " + error.message() + "; install one, or build for a CPU target")
        .at("CUDA driver");
  }
  driver->library_.emplace(std::move(*library));
  TEMPER_TRY_AT(driver->check(api.cuInit(0), "cuInit"), "CUDA driver");
  TEMPER_TRY_AT(driver->check(api.cuDriverGetVersion(&driver->version_), "cuDriverGetVersion"), "CUDA driver");
  if (driver->version_ < kLeastDriver) {
    return Error(ErrorCode::kIncompatible, "the NVIDIA driver supports CUDA " + std::to_string(driver->version_ / 1000) + "." +
                                               std::to_string(driver->version_ % 1000 / 10) +
                                               "; install one for CUDA 12.3 or later (545 or newer)")
        .at("CUDA driver");
  }
  return driver;
}

Expected<const Driver*> Driver::get() {
  static const Expected<std::unique_ptr<Driver>> kDriver = [] {
    const char* named = std::getenv("TEMPER_CUDA_DRIVER");
    return open(named ? std::vector<std::string>{named} : std::vector<std::string>{"libcuda.so.1", "libcuda.so"});
  }();
  if (!kDriver.ok()) return Error(kDriver.error());
  return kDriver->get();
}

Status Driver::check(CuResult result, const char* function) const {
  if (result == 0) return {};
  const char *name = nullptr, *text = nullptr;
  api.cuGetErrorName(result, &name);
  api.cuGetErrorString(result, &text);
  std::string message = std::string(function) + " failed: " + (name ? name : "error " + std::to_string(result));
  if (text) message.append(", ").append(text);
  const Meaning* meaning = meaning_of(result);
  if (meaning && *meaning->cure) message.append("; ").append(meaning->cure);
  return Error(meaning ? meaning->code : ErrorCode::kIo, std::move(message));
}

Expected<int> Driver::device_count() const {
  int count = 0;
  TEMPER_TRY(check(api.cuDeviceGetCount(&count), "cuDeviceGetCount"));
  return count;
}

Expected<std::shared_ptr<GpuDevice>> GpuDevice::open(const Driver& driver, int ordinal) {
  const int count = TEMPER_TRY(driver.device_count());
  if (ordinal < 0 || ordinal >= count) {
    return Error(ErrorCode::kNotFound, "there is no GPU number " + std::to_string(ordinal) + ": this machine has " +
                                           std::to_string(count) + " that the process may use (see CUDA_VISIBLE_DEVICES)");
  }
  std::shared_ptr<GpuDevice> gpu(new GpuDevice(driver));
  const DriverApi& api = driver.api;
  TEMPER_TRY(driver.check(api.cuDeviceGet(&gpu->device_, ordinal), "cuDeviceGet"));
  char name[256] = {};
  TEMPER_TRY(driver.check(api.cuDeviceGetName(name, sizeof(name) - 1, gpu->device_), "cuDeviceGetName"));
  gpu->name_ = name;
  int major = 0, minor = 0, pools = 0;
  for (auto [value, attribute] : {std::pair(&major, kAttributeMajor),
                                  {&minor, kAttributeMinor},
                                  {&pools, kAttributeMemoryPools},
                                  {&gpu->cache_bytes_, kAttributeCacheBytes},
                                  {&gpu->multiprocessors_, kAttributeMultiprocessors}}) {
    TEMPER_TRY(driver.check(api.cuDeviceGetAttribute(value, attribute, gpu->device_), "cuDeviceGetAttribute"));
  }
  gpu->architecture_ = major * 10 + minor;
  if (major < 8 || !pools) {
    return Error(ErrorCode::kUnsupported, "the GPU '" + gpu->name_ + "' has compute capability " + std::to_string(major) + "." +
                                              std::to_string(minor) + (pools ? "" : " and no memory pools") +
                                              "; Temper needs 8.0 or later, with memory pools");
  }
  TEMPER_TRY(driver.check(api.cuDevicePrimaryCtxRetain(&gpu->context_, gpu->device_), "cuDevicePrimaryCtxRetain"));
  return gpu;
}

GpuDevice::~GpuDevice() {
  if (context_) driver_.api.cuDevicePrimaryCtxRelease_v2(device_);
}

}  // namespace temper::cuda
