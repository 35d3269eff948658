// The contraction in float64, straight from its definition, and what the tests of the kernels share: an executor with real
// threads, random data, a check of one problem with one config.
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "backend/cpu/run/contract/contract.h"

namespace temper::cpu {

class Threads final : public Executor {
 public:
  explicit Threads(int count) : count_(count) {}
  int workers() const override { return count_; }
  void parallel_for(int64_t tasks, void (*fn)(void*, int64_t, int), void* self) override {
    std::atomic<int64_t> next = 0;
    std::vector<std::thread> threads;
    for (int worker = 0; worker < count_; ++worker) {
      threads.emplace_back([&, worker] {
        for (int64_t task = next++; task < tasks; task = next++) fn(self, task, worker);
      });
    }
    for (std::thread& t : threads) t.join();
  }

 private:
  int count_;
};

// Memory that ends at an unreadable page: a kernel that reads or writes past its operand ends the test. The end is as close as
// the alignment allows.
class Fenced {
 public:
  explicit Fenced(int64_t bytes, int64_t alignment = 64) {
    const int64_t page = sysconf(_SC_PAGESIZE), used = (bytes + alignment - 1) / alignment * alignment;
    size_ = (used + page - 1) / page * page + page;
    void* memory = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT_NE(memory, MAP_FAILED);
    base_ = static_cast<char*>(memory);
    EXPECT_EQ(0, mprotect(base_ + size_ - page, page, PROT_NONE));
    data_ = base_ + size_ - page - used;
    std::memset(base_, 0x7f, size_ - page);  // whoever reads what was never written gets nonsense
  }
  template <class T>
  explicit Fenced(const std::vector<T>& values) : Fenced(static_cast<int64_t>(values.size() * sizeof(T)), sizeof(T)) {
    std::memcpy(data_, values.data(), values.size() * sizeof(T));
  }
  ~Fenced() { munmap(base_, size_); }
  Fenced(const Fenced&) = delete;
  Fenced& operator=(const Fenced&) = delete;
  char* get() const { return data_; }
  const float* floats() const { return reinterpret_cast<const float*>(data_); }

 private:
  int64_t size_ = 0;
  char* base_ = nullptr;
  char* data_ = nullptr;
};

// Values of all elements of `count`, small enough that sums stay exact to a few units.
inline std::vector<float> random_floats(int64_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> value(-1, 1);
  std::vector<float> v(count);
  for (float& x : v) x = value(random);
  return v;
}

// Sum of the products and of their magnitudes, for output (row, col) in the order of the epilogue.
struct Exact {
  double sum = 0, magnitude = 0;
  void add(double a, double b) {
    sum += a * b;
    magnitude += std::fabs(a * b);
  }
};

template <class A, class B>
Exact exact_conv(const ContractProblem& p, const A* a, const B* w, int64_t image, int64_t y, int64_t x, int64_t col,
                 double zero) {
  const ConvGeometry g = p.conv.with_strides();
  const WeightView v = onnx_conv_weights(p, nullptr);
  const int64_t group = col / g.out_c, n = col % g.out_c;
  Exact e;
  for (int64_t kh = 0; kh < g.kernel_h; ++kh) {
    for (int64_t kw = 0; kw < g.kernel_w; ++kw) {
      int64_t iy = y * g.stride_h - g.pad_top + kh * g.dilation_h, ix = x * g.stride_w - g.pad_left + kw * g.dilation_w;
      if (p.form == ContractProblem::Form::kConvTranspose) {
        iy = y + g.pad_top - kh * g.dilation_h;
        ix = x + g.pad_left - kw * g.dilation_w;
        if (iy < 0 || ix < 0 || iy % g.stride_h != 0 || ix % g.stride_w != 0) continue;
        iy /= g.stride_h;
        ix /= g.stride_w;
      }
      if (iy < 0 || iy >= g.in_h || ix < 0 || ix >= g.in_w) continue;
      for (int64_t k = 0; k < g.in_c; ++k) {
        e.add(double(a[image * g.in_image + iy * g.in_row + ix * g.in_pixel + group * g.in_c + k]) - zero,
              w[group * v.group + n * v.out + k * v.in + kh * v.kh + kw * v.kw]);
      }
    }
  }
  return e;
}

inline int64_t dense_row(const ConvGeometry& g, int64_t image, int64_t y, int64_t x) {
  return (image * g.out_h + y) * g.out_w + x;
}

// A hook that writes 2 v + row + 1000 col, and counts how often each element is seen.
struct Hook {
  int64_t cols = 0;
  std::vector<std::atomic<int>> seen;
  Hook(int64_t rows, int64_t columns) : cols(columns), seen(rows * columns) {}
  static float apply(float v, int64_t row, int64_t col) {
    return 2 * v + static_cast<float>(row % 7) - static_cast<float>(col % 5);
  }
  static void call(void* self, int, void* data, int64_t ld, int64_t row, int64_t rows, int64_t col, int64_t cols) {
    Hook& hook = *static_cast<Hook*>(self);
    float* tile = static_cast<float*>(data);
    EXPECT_TRUE(rows * cols <= kMaxTileElements || rows == 1);
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < cols; ++j) {
        tile[i * ld + j] = apply(tile[i * ld + j], row + i, col + j);
        ++hook.seen.at((row + i) * hook.cols + col + j);
      }
    }
  }
};

inline double winograd_slack(ContractKind kind) {
  return kind == ContractKind::kWinograd4 ? 40 : kind == ContractKind::kWinograd2 ? 6 : 1;
}

}  // namespace temper::cpu
