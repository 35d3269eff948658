#include "network.h"

#include <temper/temper.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace fs = std::filesystem;

void Logger::log(Severity severity, nvinfer1::AsciiChar const* text) {
  if (severity <= Severity::kWARNING) std::fprintf(stderr, "%s\n", text);
}

void KernelTimes::reportLayerTime(char const* kernel, float ms) {
  auto same = std::find_if(times_.begin(), times_.end(), [&](const auto& entry) { return entry.first == kernel; });
  if (same == times_.end()) {
    times_.emplace_back(kernel, ms);
  } else {
    same->second += double(ms);
  }
}

double KernelTimes::total() const {
  double sum = 0;
  for (const auto& entry : times_) sum += entry.second;
  return sum;
}

namespace {

nvinfer1::Dims to_dims(const Shape& shape) {
  nvinfer1::Dims dims{};
  dims.nbDims = int32_t(shape.size());
  std::copy(shape.begin(), shape.end(), dims.d);
  return dims;
}

bool is_fresh(const Network::Source& source) {
  std::error_code error;
  fs::file_time_type plan = fs::last_write_time(source.plan, error);
  if (error) return false;
  fs::file_time_type model = fs::last_write_time(source.model, error);
  return !error && plan >= model && temper::planVersion(source.plan.c_str()) == temper::versionText();
}

bool fail(const std::string& what) {
  std::fprintf(stderr, "ocr: %s: %s\n", what.c_str(), temper::lastError().text().c_str());
  return false;
}

bool write_file(const std::string& path, const nvinfer1::IHostMemory& bytes) {
  // Written beside it and renamed, so that a plan is there whole or not at all.
  std::string beside = path + ".new";
  {
    std::ofstream out(beside, std::ios::binary);
    out.write(static_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
    if (!out.flush()) return false;
  }
  std::error_code error;
  fs::rename(beside, path, error);
  return !error;
}

}  // namespace

bool Network::build(nvinfer1::ILogger& logger, const Source& source) {
  std::unique_ptr<nvinfer1::IBuilder> builder(nvinfer1::createInferBuilder(logger));
  if (!builder) return fail("no builder");
  std::unique_ptr<nvinfer1::INetworkDefinition> network(builder->createNetworkV2(0));
  std::unique_ptr<nvonnxparser::IParser> parser(nvonnxparser::createParser(*network, logger));
  if (!parser->parseFromFile(source.model.c_str(), int(nvinfer1::ILogger::Severity::kWARNING))) {
    for (int i = 0; i < parser->getNbErrors(); ++i) std::fprintf(stderr, "ocr: %s\n", parser->getError(i)->desc());
    return false;
  }
  std::unique_ptr<nvinfer1::IBuilderConfig> config(builder->createBuilderConfig());
  temper::setCpuThreads(*config, source.threads);
  nvinfer1::IOptimizationProfile* profile = builder->createOptimizationProfile();
  const char* input = network->getInput(0)->getName();
  profile->setDimensions(input, nvinfer1::OptProfileSelector::kMIN, to_dims(source.least));
  profile->setDimensions(input, nvinfer1::OptProfileSelector::kOPT, to_dims(source.best));
  profile->setDimensions(input, nvinfer1::OptProfileSelector::kMAX, to_dims(source.largest));
  if (config->addOptimizationProfile(profile) < 0) return fail("profile");

  std::ifstream in(source.timing_cache, std::ios::binary);
  std::vector<char> bytes{std::istreambuf_iterator<char>(in), {}};
  std::unique_ptr<nvinfer1::ITimingCache> cache(config->createTimingCache(bytes.data(), bytes.size()));
  if (!cache) cache.reset(config->createTimingCache(nullptr, 0));  // damaged: measure again
  if (cache) config->setTimingCache(*cache, false);

  std::unique_ptr<nvinfer1::IHostMemory> plan(builder->buildSerializedNetwork(*network, *config));
  if (!plan) return fail("can't build " + source.model);
  if (nvinfer1::ITimingCache const* filled = config->getTimingCache()) {
    std::unique_ptr<nvinfer1::IHostMemory> kept(filled->serialize());
    if (kept && !write_file(source.timing_cache, *kept)) return fail("can't write " + source.timing_cache);
  }
  return write_file(source.plan, *plan) || fail("can't write " + source.plan);
}

bool Network::open(nvinfer1::IRuntime& runtime, nvinfer1::ILogger& logger, const Source& source) {
  for (bool again : {false, true}) {
    if (again || !is_fresh(source)) {
      auto start = std::chrono::steady_clock::now();
      if (!build(logger, source)) return false;
      seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    }
    engine_.reset(temper::loadPlan(runtime, source.plan.c_str()));
    if (engine_) break;
    if (was_built()) return fail("can't load " + source.plan);
  }
  context_.reset(engine_->createExecutionContext());
  return context_ || fail("no context for " + source.plan);
}

bool Network::run(const float* input, const Shape& shape) {
  const char* in = engine_->getIOTensorName(0);
  const char* out = engine_->getIOTensorName(1);
  if (!context_->setInputShape(in, to_dims(shape))) return fail("input shape");
  nvinfer1::Dims dims = context_->getTensorShape(out);
  size_t count = 1;
  output_shape_.assign(dims.d, dims.d + std::max(dims.nbDims, 0));
  for (int64_t extent : output_shape_) {
    if (extent < 0) return fail("the output's shape is not known");
    count *= size_t(extent);
  }
  if (output_.size() < count) output_.resize(count);
  if (!context_->setInputTensorAddress(in, input) || !context_->setTensorAddress(out, output_.data())) return fail("addresses");
  if (!context_->enqueueV3(nullptr) || cudaStreamSynchronize(nullptr) != cudaSuccess) return fail("run");
  return true;
}

bool Network::profile(KernelTimes& times) {
  context_->setProfiler(&times);
  bool good = context_->enqueueV3(nullptr) && cudaStreamSynchronize(nullptr) == cudaSuccess;
  context_->setProfiler(nullptr);
  return good || fail("profile");
}
