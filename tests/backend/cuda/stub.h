// The stub of the CUDA driver (stub_driver.cc), as tests speak to it.
#pragma once

#include <dlfcn.h>

#include <memory>
#include <string>
#include <vector>

#include "backend/cuda/run/driver.h"

namespace temper::cuda {

struct Stub {
  void* library = dlopen(TEMPER_STUB_DRIVER, RTLD_NOW);
  template <class F>
  F* find(const char* name) const {
    return reinterpret_cast<F*>(dlsym(library, name));
  }
  void reset(int version = 13000, int devices = 1) const { find<void(int, int)>("stub_reset")(version, devices); }
  void fail(long call, int code) const { find<void(long, int)>("stub_fail")(call, code); }
  long number(const char* name) const { return find<long()>(name)(); }
  unsigned long long argument(long launch, int which) const {
    return find<unsigned long long(long, int)>("stub_log")(launch, which);
  }
};

inline const Stub& stub() {
  static const Stub kStub;
  return kStub;
}

inline Expected<std::unique_ptr<Driver>> open_stub() { return Driver::open(std::vector<std::string>{TEMPER_STUB_DRIVER}); }

// The codes that are made to happen at every call: out of memory, a wrong value, a lost device; all kinds with TEMPER_FULL set.
std::vector<int> injected_codes();
// What an injected code must become.
ErrorCode expected_code(int injected);

}  // namespace temper::cuda
