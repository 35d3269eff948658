#include "tests/conformance/product_case.h"

#include <limits>
#include <random>

#include "ir/graph_text.h"
#include "ops/builder.h"

namespace temper::testing {

std::vector<ProductCase> product_cases() {
  std::vector<ProductCase> cases;
  for (const std::string t : {"f32", "f16", "bf16"}) {
    auto type = [&](const std::string& dims) { return t + "[" + dims + "]"; };
    auto matmul = [&](const std::string& left, const std::string& right, bool weights) {
      cases.push_back({"matmul", type(left) + ", " + type(right), weights});
    };
    // Rows, depth, columns: the last rows of a tile are missing, and half of its columns.
    matmul("400, 512", "512, 512", true);
    matmul("400, 512", "512, 512", false);
    matmul("129, 200", "200, 72", true);
    matmul("64, 64", "64, 64", true);
    matmul("16, 2048", "2048, 136", true);
    matmul("1000, 96", "96, 40", true);
    matmul("77, 77", "77, 77", true);
    matmul("130, 36", "36, 35", false);
    matmul("1, 768", "768, 264", true);
    matmul("3, 200", "200, 100", true);
    matmul("5000, 64", "64, 2", true);
    matmul("3, 65, 128", "3, 128, 48", false);
    matmul("2, 4, 128, 64", "2, 4, 64, 128", false);
    matmul("300, 1032", "1032, 264", true);
    cases.push_back({"gemm", type("384, 136") + ", " + type("520, 136") + ", " + type("520") + " {trans_b = true}", false});
    cases.push_back({"gemm", type("136, 90") + ", " + type("136, 100") + " {trans_a = true}", false});
    auto conv = [&](const std::string& x, const std::string& w, const std::string& attributes) {
      cases.push_back({"conv", type(x) + ", " + type(w) + " {" + attributes + "}", true});
    };
    conv("2, 64, 14, 14", "72, 64, 3, 3", "pads = [1, 1, 1, 1]");
    conv("1, 64, 20, 20", "64, 64, 1, 1", "strides = [1, 1]");
    conv("3, 128, 15, 15", "136, 128, 1, 1", "strides = [2, 2]");
    conv("1, 3, 32, 32", "32, 3, 7, 7", "strides = [2, 2], pads = [3, 3, 3, 3]");
    conv("1, 64, 9, 9", "64, 32, 3, 3", "group = 2, pads = [1, 1, 1, 1]");
    conv("1, 256, 7, 7", "64, 256, 3, 3", "pads = [2, 2, 2, 2], dilations = [2, 2]");
    // Few channels, and many results: runs of three pixels that begin at an odd element and at an even one, and one channel.
    conv("2, 3, 400, 390", "20, 3, 3, 3", "strides = [2, 2], pads = [1, 1, 1, 1]");
    conv("2, 3, 400, 390", "16, 3, 4, 2", "strides = [2, 2], pads = [2, 0, 1, 1]");
    conv("2, 1, 400, 390", "80, 1, 2, 5", "strides = [2, 2], pads = [0, 2, 0, 2]");
    auto attention = [&](const std::string& q, const std::string& k, const std::string& v, const std::string& attributes) {
      cases.push_back({"attention", type(q) + ", " + type(k) + ", " + type(v) + attributes, false});
    };
    // Rows that are one chunk, several, and one of several; heads that are no whole pieces.
    attention("2, 3, 130, 64", "2, 3, 200, 64", "2, 3, 200, 64", "");
    attention("1, 2, 70, 80", "1, 2, 300, 80", "1, 2, 300, 48", "");
    attention("1, 2, 1, 64", "1, 2, 520, 64", "1, 2, 520, 64", "");
    attention("1, 1, 129, 256", "1, 1, 70, 256", "1, 1, 70, 256", " {is_causal = true}");
    cases.push_back({"conv_transpose",
                     type("1, 32, 8, 8") + ", " + type("32, 40, 4, 4") + " {strides = [2, 2], pads = [1, 1, 1, 1]}", true});
  }
  return cases;
}

std::vector<KernelCase> kernel_cases() {
  std::vector<KernelCase> cases;
  for (const std::string t : {"f32", "f16", "bf16"}) {
    auto type = [&](const std::string& dims) { return t + "[" + dims + "]"; };
    auto window = [&](const std::string& op, const std::string& operands, const std::string& attributes) {
      cases.push_back({{op, operands + " {" + attributes + "}", op == "conv", true}, "window"});
    };
    window("conv", type("2, 64, 40, 42") + ", " + type("64, 1, 3, 3"), "group = 64, pads = [1, 1, 1, 1]");
    window("conv", type("3, 64, 100, 98") + ", " + type("64, 1, 5, 5"), "group = 64, pads = [2, 2, 2, 2]");
    window("conv", type("3, 40, 81, 75") + ", " + type("40, 1, 3, 3"),
           "group = 40, pads = [0, 1, 2, 1], strides = [2, 2], dilations = [1, 2]");
    window("conv", type("2, 16, 200, 170") + ", " + type("40, 16, 1, 1"), "strides = [1, 1]");
    window("conv", type("1, 3, 520, 516") + ", " + type("16, 3, 3, 3"), "strides = [2, 2], pads = [1, 1, 1, 1]");
    window("max_pool", type("2, 64, 56, 56"), "kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]");
    if (t == "f32") window("average_pool", type("2, 64, 56, 54"), "kernel_shape = [2, 3], strides = [1, 3]");
    cases.push_back({{"global_average_pool", type("3, 72, 15, 13"), false, true}, "columns"});
    cases.push_back({{"arg_max", type("40, 136") + " {axis = 0}"}, "columns"});
    cases.push_back({{"matmul", type("1, 512") + ", " + type("512, 2048"), true}, "lines"});
    cases.push_back({{"matmul", type("3, 520") + ", " + type("520, 96"), true}, "lines"});
    cases.push_back({{"arg_max", type("3, 2, 1000") + " {axis = 2}"}, "lines"});
    cases.push_back({{"softmax", type("40, 200")}, "rows"});
    cases.push_back({{"cumulative_sum", type("3, 5000") + ", i64[] (1)"}, "scan"});
    cases.push_back({{"cumulative_sum", type("3, 40, 9") + ", i64[] (1) {exclusive = true, reverse = true}"}, "scan"});
    cases.push_back({{"top_k", type("2, 1500") + " {axis = 1, count = 40}"}, "sort_start"});
    cases.push_back({{"top_k", type("3, 700") + " {axis = 1, count = 40}"}, "sort"});
  }
  cases.push_back(
      {{"non_max_suppression", "f32[2, 700, 4], f32[2, 3, 700], i64[] (300), f32[] (0.5), f32[] (0)", false, false, false},
       "suppress"});
  return cases;
}

Expected<Graph> product_graph(const ProductCase& product) {
  const Op* op = find_op(product.op);
  if (!op) return Error(ErrorCode::kNotFound, "there is no operator '" + product.op + "'");
  auto context = std::make_shared<SymContext>();
  OpSample sample = TEMPER_TRY(parse_sample(*op, product.text, *context));
  Graph graph(context);
  Builder builder(graph, op->name);
  std::vector<Val> operands;
  std::mt19937_64 random(product.text.size());
  std::uniform_real_distribution<double> uniform(-1, 1);
  for (auto& operand : sample.operands) {
    if (const auto* constant = std::get_if<Tensor>(&operand)) {
      operands.push_back(builder.constant(*constant));
      continue;
    }
    const TensorType& type = std::get<TensorType>(operand);
    if (operands.size() == 1 && product.weights) {
      std::vector<int64_t> dims;
      for (SymInt d : type.dims) dims.push_back(d.value());
      Tensor weights = Tensor::zeros(type.dtype, dims);
      for (int64_t i = 0; i < weights.count(); ++i) weights.set(i, {uniform(random), 0});
      operands.push_back(builder.constant(weights));
    } else if (operands.empty() && product.channels_last) {
      std::vector<int64_t> back(type.dims.size());  // dims 0, 2, 3, ..., 1 in memory
      TensorType last{type.dtype, {type.dims[0]}};
      for (size_t d = 2; d < back.size(); ++d) back[d] = static_cast<int64_t>(d) - 1, last.dims.push_back(type.dims[d]);
      back[1] = static_cast<int64_t>(back.size()) - 1;
      last.dims.push_back(type.dims[1]);
      operands.push_back(builder.transpose(builder.val(graph.add_input(last, "x0")), back));
    } else {
      operands.push_back(builder.val(graph.add_input(type, "x" + std::to_string(graph.inputs().size()))));
    }
  }
  std::vector<Val> results = builder.op(*op, sample.attrs, operands);
  TEMPER_TRY(builder.take_status());
  Val y = results.at(0);
  if (product.channels_last && builder.dims(y).size() == 4) y = builder.transpose(y, std::vector<int64_t>{0, 2, 3, 1});
  graph.output_names().push_back("y");
  graph.set_outputs({y.id});
  return graph;
}

void plant_odd_numbers(std::vector<Tensor>& inputs, uint64_t seed) {
  std::mt19937_64 random(seed);
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  constexpr int kPlaces = 3;
  for (Tensor& t : inputs) {
    if (!is_float(t.dtype()) || t.count() == 0) continue;
    for (int k = 0; k < kPlaces; ++k) {
      const double odd[] = {kInfinity, -kInfinity, std::numeric_limits<double>::quiet_NaN()};
      t.set(static_cast<int64_t>(random() % static_cast<uint64_t>(t.count())), {odd[k % 3], 0});
    }
  }
}

}  // namespace temper::testing
