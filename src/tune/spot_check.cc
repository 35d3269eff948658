#include "tune/spot_check.h"

#include <algorithm>
#include <chrono>

namespace temper {
namespace {

constexpr size_t kPointsEach = 32;
constexpr int64_t kLongestReduction = 1 << 20;
constexpr auto kTime = std::chrono::milliseconds(25);

// How many values one element of a stage looks at.
int64_t reach(const Stage& stage, const Candidate& candidate) {
  const auto trailing = [&](const Dims& domain, int count) {
    int64_t n = 1;
    for (size_t d = domain.size() - size_t(count); d < domain.size(); ++d)
      n = std::min(n * candidate.best(domain[d]), kLongestReduction + 1);
    return n;
  };
  if (const auto* r = std::get_if<Reduce>(&stage)) return trailing(r->domain, r->reduced);
  if (const auto* c = std::get_if<Contract>(&stage)) return trailing(c->domain, c->reduced);
  if (std::holds_alternative<Map>(stage)) return 1;
  if (const auto* s = std::get_if<Scan>(&stage)) return candidate.best(s->domain[size_t(s->axis)]);
  if (const auto* s = std::get_if<Sort>(&stage)) return candidate.best(s->domain[size_t(s->axis)]);
  return kLongestReduction + 1;  // what its elements depend on is all of the input
}

// Corners in turn with points from inside.
std::vector<int64_t> draw(const std::vector<int64_t>& dims, size_t number, uint64_t& state) {
  std::vector<int64_t> index(dims.size());
  for (size_t d = 0; d < dims.size(); ++d) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    const size_t corner = number / 2;
    index[d] = number % 2 ? int64_t((state >> 33) % uint64_t(dims[d])) : ((corner + 1) >> d & 1 ? dims[d] - 1 : 0);
  }
  return index;
}

}  // namespace

SpotCheck::SpotCheck(const Candidate& candidate, const std::vector<Tensor>& inputs, bool tf32) {
  const Region& region = *candidate.region;
  const auto types = region.value_types();
  for (int v : region.outputs) dtypes_.push_back(types[size_t(v)].dtype);
  for (const Stage& stage : region.stages) {
    if (reach(stage, candidate) > kLongestReduction) return;
  }
  SymValues symbols;
  for (SymInt s : candidate.context->symbols()) symbols[var_of(s).name] = candidate.best(s);
  // Cut off, in the worst case: a unit of the last of 11 bits.
  auto exact = ExactRegion::make(region, std::move(symbols), inputs, tf32 ? 0x1p-10 : 0);
  if (!exact.ok()) return;
  const auto until = std::chrono::steady_clock::now() + kTime;
  uint64_t state = 1;
  for (size_t number = 0; number < kPointsEach; ++number) {
    for (size_t o = 0; o < region.outputs.size(); ++o) {
      const std::vector<int64_t>& dims = exact->dims(region.outputs[o]);
      if (std::find(dims.begin(), dims.end(), 0) != dims.end()) continue;
      if (std::chrono::steady_clock::now() > until) return;
      std::vector<int64_t> index = draw(dims, number, state);
      auto value = exact->at(region.outputs[o], index);
      if (!value.ok()) return;
      points_.push_back({o, std::move(index), *value});
    }
  }
}

std::optional<std::string> SpotCheck::fault(const Bench& bench) const {
  for (const Point& p : points_) {
    const ScalarValue got = bench.output(p.output, p.index);
    if (within(p.exact, got, dtypes_[p.output])) continue;
    std::string text = "element [";
    for (size_t d = 0; d < p.index.size(); ++d) text.append(d ? ", " : "").append(std::to_string(p.index[d]));
    const DType type = is_float(dtypes_[p.output]) ? DType::kF64 : dtypes_[p.output];
    text.append("] of output ").append(std::to_string(p.output)).append(" is ").append(to_string(got, type));
    return text.append(", and should be ")
        .append(to_string(p.exact.value, type))
        .append(" to within ")
        .append(to_string({p.exact.error, 0}, DType::kF64));
  }
  return std::nullopt;
}

}  // namespace temper
