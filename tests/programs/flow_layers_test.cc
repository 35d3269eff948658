// Loops and conditionals, built with the API, against loops written out here.
#include <functional>

#include "network_client.h"

namespace {

using namespace nvinfer1;
using client::expect_near;
using client::expect_shape;
using client::Net;
using client::wave;

constexpr Dims kScalar{0, {}};
Dims vector_of(int64_t n) { return Dims{1, {n}}; }

// A network with loops: scalars, and arithmetic by name.
struct FlowNet : Net {
  ITensor& integer(int32_t value) { return ints(kScalar, {value}); }
  ITensor& number(float value) { return constant(kScalar, {value}); }
  ITensor& op(ITensor& a, ITensor& b, ElementWiseOperation kind) {
    IElementWiseLayer* layer = network->addElementWise(a, b, kind);
    EXPECT_NE(layer, nullptr) << temper::lastError().text();
    return *layer->getOutput(0);
  }
  ITensor& sum(ITensor& a, ITensor& b) { return op(a, b, ElementWiseOperation::kSUM); }
  ITensor& product(ITensor& a, ITensor& b) { return op(a, b, ElementWiseOperation::kPROD); }
};

TEST(LoopLayers, CarryConcatenateAndReverse) {
  FlowNet net;
  ITensor& x = net.input("x", Dims2(4, 3));
  ILoop* loop = net->addLoop();
  loop->setName("running sum");
  EXPECT_STREQ(loop->getName(), "running sum");
  ITripLimitLayer* limit = loop->addTripLimit(net.integer(4), TripLimit::kCOUNT);
  EXPECT_EQ(limit->getTripLimit(), TripLimit::kCOUNT);
  EXPECT_EQ(limit->getLoop(), loop);
  EXPECT_EQ(limit->getNbOutputs(), 0);
  EXPECT_EQ(limit->getType(), LayerType::kTRIP_LIMIT);
  IIteratorLayer* row = loop->addIterator(x);
  EXPECT_EQ(row->getAxis(), 0);
  EXPECT_FALSE(row->getReverse());
  expect_shape(row->getOutput(0)->getDimensions(), {3});
  IRecurrenceLayer* state = loop->addRecurrence(net.constant(vector_of(3), {1, 2, 3}));
  EXPECT_EQ(state->getLoop(), loop);
  ITensor& next = net.sum(*state->getOutput(0), *row->getOutput(0));
  state->setInput(1, next);
  EXPECT_EQ(state->getNbInputs(), 2);
  EXPECT_EQ(state->getInput(1), &next);
  net.output(loop->addLoopOutput(*state->getOutput(0), LoopOutput::kLAST_VALUE), "last");
  ILoopOutputLayer* all = loop->addLoopOutput(next, LoopOutput::kCONCATENATE, 1);
  EXPECT_EQ(all->getLoopOutput(), LoopOutput::kCONCATENATE);
  EXPECT_EQ(all->getAxis(), 1);
  EXPECT_EQ(all->getNbInputs(), 1);
  all->setInput(1, net.integer(4));
  EXPECT_EQ(all->getNbInputs(), 2);
  expect_shape(all->getOutput(0)->getDimensions(), {3, 4});
  net.output(all, "all");
  ILoopOutputLayer* back = loop->addLoopOutput(next, LoopOutput::kREVERSE);
  back->setInput(1, net.integer(4));
  net.output(back, "back");

  const auto in = wave(12);
  std::vector<double> sums{1, 2, 3}, rows, all_wanted(12), back_wanted(12);
  for (size_t t = 0; t < 4; ++t) {
    for (size_t c = 0; c < 3; ++c) {
      sums[c] += double(in[t * 3 + c]);
      all_wanted[c * 4 + t] = sums[c];
      back_wanted[(3 - t) * 3 + c] = sums[c];
    }
  }
  const std::map<std::string, std::pair<Dims, std::vector<float>>> inputs{{"x", {Dims2(4, 3), in}}};
  expect_near(net.run<float, float>(inputs, "last").values, sums);
  const auto wide = net.run<float, float>(inputs, "all");
  expect_shape(wide.shape, {3, 4});
  expect_near(wide.values, all_wanted);
  expect_near(net.run<float, float>(inputs, "back").values, back_wanted);
}

TEST(LoopLayers, IteratorsGoAlongAnyAxisAndBackward) {
  FlowNet net;
  ITensor& x = net.input("x", Dims2(-1, 3));
  ILoop* loop = net->addLoop();
  loop->addTripLimit(net.integer(3), TripLimit::kCOUNT);
  IIteratorLayer* column = loop->addIterator(x, 1, true);
  EXPECT_TRUE(column->getReverse());
  ILoopOutputLayer* out = loop->addLoopOutput(*column->getOutput(0), LoopOutput::kCONCATENATE);
  out->setInput(1, net.integer(3));
  net.output(out);
  const auto y = net.run(Dims2(2, 3), {1, 2, 3, 4, 5, 6});
  expect_shape(y.shape, {3, 2});
  EXPECT_EQ(y.values, (std::vector<float>{3, 6, 2, 5, 1, 4}));
}

// As many iterations as the input has rows, which only a run says.
TEST(LoopLayers, CountsMayComeFromShapes) {
  FlowNet net;
  ITensor& x = net.input("x", Dims2(-1, 2));
  ITensor* shape = net->addShape(x)->getOutput(0);
  ITensor* rows = net->addGather(*shape, net.integer(0), 0)->getOutput(0);
  ILoop* loop = net->addLoop();
  loop->addTripLimit(*rows, TripLimit::kCOUNT);
  IIteratorLayer* row = loop->addIterator(x, 0, true);
  IRecurrenceLayer* state = loop->addRecurrence(net.constant(vector_of(2), {0, 0}));
  ITensor& next = net.sum(net.product(*state->getOutput(0), net.constant(vector_of(1), {2})), *row->getOutput(0));
  state->setInput(1, next);
  ILoopOutputLayer* out = loop->addLoopOutput(next, LoopOutput::kCONCATENATE);
  out->setInput(1, *rows);
  expect_shape(out->getOutput(0)->getDimensions(), {-1, 2});
  net.output(out);
  IOptimizationProfile* profile = net.builder->createOptimizationProfile();
  profile->setDimensions("x", OptProfileSelector::kMIN, Dims2(1, 2));
  profile->setDimensions("x", OptProfileSelector::kOPT, Dims2(3, 2));
  profile->setDimensions("x", OptProfileSelector::kMAX, Dims2(8, 2));
  net.config->addOptimizationProfile(profile);
  for (int64_t n : {1, 3, 5}) {
    const auto in = wave(size_t(n) * 2);
    std::vector<double> wanted, sums{0, 0};
    for (int64_t t = n - 1; t >= 0; --t) {
      for (int64_t c = 0; c < 2; ++c) wanted.push_back(sums[size_t(c)] = sums[size_t(c)] * 2 + double(in[size_t(t * 2 + c)]));
    }
    const auto y = net.run(Dims2(n, 2), in);
    expect_shape(y.shape, {n, 2});
    expect_near(y.values, wanted);
  }
}

// while (x < 100) x = 3 * x, at most 10 times: of 6 places those of iterations that were not are 0.
TEST(LoopLayers, ConditionsAreAskedBeforeEachIteration) {
  FlowNet net;
  ITensor& x = net.input("x", kScalar);
  ILoop* loop = net->addLoop();
  IRecurrenceLayer* state = loop->addRecurrence(x);
  ITensor& less = net.op(*state->getOutput(0), net.number(100), ElementWiseOperation::kLESS);
  loop->addTripLimit(less, TripLimit::kWHILE);
  loop->addTripLimit(net.integer(10), TripLimit::kCOUNT);
  ITensor& next = net.product(*state->getOutput(0), net.number(3));
  state->setInput(1, next);
  net.output(loop->addLoopOutput(*state->getOutput(0), LoopOutput::kLAST_VALUE), "last");
  for (auto [kind, name] : {std::pair{LoopOutput::kCONCATENATE, "all"}, std::pair{LoopOutput::kREVERSE, "back"}}) {
    ILoopOutputLayer* out = loop->addLoopOutput(next, kind);
    out->setInput(1, net.integer(6));
    net.output(out, name);
  }
  auto run = [&](float start, const char* name) { return net.run<float, float>({{"x", {kScalar, {start}}}}, name).values; };
  EXPECT_EQ(run(2, "last"), (std::vector<float>{162}));
  EXPECT_EQ(run(2, "all"), (std::vector<float>{6, 18, 54, 162, 0, 0}));
  EXPECT_EQ(run(2, "back"), (std::vector<float>{0, 0, 162, 54, 18, 6}));
  EXPECT_EQ(run(200, "last"), (std::vector<float>{200}));
  EXPECT_EQ(run(200, "all"), (std::vector<float>(6, 0)));
  EXPECT_EQ(run(40, "all"), (std::vector<float>{120, 0, 0, 0, 0, 0}));
}

TEST(LoopLayers, MoreIterationsThanRoomEndTheRun) {
  FlowNet net;
  ITensor& x = net.input("x", kScalar);
  ILoop* loop = net->addLoop();
  IRecurrenceLayer* state = loop->addRecurrence(x);
  loop->addTripLimit(net.op(*state->getOutput(0), net.number(100), ElementWiseOperation::kLESS), TripLimit::kWHILE);
  state->setInput(1, net.product(*state->getOutput(0), net.number(3)));
  ILoopOutputLayer* out = loop->addLoopOutput(*state->getOutput(0), LoopOutput::kCONCATENATE);
  out->setName("powers");
  out->setInput(1, net.integer(2));
  net.output(out);
  EXPECT_EQ(net.run(kScalar, {20}).values, (std::vector<float>{20, 60}));
  client::Receiver receiver;
  const float start = 1;
  net.context->setInputTensorAddress("x", &start);
  net.context->setOutputAllocator("y", &receiver);
  client::Stream stream;
  const bool run = net.context->enqueueV3(stream.handle);
  EXPECT_FALSE(run && cudaStreamSynchronize(stream.handle) == cudaSuccess);
  ASSERT_FALSE(net.logger.errors.empty());
  EXPECT_NE(net.logger.errors.back().find("'powers'"), std::string::npos) << net.logger.errors.back();
}

// Sum over rows of the factorial-like product over columns, with a value of the outer loop used inside of the inner one.
TEST(LoopLayers, NestAndSeeTheirSurroundings) {
  FlowNet net;
  ITensor& x = net.input("x", Dims2(3, 4));
  ITensor& scale = net.input("scale", kScalar);
  ILoop* outer = net->addLoop();
  ILoop* inner = net->addLoop();
  outer->addTripLimit(net.integer(3), TripLimit::kCOUNT);
  inner->addTripLimit(net.integer(4), TripLimit::kCOUNT);
  IRecurrenceLayer* total = outer->addRecurrence(net.number(0));
  ITensor* row = outer->addIterator(x)->getOutput(0);
  ITensor* element = inner->addIterator(*row)->getOutput(0);
  IRecurrenceLayer* product = inner->addRecurrence(net.number(1));
  product->setInput(1, net.sum(net.product(*product->getOutput(0), *element), net.product(scale, *total->getOutput(0))));
  ITensor* of_row = inner->addLoopOutput(*product->getOutput(0), LoopOutput::kLAST_VALUE)->getOutput(0);
  total->setInput(1, net.sum(*total->getOutput(0), *of_row));
  net.output(outer->addLoopOutput(*total->getOutput(0), LoopOutput::kLAST_VALUE));
  const auto in = wave(12);
  const double s = 0.25;
  double sum = 0;
  for (size_t r = 0; r < 3; ++r) {
    double p = 1;
    for (size_t c = 0; c < 4; ++c) p = p * double(in[r * 4 + c]) + s * sum;
    sum += p;
  }
  const auto y = net.run<float, float>({{"x", {Dims2(3, 4), in}}, {"scale", {kScalar, {float(s)}}}});
  expect_near(y.values, {sum});
}

// A state that steps back to what another one was: both read the old values.
TEST(LoopLayers, RecurrencesStepTogether) {
  FlowNet net;
  ITensor& count = net.input("count", kScalar, DataType::kINT32);
  ILoop* loop = net->addLoop();
  loop->addTripLimit(count, TripLimit::kCOUNT);
  IRecurrenceLayer* a = loop->addRecurrence(net.integer(0));
  IRecurrenceLayer* b = loop->addRecurrence(net.integer(1));
  a->setInput(1, *b->getOutput(0));
  b->setInput(1, net.sum(*a->getOutput(0), *b->getOutput(0)));
  net.output(loop->addLoopOutput(*a->getOutput(0), LoopOutput::kLAST_VALUE));
  for (auto [n, wanted] : {std::pair{0, 0}, std::pair{1, 1}, std::pair{10, 55}}) {
    const auto y = net.run<int32_t, int32_t>({{"count", {kScalar, {n}}}});
    EXPECT_EQ(y.values, (std::vector<int32_t>{wanted})) << n;
  }
}

TEST(IfLayers, TakeOneBranch) {
  FlowNet net;
  ITensor& condition = net.input("c", kScalar, DataType::kBOOL);
  ITensor& x = net.input("x", Dims2(2, 2));
  IIfConditional* choice = net->addIfConditional();
  choice->setName("choice");
  EXPECT_STREQ(choice->getName(), "choice");
  IConditionLayer* asked = choice->setCondition(condition);
  EXPECT_EQ(asked->getConditional(), choice);
  EXPECT_EQ(asked->getType(), LayerType::kCONDITION);
  IIfConditionalInputLayer* in = choice->addInput(x);
  ITensor& yes = net.sum(*in->getOutput(0), net.constant(Dims2(1, 1), {10}));
  ITensor& both = net.product(*in->getOutput(0), *in->getOutput(0));
  ITensor* no = net->addUnary(both, UnaryOperation::kNEG)->getOutput(0);
  IIfConditionalOutputLayer* out = choice->addOutput(yes, *no);
  EXPECT_EQ(out->getNbInputs(), 2);
  expect_shape(out->getOutput(0)->getDimensions(), {2, 2});
  net.output(out, "y");
  net.output(choice->addOutput(both, *in->getOutput(0)), "z");
  ASSERT_TRUE(net.build()) << temper::lastError().text();
  for (bool c : {true, false}) {
    std::vector<float> values{1, 2, 3, 4};
    std::vector<float> y(4), z(4);
    client::Stream stream;
    net.context->setInputTensorAddress("c", &c);
    net.context->setInputTensorAddress("x", values.data());
    net.context->setTensorAddress("y", y.data());
    net.context->setTensorAddress("z", z.data());
    ASSERT_TRUE(net.context->enqueueV3(stream.handle)) << temper::lastError().text();
    cudaStreamSynchronize(stream.handle);
    EXPECT_EQ(y, (c ? std::vector<float>{11, 12, 13, 14} : std::vector<float>{-1, -4, -9, -16}));
    EXPECT_EQ(z, (c ? std::vector<float>{1, 4, 9, 16} : std::vector<float>{1, 2, 3, 4}));
  }
}

// Branches of different extents, one of which does not look at its input.
TEST(IfLayers, BranchesMayDifferInExtent) {
  FlowNet net;
  ITensor& x = net.input("x", vector_of(4));
  ITensor* largest = net->addReduce(x, ReduceOperation::kMAX, 1, false)->getOutput(0);
  ITensor& above = net.op(*largest, net.number(5), ElementWiseOperation::kGREATER);
  IIfConditional* choice = net->addIfConditional();
  choice->setCondition(above);
  ITensor* in = choice->addInput(x)->getOutput(0);
  ITensor* half = net->addSlice(*in, vector_of(0), vector_of(2), vector_of(2))->getOutput(0);
  net.output(choice->addOutput(*half, net.constant(vector_of(3), {7, 8, 9})));
  const auto yes = net.run(vector_of(4), {1, 2, 6, 3});
  expect_shape(yes.shape, {2});
  EXPECT_EQ(yes.values, (std::vector<float>{1, 6}));
  EXPECT_EQ(net.run(vector_of(4), {1, 2, 3, 3}).values, (std::vector<float>{7, 8, 9}));
}

// Collatz: a conditional in a loop, a loop in the branch of a conditional around it.
TEST(IfLayers, LieInLoopsAndLoopsInThem) {
  FlowNet net;
  ITensor& x = net.input("x", kScalar, DataType::kINT32);
  IIfConditional* positive = net->addIfConditional();
  positive->setCondition(net.op(x, net.integer(0), ElementWiseOperation::kGREATER));
  ITensor* start = positive->addInput(x)->getOutput(0);
  ILoop* loop = net->addLoop();
  IRecurrenceLayer* n = loop->addRecurrence(*start);
  IRecurrenceLayer* steps = loop->addRecurrence(net.integer(0));
  loop->addTripLimit(net.op(*n->getOutput(0), net.integer(1), ElementWiseOperation::kGREATER), TripLimit::kWHILE);
  ITensor& half = net.op(*n->getOutput(0), net.integer(2), ElementWiseOperation::kFLOOR_DIV);
  ITensor& even = net.op(net.product(half, net.integer(2)), *n->getOutput(0), ElementWiseOperation::kEQUAL);
  IIfConditional* parity = net->addIfConditional();
  parity->setCondition(even);
  ITensor* odd_in = parity->addInput(*n->getOutput(0))->getOutput(0);
  ITensor* even_in = parity->addInput(half)->getOutput(0);
  ITensor& tripled = net.sum(net.product(*odd_in, net.integer(3)), net.integer(1));
  n->setInput(1, *parity->addOutput(*even_in, tripled)->getOutput(0));
  steps->setInput(1, net.sum(*steps->getOutput(0), net.integer(1)));
  ITensor* taken = loop->addLoopOutput(*steps->getOutput(0), LoopOutput::kLAST_VALUE)->getOutput(0);
  net.output(positive->addOutput(*taken, net.integer(-1)));
  for (int32_t first : {1, 6, 27, 0, -5}) {
    int32_t wanted = 0;
    for (int32_t v = first; v > 1; v = v % 2 == 0 ? v / 2 : 3 * v + 1) ++wanted;
    if (first <= 0) wanted = -1;
    const auto y = net.run<int32_t, int32_t>({{"x", {kScalar, {first}}}});
    EXPECT_EQ(y.values, (std::vector<int32_t>{wanted})) << first;
  }
}

// An assertion over what one branch makes holds in that branch only.
TEST(IfLayers, AssertionsAreWhereWhatTheyReadIs) {
  FlowNet net;
  ITensor& x = net.input("x", kScalar);
  IIfConditional* choice = net->addIfConditional();
  choice->setCondition(net.op(x, net.number(0), ElementWiseOperation::kGREATER));
  ITensor* in = choice->addInput(x)->getOutput(0);
  ITensor* root = net->addUnary(*in, UnaryOperation::kSQRT)->getOutput(0);
  net->addAssertion(net.op(*root, net.number(2), ElementWiseOperation::kLESS), "the root is small");
  net.output(choice->addOutput(*root, *in));
  EXPECT_EQ(net.run(kScalar, {1}).values, (std::vector<float>{1}));
  EXPECT_EQ(net.run(kScalar, {-9}).values, (std::vector<float>{-9}));
  EXPECT_TRUE(net.logger.errors.empty());
  const float large = 25;
  client::Stream stream;
  net.context->setInputTensorAddress("x", &large);
  float y = 0;
  net.context->setTensorAddress("y", &y);
  const bool run = net.context->enqueueV3(stream.handle);
  EXPECT_FALSE(run && cudaStreamSynchronize(stream.handle) == cudaSuccess);
  ASSERT_FALSE(net.logger.errors.empty());
  EXPECT_NE(net.logger.errors.back().find("the root is small"), std::string::npos) << net.logger.errors.back();
}

// What has no meaning is refused at the call, or, where a later call may mend it, by the build; the text names layer and cure.
struct Misuse {
  const char* name;
  std::function<void(FlowNet&)> make;
  std::vector<const char*> says;
};
std::ostream& operator<<(std::ostream& out, const Misuse& misuse) { return out << misuse.name; }

class RefusedFlow : public testing::TestWithParam<Misuse> {};
TEST_P(RefusedFlow, NamesLayerAndCure) {
  FlowNet net;
  GetParam().make(net);
  if (net.logger.errors.empty()) {
    EXPECT_FALSE(net.build());
  }
  ASSERT_FALSE(net.logger.errors.empty());
  for (const char* part : GetParam().says)
    EXPECT_NE(net.logger.errors.back().find(part), std::string::npos) << part << " is not in " << net.logger.errors.back();
}

// A loop that counts a float from x up, without what the cases leave out.
struct Counting {
  explicit Counting(FlowNet& net) : x(net.input("x", kScalar)), loop(net->addLoop()), state(loop->addRecurrence(x)) {
    state->setName("state");
  }
  ITensor& x;
  ILoop* loop;
  IRecurrenceLayer* state;
  ITensor& now() { return *state->getOutput(0); }
  void step(FlowNet& net) { state->setInput(1, net.sum(now(), net.number(1))); }
  void limit(FlowNet& net) { loop->addTripLimit(net.integer(3), TripLimit::kCOUNT); }
  void last(FlowNet& net) {
    ILoopOutputLayer* out = loop->addLoopOutput(now(), LoopOutput::kLAST_VALUE);
    out->setName("last");
    net.output(out, "last value");
  }
};

INSTANTIATE_TEST_SUITE_P(
    Cases, RefusedFlow,
    testing::Values(
        Misuse{"NoLimit",
               [](FlowNet& net) {
                 Counting c(net);
                 c.step(net);
                 c.last(net);
               },
               {"'last'", "addTripLimit"}},
        Misuse{"NoNextValue",
               [](FlowNet& net) {
                 Counting c(net);
                 c.limit(net);
                 c.last(net);
               },
               {"'state'", "setInput(1"}},
        Misuse{"NextOfAnotherShape",
               [](FlowNet& net) {
                 Counting c(net);
                 c.limit(net);
                 c.state->setInput(1, net.sum(*net->addShuffle(c.now())->getOutput(0), net.number(1)));
                 c.state->setInput(1, net.constant(vector_of(2), {1, 2}));
                 c.last(net);
               },
               {"'state'", "same type and dimensions"}},
        Misuse{"TwoCounts",
               [](FlowNet& net) {
                 Counting c(net);
                 c.limit(net);
                 EXPECT_EQ(c.loop->addTripLimit(net.integer(2), TripLimit::kCOUNT), nullptr);
               },
               {"addTripLimit", "already", "setInput"}},
        Misuse{"CountOfFloats",
               [](FlowNet& net) {
                 Counting c(net);
                 EXPECT_EQ(c.loop->addTripLimit(c.x, TripLimit::kCOUNT), nullptr);
               },
               {"addTripLimit", "kINT32", "cast"}},
        Misuse{"CountOfOneDimension",
               [](FlowNet& net) {
                 Counting c(net);
                 EXPECT_EQ(c.loop->addTripLimit(net.ints(vector_of(1), {2}), TripLimit::kCOUNT), nullptr);
               },
               {"addTripLimit", "0 dimensions", "reshape"}},
        Misuse{"NoSuchLimit",
               [](FlowNet& net) {
                 Counting c(net);
                 EXPECT_EQ(c.loop->addTripLimit(net.integer(1), static_cast<TripLimit>(7)), nullptr);
               },
               {"addTripLimit", "7"}},
        Misuse{"CountFromInside",
               [](FlowNet& net) {
                 ILoop* loop = net->addLoop();
                 IRecurrenceLayer* n = loop->addRecurrence(net.input("n", kScalar, DataType::kINT32));
                 n->setInput(1, net.sum(*n->getOutput(0), net.integer(1)));
                 loop->addTripLimit(*n->getOutput(0), TripLimit::kCOUNT)->setName("limit");
                 net.output(loop->addLoopOutput(*n->getOutput(0), LoopOutput::kLAST_VALUE));
               },
               {"'limit'"}},
        Misuse{"ConditionFromAnIterator",
               [](FlowNet& net) {
                 ILoop* loop = net->addLoop();
                 IIteratorLayer* each = loop->addIterator(net.input("x", vector_of(3)));
                 each->setName("each");
                 loop->addTripLimit(net.op(*each->getOutput(0), net.number(1), ElementWiseOperation::kLESS), TripLimit::kWHILE);
                 ILoopOutputLayer* out = loop->addLoopOutput(*each->getOutput(0), LoopOutput::kCONCATENATE);
                 out->setInput(1, net.integer(3));
                 net.output(out);
               },
               {"'each'", "recurrence"}},
        Misuse{"IteratorOutsideOfItsTensor",
               [](FlowNet& net) { EXPECT_EQ(net->addLoop()->addIterator(net.input("x", vector_of(3)), 1), nullptr); },
               {"addIterator", "axis 1"}},
        Misuse{"FromTheEndOfNobodyKnows",
               [](FlowNet& net) {
                 Counting c(net);
                 c.step(net);
                 c.loop->addTripLimit(net.op(c.now(), net.number(5), ElementWiseOperation::kLESS), TripLimit::kWHILE);
                 IIteratorLayer* each = c.loop->addIterator(net.input("v", vector_of(9)), 0, true);
                 each->setName("each");
                 ILoopOutputLayer* out = c.loop->addLoopOutput(*each->getOutput(0), LoopOutput::kCONCATENATE);
                 out->setInput(1, net.integer(9));
                 net.output(out);
               },
               {"'each'", "kCOUNT"}},
        Misuse{"LastValueOfNoRecurrence",
               [](FlowNet& net) {
                 Counting c(net);
                 EXPECT_EQ(c.loop->addLoopOutput(net.sum(c.now(), c.now()), LoopOutput::kLAST_VALUE), nullptr);
               },
               {"addLoopOutput", "addRecurrence"}},
        Misuse{"LastValueOfAnotherLoop",
               [](FlowNet& net) {
                 Counting c(net);
                 EXPECT_EQ(net->addLoop()->addLoopOutput(c.now(), LoopOutput::kLAST_VALUE), nullptr);
               },
               {"addLoopOutput", "this loop"}},
        Misuse{"NoLength",
               [](FlowNet& net) {
                 Counting c(net);
                 c.limit(net);
                 c.step(net);
                 ILoopOutputLayer* out = c.loop->addLoopOutput(c.now(), LoopOutput::kCONCATENATE);
                 out->setName("all");
                 net.output(out->getOutput(0), "y");
               },
               {"'all'", "setInput(1"}},
        Misuse{"TooLittleRoom",
               [](FlowNet& net) {
                 Counting c(net);
                 c.limit(net);
                 c.step(net);
                 ILoopOutputLayer* out = c.loop->addLoopOutput(c.now(), LoopOutput::kREVERSE);
                 out->setName("all");
                 out->setInput(1, net.integer(2));
                 net.output(out);
               },
               {"'all'", "3 times", "2"}},
        Misuse{"LengthOfALastValue",
               [](FlowNet& net) {
                 Counting c(net);
                 c.limit(net);
                 c.step(net);
                 ILoopOutputLayer* out = c.loop->addLoopOutput(c.now(), LoopOutput::kLAST_VALUE);
                 out->setName("last");
                 out->setInput(1, net.integer(2));
               },
               {"'last'", "length"}},
        Misuse{"OutputFromInsideALoop",
               [](FlowNet& net) {
                 Counting c(net);
                 c.limit(net);
                 c.step(net);
                 net.output(&c.now(), "y");
                 c.last(net);
               },
               {"'state'", "addLoopOutput"}},
        Misuse{"OutOfTwoLoops",
               [](FlowNet& net) {
                 Counting a(net);
                 a.limit(net);
                 a.step(net);
                 ILoop* other = net->addLoop();
                 other->addTripLimit(net.integer(2), TripLimit::kCOUNT);
                 IRecurrenceLayer* b = other->addRecurrence(net.number(0));
                 IElementWiseLayer* mixed = net->addElementWise(a.now(), *b->getOutput(0), ElementWiseOperation::kSUM);
                 mixed->setName("mixed");
                 b->setInput(1, net.sum(*b->getOutput(0), net.number(1)));
                 net.output(mixed);
                 a.last(net);
               },
               {"'mixed'", "neither is in the other"}},
        Misuse{"LoopThatStartsFromItsEnd",
               [](FlowNet& net) {
                 Counting c(net);
                 c.limit(net);
                 c.step(net);
                 c.last(net);
                 c.state->setInput(0, *net->getOutput(0));
               },
               {"'state'", "itself"}},
        Misuse{"NoCondition",
               [](FlowNet& net) {
                 IIfConditional* choice = net->addIfConditional();
                 ITensor* in = choice->addInput(net.input("x", kScalar))->getOutput(0);
                 IIfConditionalOutputLayer* out = choice->addOutput(*in, net.number(1));
                 out->setName("out");
                 net.output(out);
               },
               {"'out'", "setCondition"}},
        Misuse{"TwoConditions",
               [](FlowNet& net) {
                 ITensor& c = net.input("c", kScalar, DataType::kBOOL);
                 IIfConditional* choice = net->addIfConditional();
                 EXPECT_NE(choice->setCondition(c), nullptr);
                 EXPECT_EQ(choice->setCondition(c), nullptr);
               },
               {"setCondition", "already"}},
        Misuse{"ConditionOfNumbers",
               [](FlowNet& net) { EXPECT_EQ(net->addIfConditional()->setCondition(net.input("x", kScalar)), nullptr); },
               {"setCondition", "boolean", "cast"}},
        Misuse{"BranchesOfOtherRank",
               [](FlowNet& net) {
                 IIfConditional* choice = net->addIfConditional();
                 EXPECT_EQ(choice->addOutput(net.number(1), net.constant(vector_of(1), {1})), nullptr);
               },
               {"addOutput", "rank", "reshape"}},
        Misuse{"BranchesOfOtherType",
               [](FlowNet& net) { EXPECT_EQ(net->addIfConditional()->addOutput(net.number(1), net.integer(1)), nullptr); },
               {"addOutput", "type", "cast"}},
        Misuse{"OutputFromInsideABranch",
               [](FlowNet& net) {
                 IIfConditional* choice = net->addIfConditional();
                 choice->setCondition(net.input("c", kScalar, DataType::kBOOL));
                 IIfConditionalInputLayer* in = choice->addInput(net.input("x", kScalar));
                 in->setName("in");
                 net.output(choice->addOutput(*in->getOutput(0), net.number(1)));
                 net.output(in->getOutput(0), "leak");
               },
               {"'leak'", "addOutput"}}),
    [](const testing::TestParamInfo<Misuse>& info) { return info.param.name; });

}  // namespace
