// enqueueV3 allocates nothing after the first call of a shape, in any thread. Own program: it replaces malloc for itself.
#include <gtest/gtest.h>
#include <malloc.h>

#include <atomic>
#include <thread>

#include "tests/programs/client.h"
#include "tests/programs/small_models.h"
#include "tests/sanitizer.h"

namespace {

std::atomic<int64_t> allocations{0};
std::atomic<bool> counting{false};

void count() {
  if (counting.load(std::memory_order_relaxed)) allocations.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

#if !TEMPER_SANITIZED  // a sanitizer's own malloc must stay
// glibc's own entries, under the names that it has for this purpose. operator new ends here too.
extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
void* malloc(size_t bytes) {
  count();
  return __libc_malloc(bytes);
}
void* calloc(size_t n, size_t bytes) {
  count();
  return __libc_calloc(n, bytes);
}
void* realloc(void* data, size_t bytes) {
  count();
  return __libc_realloc(data, bytes);
}
void* memalign(size_t alignment, size_t bytes) {
  count();
  return __libc_memalign(alignment, bytes);
}
void* aligned_alloc(size_t alignment, size_t bytes) {
  count();
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** data, size_t alignment, size_t bytes) {
  count();
  *data = __libc_memalign(alignment, bytes);
  return *data ? 0 : 12;
}
}
#endif

namespace {

using namespace nvinfer1;

TEST(AllocationCounter, Counts) {
  counting = true;
  allocations = 0;
  std::thread([] { ::operator delete(::operator new(100)); }).join();
  free(aligned_alloc(64, 128));
  counting = false;
#if !TEMPER_SANITIZED
  EXPECT_GE(allocations.load(), 2);
#endif
}

class Allocation : public testing::TestWithParam<int> {};

TEST_P(Allocation, NoneInEnqueueAfterTheFirstCallOfAShape) {
  const small::Named named = small::all_models()[size_t(GetParam())];
  client::Logger logger;
  client::Loaded loaded(logger, named.model);
  ASSERT_TRUE(loaded.engine) << named.name << ": " << temper::lastError().text();
  std::unique_ptr<IExecutionContext> context(loaded.engine->createExecutionContext());
  std::vector<std::vector<int64_t>> memory;
  bool sized = true;
  for (int i = 0; i < loaded.engine->getNbIOTensors(); ++i) {
    const char* name = loaded.engine->getIOTensorName(i);
    if (loaded.engine->getTensorIOMode(name) != TensorIOMode::kINPUT) continue;
    Dims dims = loaded.engine->getTensorShape(name);
    int64_t count = 1;
    for (int d = 0; d < dims.nbDims; ++d) count *= dims.d[d] = dims.d[d] < 0 ? 5 : dims.d[d];
    ASSERT_TRUE(context->setInputShape(name, dims));
    memory.emplace_back(size_t(count), 0);
    ASSERT_TRUE(context->setTensorAddress(name, memory.back().data()));
  }
  for (int i = 0; i < loaded.engine->getNbIOTensors(); ++i) {
    const char* name = loaded.engine->getIOTensorName(i);
    if (loaded.engine->getTensorIOMode(name) != TensorIOMode::kOUTPUT) continue;
    const int64_t bytes = context->getMaxOutputSize(name);
    sized = sized && bytes >= 0;
    memory.emplace_back(size_t(std::max<int64_t>(bytes, 1 << 12)) / 8 + 1, 0);
    ASSERT_TRUE(context->setTensorAddress(name, memory.back().data()));
  }
  if (!sized) GTEST_SKIP() << "the sizes of '" << named.name << "' depend on data";
  cudaStream_t stream = nullptr;
  cudaStreamCreate(&stream);
  for (int warm = 0; warm < 3; ++warm) {
    ASSERT_TRUE(context->enqueueV3(stream)) << temper::lastError().text();
    ASSERT_EQ(cudaStreamSynchronize(stream), cudaSuccess) << named.name;
  }
  allocations = 0;
  counting = true;
  bool good = true;
  for (int round = 0; round < 20; ++round) {
    good &= context->enqueueV3(stream);
    good &= cudaStreamSynchronize(stream) == cudaSuccess;
  }
  counting = false;
  EXPECT_TRUE(good);
  EXPECT_EQ(allocations.load(), 0) << named.name;
  cudaStreamDestroy(stream);
}

INSTANTIATE_TEST_SUITE_P(Models, Allocation, testing::Range(0, int(small::all_models().size())),
                         [](const auto& info) { return small::all_models()[size_t(info.param)].name; });

}  // namespace
