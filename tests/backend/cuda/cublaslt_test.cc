// Products by cuBLASLt: that the library is told the right matrices, by the stub that computes them; and that damaged plans of
// it are errors.
#include <gtest/gtest.h>

#include <cstdlib>

#include "backend/cuda/run/lt_kernel.h"
#include "backend/cuda/run/nvrtc.h"
#include "builder/build.h"
#include "ops/builder.h"
#include "runtime/context.h"
#include "tests/backend/cuda/stub.h"

namespace temper::cuda {
namespace {

const int kNamed = setenv("TEMPER_CUBLAS", TEMPER_STUB_CUBLAS, 1);

struct ProductCase {
  std::string name;
  std::vector<int64_t> x, y;
  std::vector<int64_t> turn_x, turn_y;  // transposed first; empty: not
};

std::ostream& operator<<(std::ostream& out, const ProductCase& c) { return out << c.name; }

class CuBlasLtProduct : public ::testing::TestWithParam<ProductCase> {};

Tensor numbers(const std::vector<int64_t>& dims, int seed) {
  Tensor t = Tensor::zeros(DType::kF32, dims);
  for (int64_t i = 0; i < t.count(); ++i) t.set(i, {double((i * 7 + seed) % 13) - 6, 0});
  return t;
}

TEST_P(CuBlasLtProduct, GivesTheProduct) {
  if (!nvrtc_status(90).ok()) GTEST_SKIP() << "without NVRTC there is nothing to measure with";
  stub().reset();
  const ProductCase& c = GetParam();
  Graph graph(std::make_shared<SymContext>());
  Builder b(graph);
  const auto input = [&](const std::vector<int64_t>& dims, const char* name, const std::vector<int64_t>& turn) {
    Dims sym;
    for (int64_t d : dims) sym.push_back(d);
    Val v = b.val(graph.add_input(TensorType{DType::kF32, sym}, name));
    return turn.empty() ? v : b.transpose(v, turn);
  };
  Val x = input(c.x, "x", c.turn_x), y = input(c.y, "y", c.turn_y);
  Val product = b.matmul(x, y);
  graph.set_outputs({product.id});
  graph.output_names() = {"z"};
  ASSERT_TRUE(b.ok());
  BuildConfig config;
  config.compile.build.optimization_level = 0;
  std::vector<Tensor> inputs{numbers(c.x, 1), numbers(c.y, 5)};
  std::vector<std::vector<float>> results;
  for (const char* source : {"cublaslt", ""}) {
    config.compile.build.only_source = source;
    config.compile.device = *source ? Device{"sm_90", 1} : this_device(1);
    MemorySink sink;
    Status built = build_plan(graph, config, sink);
    ASSERT_TRUE(built.ok()) << built.error().to_string();
    auto plan = std::make_shared<std::vector<std::byte>>(sink.take());
    auto engine = Engine::load(*plan, plan);
    ASSERT_TRUE(engine.ok()) << engine.error().to_string();
    Context context(*engine);
    for (int i = 0; i < 2; ++i) {
      ASSERT_TRUE(context.set_input_shape(i, inputs[size_t(i)].dims()).ok());
      context.set_address(Context::kInput, i, inputs[size_t(i)].mutable_bytes());
    }
    ASSERT_TRUE(context.resolve_shapes().ok());
    results.emplace_back(size_t(element_count(context.output_shape(0))));
    context.set_address(Context::kOutput, 0, results.back().data());
    SerialExecutor executor;
    Status ran = context.run(executor);
    ASSERT_TRUE(ran.ok()) << ran.error().to_string();
  }
  EXPECT_EQ(results[0], results[1]);  // of small integers: exact
}

INSTANTIATE_TEST_SUITE_P(
    Forms, CuBlasLtProduct,
    ::testing::Values(ProductCase{"plain", {5, 7}, {7, 3}, {}, {}}, ProductCase{"rows_are_turned", {7, 5}, {7, 3}, {1, 0}, {}},
                      ProductCase{"columns_are_turned", {5, 7}, {3, 7}, {}, {1, 0}},
                      ProductCase{"both_are_turned", {7, 5}, {3, 7}, {1, 0}, {1, 0}},
                      ProductCase{"one_row", {1, 7}, {7, 3}, {}, {}}, ProductCase{"one_column", {5, 7}, {7, 1}, {}, {}},
                      ProductCase{"batch", {4, 5, 7}, {4, 7, 3}, {}, {}}, ProductCase{"shared", {4, 5, 7}, {7, 3}, {}, {}},
                      ProductCase{"heads", {2, 4, 6, 8}, {2, 4, 6, 8}, {}, {0, 1, 3, 2}}),
    [](const auto& info) { return info.param.name; });

// The library's launches are captured with their addresses: those that touch what the caller binds are no part of a recording,
// so that addresses may change; what lies between them is.
TEST(CuBlasLtContext, RecordsWhatTheCallerDoesNotBind) {
  if (!nvrtc_status(90).ok()) GTEST_SKIP() << "without NVRTC there is nothing to measure with";
  stub().reset();
  Graph graph(std::make_shared<SymContext>());
  Builder b(graph);
  Val x = b.val(graph.add_input(TensorType{DType::kF32, {8, 8}}, "x")), w = b.constant(numbers({8, 8}, 3));
  graph.set_outputs({b.matmul(b.matmul(b.matmul(b.matmul(x, w), w), w), w).id});
  graph.output_names() = {"y"};
  ASSERT_TRUE(b.ok());
  BuildConfig config;
  config.compile.build.optimization_level = 0;
  config.compile.build.only_source = "cublaslt";
  config.compile.device = {"sm_90", 1};
  MemorySink sink;
  Status built = build_plan(graph, config, sink);
  ASSERT_TRUE(built.ok()) << built.error().to_string();
  auto plan = std::make_shared<std::vector<std::byte>>(sink.take());
  auto engine = Engine::load(*plan, plan);
  ASSERT_TRUE(engine.ok()) << engine.error().to_string();
  ASSERT_EQ((*engine)->plan().steps.size(), 4U);
  auto queue = (*engine)->backend().make_queue();
  ASSERT_TRUE(queue.ok());
  std::byte* memory[3];
  for (std::byte*& m : memory) m = (*queue)->allocate(8 * 8 * 4);
  {
    Context context(*engine);
    ASSERT_TRUE(context.set_input_shape(0, {8, 8}).ok());
    context.set_address(Context::kInput, 0, memory[0]);
    SerialExecutor executor;
    for (int i = 0; i < 5; ++i) {
      context.set_address(Context::kOutput, 0, memory[1 + i % 2]);
      Status ran = context.run(executor);
      ASSERT_TRUE(ran.ok()) << ran.error().to_string();
      EXPECT_EQ(stub().number("stub_graphs"), 1);
      EXPECT_EQ(stub().number("stub_replays"), i);
    }
  }
  for (std::byte* m : memory) (*queue)->release(m);
}

TEST(CuBlasLtProgram, ShortAndWrongBytesAreErrors) {
  LtProgram program{.b = 1, .d = 2, .buffers = 3};
  ByteWriter out;
  encode(program, out);
  const std::vector<std::byte> blob = out.take();
  {
    ByteReader reader(blob);
    ASSERT_TRUE(decode_lt_program(reader).ok());
  }
  for (size_t size = 0; size < blob.size(); ++size) {
    ByteReader reader(std::span<const std::byte>(blob).first(size));
    EXPECT_FALSE(decode_lt_program(reader).ok()) << size;
  }
  for (size_t at = 0; at < blob.size(); ++at) {
    std::vector<std::byte> bad = blob;
    bad[at] ^= std::byte{0xff};
    ByteReader reader(bad);
    auto decoded = decode_lt_program(reader);
    if (!decoded.ok()) continue;
    for (int32_t n : {decoded->a, decoded->b, decoded->d}) EXPECT_TRUE(n >= 0 && n < decoded->buffers);
  }
}

}  // namespace
}  // namespace temper::cuda
