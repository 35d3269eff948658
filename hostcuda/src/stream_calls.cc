// The runtime's calls on streams.
#include <utility>

#include "stream.h"

using hostcuda::Event;
using hostcuda::note;
using hostcuda::Stream;

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned int flags) {
  if (!stream || (flags & ~1U)) return note(cudaErrorInvalidValue);
  *stream = Stream::create(!(flags & cudaStreamNonBlocking))->handle();
  return cudaSuccess;
}

cudaError_t cudaStreamCreate(cudaStream_t* stream) { return cudaStreamCreateWithFlags(stream, cudaStreamDefault); }

cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned int flags, int priority) {
  return cudaStreamCreateWithFlags(stream, flags);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  if (!stream || stream == cudaStreamLegacy || stream == cudaStreamPerThread) return note(cudaErrorInvalidResourceHandle);
  Stream* ending = Stream::from_handle(stream);
  if (ending->runs_on_this_thread()) return note(cudaErrorNotPermitted);
  const cudaError_t error = ending->close();
  ending->release();
  return note(error);
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  Stream* waited = Stream::from_handle(stream);
  return note(waited == Stream::null_stream() ? Stream::wait_blocking_streams() : waited->wait_all());
}

cudaError_t cudaStreamQuery(cudaStream_t stream) {
  Stream* asked = Stream::from_handle(stream);
  if (asked->idle()) return note(asked->wait_all());  // nothing to wait for: gives the error of an item
  asked->poke();
  return cudaErrorNotReady;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  if (!status) return note(cudaErrorInvalidValue);
  *status = cudaStreamCaptureStatusNone;
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t, cudaStreamCaptureMode) { return note(cudaErrorNotSupported); }
cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t* graph) {
  if (graph) *graph = nullptr;
  return note(cudaErrorNotSupported);
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t, unsigned long long) {
  if (exec) *exec = nullptr;
  return note(cudaErrorNotSupported);
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t, cudaStream_t) { return note(cudaErrorNotSupported); }
cudaError_t cudaGraphDestroy(cudaGraph_t graph) { return graph ? note(cudaErrorInvalidValue) : cudaSuccess; }
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) { return exec ? note(cudaErrorInvalidValue) : cudaSuccess; }

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned int flags) {
  if (!event) return note(cudaErrorInvalidResourceHandle);
  if (flags != cudaEventWaitDefault) return note(cudaErrorInvalidValue);
  auto [other, position] = Event::from_handle(event)->point();
  Stream* waiting = Stream::from_handle(stream);
  if (!other || other.get() == waiting || other->reached(position)) return cudaSuccess;
  hostcuda::Item item;
  item.other = std::move(other);
  item.position = position;
  waiting->submit(std::move(item));
  return cudaSuccess;
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t fn, void* userData) {
  if (!fn) return note(cudaErrorInvalidValue);
  hostcuda::Item item;
  item.run = [](void* const* arguments) {
    reinterpret_cast<cudaHostFn_t>(arguments[0])(arguments[1]);
    return cudaSuccess;
  };
  item.arguments[0] = reinterpret_cast<void*>(fn);
  item.arguments[1] = userData;
  Stream::from_handle(stream)->submit(std::move(item));
  return cudaSuccess;
}

cudaError_t cudaStreamAddCallback(cudaStream_t stream, cudaStreamCallback_t callback, void* userData, unsigned int flags) {
  if (!callback || flags != 0) return note(cudaErrorInvalidValue);
  hostcuda::Item item;
  item.run = [](void* const* arguments) {
    reinterpret_cast<cudaStreamCallback_t>(arguments[0])(static_cast<cudaStream_t>(arguments[2]), cudaSuccess, arguments[1]);
    return cudaSuccess;
  };
  item.arguments[0] = reinterpret_cast<void*>(callback);
  item.arguments[1] = userData;
  item.arguments[2] = stream;
  Stream::from_handle(stream)->submit(std::move(item));
  return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize() { return note(Stream::wait_every_stream()); }
