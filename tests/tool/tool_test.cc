// The tool from its command line to its files, on the stand-in of fake_library.h.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "npy.h"
#include "output_file.h"
#include "tests/tool/fake_library.h"

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct Result {
  int status;
  std::string out, err;
};

class Tool : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/temper_tool_XXXXXX";
    folder = mkdtemp(name);
    previous = fs::current_path();
    fs::current_path(folder);
    std::ofstream("m.onnx") << "a model";
    fake::seen = {};
    fake::failure = "";
  }
  void TearDown() override {
    fs::current_path(previous);
    fs::remove_all(folder);
  }
  Result run(const std::vector<std::string>& words, const std::string& program = "temper") {
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int status = tool::run_tool(program, words);
    std::fflush(stdout);
    std::fflush(stderr);
    return {status, testing::internal::GetCapturedStdout(), testing::internal::GetCapturedStderr()};
  }
  Result trtexec(std::vector<std::string> words) {
    words.insert(words.begin(), "trtexec");
    return run(words);
  }
  static std::string text_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  template <class T>
  static void write_raw(const std::string& path, const std::vector<T>& values) {
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(values.data()), std::streamsize(values.size() * sizeof(T)));
  }
  static size_t files() { return size_t(std::distance(fs::directory_iterator("."), fs::directory_iterator())); }

  fs::path folder, previous;
};

const std::vector<std::string> kOnce = {"--iterations=1", "--duration=0", "--warmUp=0"};
std::vector<std::string> once(std::vector<std::string> words) {
  words.insert(words.end(), kOnce.begin(), kOnce.end());
  return words;
}

TEST_F(Tool, BuildsThenRunsInAnotherCall) {
  Result built = trtexec({"--onnx=m.onnx", "--saveEngine=p.plan", "--skipInference", "--shapes='x':3x4", "--cpuThreads=2"});
  ASSERT_EQ(built.status, 0) << built.err;
  EXPECT_EQ(text_of("p.plan"), "FAKEPLAN 3");
  EXPECT_EQ(fake::seen.config_threads, 2);
  EXPECT_NE(built.out.find("&&&& PASSED TensorRT.trtexec [TensorRT v101600]"), std::string::npos);
  EXPECT_EQ(files(), 2u);

  write_raw<float>("x.bin", {0.1f, -1, 2, 3e-45f, 5, 6, 7, 16777216});
  write_raw<int64_t>("mask.bin", {1, 0});
  Result ran = trtexec(once({"--loadEngine=p.plan", "--shapes=x:2x4", "--loadInputs='x':x.bin,mask:mask.bin",
                             "--exportOutput=o.json", "--exportTimes=t.json", "--cpuThreads=1"}));
  ASSERT_EQ(ran.status, 0) << ran.err;
  EXPECT_EQ(fake::seen.inferences, 1);
  EXPECT_EQ(fake::seen.runtime_threads, 1);
  const json outputs = json::parse(text_of("o.json"));
  ASSERT_EQ(outputs.size(), 2u);
  EXPECT_EQ(outputs[0]["name"], "y");
  EXPECT_EQ(outputs[0]["dimensions"], "2x4");
  EXPECT_EQ(float(outputs[0]["values"][0]), 2 * 0.1f + 1);
  EXPECT_EQ(outputs[0]["values"].size(), 8u);
  EXPECT_EQ(outputs[1]["dimensions"], "7");
  EXPECT_EQ(outputs[1]["values"], json({0, 2, 3, 4, 5, 6, 7}));
  const json times = json::parse(text_of("t.json"));
  ASSERT_EQ(times.size(), 1u);
  for (const char* key : {"startH2dMs", "endH2dMs", "startComputeMs", "endComputeMs", "startD2hMs", "endD2hMs", "h2dMs",
                          "computeMs", "d2hMs", "latencyMs", "startEnqMs", "endEnqMs"}) {
    EXPECT_TRUE(times[0].contains(key)) << key;
  }
  EXPECT_GE(double(times[0]["computeMs"]), 0);
  EXPECT_LE(double(times[0]["startComputeMs"]), double(times[0]["endComputeMs"]));
}

TEST_F(Tool, LoadsLibrariesOfPlugins) {
  Result ran =
      trtexec(once({"--onnx=m.onnx", "--shapes=x:1x4", "--staticPlugins=a.so", "--dynamicPlugins=b.so", "--plugins=c.so"}));
  ASSERT_EQ(ran.status, 0) << ran.err;
  EXPECT_EQ(fake::seen.libraries, (std::vector<std::string>{"a.so", "b.so", "c.so"}));
  Result missing = trtexec(once({"--onnx=m.onnx", "--staticPlugins=missing.so"}));
  EXPECT_NE(missing.status, 0);
  EXPECT_NE(missing.err.find("missing.so"), std::string::npos) << missing.err;
}

TEST_F(Tool, ReportHasTheLinesThatScriptsParse) {
  Result result = run(
      {"--onnx=m.onnx", "--shapes=x:1x4", "--iterations=20", "--duration=0", "--warmUp=1", "--avgRuns=5", "--percentile=50,99"},
      "/somewhere/trtexec");
  ASSERT_EQ(result.status, 0) << result.err;
  for (const char* line :
       {"Throughput: ", "Latency: min = ", "Enqueue Time: min = ", "H2D Latency: min = ", "GPU Compute Time: min = ",
        "D2H Latency: min = ", "Total Host Walltime: ", "Total GPU Compute Time: ", "percentile(50%) = ", "percentile(99%) = ",
        "Average on 5 runs - GPU latency: ", "=== Performance summary ==="}) {
    EXPECT_NE(result.out.find(line), std::string::npos) << line;
  }
  EXPECT_GE(fake::seen.inferences, 20);
}

TEST_F(Tool, ProfilesAndOptionsReachTheBuilder) {
  Result result = trtexec({"--onnx=m.onnx", "--saveEngine=p", "--skipInference", "--minShapes=x:1x4", "--optShapes=x:2x4",
                           "--maxShapes=x:8x4", "--memPoolSize=workspace:1.5G", "--builderOptimizationLevel=5", "--noTF32",
                           "--errorOnTimingCacheMiss"});
  ASSERT_EQ(result.status, 0) << result.err;
  ASSERT_EQ(fake::seen.profile.size(), 3u);
  EXPECT_EQ(fake::seen.profile[0].d[0], 1);
  EXPECT_EQ(fake::seen.profile[2].d[0], 8);
  EXPECT_EQ(fake::seen.workspace, uint64_t(3) << 29);
  EXPECT_EQ(fake::seen.level, 5);
  EXPECT_TRUE(fake::seen.flags >> int(nvinfer1::BuilderFlag::kERROR_ON_TIMING_CACHE_MISS) & 1);
}

TEST_F(Tool, TypesReachTheBuilder) {
  using enum nvinfer1::BuilderFlag;
  const auto flag = [](nvinfer1::BuilderFlag f) { return (fake::seen.flags >> int(f) & 1) != 0; };
  const std::vector<std::string> model = {"--onnx=m.onnx", "--saveEngine=p", "--skipInference", "--shapes=x:1x4"};
  auto words = model;
  words.insert(words.end(), {"--bf16", "--precisionConstraints=obey", "--layerPrecisions=a:fp32,'b:0':bf16",
                             "--layerOutputTypes=c:fp16+fp32"});
  ASSERT_EQ(trtexec(words).status, 0);
  EXPECT_TRUE(flag(kBF16) && !flag(kFP16) && flag(kOBEY_PRECISION_CONSTRAINTS) && !flag(kPREFER_PRECISION_CONSTRAINTS));
  EXPECT_EQ(fake::seen.layer_types, (std::vector<std::string>{"a 0", "b:0 7", "c[0] 1", "c[1] 0"}));
  words = model;
  words.emplace_back("--best");
  ASSERT_EQ(trtexec(words).status, 0);
  EXPECT_TRUE(flag(kBF16) && flag(kFP16));
  words.back() = "--layerPrecisions=a:float";
  EXPECT_NE(trtexec(words).err.find("takes the types fp32"), std::string::npos);
  words.back() = "--precisionConstraints=maybe";
  EXPECT_NE(trtexec(words).err.find("none, obey, prefer"), std::string::npos);
}

TEST_F(Tool, TimingCacheIsReadAndFilled) {
  const std::vector<std::string> words = {"--onnx=m.onnx", "--saveEngine=p", "--skipInference", "--shapes=x:1x4",
                                          "--timingCacheFile=c"};
  ASSERT_EQ(trtexec(words).status, 0);
  EXPECT_EQ(fake::seen.measured, 7);
  EXPECT_EQ(text_of("c").rfind("CACHE ", 0), 0u);
  ASSERT_EQ(trtexec(words).status, 0);
  EXPECT_EQ(fake::seen.measured, 7);  // nothing new
  std::ofstream("c") << "nonsense";
  Result broken = trtexec(words);
  EXPECT_EQ(broken.status, 1);
  EXPECT_NE(broken.err.find("E_CORRUPT"), std::string::npos);
  EXPECT_EQ(text_of("c"), "nonsense");
}

TEST_F(Tool, FlagsAreRefusedByNameAndGuessed) {
  struct Case {
    std::vector<std::string> words;
    const char* says;
  };
  const Case cases[] = {
      {{"--onnx=m.onnx", "--fp8"}, "--fp8 is not supported"},
      {{"--onnx=m.onnx", "--useDLACore=0"}, "there is no DLA"},
      {{"--onnx=m.onnx", "--saveengine=p"}, "did you mean --saveEngine?"},
      {{"--onnx=m.onnx", "--durations=3"}, "did you mean --duration?"},
      {{"--onnx=m.onnx", "--zzzzzzzzzzzzz"}, "unknown flag --zzzzzzzzzzzzz"},
      {{"--onnx=m.onnx", "--skipInference=1"}, "takes no value"},
      {{"--onnx=m.onnx", "--iterations"}, "needs a value"},
      {{"--onnx=m.onnx", "--iterations=x"}, "takes a whole number"},
      {{"--onnx=m.onnx", "--loadEngine=p"}, "exclude each other"},
      {{"--skipInference"}, "nothing to do"},
      {{"--onnx=m.onnx", "--minShapes=x:1x4"}, "need --optShapes"},
      {{"--onnx=m.onnx", "--minShapes=x:3x4", "--optShapes=x:2x4", "--maxShapes=x:8x4"}, "must have one rank and grow"},
      {{"--onnx=m.onnx", "--shapes=x:1xa"}, "takes a whole number"},
      {{"--onnx=m.onnx", "--shapes='x:1x4"}, "is not closed"},
      {{"--onnx=m.onnx", "--shapes=z:1x4"}, "which is not an input; the inputs are 'x', 'mask'"},
      {{"--onnx=m.onnx", "--shapes=x:1x4,mask:2"}, "has the fixed shape 2"},
      {{"--onnx=m.onnx", "--memPoolSize=workspace:lots"}, "takes a size"},
      {{"--onnx=m.onnx", "--device=3", "--shapes=x:1x4"}, "--device=3"},
      {{"--onnx=m.onnx", "--tacticSources=-CUDNN"}, "CUDNN needs the CUDA backend"},
      {{"--onnx=m.onnx", "--tacticSources=ONEDNN"}, "names that begin with + or -"},
      {{"--onnx=m.onnx", "--tacticSources=+NONE", "--shapes=x:1x4"}, "--tacticSources"},
  };
  for (const Case& c : cases) {
    Result result = trtexec(c.words);
    EXPECT_EQ(result.status, 1) << c.says;
    EXPECT_NE(result.err.find(c.says), std::string::npos) << c.says << "\n" << result.err;
  }
  EXPECT_EQ(fake::seen.builds, 0);
}

TEST_F(Tool, KernelSourcesAreSwitchedByName) {
  Result result = trtexec({"--onnx=m.onnx", "--skipInference", "--shapes=x:1x4", "--tacticSources=+ONEDNN,-TILE"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(fake::seen.sources, (std::map<std::string, bool>{{"onednn", true}, {"tile", false}}));
}

TEST_F(Tool, TargetsGoToTheLibraryAsTheyAre) {
  Result result = trtexec({"--onnx=m.onnx", "--skipInference", "--shapes=x:1x4", "--targets=cpu,sm_90"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(fake::seen.targets, "cpu,sm_90");
}

TEST_F(Tool, OldFlagsAreTakenWithARemark) {
  Result result = trtexec({"--onnx=m.onnx", "--buildOnly", "--workspace=64", "--explicitBatch", "--shapes=x:1x4"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.err.find("--buildOnly is the old name of --skipInference"), std::string::npos);
  EXPECT_EQ(fake::seen.workspace, uint64_t(64) << 20);
  EXPECT_EQ(fake::seen.inferences, 0);
}

TEST_F(Tool, FailuresLeaveNothing) {
  for (const char* failure : {"parse", "build"}) {
    fake::failure = failure;
    Result result = trtexec({"--onnx=m.onnx", "--saveEngine=p", "--skipInference", "--shapes=x:1x4"});
    EXPECT_EQ(result.status, 1);
    EXPECT_NE(result.err.find("E_UNSUPPORTED"), std::string::npos) << result.err;
    EXPECT_NE(result.out.find("&&&& FAILED"), std::string::npos);
    EXPECT_EQ(files(), 1u);
  }
  fake::failure = "";
  EXPECT_EQ(trtexec({"--onnx=m.onnx", "--saveEngine=nowhere/p", "--shapes=x:1x4"}).status, 1);
  EXPECT_EQ(trtexec({"--loadEngine=m.onnx"}).status, 1);
  EXPECT_EQ(trtexec({"--loadEngine=missing"}).status, 1);
  std::ofstream("p") << "FAKEPLAN 1";
  fake::failure = "run";
  Result result = trtexec(once({"--loadEngine=p", "--exportOutput=o.json"}));
  EXPECT_EQ(result.status, 1);
  EXPECT_FALSE(fs::exists("o.json"));
}

TEST_F(Tool, FullDiskIsAnError) {
  Result result = trtexec({"--onnx=m.onnx", "--saveEngine=/dev/full", "--skipInference", "--shapes=x:1x4"});
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.err.find("No space left on device"), std::string::npos) << result.err;
  EXPECT_TRUE(fs::exists("/dev/full"));
}

TEST_F(Tool, InputsMustFit) {
  std::ofstream("p") << "FAKEPLAN 1";
  write_raw<float>("short.bin", {1, 2});
  EXPECT_NE(trtexec(once({"--loadEngine=p", "--shapes=x:2x4", "--loadInputs=x:short.bin"})).err.find("has 8 bytes, but 'x'"),
            std::string::npos);
  EXPECT_NE(trtexec(once({"--loadEngine=p", "--loadInputs=x:none.bin"})).err.find("can't read 'none.bin'"), std::string::npos);
  EXPECT_NE(trtexec(once({"--loadEngine=p", "--shapes=x:2x5"})).err.find("does not take the shape 2x5"), std::string::npos);
  EXPECT_NE(trtexec(once({"--loadEngine=p", "--shapes=mask:2x5x1"})).status, 0);
}

TEST_F(Tool, DrawnInputsAreTheSameEveryTime) {
  std::ofstream("p") << "FAKEPLAN 3";
  ASSERT_EQ(trtexec(once({"--loadEngine=p", "--exportOutput=a.json"})).status, 0);
  ASSERT_EQ(
      trtexec(once({"--loadEngine=p", "--exportOutput=b.json", "--noDataTransfers", "--infStreams=2", "--threads"})).status, 0);
  EXPECT_EQ(text_of("a.json"), text_of("b.json"));
  const json outputs = json::parse(text_of("a.json"));
  EXPECT_EQ(outputs[0]["dimensions"], "3x4");  // the best shape of the profile
  EXPECT_NE(outputs[0]["values"][0], outputs[0]["values"][1]);
}

TEST_F(Tool, ProfileLayersAndRawFiles) {
  std::ofstream("p") << "FAKEPLAN 1";
  Result result = trtexec({"--loadEngine=p", "--iterations=4", "--duration=0", "--warmUp=0", "--dumpProfile",
                           "--exportProfile=f.json", "--dumpLayerInfo", "--exportLayerInfo=l.json", "--dumpOutput",
                           "--dumpRawBindingsToFile", "--dumpOptimizationProfile", "--infStreams=2"});
  ASSERT_EQ(result.status, 0) << result.err;
  const json profile = json::parse(text_of("f.json"));
  ASSERT_EQ(profile.size(), 3u);
  EXPECT_EQ(profile[0]["count"], 4);
  EXPECT_EQ(profile[1]["name"], "scale");
  EXPECT_EQ(profile[1]["timeMs"], 1.0);
  EXPECT_EQ(profile[2]["percentage"], 75.0);
  EXPECT_EQ(json::parse(text_of("l.json"))["Layers"].size(), 2u);
  EXPECT_EQ(fs::file_size("x.input.1.4.Float.raw"), 16u);
  EXPECT_EQ(fs::file_size("mask.input.2.Int64.raw"), 16u);
  EXPECT_TRUE(fs::exists("y.output.1.4.Float.raw"));
  EXPECT_NE(result.out.find("Output Tensors:"), std::string::npos);
  EXPECT_NE(result.out.find("Median(ms)"), std::string::npos);
}

TEST_F(Tool, SmallCommands) {
  std::ofstream("p") << "FAKEPLAN 2";
  EXPECT_EQ(run({"verify", "p"}).status, 0);
  EXPECT_EQ(run({"verify", "m.onnx"}).status, 1);
  EXPECT_EQ(run({"explain", "p"}).out, "kernel scale\n");
  EXPECT_EQ(run({"explain", "p", "--json"}).out, "{}\n");
  EXPECT_EQ(run({"print", "m.onnx"}).out, "graph text\n");
  EXPECT_EQ(run({"print", "p", "--what=plan"}).out, "plan text\n");
  EXPECT_EQ(run({"print", "p", "--what=other"}).status, 1);
  EXPECT_EQ(run({"--help"}).status, 0);
  EXPECT_EQ(run({"trtexec", "--help"}).status, 0);
  EXPECT_EQ(run({"explain", "--help"}).status, 0);
  EXPECT_EQ(run({}).status, 1);
  EXPECT_EQ(run({"exlpain", "p"}).status, 1);
  EXPECT_EQ(trtexec({"--loadEngine=p", "--getPlanVersionOnly"}).status, 0);
  EXPECT_EQ(trtexec({"--loadEngine=p", "--timeDeserialize"}).status, 0);
}

TEST_F(Tool, RunTakesAndWritesNpy) {
  std::ofstream("p") << "FAKEPLAN 1";
  const float x[8] = {1, -2, 3, -4, 5, -6, 7, -8};
  nvinfer1::Dims dims = nvinfer1::Dims2(2, 4);
  tool::write_file("x.npy", tool::npy_bytes(nvinfer1::DataType::kFLOAT, dims, x));
  Result result = run({"run", "p", "--input=x=x.npy", "--output=y=y.npy", "--outputFolder=."});
  ASSERT_EQ(result.status, 0) << result.err;
  const tool::NpyArray y = tool::read_npy(text_of("y.npy"), "y.npy");
  EXPECT_EQ(y.type, nvinfer1::DataType::kFLOAT);
  ASSERT_EQ(y.data.size(), sizeof x);
  EXPECT_EQ(tool::read_npy(text_of("positive.npy"), "positive.npy").dims.d[0], 4);
  tool::write_file("bad.npy", tool::npy_bytes(nvinfer1::DataType::kINT32, dims, x));
  EXPECT_NE(run({"run", "p", "--input=x=bad.npy"}).err.find("is of type Float, but 'bad.npy' holds Int32"), std::string::npos);
  EXPECT_EQ(run({"run", "p", "--input=q=x.npy"}).status, 1);
}

// In a process of its own: the flag that Ctrl-C sets stays.
TEST_F(Tool, InterruptedBuildLeavesNothing) {
  fake::failure = "interrupt";
  EXPECT_EXIT(
      {
        const int status =
            tool::run_tool("temper", {"trtexec", "--onnx=m.onnx", "--saveEngine=p", "--skipInference", "--shapes=x:1x4"});
        std::exit(files() == 1 ? status : 99);
      },
      testing::ExitedWithCode(130), "E_CANCELLED");
}

}  // namespace
