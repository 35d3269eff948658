// A CUDA driver for tests without a GPU, as a shared library: "device" memory is the host's, copies are made at once, kernels
// do nothing. It checks what it is given (streams, modules, addresses inside of allocations that are alive, a current context)
// and answers CUDA_ERROR_INVALID_VALUE otherwise; it fails a chosen call with a chosen code; and it counts what is alive, so
// that leaks show.
#include <cstring>
#include <map>
#include <set>
#include <string>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

struct State {
  int version = 13000;
  int devices = 1;
  std::map<unsigned long long, size_t> memory;
  std::set<void*> streams, modules, graphs, host_memory;
  bool capturing = false;
  int current = 0, retained = 0;
  long calls = 0, fail_at = -1, launches = 0, replays = 0, complaints = 0;
  int fail_with = 0;
};
State& state() {
  static State s;
  return s;
}

int enter(bool is_valid = true) {
  State& s = state();
  if (s.calls++ == s.fail_at) return s.fail_with;
  if (!is_valid) ++s.complaints;
  return is_valid ? 0 : 1;
}
bool is_inside(unsigned long long address, size_t bytes) {
  auto after = state().memory.upper_bound(address);
  if (after == state().memory.begin()) return false;
  const auto& [start, size] = *std::prev(after);
  return address + bytes <= start + size;
}
bool is_stream(void* stream) { return state().current > 0 && state().streams.contains(stream); }

}  // namespace

EXPORT void stub_reset(int version, int devices) {
  for (auto& [address, size] : state().memory) delete[] reinterpret_cast<char*>(address);
  state() = State{};
  state().version = version;
  state().devices = devices;
}
EXPORT void stub_fail(long call, int code) {
  state().calls = 0;
  state().fail_at = call;
  state().fail_with = code;
}
EXPORT long stub_calls() { return state().calls; }
EXPORT long stub_launches() { return state().launches; }
EXPORT long stub_replays() { return state().replays; }
EXPORT long stub_complaints() { return state().complaints; }
EXPORT long stub_alive() {
  return long(state().memory.size() + state().streams.size() + state().modules.size() + state().graphs.size() +
              state().host_memory.size()) +
         state().retained;
}

EXPORT int cuInit(unsigned flags) { return enter(flags == 0); }
EXPORT int cuDriverGetVersion(int* version) {
  *version = state().version;
  return enter();
}
EXPORT int cuGetErrorName(int, const char** text) {
  *text = "CUDA_ERROR_STUB";
  return 0;
}
EXPORT int cuGetErrorString(int, const char** text) {
  *text = "as the test asked";
  return 0;
}
EXPORT int cuDeviceGetCount(int* count) {
  *count = state().devices;
  return enter();
}
EXPORT int cuDeviceGet(int* device, int ordinal) {
  *device = ordinal;
  return enter(ordinal >= 0 && ordinal < state().devices);
}
EXPORT int cuDeviceGetName(char* name, int length, int) {
  std::strncpy(name, "stub", size_t(length));
  return enter();
}
EXPORT int cuDeviceGetAttribute(int* value, int attribute, int) {
  *value = attribute == 75 ? 9 : attribute == 76 ? 0 : 1;
  return enter();
}
EXPORT int cuDevicePrimaryCtxRetain(void** context, int) {
  const int result = enter();
  if (result == 0) ++state().retained, *context = &state();
  return result;
}
EXPORT int cuDevicePrimaryCtxRelease_v2(int) {
  --state().retained;
  return 0;
}
EXPORT int cuCtxPushCurrent_v2(void* context) {
  const int result = enter(context == &state());
  if (result == 0) ++state().current;
  return result;
}
EXPORT int cuCtxPopCurrent_v2(void** context) {
  *context = &state();
  --state().current;
  return 0;
}
EXPORT int cuMemAllocAsync(unsigned long long* memory, size_t bytes, void* stream) {
  const int result = enter(bytes > 0 && is_stream(stream));
  if (result != 0) return result;
  *memory = reinterpret_cast<unsigned long long>(new char[bytes]());
  state().memory[*memory] = bytes;
  return 0;
}
EXPORT int cuMemFreeAsync(unsigned long long memory, void*) {
  auto found = state().memory.find(memory);
  if (found == state().memory.end()) return enter(false);
  delete[] reinterpret_cast<char*>(memory);
  state().memory.erase(found);
  return 0;
}
EXPORT int cuMemcpyHtoDAsync_v2(unsigned long long to, const void* from, size_t bytes, void* stream) {
  const int result = enter(is_stream(stream) && is_inside(to, bytes));
  if (result == 0) std::memcpy(reinterpret_cast<void*>(to), from, bytes);
  return result;
}
EXPORT int cuMemcpyDtoHAsync_v2(void* to, unsigned long long from, size_t bytes, void* stream) {
  const int result = enter(is_stream(stream) && is_inside(from, bytes));
  if (result == 0) std::memcpy(to, reinterpret_cast<void*>(from), bytes);
  return result;
}
EXPORT int cuMemcpyDtoDAsync_v2(unsigned long long to, unsigned long long from, size_t bytes, void* stream) {
  const int result = enter(is_stream(stream) && is_inside(to, bytes) && is_inside(from, bytes));
  if (result == 0) std::memmove(reinterpret_cast<void*>(to), reinterpret_cast<void*>(from), bytes);
  return result;
}
EXPORT int cuMemsetD8Async(unsigned long long to, unsigned char value, size_t bytes, void* stream) {
  const int result = enter(is_stream(stream) && is_inside(to, bytes));
  if (result == 0) std::memset(reinterpret_cast<void*>(to), value, bytes);
  return result;
}
EXPORT int cuStreamCreate(void** stream, unsigned) {
  const int result = enter(state().current > 0);
  if (result != 0) return result;
  *stream = new char;
  state().streams.insert(*stream);
  return 0;
}
EXPORT int cuStreamDestroy_v2(void* stream) {
  if (state().streams.erase(stream) == 0) return enter(false);
  delete static_cast<char*>(stream);
  return 0;
}
EXPORT int cuStreamSynchronize(void* stream) { return enter(is_stream(stream) && !state().capturing); }
EXPORT int cuEventCreate(void**, unsigned) { return enter(); }
EXPORT int cuEventDestroy_v2(void*) { return enter(); }
EXPORT int cuEventRecord(void*, void*) { return enter(); }
EXPORT int cuEventSynchronize(void*) { return enter(); }
EXPORT int cuEventElapsedTime(float*, void*, void*) { return enter(); }
EXPORT int cuMemHostAlloc(void** memory, size_t bytes, unsigned) {
  const int result = enter(bytes > 0 && state().current > 0);
  if (result != 0) return result;
  *memory = new char[bytes]();
  state().host_memory.insert(*memory);
  return 0;
}
EXPORT int cuMemFreeHost(void* memory) {
  if (state().host_memory.erase(memory) == 0) return enter(false);
  delete[] static_cast<char*>(memory);
  return 0;
}
EXPORT int cuStreamBeginCapture_v2(void* stream, int) {
  const int result = enter(is_stream(stream) && !state().capturing);
  if (result == 0) state().capturing = true;
  return result;
}
EXPORT int cuStreamEndCapture(void* stream, void** graph) {
  const int result = enter(is_stream(stream) && state().capturing);
  state().capturing = false;
  if (result != 0) return result;
  *graph = new char;
  state().graphs.insert(*graph);
  return 0;
}
EXPORT int cuGraphInstantiateWithFlags(void** run, void* graph, unsigned long long) {
  const int result = enter(state().graphs.contains(graph));
  if (result != 0) return result;
  *run = new char;
  state().graphs.insert(*run);
  return 0;
}
EXPORT int cuGraphDestroy(void* graph) {
  if (state().graphs.erase(graph) == 0) return enter(false);
  delete static_cast<char*>(graph);
  return 0;
}
EXPORT int cuGraphExecDestroy(void* run) { return cuGraphDestroy(run); }
EXPORT int cuGraphLaunch(void* run, void* stream) {
  const int result = enter(state().graphs.contains(run) && is_stream(stream) && !state().capturing);
  if (result == 0) ++state().replays;
  return result;
}
EXPORT int cuModuleLoadData(void** module, const void* image) {
  const int result = enter(state().current > 0 && image != nullptr);
  if (result != 0) return result;
  *module = new char;
  state().modules.insert(*module);
  return 0;
}
EXPORT int cuModuleUnload(void* module) {
  if (state().modules.erase(module) == 0) return enter(false);
  delete static_cast<char*>(module);
  return 0;
}
EXPORT int cuModuleGetFunction(void** function, void* module, const char* name) {
  *function = module;
  return enter(state().modules.contains(module) && name != nullptr && *name != 0);
}
EXPORT int cuFuncSetAttribute(void* function, int attribute, int value) {
  return enter(state().modules.contains(function) && attribute == 8 && value > 0 && value <= 99 << 10);
}
EXPORT int cuLaunchKernel(void* function, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned, unsigned, unsigned,
                          void* stream, void** parameters, void**) {
  const int result = enter(state().modules.contains(function) && x > 0 && y == 1 && z == 1 && threads > 0 && threads <= 1024 &&
                           is_stream(stream) && parameters != nullptr);
  if (result == 0) ++state().launches;
  return result;
}
EXPORT int cuPointerGetAttribute(void* value, int, unsigned long long address) {
  const bool is_device = is_inside(address, 0);
  *static_cast<unsigned*>(value) = is_device ? 2 : 1;
  const int result = enter();
  return result != 0 ? result : is_device ? 0 : 1;
}
