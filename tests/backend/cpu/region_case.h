// RegionCase: a region in text form, lowered, run on random inputs in random layouts, and compared with ExactRegion.
//
// Buffers are slices of larger ones: what lies around the elements of an output must be untouched. Everything random comes from
// the seed.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "backend/cpu/gen/kernel_code.h"
#include "backend/cpu/run/kernel.h"
#include "base/parallel.h"
#include "kernel/exact.h"
#include "kernel/layout.h"

namespace temper::cpu::testing {

// Hands tasks to its workers in an order of its own, one after the other: any result that depends on order or worker shows.
class ShuffledExecutor final : public Executor {
 public:
  ShuffledExecutor(int workers, uint64_t seed) : workers_(workers), random_(seed) {}
  int workers() const override { return workers_; }
  void parallel_for(int64_t tasks, void (*fn)(void*, int64_t, int), void* self) override {
    std::vector<int64_t> order(static_cast<size_t>(tasks));
    for (int64_t t = 0; t < tasks; ++t) order[static_cast<size_t>(t)] = t;
    std::shuffle(order.begin(), order.end(), random_);
    for (int64_t t : order) fn(self, t, static_cast<int>(random_() % static_cast<uint64_t>(workers_)));
  }

 private:
  int workers_;
  std::mt19937_64 random_;
};

enum class Values { kNormal, kPositive, kSpecial, kSmall };

inline double random_value(std::mt19937_64& random, DType dtype, Values kind) {
  auto uniform = [&](double lo, double hi) { return std::uniform_real_distribution<double>(lo, hi)(random); };
  if (dtype == DType::kBool) return static_cast<double>(random() & 1);
  if (is_int(dtype)) {
    const int bits = std::min(dtype_bits(dtype), 31);
    if (kind == Values::kSmall) return is_signed_int(dtype) ? std::floor(uniform(-4, 5)) : std::floor(uniform(0, 5));
    const double top = std::ldexp(1.0, is_signed_int(dtype) ? bits - 1 : bits);
    return std::floor(uniform(is_signed_int(dtype) ? -top : 0, top));
  }
  switch (kind) {
    case Values::kPositive:
      return uniform(0.1, 4);
    case Values::kSmall:
      return std::floor(uniform(-3, 4));
    case Values::kSpecial: {
      constexpr double kInf = std::numeric_limits<double>::infinity();
      constexpr double kValues[] = {0.0,   -0.0,   1,    -1,    kInf, -kInf, std::numeric_limits<double>::quiet_NaN(),
                                    1e-40, -1e-40, 3e38, -3e38, 88.5, -88.5, -103.5,
                                    0.5,   2.5,    -2.5, 1e9,   65504};
      return kValues[random() % std::size(kValues)];
    }
    default:
      return std::normal_distribution<double>(0, 1.5)(random);
  }
}

struct Buffer {
  Layout layout;
  std::vector<int64_t> dims;
  DType dtype = DType::kF32;
  std::vector<std::byte> bytes;
  std::vector<int64_t> places;  // of each element, in row-major order

  void put(int64_t element, ScalarValue value) {
    Tensor one = Tensor::zeros(dtype, {2});
    one.set(0, value);
    const int64_t at = places[static_cast<size_t>(element)];
    if (dtype_bits(dtype) >= 8) {
      const int64_t size = dtype_bits(dtype) / 8;
      std::memcpy(bytes.data() + at * size, one.bytes().data(), static_cast<size_t>(size));
    } else {
      const int shift = static_cast<int>(at & 1) * 4;
      auto& b = bytes[static_cast<size_t>(at >> 1)];
      b = static_cast<std::byte>((std::to_integer<int>(b) & ~(15 << shift)) |
                                 ((std::to_integer<int>(one.bytes()[0]) & 15) << shift));
    }
  }
  ScalarValue get(int64_t element) const {
    Tensor one = Tensor::zeros(dtype, {2});
    const int64_t at = places[static_cast<size_t>(element)];
    if (dtype_bits(dtype) >= 8) {
      const int64_t size = dtype_bits(dtype) / 8;
      std::memcpy(one.mutable_bytes(), bytes.data() + at * size, static_cast<size_t>(size));
    } else {
      one.mutable_bytes()[0] =
          static_cast<std::byte>((std::to_integer<int>(bytes[static_cast<size_t>(at >> 1)]) >> (at & 1) * 4) & 15);
    }
    return one.at(0);
  }
};

class RegionCase {
 public:
  using Lowering = std::function<Expected<KernelCode>(SymContext&, const Region&, std::span<const Layout>)>;

  RegionCase(const std::string& text, SymValues symbols, uint64_t seed, Values values = Values::kNormal)
      : symbols_(std::move(symbols)), random_(seed) {
    auto region = parse_region(text, context_);
    if (!region.ok()) {
      ADD_FAILURE() << region.error().to_string() << "\n" << text;
      return;
    }
    region_ = std::move(*region);
    types_ = region_.value_types();
    for (const TensorType& t : region_.inputs) {
      Tensor x = Tensor::zeros(t.dtype, numbers(t.dims));
      for (int64_t i = 0; i < x.count(); ++i) {
        const double v = random_value(random_, t.dtype, values);
        x.set(i, {.f = v, .i = is_float(t.dtype) ? 0 : static_cast<int64_t>(v)});
      }
      inputs_.push_back(std::move(x));
    }
    good_ = true;
  }

  bool good() const { return good_; }
  Tensor& input(int i) { return inputs_[static_cast<size_t>(i)]; }
  const Region& region() const { return region_; }
  SymContext& context() { return context_; }

  // Plain row-major layouts instead of random ones.
  void row_major_only() { plain_ = true; }

  std::vector<int64_t> numbers(const Dims& dims) {
    std::vector<int64_t> n;
    for (SymInt d : dims) n.push_back(number(d));
    return n;
  }
  int64_t number(SymInt e) {
    auto v = evaluate(e, [&](SymInt var) -> std::optional<int64_t> {
      auto found = symbols_.find(var_of(var).name);
      if (found == symbols_.end()) return std::nullopt;
      return found->second;
    });
    if (!v.ok()) ADD_FAILURE() << v.error().to_string();
    return v.ok() ? *v : 0;
  }

  void make_buffers() {
    buffers_.clear();
    for (size_t i = 0; i < region_.inputs.size(); ++i) {
      buffers_.push_back(make_buffer(region_.inputs[i]));
      for (int64_t k = 0; k < inputs_[i].count(); ++k) buffers_.back().put(k, inputs_[i].at(k));
    }
    for (int v : region_.outputs) buffers_.push_back(make_buffer(types_[static_cast<size_t>(v)]));
  }

  std::vector<Layout> layouts() const {
    std::vector<Layout> all;
    for (const Buffer& b : buffers_) all.push_back(b.layout);
    return all;
  }

  // Runs; the outputs are in buffers() afterwards.
  Status run(const Lowering& lower, int workers = 1, uint64_t order = 0) {
    KernelCode code = TEMPER_TRY(lower(context_, region_, layouts()));
    auto kernel = TEMPER_TRY(decode_kernel(code.name, code.blob));
    std::vector<int64_t> parameters;
    for (SymInt p : code.parameters) parameters.push_back(number(p));
    std::vector<int64_t> sizes;
    std::vector<std::byte*> data;
    for (Buffer& b : buffers_) {
      sizes.push_back(static_cast<int64_t>(b.bytes.size()));
      data.push_back(b.bytes.data());
    }
    for (size_t o = region_.inputs.size(); o < buffers_.size(); ++o)
      std::fill(buffers_[o].bytes.begin(), buffers_[o].bytes.end(), std::byte{0x5A});
    auto launch = TEMPER_TRY(kernel->prepare(parameters, sizes));
    std::vector<std::byte> workspace(static_cast<size_t>(launch->workspace_bytes(workers)) + 64);
    std::byte* aligned = workspace.data() + (64 - reinterpret_cast<uintptr_t>(workspace.data()) % 64) % 64;
    ShuffledExecutor executor(workers, order);
    return launch->run(data, aligned, executor);
  }

  void check(const Lowering& lower, int workers = 1) {
    if (!good_) return;
    make_buffers();
    Status status = run(lower, workers, 7);
    ASSERT_TRUE(status.ok()) << status.error().to_string() << "\n" << region_.to_string();
    compare();
  }

  void compare() {
    auto exact = ExactRegion::make(region_, symbols_, inputs_);
    ASSERT_TRUE(exact.ok()) << exact.error().to_string();
    for (size_t o = 0; o < region_.outputs.size(); ++o) {
      const int v = region_.outputs[o];
      const Buffer& b = buffers_[region_.inputs.size() + o];
      const int64_t count = static_cast<int64_t>(b.places.size());
      for (int64_t i = 0; i < count; ++i) {
        auto want = exact->element(v, i);
        ASSERT_TRUE(want.ok()) << want.error().to_string();
        const ScalarValue got = b.get(i);
        ASSERT_TRUE(within(*want, got, b.dtype))
            << "output " << o << " element " << i << " of " << count << ": exact " << want->value.f << " (" << want->value.i
            << ") +- " << want->error << ", got " << got.f << " (" << got.i << ")\n"
            << region_.to_string() << describe();
      }
      check_untouched(b);
    }
  }

  std::vector<Buffer>& buffers() { return buffers_; }
  const SymValues& symbols() const { return symbols_; }
  std::vector<Tensor>& inputs() { return inputs_; }

 private:
  std::string describe() const {
    std::string text;
    for (const Buffer& b : buffers_) {
      text += "\n  offset " + b.layout.offset.to_string() + " strides";
      for (SymInt s : b.layout.strides) text += " " + s.to_string();
    }
    return text;
  }

  void check_untouched(const Buffer& b) {
    if (dtype_bits(b.dtype) < 8) return;
    const size_t size = static_cast<size_t>(dtype_bits(b.dtype) / 8);
    std::vector<bool> used(b.bytes.size(), false);
    for (int64_t p : b.places) {
      for (size_t k = 0; k < size; ++k) used[static_cast<size_t>(p) * size + k] = true;
    }
    for (size_t k = 0; k < used.size(); ++k) {
      ASSERT_TRUE(used[k] || b.bytes[k] == std::byte{0x5A}) << "byte " << k << " beside an output was written";
    }
  }

  Buffer make_buffer(const TensorType& type) {
    Buffer b;
    b.dtype = type.dtype;
    b.dims = numbers(type.dims);
    std::vector<int> order;
    for (size_t k = 0; k < b.dims.size(); ++k) order.push_back(static_cast<int>(k));
    Dims memory = type.dims;
    if (!plain_ && random_() % 2 == 0) {
      std::shuffle(order.begin(), order.end(), random_);
      for (SymInt& d : memory) d += static_cast<int64_t>(random_() % 3 == 0 ? random_() % 4 : 0);
    }
    b.layout = Layout::permuted(memory, order);
    if (!plain_ && random_() % 3 == 0) b.layout.offset = static_cast<int64_t>(random_() % 5);
    std::vector<int64_t> strides = numbers(b.layout.strides);
    int64_t count = 1;
    for (int64_t d : b.dims) count *= d;
    int64_t top = 0;
    std::vector<int64_t> point(b.dims.size(), 0);
    for (int64_t i = 0; i < count; ++i) {
      int64_t at = number(b.layout.offset);
      for (size_t k = 0; k < point.size(); ++k) at += point[k] * strides[k];
      b.places.push_back(at);
      top = std::max(top, at + 1);
      for (size_t k = point.size(); k-- > 0;) {
        if (++point[k] < b.dims[k]) break;
        point[k] = 0;
      }
    }
    b.bytes.assign(static_cast<size_t>(dtype_bytes(b.dtype, top)), std::byte{0});
    return b;
  }

  SymContext context_;
  Region region_;
  std::vector<TensorType> types_;
  SymValues symbols_;
  std::mt19937_64 random_;
  std::vector<Tensor> inputs_;
  std::vector<Buffer> buffers_;
  bool good_ = false, plain_ = false;
};

}  // namespace temper::cpu::testing
