#include "tune/runner.h"

#include <algorithm>
#include <cstring>

namespace temper {
namespace {

std::vector<const Runner*>& registered() {
  static std::vector<const Runner*> runners;
  return runners;
}

// The least extent that a loaded integer indexes anywhere in the region.
int64_t least_indexed_extent(const Candidate& candidate) {
  int64_t least = 8;
  for (const Stage& stage : candidate.region->stages) {
    for (const Access* access : accesses_of(stage)) {
      std::vector<SymInt> vars;
      for (SymInt e : access->map.results) {
        for (SymInt v : vars_of(e)) vars.push_back(v);
      }
      for (SymInt v : vars) {
        if (var_of(v).kind == VarKind::kLoaded) least = std::min(least, candidate.best(var_of(v).extent));
      }
    }
    if (std::holds_alternative<Scatter>(stage)) least = std::min<int64_t>(least, 1);
  }
  return std::max<int64_t>(least, 1);
}

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15ull + 1) {}
  uint64_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
  }
  // In [-1, 1), and not near 0.
  double real() {
    double magnitude = 0.0625 + 0.9375 * double(next() >> 11) * 0x1p-53;
    return next() & 1 ? magnitude : -magnitude;
  }

 private:
  uint64_t state_;
};

Tensor random_tensor(DType dtype, std::vector<int64_t> dims, int64_t below, uint64_t seed) {
  Tensor t = Tensor::zeros(dtype, std::move(dims));
  Random random(seed);
  const bool byte = dtype == DType::kU8 || dtype == DType::kI8;
  // Random elements once, then the same again: the period is odd, so that it falls differently into rows.
  const int64_t count = t.count(), period = 4999;
  for (int64_t i = 0; i < std::min(count, period); ++i) {
    const int64_t whole = byte ? int64_t(random.next() % 127) : int64_t(random.next() % uint64_t(below));
    t.set(i, {.f = random.real(), .i = dtype == DType::kBool ? int64_t(random.next() & 1) : whole});
  }
  if (count > period) {
    if (dtype_bits(dtype) < 8) {
      for (int64_t i = period; i < count; ++i) t.set(i, t.at(i - period));
    } else {
      const size_t size = size_t(dtype_bits(dtype)) / 8;
      std::byte* to = t.mutable_bytes();
      for (size_t have = size_t(period); have < size_t(count);) {
        const size_t more = std::min(have, size_t(count) - have);
        std::memcpy(to + have * size, to, more * size);
        have += more;
      }
    }
  }
  return t;
}

}  // namespace

RegisterRunner::RegisterRunner(const Runner& runner) { registered().push_back(&runner); }

const Runner* runner_for(const Device& device) {
  for (const Runner* runner : registered()) {
    if (runner->serves(device)) return runner;
  }
  return nullptr;
}

std::vector<Tensor> sample_inputs(const Candidate& candidate) {
  const int64_t below = least_indexed_extent(candidate);
  std::vector<Tensor> inputs;
  for (size_t i = 0; i < candidate.region->inputs.size(); ++i) {
    const TensorType& type = candidate.region->inputs[i];
    if (candidate.constants[i]) {
      inputs.push_back(*candidate.constants[i]);
      continue;
    }
    std::vector<int64_t> dims;
    for (SymInt d : type.dims) dims.push_back(candidate.best(d));
    inputs.push_back(random_tensor(type.dtype, std::move(dims), below, i + 1));
  }
  return inputs;
}

}  // namespace temper
