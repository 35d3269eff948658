// Operators of neural networks: their bodies, interpreted exactly, against plain loops written here.
#include <gtest/gtest.h>

#include <cmath>

#include "interp/interp.h"
#include "ops/builder.h"

namespace temper {
namespace {

using Values = std::vector<double>;

ExactTensor tensor(std::vector<int64_t> dims, Values values) {
  ExactTensor t = ExactTensor::zeros(DType::kF32, std::move(dims));
  t.floats = std::move(values);
  return t;
}
// Some values, the same every time.
ExactTensor some(std::vector<int64_t> dims, int seed) {
  ExactTensor t = ExactTensor::zeros(DType::kF32, std::move(dims));
  for (size_t i = 0; i < t.floats.size(); ++i) t.floats[i] = ((static_cast<int>(i) * 37 + seed * 11) % 19 - 9) / 4.0;
  return t;
}
ExactTensor integers(std::vector<int64_t> dims, std::vector<int64_t> values) {
  ExactTensor t = ExactTensor::zeros(DType::kI32, std::move(dims));
  t.ints = std::move(values);
  return t;
}

// The operator's body, written into a graph of its own and interpreted. An operand without dims and values is absent.
Expected<std::vector<ExactTensor>> run(std::string_view name, const AttrFields& fields,
                                       const std::vector<std::optional<ExactTensor>>& operands, bool constant = false) {
  const Op* op = find_op(name);
  if (!op) return Error(ErrorCode::kInternal, "no such operator");
  AttrsPtr attrs = TEMPER_TRY(op->make_attrs(fields));
  Graph graph(std::make_shared<SymContext>());
  Builder b(graph);
  std::vector<ValueId> ids;
  std::vector<ExactTensor> inputs;
  for (const auto& t : operands) {
    if (!t) {
      ids.push_back(kNone32);
    } else if (constant && ids.size() > 0) {
      ids.push_back(b.constant(t->to_tensor()).id);
    } else {
      ids.push_back(graph.add_input(TensorType{t->dtype, Dims(t->dims.begin(), t->dims.end())}, ""));
      inputs.push_back(*t);
    }
  }
  auto results = op->body(b, *attrs, ids);
  TEMPER_TRY(b.take_status());
  graph.set_outputs(results);
  return interpret(graph, inputs);
}

void expect_near(const ExactTensor& got, const std::vector<int64_t>& dims, const Values& want, double tolerance = 1e-6) {
  ASSERT_EQ(got.dims, dims);
  ASSERT_EQ(got.floats.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got.floats[i], want[i], tolerance) << "element " << i;
}

using Ints = std::vector<int64_t>;

TEST(Conv, GroupsStridesPadsAndDilations) {
  ExactTensor x = some({2, 4, 6, 7}, 1), w = some({6, 2, 3, 2}, 2), bias = some({6}, 3);
  auto y = run("conv", {{"strides", Ints{2, 1}}, {"pads", Ints{1, 0, 2, 1}}, {"dilations", Ints{1, 2}}, {"group", int64_t{2}}},
               {x, w, bias});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  const int64_t oh = (6 + 3 - 3) / 2 + 1, ow = 7 + 1 - 3 + 1;
  Values want;
  for (int n = 0; n < 2; ++n)
    for (int oc = 0; oc < 6; ++oc)
      for (int i = 0; i < oh; ++i)
        for (int j = 0; j < ow; ++j) {
          double sum = bias.floats[oc];
          for (int c = 0; c < 2; ++c)
            for (int p = 0; p < 3; ++p)
              for (int q = 0; q < 2; ++q) {
                int h = i * 2 + p - 1, v = j + q * 2;
                if (h < 0 || h >= 6 || v < 0 || v >= 7) continue;
                sum += x.floats[((n * 4 + oc / 3 * 2 + c) * 6 + h) * 7 + v] * w.floats[((oc * 2 + c) * 3 + p) * 2 + q];
              }
          want.push_back(sum);
        }
  expect_near((*y)[0], {2, 6, oh, ow}, want);
}

TEST(Conv, OnlyPaddingIsGuardedAndDepthwiseReadsItsOwnChannel) {
  Graph graph(std::make_shared<SymContext>());
  Builder b(graph);
  SymInt n = graph.sym().symbol("n"), h = graph.sym().symbol("h");
  ValueId x = graph.add_input(TensorType{DType::kF32, {n, 8, h, 9}}, ""),
          w = graph.add_input(TensorType{DType::kF32, {8, 1, 3, 3}}, "");
  const Op* op = find_op("conv");
  const ValueId operands[] = {x, w};
  ValueId open = op->body(b, **op->make_attrs({{"group", int64_t{8}}}), operands)[0];
  ValueId padded = op->body(b, **op->make_attrs({{"group", int64_t{8}}, {"pads", Ints{1, 0, 0, 1}}}), operands)[0];
  ASSERT_TRUE(b.ok());
  const auto& map = attrs_as<ContractAttrs>(*graph.producer(open)->attrs).lhs;
  EXPECT_TRUE(map.guard.is_const(1)) << map.to_string();
  EXPECT_EQ(map.results[1].to_string(), "d1");
  const auto& guarded = attrs_as<ContractAttrs>(*graph.producer(padded)->attrs).lhs;
  EXPECT_EQ(guarded.guard, less(-1, guarded.results[2]) * less(guarded.results[3], 9));
  EXPECT_EQ(graph.type(open).dims, (Dims{n, 8, h - 2, 7}));
}

TEST(ConvTranspose, IsTheScatterOfItsInput) {
  for (int64_t group : {int64_t{1}, int64_t{2}}) {
    ExactTensor x = some({1, 4, 4, 3}, 4), w = some({4, 3, 3, 2}, 5);
    auto y = run("conv_transpose",
                 {{"strides", Ints{2, 3}},
                  {"pads", Ints{1, 0, 0, 1}},
                  {"dilations", Ints{1, 2}},
                  {"output_padding", Ints{1, 0}},
                  {"group", group}},
                 {x, w});
    ASSERT_TRUE(y.ok()) << y.error().to_string();
    const int64_t oh = 3 * 2 + 1 + 3 - 1, ow = 2 * 3 + 3 - 1, in = 4 / group, channels = 3 * group;
    Values want(channels * oh * ow, 0.0);
    for (int c = 0; c < 4; ++c)
      for (int o = 0; o < 3; ++o)
        for (int i = 0; i < 4; ++i)
          for (int j = 0; j < 3; ++j)
            for (int p = 0; p < 3; ++p)
              for (int q = 0; q < 2; ++q) {
                int64_t r = i * 2 + p - 1, s = j * 3 + q * 2;
                if (r < 0 || r >= oh || s < 0 || s >= ow) continue;
                want[((c / in * 3 + o) * oh + r) * ow + s] +=
                    x.floats[(c * 4 + i) * 3 + j] * w.floats[((c * 3 + o) * 3 + p) * 2 + q];
              }
    expect_near((*y)[0], {1, channels, oh, ow}, want);
  }
}

TEST(Pools, MaxGivesValuesAndPositions) {
  ExactTensor x = some({1, 2, 5, 4}, 6);
  auto y = run("max_pool",
               {{"kernel_shape", Ints{3, 2}}, {"strides", Ints{2, 2}}, {"pads", Ints{1, 0, 1, 0}}, {"indices", true}}, {x});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  ASSERT_EQ((*y)[0].dims, (Ints{1, 2, 3, 2}));
  for (int c = 0; c < 2; ++c)
    for (int i = 0; i < 3; ++i)
      for (int j = 0; j < 2; ++j) {
        int best = -1;
        for (int p = 0; p < 3; ++p)
          for (int q = 0; q < 2; ++q) {
            int h = i * 2 + p - 1, at = (c * 5 + h) * 4 + j * 2 + q;
            if (h >= 0 && h < 5 && (best < 0 || x.floats[at] > x.floats[best])) best = at;
          }
        EXPECT_EQ((*y)[0].floats[(c * 3 + i) * 2 + j], x.floats[best]);
        EXPECT_EQ((*y)[1].ints[(c * 3 + i) * 2 + j], best);
      }
}

TEST(Pools, AverageCountsWhatItShould) {
  ExactTensor x = tensor({1, 1, 5}, {1, 2, 3, 4, 5});
  AttrFields fields{{"kernel_shape", Ints{3}}, {"strides", Ints{2}}, {"pads", Ints{1, 0}}, {"ceil_mode", true}};
  auto y = run("average_pool", fields, {x});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  expect_near((*y)[0], {1, 1, 3}, {1.5, 3, 4.5});
  fields["count_include_pad"] = true;
  y = run("average_pool", fields, {x});
  ASSERT_TRUE(y.ok());
  expect_near((*y)[0], {1, 1, 3}, {1, 3, 4.5});  // the last window reaches beyond all padding
}

TEST(Norms, AgreeWithTheirDefinition) {
  ExactTensor x = some({2, 4, 3}, 7), scale = some({4}, 8), bias = some({4}, 9), mean = some({4}, 10),
              variance = tensor({4}, {1, 2, 3, 4});
  auto y = run("batch_norm", {{"epsilon", 0.5}}, {x, scale, bias, mean, variance}, true);
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  Values want;
  for (int i = 0; i < 24; ++i) {
    int c = i / 3 % 4;
    want.push_back((x.floats[i] - mean.floats[c]) / std::sqrt(variance.floats[c] + 0.5) * scale.floats[c] + bias.floats[c]);
  }
  expect_near((*y)[0], {2, 4, 3}, want, 1e-5);

  auto normalized = [&](int first, int count, double epsilon) {
    double m = 0, v = 0;
    for (int i = 0; i < count; ++i) m += x.floats[first + i] / count;
    for (int i = 0; i < count; ++i) v += (x.floats[first + i] - m) * (x.floats[first + i] - m) / count;
    Values row;
    for (int i = 0; i < count; ++i) row.push_back((x.floats[first + i] - m) / std::sqrt(v + epsilon));
    return row;
  };
  y = run("layer_norm", {{"axis", int64_t{1}}, {"epsilon", 0.25}}, {x});
  ASSERT_TRUE(y.ok());
  want = normalized(0, 12, 0.25);
  for (double v : normalized(12, 12, 0.25)) want.push_back(v);
  expect_near((*y)[0], {2, 4, 3}, want);
  y = run("group_norm", {{"groups", int64_t{2}}, {"epsilon", 0.25}}, {x, scale, bias});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  want.clear();
  for (int g = 0; g < 4; ++g)
    for (double v : normalized(g * 6, 6, 0.25)) {
      size_t c = want.size() / 3 % 4;
      want.push_back(v * scale.floats[c] + bias.floats[c]);
    }
  expect_near((*y)[0], {2, 4, 3}, want);
}

TEST(Softmax, OldOpsetsFlatten) {
  ExactTensor x = some({2, 3, 2}, 11);
  auto flat = run("softmax", {{"axis", int64_t{1}}, {"flatten", true}}, {x}),
       plain = run("softmax", {{"axis", int64_t{1}}}, {x});
  ASSERT_TRUE(flat.ok() && plain.ok());
  double row = 0, column = 0;
  for (int i = 0; i < 6; ++i) row += (*flat)[0].floats[i];
  for (int i = 0; i < 3; ++i) column += (*plain)[0].floats[i * 2];
  EXPECT_NEAR(row, 1, 1e-12);
  EXPECT_NEAR(column, 1, 1e-12);
}

TEST(Einsum, ContractsBroadcastsAndTakesDiagonals) {
  ExactTensor x = some({2, 3, 4}, 12), y = some({4, 3}, 13), z = some({2}, 14);
  auto r = run("einsum", {{"equation", std::string("bij,ji,b->ib")}}, {x, y, z});
  ASSERT_TRUE(r.ok()) << r.error().to_string();
  Values want;
  for (int i = 0; i < 3; ++i)
    for (int n = 0; n < 2; ++n) {
      double sum = 0;
      for (int j = 0; j < 4; ++j) sum += x.floats[(n * 3 + i) * 4 + j] * y.floats[j * 3 + i] * z.floats[n];
      want.push_back(sum);
    }
  expect_near((*r)[0], {3, 2}, want);
  ExactTensor square = some({3, 3}, 15);
  r = run("einsum", {{"equation", std::string("ii->i")}}, {square});
  ASSERT_TRUE(r.ok());
  expect_near((*r)[0], {3}, {square.floats[0], square.floats[4], square.floats[8]});
  EXPECT_FALSE(run("einsum", {{"equation", std::string("ij,jk->iz")}}, {square, square}).ok());
  EXPECT_FALSE(run("einsum", {{"equation", std::string("i?")}}, {square}).ok());
}

TEST(Activations, AgreeWithTheirFormulas) {
  const Values points{-4, -1, -0.25, 0, 0.25, 1, 4};
  struct Case {
    const char* name;
    double alpha, beta;
    double (*value)(double);
  };
  const Case cases[] = {
      {"relu", 0, 0, [](double x) { return std::max(x, 0.0); }},
      {"leaky_relu", 0.1, 0, [](double x) { return x < 0 ? 0.1 * x : x; }},
      {"elu", 2, 0, [](double x) { return x < 0 ? 2 * std::expm1(x) : x; }},
      {"celu", 2, 0, [](double x) { return std::max(0.0, x) + std::min(0.0, 2 * std::expm1(x / 2)); }},
      {"hard_sigmoid", 0.2, 0.5, [](double x) { return std::clamp(0.2 * x + 0.5, 0.0, 1.0); }},
      {"hard_swish", 0, 0, [](double x) { return x * std::clamp(x / 6 + 0.5, 0.0, 1.0); }},
      {"softplus", 0, 0, [](double x) { return std::log1p(std::exp(x)); }},
      {"mish", 0, 0, [](double x) { return x * std::tanh(std::log1p(std::exp(x))); }},
      {"shrink", 0.5, 0.25, [](double x) { return x < -0.5  ? x + 0.25
                                                  : x > 0.5 ? x - 0.25
                                                            : 0.0; }},
      {"swish", 2, 0, [](double x) { return x / (1 + std::exp(-2 * x)); }},
  };
  for (const Case& c : cases) {
    auto y = run(c.name, {{"alpha", c.alpha}, {"beta", c.beta}}, {tensor({7}, points)});
    ASSERT_TRUE(y.ok()) << c.name;
    Values want;
    for (double x : points) want.push_back(c.value(x));
    SCOPED_TRACE(c.name);
    expect_near((*y)[0], {7}, want, 1e-6);
  }
}

// An LSTM of one direction over one sequence, as the definition says.
Values lstm_reference(const ExactTensor& x, const ExactTensor& w, const ExactTensor& r, const ExactTensor& bias, int sequence,
                      int length, bool reverse, int direction, int time, int batch, int in, int hidden) {
  auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
  Values h(hidden, 0.0), c(hidden, 0.0), outputs(time * hidden, 0.0);
  for (int step = 0; step < length; ++step) {
    int t = reverse ? length - 1 - step : step;
    Values gates(4 * hidden);
    for (int g = 0; g < 4 * hidden; ++g) {
      double sum = bias.floats[direction * 8 * hidden + g] + bias.floats[direction * 8 * hidden + 4 * hidden + g];
      for (int i = 0; i < in; ++i)
        sum += x.floats[(t * batch + sequence) * in + i] * w.floats[(direction * 4 * hidden + g) * in + i];
      for (int i = 0; i < hidden; ++i) sum += h[i] * r.floats[(direction * 4 * hidden + g) * hidden + i];
      gates[g] = sum;
    }
    for (int i = 0; i < hidden; ++i) {
      c[i] = sigmoid(gates[2 * hidden + i]) * c[i] + sigmoid(gates[i]) * std::tanh(gates[3 * hidden + i]);
      h[i] = sigmoid(gates[hidden + i]) * std::tanh(c[i]);
      outputs[t * hidden + i] = h[i];
    }
  }
  return outputs;
}

TEST(Recurrent, BidirectionalLstmOfSequencesOfDifferentLength) {
  for (int time : {1, 4}) {
    const int batch = 2, in = 3, hidden = 2;
    const std::vector<int64_t> lengths{time, std::max(1, time - 2)};
    ExactTensor x = some({time, batch, in}, 16), w = some({2, 4 * hidden, in}, 17), r = some({2, 4 * hidden, hidden}, 18),
                bias = some({2, 8 * hidden}, 19);
    auto y = run("lstm", {{"direction", std::string("bidirectional")}}, {x, w, r, bias, integers({batch}, lengths)});
    ASSERT_TRUE(y.ok()) << y.error().to_string();
    Values want(time * 2 * batch * hidden), last(2 * batch * hidden);
    for (int d = 0; d < 2; ++d)
      for (int n = 0; n < batch; ++n) {
        Values out = lstm_reference(x, w, r, bias, n, static_cast<int>(lengths[n]), d == 1, d, time, batch, in, hidden);
        for (int t = 0; t < time; ++t)
          for (int i = 0; i < hidden; ++i) want[((t * 2 + d) * batch + n) * hidden + i] = out[t * hidden + i];
        int64_t end = d == 1 ? 0 : lengths[n] - 1;
        for (int i = 0; i < hidden; ++i) last[(d * batch + n) * hidden + i] = out[end * hidden + i];
      }
    expect_near((*y)[0], {time, 2, batch, hidden}, want);
    expect_near((*y)[1], {2, batch, hidden}, last);
  }
}

TEST(Recurrent, SymbolicTimeAndBatchKeepTheirNames) {
  Graph graph(std::make_shared<SymContext>());
  Builder b(graph);
  SymInt t = graph.sym().symbol("t"), n = graph.sym().symbol("n");
  const ValueId operands[] = {graph.add_input(TensorType{DType::kF32, {t, n, 3}}, ""),
                              graph.add_input(TensorType{DType::kF32, {1, 15, 3}}, ""),
                              graph.add_input(TensorType{DType::kF32, {1, 15, 5}}, "")};
  const Op* op = find_op("gru");
  auto results = op->body(b, *op->default_attrs, operands);
  ASSERT_TRUE(b.ok()) << b.take_status().error().to_string();
  EXPECT_EQ(graph.type(results[0]).dims, (Dims{t, 1, n, 5}));
  EXPECT_EQ(graph.type(results[1]).dims, (Dims{1, n, 5}));
}

TEST(Attention, SharedHeadsAndCausalMask) {
  const int heads = 4, shared = 2, rows = 3, keys = 5, size = 2;
  ExactTensor q = some({1, heads, rows, size}, 20), k = some({1, heads / shared, keys, size}, 21),
              v = some({1, heads / shared, keys, size}, 22);
  auto y = run("attention", {{"is_causal", true}}, {q, k, v});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  Values want;
  for (int h = 0; h < heads; ++h)
    for (int i = 0; i < rows; ++i)
      for (int c = 0; c < size; ++c) {
        double sum = 0, total = 0;
        for (int j = 0; j <= i; ++j) {
          double s = 0;
          for (int e = 0; e < size; ++e)
            s += q.floats[(h * rows + i) * size + e] * k.floats[(h / shared * keys + j) * size + e];
          double weight = std::exp(s / std::sqrt(2.0));
          total += weight;
          sum += weight * v.floats[(h / shared * keys + j) * size + c];
        }
        want.push_back(sum / total);
      }
  expect_near((*y)[0], {1, heads, rows, size}, want);
}

TEST(Quantized, ProductsTakeZeroPointsOff) {
  ExactTensor a = ExactTensor::zeros(DType::kU8, {2, 3}), w = ExactTensor::zeros(DType::kI8, {3, 2}),
              az = ExactTensor::zeros(DType::kU8, {}), wz = ExactTensor::zeros(DType::kI8, {2});
  a.ints = {0, 255, 3, 4, 5, 200};
  w.ints = {-128, 127, 3, -4, 5, 6};
  az.ints = {7};
  wz.ints = {-3, 2};
  auto y = run("matmul_integer", {}, {a, w, az, wz});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 2; ++j) {
      int64_t sum = 0;
      for (int k = 0; k < 3; ++k) sum += (a.ints[i * 3 + k] - 7) * (w.ints[k * 2 + j] - wz.ints[j]);
      EXPECT_EQ((*y)[0].ints[i * 2 + j], sum);
    }
}

TEST(NetworkOperators, RefuseWhatHasNoMeaning) {
  ExactTensor x = some({1, 3, 4, 4}, 1), w = some({2, 2, 3, 3}, 2), huge = some({2, 3, 7, 7}, 3);
  EXPECT_FALSE(run("conv", {}, {x, w}).ok());             // channels
  EXPECT_FALSE(run("conv", {}, {x, huge}).ok());          // a window larger than the input
  EXPECT_FALSE(run("conv", {}, {x, std::nullopt}).ok());  // no weights
  EXPECT_FALSE(run("conv", {{"strides", Ints{0, 1}}}, {x, some({2, 3, 3, 3}, 2)}).ok());
  EXPECT_FALSE(run("conv", {{"auto_pad", std::string("SAME")}}, {x, some({2, 3, 3, 3}, 2)}).ok());
  EXPECT_FALSE(run("max_pool", {{"kernel_shape", Ints{2}}}, {x}).ok());
  EXPECT_FALSE(run("softmax", {{"axis", int64_t{4}}}, {x}).ok());
  EXPECT_FALSE(run("layer_norm", {{"axis", int64_t{-5}}}, {x}).ok());
  EXPECT_FALSE(run("gemm", {}, {some({2, 3}, 1), some({4, 5}, 1)}).ok());
  EXPECT_FALSE(run("matmul", {}, {some({2, 3}, 1), integers({3}, {1, 2, 3})}).ok());
  EXPECT_FALSE(run("gelu", {}, {integers({3}, {1, 2, 3})}).ok());
  EXPECT_FALSE(run("lstm", {}, {some({4, 1, 3}, 1), some({1, 8, 3}, 1), some({1, 8, 3}, 1)}).ok());
  EXPECT_FALSE(run("lstm", {{"activations", std::vector<std::string>{"Tanh"}}},
                   {some({4, 1, 3}, 1), some({1, 8, 3}, 1), some({1, 8, 2}, 1)})
                   .ok());
  EXPECT_FALSE(run("depth_to_space", {{"block", int64_t{2}}}, {x}).ok());
  EXPECT_FALSE(run("group_norm", {{"groups", int64_t{2}}}, {x, some({3}, 1), some({3}, 1)}).ok());
}

}  // namespace
}  // namespace temper
