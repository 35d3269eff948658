// Golden cases: tests/golden/PASS/*.ir hold a graph, a line of dashes, and the graph that the pass makes of it. The interpreter
// runs before and after. TEMPER_UPDATE_GOLDEN=1 writes the second half anew.
//
// A constant of more than 16 elements stands as a hash: in the first half any text does, and the elements are drawn from it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "ir/graph_text.h"
#include "passes/pass.h"
#include "tests/conformance/sample_case.h"

namespace temper::testing {
namespace {

constexpr std::string_view kLine = "----\n";

struct GoldenCase {
  std::filesystem::path path;
  std::string pass() const { return path.parent_path().filename().string(); }
};

std::vector<GoldenCase> all_cases() {
  std::vector<GoldenCase> cases;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(TEMPER_GOLDEN)) {
    if (entry.path().extension() == ".ir") cases.push_back({entry.path()});
  }
  std::sort(cases.begin(), cases.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return cases;
}

void PrintTo(const GoldenCase& c, std::ostream* out) { *out << c.path.filename(); }

Expected<Tensor> drawn(const TensorType& type, std::string_view hash) {
  std::vector<int64_t> dims;
  for (SymInt d : type.dims) dims.push_back(d.value());
  Tensor t = Tensor::zeros(type.dtype, dims);
  std::mt19937_64 random(std::hash<std::string_view>()(hash));
  std::uniform_int_distribution<int> uniform(-8, 8);
  for (int64_t i = 0; i < t.count(); ++i) t.set(i, {uniform(random) / 4.0, uniform(random)});
  return t;
}

class Golden : public ::testing::TestWithParam<GoldenCase> {};

TEST_P(Golden, MakesThisTextAndKeepsTheMeaning) {
  std::ifstream file(GetParam().path);
  std::string text(std::istreambuf_iterator<char>(file), {});
  size_t line = text.find(kLine);
  ASSERT_NE(line, std::string::npos) << "no line of dashes";
  std::string before_text = text.substr(0, line);
  size_t start = before_text.find("graph (");
  ASSERT_NE(start, std::string::npos);

  auto before = parse_graph(std::string_view(before_text).substr(start), std::make_shared<SymContext>(), drawn);
  ASSERT_TRUE(before.ok()) << before.error().to_string();
  auto pass = std::find_if(all_passes().begin(), all_passes().end(), [](const Pass& p) { return p.name == GetParam().pass(); });
  ASSERT_NE(pass, all_passes().end()) << "no such pass";
  PassOptions options;
  options.narrowing.types = {DType::kBF16};
  auto after = pass->run(*before, options);
  ASSERT_TRUE(after.ok()) << after.error().to_string();
  ASSERT_TRUE(verify(*after).ok()) << verify(*after).error().to_string();

  std::string got = after->to_string();
  if (std::getenv("TEMPER_UPDATE_GOLDEN"))
    std::ofstream(GetParam().path) << before_text << kLine << got;
  else
    EXPECT_EQ(text.substr(line + kLine.size()), got);

  for (int64_t extent : {1, 3, 8}) {
    auto inputs = exact(random_inputs(*before, extent, 7));
    auto want = interpret(*before, inputs), have = interpret(*after, inputs);
    ASSERT_TRUE(want.ok()) << want.error().to_string();
    ASSERT_TRUE(have.ok()) << have.error().to_string();
    for (size_t o = 0; o < want->size(); ++o) {
      std::string where;
      EXPECT_LE(distance((*have)[o], (*want)[o], narrowest_float(*after), where), 1)
          << "at extent " << extent << ", output " << o << ": " << where;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, Golden, ::testing::ValuesIn(all_cases()), [](const auto& info) {
  std::string name = info.param.pass() + "_" + info.param.path.stem().string();
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
});

TEST(Golden, EveryPassHasACase) {
  auto cases = all_cases();
  for (const Pass& pass : all_passes()) {
    EXPECT_TRUE(std::any_of(cases.begin(), cases.end(), [&](const GoldenCase& c) { return c.pass() == pass.name; }))
        << pass.name;
  }
}

}  // namespace
}  // namespace temper::testing
