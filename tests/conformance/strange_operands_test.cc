// Every operator with operands that are not those of its samples: other ranks, sizes, element types, some absent, some
// constant, some with values that no sample has. It must refuse them with a reason or make a graph that verifies, whose results
// have the types that it says, and that means the same after all passes.
#include <gtest/gtest.h>

#include <random>

#include "base/cpu_info.h"
#include "ir/graph_text.h"
#include "ops/builder.h"
#include "passes/pass.h"
#include "tests/conformance/plan_run.h"
#include "tests/conformance/sample_case.h"

namespace temper::testing {
namespace {

constexpr uint64_t kVariants = 200;     // of each sample
constexpr uint64_t kBuilt = 20;         // of which plans are built
constexpr int64_t kMostElements = 5e4;  // of any value: what is larger is built, not run

class Strange {
 public:
  // The first variant is the sample itself.
  Strange(const SampleName& name, uint64_t seed) : name_(name), random_(seed), changes_(seed != 0) {}

  // Nothing where the operator refuses; what it refuses with must say why.
  std::optional<Graph> graph() {
    auto context = std::make_shared<SymContext>();
    auto sample = parse_sample(*name_.op, name_.text(), *context);
    if (!sample.ok()) {
      ADD_FAILURE() << sample.error().to_string();
      return std::nullopt;
    }
    Graph graph(context);
    Builder builder(graph, name_.op->name);
    std::vector<Val> operands;
    for (auto& operand : sample->operands) operands.push_back(this->operand(graph, builder, operand));
    if (one_in(12) && !operands.empty()) operands.pop_back();
    if (one_in(12) && !operands.empty()) operands.push_back(operands[random_() % operands.size()]);
    text_ = name_.op->name + "(";
    for (Val v : operands)
      text_ += (v ? builder.dtype(v) == DType::kString ? "strings" : graph.type(v.id).to_string() : "_") + ", ";
    text_ += ")";
    auto results = builder.op(*name_.op, sample->attrs, operands);
    if (Status made = builder.take_status(); !made.ok()) {
      EXPECT_FALSE(made.error().message().empty()) << text_;
      EXPECT_NE(made.error().code(), ErrorCode::kInternal) << text_ << ": " << made.error().to_string();
      return std::nullopt;
    }
    std::vector<ValueId> outputs;
    for (Val v : results) {
      if (!std::holds_alternative<TensorType>(graph.value(v.id).type)) return std::nullopt;
      graph.output_names().push_back("y" + std::to_string(outputs.size()));
      outputs.push_back(v.id);
    }
    graph.set_outputs(std::move(outputs));
    return graph;
  }
  const std::string& text() const { return text_; }

 private:
  bool one_in(uint64_t n) { return random_() % n == 0 && changes_; }
  int64_t extent() {
    constexpr int64_t kExtents[] = {0, 1, 1, 2, 2, 3, 4, 5};
    return kExtents[random_() % std::size(kExtents)];
  }
  int64_t odd_integer() {
    constexpr int64_t kOdd[] = {-1, 0, 1, 2, 3, 7, -2, -7, 100, INT32_MAX, INT64_MAX, INT64_MIN, int64_t{1} << 40};
    return kOdd[random_() % std::size(kOdd)];
  }

  Val operand(Graph& graph, Builder& builder, std::variant<OpSample::Absent, TensorType, Tensor>& given) {
    if (std::holds_alternative<OpSample::Absent>(given) || one_in(25)) return {&builder, kNone32};
    TensorType type;
    std::optional<Tensor> held;
    if (auto* constant = std::get_if<Tensor>(&given)) {
      held = *constant;
      type = {constant->dtype(), Dims(constant->dims().begin(), constant->dims().end())};
    } else {
      type = std::get<TensorType>(given);
    }
    bool other = false;
    for (SymInt& d : type.dims) {
      if (one_in(12)) d = extent(), other = true;
    }
    if (one_in(15)) type.dims.insert(type.dims.begin() + random_() % (type.dims.size() + 1), SymInt(extent())), other = true;
    if (one_in(15) && !type.dims.empty()) type.dims.erase(type.dims.begin() + random_() % type.dims.size()), other = true;
    if (one_in(20)) {
      constexpr DType kTypes[] = {DType::kF32, DType::kF16, DType::kF64, DType::kI64, DType::kI32, DType::kU8, DType::kBool};
      type.dtype = kTypes[random_() % std::size(kTypes)];
      other = true;
    }
    const bool known = std::all_of(type.dims.begin(), type.dims.end(), [](SymInt d) { return d.is_const(); });
    if (!known || type.dtype == DType::kString || (!held && !one_in(5)))
      return builder.val(graph.add_input(type, "x" + std::to_string(graph.inputs().size())));
    if (held && !other && !one_in(3)) return builder.constant(*held);
    std::vector<int64_t> dims;
    for (SymInt d : type.dims) dims.push_back(d.value());
    Tensor values = Tensor::zeros(type.dtype, dims);
    for (int64_t i = 0; i < values.count(); ++i) {
      if (is_float(type.dtype))
        values.set(i, {static_cast<double>(random_() % 9) - 4, 0});
      else
        values.set(i, {0, type.dtype == DType::kI64 ? odd_integer() : static_cast<int64_t>(random_() % 2)});
    }
    return builder.constant(std::move(values));
  }

  const SampleName& name_;
  std::mt19937_64 random_;
  bool changes_;
  std::string text_;
};

bool is_small(const Graph& graph, int64_t extent) {
  for (NodeId id : graph.order()) {
    for (const auto& body : graph.node(id).bodies) {
      if (!is_small(*body, extent)) return false;
    }
    for (ValueId v : graph.node(id).results) {
      auto* type = std::get_if<TensorType>(&graph.value(v).type);
      if (!type) continue;
      double elements = 1;
      for (SymInt d : type->dims) {
        auto value = evaluate(d, [&](SymInt) { return std::optional(extent); });
        if (!value.ok() || *value < 0) return false;
        elements *= static_cast<double>(*value);
      }
      if (elements > static_cast<double>(kMostElements)) return false;
    }
  }
  return true;
}

class StrangeOperands : public ::testing::TestWithParam<SampleName> {};

TEST_P(StrangeOperands, AreRefusedOrRight) {
  constexpr int64_t kExtent = 3;
  int compared = 0, ran = 0;
  for (uint64_t seed = 0; seed < kVariants; ++seed) {
    Strange strange(GetParam(), seed);
    auto graph = strange.graph();
    if (!graph) continue;
    SCOPED_TRACE(strange.text() + ", seed " + std::to_string(seed));
    Status verified = verify(*graph);
    ASSERT_TRUE(verified.ok()) << verified.error().to_string();
    PassOptions none;
    for (const Pass& pass : all_passes()) none.disabled.insert(std::string(pass.name));
    auto plain = run_passes(graph->clone(), none), written = run_passes(graph->clone(), {});
    ASSERT_TRUE(plain.ok()) << plain.error().to_string();
    ASSERT_TRUE(written.ok()) << written.error().to_string();
    if (!is_small(*plain, kExtent) || !is_small(*written, kExtent)) continue;
    const auto inputs = exact(random_inputs(*graph, kExtent, seed));
    auto want = interpret(*plain, inputs);
    if (!want.ok()) continue;  // a run may find that a size or a position is no good
    auto expect_near = [&](const Expected<std::vector<ExactTensor>>& got, const char* what) {
      ASSERT_TRUE(got.ok()) << what << ": " << got.error().to_string();
      for (size_t o = 0; o < want->size(); ++o) {
        std::string where;
        EXPECT_LE(distance((*got)[o], (*want)[o], narrowest_float(*plain), where), 1)
            << what << ", output " << o << ", " << where;
      }
    };
    ++compared;
    expect_near(interpret(*written, inputs), "the graph after all passes");
    if (seed < kBuilt) {
      BuildConfig config;
      config.compile.device = {std::string(isa_name(cpu_info().isa)), 1};
      config.compile.build = {.optimization_level = 0};
      auto engine = build_engine(*graph, config);
      ASSERT_TRUE(engine.ok()) << engine.error().to_string();
      ++ran;
      expect_near(run_engine(*engine, random_inputs(*graph, kExtent, seed)), "the plan");
    }
    for (size_t o = 0; o < want->size(); ++o) {
      const TensorType& type = graph->type(graph->outputs()[o]);
      EXPECT_EQ(type.dtype, (*want)[o].dtype);
      ASSERT_EQ(type.dims.size(), (*want)[o].dims.size());
      for (size_t d = 0; d < type.dims.size(); ++d) {
        if (type.dims[d].is_const()) {
          EXPECT_EQ(type.dims[d].value(), (*want)[o].dims[d]);
        }
      }
    }
  }
  EXPECT_GT(compared, 0) << "all variants were refused";
  EXPECT_GT(ran, 0) << "no plan was compared";
}

INSTANTIATE_TEST_SUITE_P(Samples, StrangeOperands, ::testing::ValuesIn(all_samples()),
                         [](const auto& info) { return info.param.op->name + "_" + std::to_string(info.param.number); });

}  // namespace
}  // namespace temper::testing
