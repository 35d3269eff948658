// A CUDA driver for tests without a GPU, as a shared library: "device" memory is the host's, copies are made at once, kernels
// are noted with their first arguments and do nothing. It checks what it is given (streams, modules, nodes, addresses inside of
// allocations that are alive, a current context, what may be done while a stream is captured) and answers
// CUDA_ERROR_INVALID_VALUE otherwise; it fails a chosen call with a chosen code, and for a lost device all calls that follow;
// and it counts what is alive, so that leaks show.
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

struct Launched {
  void* function;
  unsigned long long first, second;  // arguments
};
struct Graph {
  std::vector<std::unique_ptr<Launched>> nodes;
};
struct GraphRun {
  Graph* graph;
  std::vector<Launched> launches;
};
struct Stream {
  Graph* capture = nullptr;
};

struct State {
  int version = 13000;
  int devices = 1;
  std::map<unsigned long long, size_t> memory;
  std::set<void*> modules, graphs, runs, events, host_memory;
  std::map<void*, Stream> streams;
  std::vector<Launched> log;
  int current = 0, retained = 0;
  long calls = 0, fail_at = -1, launches = 0, replays = 0, rebinds = 0, waits = 0, complaints = 0;
  int fail_with = 0;
  bool lost = false;
};
State& state() {
  static State s;
  return s;
}

int enter(bool is_valid = true) {
  State& s = state();
  constexpr int kIllegalAddress = 700;
  if (s.lost) return kIllegalAddress;
  if (s.calls++ == s.fail_at) {
    s.lost = s.fail_with == kIllegalAddress;
    return s.fail_with;
  }
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
bool is_captured(void* stream) { return state().streams[stream].capture != nullptr; }
// What has no meaning in a capture.
bool is_free_stream(void* stream) { return is_stream(stream) && !is_captured(stream); }

}  // namespace

EXPORT void stub_reset(int version, int devices) {
  for (auto& [address, size] : state().memory) delete[] reinterpret_cast<char*>(address);
  for (void* graph : state().graphs) delete static_cast<Graph*>(graph);
  for (void* run : state().runs) delete static_cast<GraphRun*>(run);
  state() = State{};
  state().version = version;
  state().devices = devices;
  state().log.reserve(1 << 16);
}
EXPORT void stub_fail(long call, int code) {
  state().calls = 0;
  state().fail_at = call;
  state().fail_with = code;
  state().lost = false;
}
EXPORT long stub_calls() { return state().calls; }
EXPORT long stub_launches() { return state().launches; }
EXPORT long stub_replays() { return state().replays; }
EXPORT long stub_rebinds() { return state().rebinds; }
EXPORT long stub_waits() { return state().waits; }
EXPORT long stub_graphs() { return long(state().runs.size()); }
EXPORT long stub_bytes() {
  size_t bytes = 0;
  for (const auto& [address, size] : state().memory) bytes += size;
  return long(bytes);
}
// The arguments of the kernels that ran, in order.
EXPORT long stub_log_size() { return long(state().log.size()); }
EXPORT unsigned long long stub_log(long index, int argument) {
  const Launched& l = state().log[size_t(index)];
  return argument == 0 ? l.first : l.second;
}
EXPORT long stub_recorded(void* graph) { return long(static_cast<Graph*>(graph)->nodes.size()); }
EXPORT long stub_complaints() { return state().complaints; }
EXPORT long stub_alive() {
  return long(state().memory.size() + state().streams.size() + state().modules.size() + state().graphs.size() +
              state().runs.size() + state().events.size() + state().host_memory.size()) +
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
EXPORT int cuCtxGetDevice(int* device) {
  *device = 0;
  return enter(state().current > 0);
}
EXPORT int cuCtxPopCurrent_v2(void** context) {
  *context = &state();
  --state().current;
  return 0;
}
EXPORT int cuMemAllocAsync(unsigned long long* memory, size_t bytes, void* stream) {
  const int result = enter(bytes > 0 && is_free_stream(stream));
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
  state().streams[*stream] = {};
  return 0;
}
EXPORT int cuStreamDestroy_v2(void* stream) {
  if (state().streams.erase(stream) == 0) return enter(false);
  delete static_cast<char*>(stream);
  return 0;
}
EXPORT int cuStreamSynchronize(void* stream) {
  ++state().waits;
  return enter(is_free_stream(stream));
}
EXPORT int cuStreamWaitEvent(void* stream, void* event, unsigned) {
  return enter(is_free_stream(stream) && state().events.contains(event));
}
EXPORT int cuStreamIsCapturing(void* stream, int* status) {
  const int result = enter(is_stream(stream));
  if (result == 0) *status = is_captured(stream);
  return result;
}
EXPORT int cuEventCreate(void** event, unsigned) {
  const int result = enter(state().current > 0);
  if (result != 0) return result;
  *event = new char;
  state().events.insert(*event);
  return 0;
}
EXPORT int cuEventDestroy_v2(void* event) {
  if (state().events.erase(event) == 0) return enter(false);
  delete static_cast<char*>(event);
  return 0;
}
EXPORT int cuEventRecord(void* event, void* stream) { return enter(state().events.contains(event) && is_free_stream(stream)); }
EXPORT int cuEventSynchronize(void* event) { return enter(state().events.contains(event)); }
EXPORT int cuEventElapsedTime(float* milliseconds, void* from, void* to) {
  *milliseconds = 5;  // so long that nobody repeats it often
  return enter(state().events.contains(from) && state().events.contains(to));
}
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
  const int result = enter(is_free_stream(stream));
  if (result != 0) return result;
  auto* graph = new Graph;
  state().graphs.insert(graph);
  state().streams[stream].capture = graph;
  return 0;
}
EXPORT int cuStreamEndCapture(void* stream, void** graph) {
  const int result = enter(is_stream(stream) && is_captured(stream));
  *graph = nullptr;
  if (!state().streams.contains(stream)) return result;
  Graph* captured = state().streams[stream].capture;
  state().streams[stream].capture = nullptr;
  if (result == 0) {
    *graph = captured;
  } else if (captured) {
    state().graphs.erase(captured);
    delete captured;
  }
  return result;
}
EXPORT int cuStreamGetCaptureInfo_v3(void* stream, int* status, unsigned long long*, void**, void* const** before, const void**,
                                     size_t* count) {
  static void* last;
  const int result = enter(is_stream(stream));
  if (result != 0) return result;
  Graph* graph = state().streams[stream].capture;
  *status = graph != nullptr;
  *count = 0;
  if (!graph || graph->nodes.empty()) return 0;
  last = graph->nodes.back().get();
  *before = &last;
  *count = 1;
  return 0;
}
EXPORT int cuGraphInstantiateWithFlags(void** run, void* graph, unsigned long long) {
  const int result = enter(state().graphs.contains(graph));
  if (result != 0) return result;
  auto* made = new GraphRun{static_cast<Graph*>(graph), {}};
  for (const auto& node : made->graph->nodes) made->launches.push_back(*node);
  state().runs.insert(made);
  *run = made;
  return 0;
}
EXPORT int cuGraphExecKernelNodeSetParams_v2(void* run, void* node, const void* parameters) {
  struct Parameters {
    void* function;
    unsigned x, y, z, threads, threads_y, threads_z, shared;
    void** arguments;
  };
  const auto* p = static_cast<const Parameters*>(parameters);
  auto* made = static_cast<GraphRun*>(run);
  size_t at = 0;
  const bool is_run = state().runs.contains(run) && state().graphs.contains(made->graph);
  while (is_run && at < made->graph->nodes.size() && made->graph->nodes[at].get() != node) ++at;
  const int result = enter(is_run && at < made->graph->nodes.size() && p->x > 0 && p->threads > 0 &&
                           p->function == made->graph->nodes[at]->function);
  if (result != 0) return result;
  const auto* words = static_cast<const unsigned long long*>(p->arguments[0]);
  made->launches[at] = {p->function, words[0], words[1]};
  ++state().rebinds;
  return 0;
}
EXPORT int cuGraphDestroy(void* graph) {
  if (state().graphs.erase(graph) == 0) return enter(false);
  delete static_cast<Graph*>(graph);
  return 0;
}
EXPORT int cuGraphExecDestroy(void* run) {
  if (state().runs.erase(run) == 0) return enter(false);
  delete static_cast<GraphRun*>(run);
  return 0;
}
EXPORT int cuGraphLaunch(void* run, void* stream) {
  const int result = enter(state().runs.contains(run) && is_free_stream(stream));
  if (result != 0) return result;
  ++state().replays;
  const auto& launches = static_cast<GraphRun*>(run)->launches;
  state().log.insert(state().log.end(), launches.begin(), launches.end());
  return 0;
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
  return enter(state().modules.contains(function) && attribute == 8 && value > 0 && value <= 227 << 10);
}
EXPORT int cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, void* function, int threads, size_t) {
  *blocks = 2;
  return enter(state().modules.contains(function) && threads > 0 && threads <= 1024);
}
EXPORT int cuLaunchKernelEx(const void* what, void* function, void** parameters, void**) {
  struct Launch {
    unsigned x, y, z, threads, threads_y, threads_z, shared;
    void* stream;
    const void* attributes;
    unsigned attribute_count;
  };
  const auto& launch = *static_cast<const Launch*>(what);
  const unsigned x = launch.x, y = launch.y, z = launch.z, threads = launch.threads;
  void* stream = launch.stream;
  const int result = enter(state().modules.contains(function) && x > 0 && y == 1 && z == 1 && threads > 0 && threads <= 1024 &&
                           is_stream(stream) && parameters != nullptr);
  if (result != 0) return result;
  ++state().launches;
  const auto* words = static_cast<const unsigned long long*>(parameters[0]);
  const Launched launched{function, words[0], words[1]};
  if (Graph* graph = state().streams[stream].capture)
    graph->nodes.push_back(std::make_unique<Launched>(launched));
  else
    state().log.push_back(launched);
  return 0;
}
EXPORT int cuTensorMapEncodeTiled(void* map, int, unsigned rank, void* address, const unsigned long long* dims,
                                  const unsigned long long* strides, const unsigned* box, const unsigned*, int, int, int, int) {
  const auto to = reinterpret_cast<unsigned long long>(address);
  bool is_valid = reinterpret_cast<unsigned long long>(map) % 64 == 0 && to % 16 == 0 && is_inside(to, 1) && rank == 4;
  for (unsigned d = 0; d < rank; ++d) {
    is_valid = is_valid && dims[d] > 0 && box[d] > 0 && box[d] <= 256;
    if (d + 1 < rank) is_valid = is_valid && strides[d] % 16 == 0 && strides[d] > 0;
  }
  if (const int result = enter(is_valid); result != 0) return result;
  std::memset(map, 0x5a, 128);
  return 0;
}
EXPORT int cuTensorMapEncodeIm2col(void* map, int, unsigned rank, void* address, const unsigned long long* dims,
                                   const unsigned long long* strides, const int* lower, const int* upper, unsigned channels,
                                   unsigned pixels, const unsigned* steps, int, int, int, int) {
  const auto to = reinterpret_cast<unsigned long long>(address);
  bool is_valid = reinterpret_cast<unsigned long long>(map) % 64 == 0 && to % 16 == 0 && is_inside(to, 1) && rank == 4 &&
                  channels <= 256 && pixels <= 1024;
  for (unsigned d = 0; d < rank; ++d) {
    is_valid = is_valid && dims[d] > 0 && steps[d] >= 1 && steps[d] <= 8;
    if (d + 1 < rank) is_valid = is_valid && strides[d] % 16 == 0 && strides[d] > 0;
    if (d < 2) is_valid = is_valid && lower[d] >= -128 && lower[d] <= 127 && upper[d] >= -128 && upper[d] <= 127;
  }
  if (const int result = enter(is_valid); result != 0) return result;
  std::memset(map, 0x5a, 128);
  return 0;
}
EXPORT int cuPointerGetAttribute(void* value, int, unsigned long long address) {
  const bool is_device = is_inside(address, 0);
  *static_cast<unsigned*>(value) = is_device ? 2 : 1;
  const int result = enter();
  return result != 0 ? result : is_device ? 0 : 1;
}
