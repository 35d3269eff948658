// In place of NVIDIA's runtime, for programs of tests without a GPU: what the API calls of it. Streams are those of the stub
// driver; nothing of hostcuda is linked beside it.
#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {
int events = 0;
}

EXPORT int cudaEventRecord(void*, void*) {
  ++events;
  return 0;
}
EXPORT int cudaStreamSynchronize(void*) { return 0; }
EXPORT int cudaMemcpyAsync(void*, const void*, unsigned long, int, void*) { return 0; }
EXPORT int cudaStreamCreateWithFlags(void**, unsigned) { return 0; }
EXPORT int cudaStreamDestroy(void*) { return 0; }
EXPORT int cudaGetLastError() { return 0; }
EXPORT const char* cudaGetErrorString(int) { return "an error of the stub"; }
EXPORT int stub_runtime_events() { return events; }
