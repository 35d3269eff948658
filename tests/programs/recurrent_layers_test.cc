// The recurrent layer of level 8, against its steps written out here.
#include <cmath>

#include "network_client.h"

namespace {

using namespace nvinfer1;
using client::expect_near;
using client::expect_shape;
using client::Net;
using client::wave;
using Row = std::vector<double>;

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// The weights of one gate of one layer: row-major matrices and biases.
struct Gate {
  std::vector<float> w, r, wb, rb;
};
struct Layer {
  std::map<RNNGateType, Gate> gates;
};

struct Case {
  RNNOperation op;
  int layers = 1;
  bool both = false, skip = false, lengths = false, states = false;
};
std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << int(c.op) << " layers " << c.layers << (c.both ? " both" : "") << (c.skip ? " skip" : "")
             << (c.lengths ? " lengths" : "") << (c.states ? " states" : "");
}

std::vector<RNNGateType> gates_of(RNNOperation op) {
  if (op == RNNOperation::kLSTM) return {RNNGateType::kINPUT, RNNGateType::kOUTPUT, RNNGateType::kFORGET, RNNGateType::kCELL};
  if (op == RNNOperation::kGRU) return {RNNGateType::kUPDATE, RNNGateType::kRESET, RNNGateType::kHIDDEN};
  return {RNNGateType::kINPUT};
}

constexpr int kBatch = 2, kTime = 4, kHidden = 3;

// One step of one layer.
void step(const Case& c, const Layer& layer, const Row& x, bool skip, Row& h, Row& cell) {
  auto half = [&](RNNGateType gate, bool input, size_t row) {
    const Gate& g = layer.gates.at(gate);
    const Row& v = input ? x : h;
    const std::vector<float>& m = input ? g.w : g.r;
    double sum = (input ? g.wb : g.rb)[row];
    if (input && skip) return sum + x[row];
    for (size_t k = 0; k < v.size(); ++k) sum += double(m[row * v.size() + k]) * v[k];
    return sum;
  };
  auto whole = [&](RNNGateType gate, size_t row) { return half(gate, true, row) + half(gate, false, row); };
  Row next(kHidden), next_cell(kHidden);
  for (size_t i = 0; i < kHidden; ++i) {
    switch (c.op) {
      case RNNOperation::kRELU:
        next[i] = std::max(0.0, whole(RNNGateType::kINPUT, i));
        break;
      case RNNOperation::kTANH:
        next[i] = std::tanh(whole(RNNGateType::kINPUT, i));
        break;
      case RNNOperation::kLSTM:
        next_cell[i] = sigmoid(whole(RNNGateType::kFORGET, i)) * cell[i] +
                       sigmoid(whole(RNNGateType::kINPUT, i)) * std::tanh(whole(RNNGateType::kCELL, i));
        next[i] = sigmoid(whole(RNNGateType::kOUTPUT, i)) * std::tanh(next_cell[i]);
        break;
      case RNNOperation::kGRU: {
        const double z = sigmoid(whole(RNNGateType::kUPDATE, i)), r = sigmoid(whole(RNNGateType::kRESET, i));
        next[i] =
            (1 - z) * std::tanh(half(RNNGateType::kHIDDEN, true, i) + r * half(RNNGateType::kHIDDEN, false, i)) + z * h[i];
        break;
      }
    }
  }
  h = next;
  cell = next_cell;
}

class RecurrentLayers : public testing::TestWithParam<Case> {};

TEST_P(RecurrentLayers, StepAsTheFormulasSay) {
  const Case& c = GetParam();
  const int directions = c.both ? 2 : 1, data = c.skip ? kHidden : 5;
  std::vector<Layer> layers;
  Net net;
  IRNNv2Layer* rnn = net->addRNNv2(net.input("x", Dims3(kBatch, kTime, data)), c.layers, kHidden, kTime, c.op);
  ASSERT_NE(rnn, nullptr);
  EXPECT_EQ(rnn->getOperation(), c.op);
  EXPECT_EQ(rnn->getLayerCount(), c.layers);
  EXPECT_EQ(rnn->getHiddenSize(), kHidden);
  EXPECT_EQ(rnn->getMaxSeqLength(), kTime);
  EXPECT_EQ(rnn->getDataLength(), data);
  if (c.both) rnn->setDirection(RNNDirection::kBIDIRECTION);
  if (c.skip) rnn->setInputMode(RNNInputMode::kSKIP);
  EXPECT_EQ(rnn->getDirection() == RNNDirection::kBIDIRECTION, c.both);
  EXPECT_EQ(rnn->getInputMode() == RNNInputMode::kSKIP, c.skip);
  float phase = 0;
  auto numbers = [&](int count) {
    auto values = wave(size_t(count), phase += 0.37f);
    for (float& v : values) v *= 0.4f;
    return values;
  };
  for (int l = 0; l < c.layers * directions; ++l) {
    const bool first = l < directions;
    Layer& layer = layers.emplace_back();
    for (RNNGateType gate : gates_of(c.op)) {
      const int columns = first ? data : kHidden * directions;
      Gate& g = layer.gates[gate];
      g = {numbers(kHidden * columns), numbers(kHidden * kHidden), numbers(kHidden), numbers(kHidden)};
      if (!first || !c.skip) rnn->setWeightsForGate(l, gate, true, net.weights(g.w));
      rnn->setWeightsForGate(l, gate, false, net.weights(g.r));
      rnn->setBiasForGate(l, gate, true, net.weights(g.wb));
      rnn->setBiasForGate(l, gate, false, net.weights(g.rb));
      EXPECT_EQ(rnn->getWeightsForGate(l, gate, false).count, kHidden * kHidden);
      EXPECT_EQ(rnn->getBiasForGate(l, gate, true).count, kHidden);
    }
  }
  std::vector<int32_t> lengths{kTime, kTime};
  if (c.lengths) {
    lengths = {2, 4};
    ITensor& given = net.input("lengths", Dims{1, {kBatch}}, DataType::kINT32);
    rnn->setSequenceLengths(given);
    EXPECT_EQ(rnn->getSequenceLengths(), &given);
  }
  const int states = c.layers * directions;
  std::vector<float> h0(size_t(kBatch * states * kHidden), 0), c0 = h0;
  if (c.states) {
    h0 = wave(h0.size(), 1), c0 = wave(c0.size(), 2);
    ITensor& given = net.constant(Dims3(kBatch, states, kHidden), h0);
    rnn->setHiddenState(given);
    EXPECT_EQ(rnn->getHiddenState(), &given);
    if (c.op == RNNOperation::kLSTM) rnn->setCellState(net.constant(Dims3(kBatch, states, kHidden), c0));
  }
  expect_shape(rnn->getOutput(0)->getDimensions(), {kBatch, kTime, kHidden * directions});
  net.output(rnn, "y", 0);
  net.output(rnn, "h", 1);
  const bool lstm = c.op == RNNOperation::kLSTM;
  EXPECT_EQ(rnn->getNbOutputs(), lstm ? 3 : 2);
  if (lstm) net.output(rnn, "c", 2);

  const auto in = wave(size_t(kBatch * kTime * data), 0.3f);
  std::vector<double> y, h_last, c_last;
  for (int b = 0; b < kBatch; ++b) {
    const int length = lengths[size_t(b)];
    std::vector<Row> rows;
    for (int t = 0; t < kTime; ++t) {
      const auto begin = in.begin() + (b * kTime + t) * data;
      rows.emplace_back(begin, begin + data);
    }
    for (int l = 0; l < c.layers; ++l) {
      std::vector<Row> next(kTime, Row(size_t(kHidden * directions), 0));
      for (int d = 0; d < directions; ++d) {
        const int at = l * directions + d;
        const auto place = (b * states + at) * kHidden;
        Row h(h0.begin() + place, h0.begin() + place + kHidden), cell(c0.begin() + place, c0.begin() + place + kHidden);
        for (int i = 0; i < length; ++i) {
          const int t = d == 0 ? i : length - 1 - i;
          step(c, layers[size_t(at)], rows[size_t(t)], c.skip && l == 0, h, cell);
          std::copy(h.begin(), h.end(), next[size_t(t)].begin() + d * kHidden);
        }
        h_last.insert(h_last.end(), h.begin(), h.end());
        c_last.insert(c_last.end(), cell.begin(), cell.end());
      }
      rows = next;
    }
    for (const Row& row : rows) y.insert(y.end(), row.begin(), row.end());
  }
  ASSERT_TRUE(net.build()) << temper::lastError().text();
  if (c.lengths) net.context->setInputTensorAddress("lengths", lengths.data());
  const std::map<std::string, std::pair<Dims, std::vector<float>>> inputs{{"x", {Dims3(kBatch, kTime, data), in}}};
  expect_near(net.run<float, float>(inputs, "y").values, y);
  const auto last = net.run<float, float>(inputs, "h");
  expect_shape(last.shape, {kBatch, states, kHidden});
  expect_near(last.values, h_last);
  if (lstm) expect_near(net.run<float, float>(inputs, "c").values, c_last);
}

INSTANTIATE_TEST_SUITE_P(Cases, RecurrentLayers,
                         testing::Values(Case{RNNOperation::kRELU}, Case{RNNOperation::kTANH, 2},
                                         Case{RNNOperation::kRELU, 2, true}, Case{RNNOperation::kTANH, 1, false, true},
                                         Case{RNNOperation::kLSTM, 2, false, false, false, true},
                                         Case{RNNOperation::kLSTM, 2, true, true, true, true},
                                         Case{RNNOperation::kGRU, 1, true, false, true},
                                         Case{RNNOperation::kGRU, 2, true, true, false, true}));

// Without dimensions before the time, and without biases.
TEST(RecurrentLayer, NeedsNoBatch) {
  Net net;
  IRNNv2Layer* rnn = net->addRNNv2(net.input("x", Dims2(2, 1)), 1, 1, 2, RNNOperation::kRELU);
  rnn->setWeightsForGate(0, RNNGateType::kINPUT, true, net.weights({2}));
  rnn->setWeightsForGate(0, RNNGateType::kINPUT, false, net.weights({3}));
  net.output(rnn);
  const auto y = net.run(Dims2(2, 1), {1, 2});
  expect_shape(y.shape, {2, 1});
  EXPECT_EQ(y.values, (std::vector<float>{2, 10}));
}

TEST(RecurrentLayer, RefusesWhatDoesNotFit) {
  Net net;
  auto says = [&](const char* part) {
    ASSERT_FALSE(net.logger.errors.empty());
    EXPECT_NE(net.logger.errors.back().find(part), std::string::npos) << net.logger.errors.back();
    net.logger.errors.clear();
  };
  ITensor& x = net.input("x", Dims3(2, 4, 5));
  EXPECT_EQ(net->addRNNv2(x, 0, 3, 4, RNNOperation::kGRU), nullptr);
  says("addRNNv2");
  IRNNv2Layer* rnn = net->addRNNv2(x, 1, 3, 4, RNNOperation::kGRU);
  rnn->setName("rnn");
  auto unknown = [&] { return rnn->getOutput(0)->getDimensions().nbDims == -1; };
  EXPECT_TRUE(unknown());
  says("gate update, input are missing");
  for (RNNGateType gate : gates_of(RNNOperation::kGRU)) {
    rnn->setWeightsForGate(0, gate, true, net.weights(wave(15)));
    rnn->setWeightsForGate(0, gate, false, net.weights(wave(9)));
  }
  EXPECT_FALSE(unknown());
  rnn->setBiasForGate(0, RNNGateType::kRESET, false, net.weights({1, 2}));
  EXPECT_TRUE(unknown());
  says("gate reset, state has 2 weights");
  rnn->setBiasForGate(0, RNNGateType::kRESET, false, net.weights({1, 2, 3}));
  rnn->setInputMode(RNNInputMode::kSKIP);
  EXPECT_TRUE(unknown());
  says("kSKIP");
  rnn->setInputMode(RNNInputMode::kLINEAR);
  rnn->setHiddenState(net.constant(Dims3(2, 2, 3), wave(12)));
  EXPECT_TRUE(unknown());
  says("the hidden state is f32[2, 2, 3], but must be f32[2, 1, 3]");
  rnn->setHiddenState(net.constant(Dims3(2, 1, 3), wave(6)));
  EXPECT_FALSE(unknown());
  rnn->setCellState(x);
  says("LSTM");
  rnn->setOperation(RNNOperation::kLSTM);
  says("third output");
  rnn->setWeightsForGate(2, RNNGateType::kRESET, true, net.weights({1}));
  says("no layer 2");
  rnn->setWeightsForGate(1, RNNGateType::kRESET, true, net.weights({1}));
  EXPECT_TRUE(unknown());
  says("'rnn'");
}

}  // namespace
