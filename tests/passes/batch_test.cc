// A batch is its samples one by one: on every operator's samples, with all inputs in the batch and with some of them shared.
#include <gtest/gtest.h>

#include <cstring>

#include "passes/pass.h"
#include "tests/conformance/sample_case.h"

namespace temper::testing {
namespace {

constexpr int64_t kSamples = 3, kExtent = 4;

ExactTensor stacked(const std::vector<ExactTensor>& parts) {
  ExactTensor all = parts[0];
  all.dims.insert(all.dims.begin(), kSamples);
  for (size_t i = 1; i < parts.size(); ++i) {
    all.floats.insert(all.floats.end(), parts[i].floats.begin(), parts[i].floats.end());
    all.ints.insert(all.ints.end(), parts[i].ints.begin(), parts[i].ints.end());
    all.strings.insert(all.strings.end(), parts[i].strings.begin(), parts[i].strings.end());
  }
  return all;
}

struct Outcome {
  bool compared = false, refused = false;
};
// `shared`: of each input, whether all samples have the same.
Outcome compare(const Graph& graph_of_one, const Graph& core, const std::vector<bool>& shared) {
  std::vector<std::vector<ExactTensor>> inputs, wanted;
  for (int64_t s = 0; s < kSamples; ++s) {
    inputs.push_back(exact(random_inputs(core, kExtent, uint64_t(s) + 1)));
    for (size_t i = 0; i < shared.size(); ++i) {
      if (shared[i]) inputs.back()[i] = inputs[0][i];
    }
    auto one = interpret(core, inputs.back());
    if (!one.ok()) return {};
    wanted.push_back(std::move(*one));
  }
  std::vector<bool> batched;
  for (bool all : shared) batched.push_back(!all);
  auto graph = batch(graph_of_one, core.sym().symbol("samples"), batched);
  if (!graph.ok()) {
    EXPECT_EQ(graph.error().code(), ErrorCode::kUnsupported) << graph.error().to_string();
    EXPECT_NE(graph.error().to_string().find("differ from one sample"), std::string::npos) << graph.error().to_string();
    return {false, true};
  }
  EXPECT_TRUE(verify(*graph).ok()) << verify(*graph).error().to_string();
  graph = expand(*graph);
  EXPECT_TRUE(graph.ok());
  std::vector<ExactTensor> together;
  for (size_t i = 0; i < shared.size(); ++i) {
    std::vector<ExactTensor> parts;
    for (const auto& sample : inputs) parts.push_back(sample[i]);
    together.push_back(shared[i] ? parts[0] : stacked(parts));
  }
  auto got = interpret(*graph, together);
  EXPECT_TRUE(got.ok()) << (got.ok() ? "" : got.error().to_string());
  if (!got.ok()) return {};
  for (size_t o = 0; o < wanted[0].size(); ++o) {
    std::vector<ExactTensor> parts;
    for (const auto& sample : wanted) {
      if (sample[o].dims != wanted[0][o].dims) return {};
      parts.push_back(sample[o]);
    }
    const ExactTensor want = stacked(parts);
    std::string where;
    EXPECT_LE(distance((*got)[o], want, narrowest_float(core), where), 1) << "output " << o << ", " << where;
  }
  return {true, false};
}

TEST(Batch, IsItsSamplesOneByOne) {
  int compared = 0, refused = 0;
  for (const SampleName& sample : all_samples()) {
    SCOPED_TRACE(sample.op->name + " " + sample.text());
    auto graph = sample_graph(sample);
    if (!graph.ok()) continue;
    auto core = expand(*graph);
    ASSERT_TRUE(core.ok()) << core.error().to_string();
    const size_t inputs = core->inputs().size();
    for (size_t shared = 0; shared <= inputs; ++shared) {
      std::vector<bool> mask(inputs, false);
      if (shared > 0) mask[shared - 1] = true;
      if (inputs == 0 || (inputs == 1 && shared > 0)) continue;
      const Outcome outcome = compare(*graph, *core, mask);
      compared += outcome.compared;
      refused += outcome.refused;
    }
  }
  EXPECT_GT(compared, 500);
  EXPECT_LT(refused, compared / 10);
  RecordProperty("compared", compared);
  RecordProperty("refused", refused);
}

}  // namespace
}  // namespace temper::testing
