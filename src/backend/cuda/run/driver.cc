#include "backend/cuda/run/driver.h"

#include <vector>

namespace temper::cuda {
namespace {

ErrorCode code_of(CuResult result) {
  switch (result) {
    case 1:
      return ErrorCode::kInvalidArgument;
    case 2:
      return ErrorCode::kOutOfMemory;
    case 100:  // no device
    case 101:
      return ErrorCode::kNotFound;  // no such device
    case 200:                       // invalid image
    case 209:                       // no binary for this device
    case 218:                       // invalid PTX
    case 222:
      return ErrorCode::kIncompatible;  // PTX of a newer toolkit
    case 801:
      return ErrorCode::kUnsupported;
    default:
      return ErrorCode::kIo;
  }
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
                                               "; install one for CUDA 12.0 or later")
        .at("CUDA driver");
  }
  return driver;
}

Expected<const Driver*> Driver::get() {
  static const Expected<std::unique_ptr<Driver>> kDriver = open(std::vector<std::string>{"libcuda.so.1", "libcuda.so"});
  if (!kDriver.ok()) return Error(kDriver.error());
  return kDriver->get();
}

Status Driver::check(CuResult result, const char* function) const {
  if (result == 0) return {};
  const char *name = nullptr, *text = nullptr;
  api.cuGetErrorName(result, &name);
  api.cuGetErrorString(result, &text);
  return Error(code_of(result), std::string(function) + " failed: " + (name ? name : "error " + std::to_string(result)) +
                                    (text ? std::string(", ") + text : ""));
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
