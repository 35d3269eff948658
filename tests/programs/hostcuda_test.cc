// hostcuda as programs see it: order of streams, events, memory, and that waiting threads help.
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <numeric>
#include <thread>
#include <vector>

#include "cuda_runtime.h"
#include "hostcuda/queue.h"

namespace {

struct StreamOwner {
  explicit StreamOwner(unsigned flags = cudaStreamDefault) {
    EXPECT_EQ(cudaStreamCreateWithFlags(&stream, flags), cudaSuccess);
  }
  ~StreamOwner() { cudaStreamDestroy(stream); }
  operator cudaStream_t() const { return stream; }
  cudaStream_t stream = nullptr;
};

struct EventOwner {
  explicit EventOwner(unsigned flags = cudaEventDefault) { EXPECT_EQ(cudaEventCreateWithFlags(&event, flags), cudaSuccess); }
  ~EventOwner() { cudaEventDestroy(event); }
  operator cudaEvent_t() const { return event; }
  cudaEvent_t event = nullptr;
};

// Host functions that hold a stream until they are let go.
struct Gate {
  std::atomic<bool> open{false};
  std::atomic<bool> passed{false};
  static void pass(void* self) {
    auto* gate = static_cast<Gate*>(self);
    while (!gate->open) std::this_thread::yield();
    gate->passed = true;
  }
};

TEST(HostCuda, StreamRunsWorkInOrder) {
  StreamOwner stream;
  struct Entry {
    std::vector<int>* log;
    int value;
  };
  std::vector<int> log;
  std::vector<Entry> entries;
  for (int i = 0; i < 200; ++i) entries.push_back({&log, i});
  for (Entry& entry : entries) {
    cudaLaunchHostFunc(
        stream,
        [](void* p) {
          auto* e = static_cast<Entry*>(p);
          e->log->push_back(e->value);
        },
        &entry);
  }
  ASSERT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  std::vector<int> expected(200);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(log, expected);
}

TEST(HostCuda, WorkRunsThoughNobodyWaits) {
  StreamOwner stream;
  for (int round = 0; round < 20; ++round) {
    std::atomic<bool> done{false};
    cudaLaunchHostFunc(
        stream, [](void* p) { *static_cast<std::atomic<bool>*>(p) = true; }, &done);
    while (!done) std::this_thread::yield();
  }
}

TEST(HostCuda, AWaitingThreadRunsTheWorkItself) {
  StreamOwner stream;
  int own = 0;
  for (int round = 0; round < 100; ++round) {
    std::thread::id ran;
    cudaLaunchHostFunc(
        stream, [](void* p) { *static_cast<std::thread::id*>(p) = std::this_thread::get_id(); }, &ran);
    cudaStreamSynchronize(stream);
    own += ran == std::this_thread::get_id();
  }
  EXPECT_GT(own, 50);  // the worker may take it when this thread loses the processor in between
}

TEST(HostCuda, QueryPollsToTheEnd) {
  StreamOwner stream;
  EventOwner event;
  Gate gate;
  cudaLaunchHostFunc(stream, Gate::pass, &gate);
  cudaEventRecord(event, stream);
  EXPECT_EQ(cudaStreamQuery(stream), cudaErrorNotReady);
  EXPECT_EQ(cudaEventQuery(event), cudaErrorNotReady);
  gate.open = true;
  while (cudaEventQuery(event) == cudaErrorNotReady) std::this_thread::yield();
  while (cudaStreamQuery(stream) == cudaErrorNotReady) std::this_thread::yield();
  EXPECT_TRUE(gate.passed);
}

TEST(HostCuda, StreamWaitsForEventOfAnother) {
  StreamOwner first, second;
  EventOwner event(cudaEventDisableTiming);
  Gate gate;
  cudaLaunchHostFunc(first, Gate::pass, &gate);
  cudaEventRecord(event, first);
  cudaStreamWaitEvent(second, event);
  struct Seen {
    Gate* gate;
    bool passed;
  } seen{&gate, false};
  cudaLaunchHostFunc(
      second,
      [](void* p) {
        auto* s = static_cast<Seen*>(p);
        s->passed = s->gate->passed;
      },
      &seen);
  std::thread opener([&] { gate.open = true; });
  ASSERT_EQ(cudaStreamSynchronize(second), cudaSuccess);
  opener.join();
  EXPECT_TRUE(seen.passed);
}

TEST(HostCuda, NullStreamOrdersItselfWithBlockingStreams) {
  StreamOwner blocking;
  int* value = nullptr;
  ASSERT_EQ(cudaMalloc(&value, sizeof(int)), cudaSuccess);
  *value = 0;
  for (int round = 0; round < 200; ++round) {
    cudaLaunchHostFunc(
        blocking, [](void* p) { *static_cast<int*>(p) += 1; }, value);
    cudaMemsetAsync(value, 0, 0, nullptr);
    cudaLaunchHostFunc(
        nullptr, [](void* p) { *static_cast<int*>(p) *= 2; }, value);
    cudaLaunchHostFunc(
        blocking, [](void* p) { *static_cast<int*>(p) %= 1000; }, value);
  }
  int copied = -1;
  ASSERT_EQ(cudaMemcpy(&copied, value, sizeof(int), cudaMemcpyDeviceToHost), cudaSuccess);
  int expected = 0;
  for (int round = 0; round < 200; ++round) expected = (expected + 1) * 2 % 1000;
  EXPECT_EQ(copied, expected);
  cudaFree(value);
}

TEST(HostCuda, EventsMeasureTime) {
  StreamOwner stream;
  EventOwner start, end, untimed(cudaEventDisableTiming);
  float ms = -1;
  EXPECT_EQ(cudaEventElapsedTime(&ms, start, end), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  cudaEventRecord(start, stream);
  cudaLaunchHostFunc(
      stream, [](void*) { std::this_thread::sleep_for(std::chrono::milliseconds(3)); }, nullptr);
  cudaEventRecord(end, stream);
  ASSERT_EQ(cudaEventSynchronize(end), cudaSuccess);
  ASSERT_EQ(cudaEventElapsedTime(&ms, start, end), cudaSuccess);
  EXPECT_GE(ms, 3.0f);
  EXPECT_EQ(cudaEventElapsedTime(&ms, start, untimed), cudaErrorInvalidResourceHandle);
}

TEST(HostCuda, CopiesKeepTheirPromises) {
  StreamOwner stream;
  Gate gate;
  std::vector<float> host(1000, 1.5f), back(1000, 0.0f);
  float* device = nullptr;
  ASSERT_EQ(cudaMalloc(&device, 4000), cudaSuccess);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(device) % 256, 0u);
  cudaLaunchHostFunc(stream, Gate::pass, &gate);
  // The source is not pinned: it may change as soon as the call returns, though the stream is held.
  ASSERT_EQ(cudaMemcpyAsync(device, host.data(), 4000, cudaMemcpyHostToDevice, stream), cudaSuccess);
  std::fill(host.begin(), host.end(), -1.0f);
  gate.open = true;
  ASSERT_EQ(cudaMemcpyAsync(back.data(), device, 4000, cudaMemcpyDeviceToHost, stream), cudaSuccess);
  EXPECT_EQ(back, std::vector<float>(1000, 1.5f));  // and a copy to such memory has ended on return
  cudaFree(device);
}

TEST(HostCuda, Copy2DAndMemset) {
  unsigned char* device = nullptr;
  ASSERT_EQ(cudaMalloc(&device, 12), cudaSuccess);
  ASSERT_EQ(cudaMemset(device, 7, 12), cudaSuccess);
  const unsigned char from[4] = {1, 2, 3, 4};
  ASSERT_EQ(cudaMemcpy2D(device, 6, from, 2, 2, 2, cudaMemcpyHostToDevice), cudaSuccess);
  unsigned char got[12];
  ASSERT_EQ(cudaMemcpy(got, device, 12, cudaMemcpyDeviceToHost), cudaSuccess);
  const unsigned char want[12] = {1, 2, 7, 7, 7, 7, 3, 4, 7, 7, 7, 7};
  EXPECT_EQ(std::memcmp(got, want, 12), 0);
  EXPECT_EQ(cudaMemcpy2D(device, 1, from, 2, 2, 2, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(device, from, 4, cudaMemcpyKind(9)), cudaErrorInvalidMemcpyDirection);
  cudaFree(device);
}

TEST(HostCuda, WrongFreesAreErrors) {
  int local = 0;
  EXPECT_EQ(cudaFree(&local), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFree(nullptr), cudaSuccess);
  void* pinned = nullptr;
  ASSERT_EQ(cudaMallocHost(&pinned, 64), cudaSuccess);
  EXPECT_EQ(cudaFree(pinned), cudaErrorInvalidValue);
  cudaPointerAttributes attributes;
  ASSERT_EQ(cudaPointerGetAttributes(&attributes, static_cast<char*>(pinned) + 63), cudaSuccess);
  EXPECT_EQ(attributes.type, cudaMemoryTypeHost);
  ASSERT_EQ(cudaPointerGetAttributes(&attributes, &local), cudaSuccess);
  EXPECT_EQ(attributes.type, cudaMemoryTypeUnregistered);
  EXPECT_EQ(cudaFreeHost(pinned), cudaSuccess);
  EXPECT_EQ(cudaFreeHost(pinned), cudaErrorInvalidValue);
  void* huge = &local;
  EXPECT_EQ(cudaMalloc(&huge, size_t{1} << 60), cudaErrorMemoryAllocation);
  EXPECT_EQ(huge, nullptr);
}

TEST(HostCuda, FailedWorkIsToldToTheWaiter) {
  StreamOwner stream;
  hostcuda::submit(
      stream, [](void*) { return cudaErrorLaunchFailure; }, nullptr);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaErrorLaunchFailure);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
}

TEST(HostCuda, WorkMustNotWaitForItsOwnStream) {
  StreamOwner stream;
  struct Inner {
    cudaStream_t stream;
    cudaError_t result;
  } inner{stream, cudaSuccess};
  cudaLaunchHostFunc(
      stream,
      [](void* p) {
        auto* i = static_cast<Inner*>(p);
        i->result = cudaStreamSynchronize(i->stream);
      },
      &inner);
  cudaStreamSynchronize(stream);
  EXPECT_EQ(inner.result, cudaErrorNotPermitted);
}

TEST(HostCuda, ManyThreadsOnSharedAndOwnStreams) {
  constexpr int kThreads = 4, kRounds = 300;
  StreamOwner shared;
  std::atomic<int> ran{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      StreamOwner own(cudaStreamNonBlocking);
      EventOwner event;
      auto add = [](void* p) { static_cast<std::atomic<int>*>(p)->fetch_add(1); };
      for (int i = 0; i < kRounds; ++i) {
        cudaLaunchHostFunc(shared, add, &ran);
        cudaEventRecord(event, shared);
        cudaStreamWaitEvent(own, event);
        cudaLaunchHostFunc(own, add, &ran);
        if (i % 3 == 0) cudaStreamSynchronize(own);
        if (i % 7 == 0) cudaEventSynchronize(event);
        if (i % 50 == 0) cudaDeviceSynchronize();
      }
      cudaStreamSynchronize(own);
    });
  }
  for (std::thread& thread : threads) thread.join();
  cudaStreamSynchronize(shared);
  EXPECT_EQ(ran, 2 * kThreads * kRounds);
}

TEST(HostCuda, PerThreadStreamAndDevice) {
  int value = 0;
  cudaLaunchHostFunc(
      cudaStreamPerThread, [](void* p) { *static_cast<int*>(p) = 5; }, &value);
  ASSERT_EQ(cudaStreamSynchronize(cudaStreamPerThread), cudaSuccess);
  EXPECT_EQ(value, 5);
  int count = 0;
  ASSERT_EQ(cudaGetDeviceCount(&count), cudaSuccess);
  EXPECT_EQ(count, 1);
  EXPECT_EQ(cudaSetDevice(1), cudaErrorInvalidDevice);
  cudaDeviceProp properties;
  ASSERT_EQ(cudaGetDeviceProperties(&properties, 0), cudaSuccess);
  EXPECT_GT(properties.totalGlobalMem, 0u);
  EXPECT_GE(properties.multiProcessorCount, 1);
  EXPECT_STREQ(cudaGetErrorName(cudaErrorNotReady), "cudaErrorNotReady");
  EXPECT_STREQ(cudaGetErrorString(cudaSuccess), "no error");
}

}  // namespace
