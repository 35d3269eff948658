// Builds and runs many small ONNX models in one process, through the public API alone; run.py feeds it and judges the outputs.
//
// Reads lines from stdin, fields separated by tabs, and answers each `go` with one block on stdout, flushed:
//
//   case NAME MODEL             begin NAME
//   input TENSOR DIMS FILE      output TENSOR DIMS BYTES_PER_ELEMENT FILE      for every output, in the order of the engine
//   outputs FOLDER              refused STAGE OPERATOR MESSAGE                 instead of the outputs
//   go                          end NAME
//
// DIMS is "2x3", or "scalar". A file holds the elements as they lie in memory. What was begun and not ended is what crashed.
#include <NvInfer.h>
#include <NvOnnxParser.h>
#include <temper/temper.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace {

// Aligned memory that grows; the contents of a former size are not kept.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer&&) = delete;
  ~Buffer() { std::free(data_); }
  void* reserve(size_t bytes) {
    if (!data_ || bytes > size_) {
      std::free(data_);
      size_ = std::max<size_t>(64, (bytes + 63) / 64 * 64);
      data_ = std::aligned_alloc(64, size_);
    }
    return data_;
  }
  char* data() const { return static_cast<char*>(data_); }

 private:
  void* data_ = nullptr;
  size_t size_ = 0;
};

// Takes outputs whose size is known only once they are computed.
class Receiver : public nvinfer1::IOutputAllocator {
 public:
  void* reallocateOutput(char const*, void*, uint64_t size, uint64_t) override { return buffer.reserve(size); }
  void notifyShape(char const*, nvinfer1::Dims const& dims) override {
    shape = dims;
    told = true;
  }
  Buffer buffer;
  nvinfer1::Dims shape{};
  bool told = false;
};

class Quiet : public nvinfer1::ILogger {
 public:
  void log(Severity severity, nvinfer1::AsciiChar const* text) override {
    if (severity <= Severity::kERROR) last = text;
  }
  std::string last;
};

struct Input {
  nvinfer1::Dims dims;
  std::string file;
};

struct Case {
  std::string name, model, folder;
  std::map<std::string, Input> inputs;
};

// Why a case did not run; `stage` empty: it did.
struct Refusal {
  std::string stage, node_operator, message;
};

nvinfer1::Dims read_dims(const std::string& text) {
  nvinfer1::Dims dims{};
  if (text == "scalar") return dims;
  std::istringstream in(text);
  for (std::string extent; std::getline(in, extent, 'x');) {
    if (dims.nbDims == nvinfer1::Dims::MAX_DIMS) {
      dims.nbDims = -1;  // more than the API can say
      return dims;
    }
    dims.d[dims.nbDims++] = std::atoll(extent.c_str());
  }
  return dims;
}

std::string write_dims(const nvinfer1::Dims& dims) {
  std::string text;
  for (int i = 0; i < dims.nbDims; ++i) text += (i ? "x" : "") + std::to_string(dims.d[i]);
  return dims.nbDims == 0 ? "scalar" : text;
}

bool is_complete(const nvinfer1::Dims& dims) {
  return dims.nbDims >= 0 && std::none_of(dims.d, dims.d + dims.nbDims, [](int64_t d) { return d < 0; });
}

size_t count_of(const nvinfer1::Dims& dims) {
  size_t count = 1;
  for (int i = 0; i < dims.nbDims; ++i) count *= size_t(dims.d[i]);
  return count;
}

std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\t' || c == '\r'; }, ' ');
  return text;
}

// 4-bit types lie two to a byte, which the API's bytes per component can't say; and it has no name for unsigned ones.
size_t bytes_of(nvinfer1::DataType type, size_t count, size_t component, size_t given) {
  size_t half = (count + 1) / 2;
  bool nameless = int(type) > int(nvinfer1::DataType::kE8M0);
  return type == nvinfer1::DataType::kINT4 || type == nvinfer1::DataType::kFP4 || (nameless && given == half)
             ? half
             : count * component;
}

class Runner {
 public:
  explicit Runner(int level)
      : level_(level), builder_(nvinfer1::createInferBuilder(logger_)), runtime_(nvinfer1::createInferRuntime(logger_)) {}
  bool good() const { return builder_ && runtime_; }

  Refusal run(const Case& work) {
    logger_.last.clear();
    temper::clearLastError();
    std::unique_ptr<nvinfer1::INetworkDefinition> network(builder_->createNetworkV2(0));
    if (!network) return failed("network");
    std::unique_ptr<nvonnxparser::IParser> parser(nvonnxparser::createParser(*network, logger_));
    if (!parser) return failed("parser");
    if (!parser->parseFromFile(work.model.c_str(), 0)) {
      if (parser->getNbErrors() == 0) return failed("parse");
      nvonnxparser::IParserError const* error = parser->getError(0);
      return {"parse", error->nodeOperator() ? error->nodeOperator() : "", error->desc() ? error->desc() : ""};
    }
    std::unique_ptr<nvinfer1::IBuilderConfig> config(builder_->createBuilderConfig());
    config->setBuilderOptimizationLevel(level_);
    std::unique_ptr<nvinfer1::IHostMemory> plan(builder_->buildSerializedNetwork(*network, *config));
    if (!plan) return failed("build");
    std::unique_ptr<nvinfer1::ICudaEngine> engine(runtime_->deserializeCudaEngine(plan->data(), plan->size()));
    if (!engine) return failed("load");
    std::unique_ptr<nvinfer1::IExecutionContext> context(engine->createExecutionContext());
    if (!context) return failed("context");
    return execute(work, *engine, *context);
  }

 private:
  Refusal failed(const char* stage) const {
    temper::ErrorReport report = temper::lastError();
    return {stage, "", report.code.empty() ? (logger_.last.empty() ? "no reason was given" : logger_.last) : report.text()};
  }

  static std::vector<char> read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  Refusal execute(const Case& work, nvinfer1::ICudaEngine& engine, nvinfer1::IExecutionContext& context) {
    std::vector<Buffer> held;
    std::map<std::string, Receiver> received;
    for (int i = 0; i < engine.getNbIOTensors(); ++i) {
      char const* name = engine.getIOTensorName(i);
      if (engine.getTensorIOMode(name) != nvinfer1::TensorIOMode::kINPUT) continue;
      auto given = work.inputs.find(name);
      if (given == work.inputs.end()) return {"inputs", "", std::string("the case has no data for input ") + name};
      const nvinfer1::Dims& dims = given->second.dims;
      if (dims.nbDims < 0) return {"inputs", "", "more than 8 dimensions, which the API can't express"};
      const std::vector<char> content = read_file(given->second.file);
      const auto component = size_t(engine.getTensorBytesPerComponent(name));
      const size_t bytes = bytes_of(engine.getTensorDataType(name), count_of(dims), component, content.size());
      if (content.size() != bytes)
        return {"inputs", "", std::string("the engine wants ") + std::to_string(bytes) + " bytes for input " + name};
      std::memcpy(held.emplace_back().reserve(bytes), content.data(), bytes);
      if (!context.setInputShape(name, dims) || !context.setTensorAddress(name, held.back().data())) return failed("inputs");
    }
    for (int i = 0; i < engine.getNbIOTensors(); ++i) {
      char const* name = engine.getIOTensorName(i);
      if (engine.getTensorIOMode(name) != nvinfer1::TensorIOMode::kOUTPUT) continue;
      if (!context.setOutputAllocator(name, &received[name])) return failed("outputs");
    }
    cudaStream_t stream = nullptr;
    if (cudaStreamCreate(&stream) != cudaSuccess) return {"run", "", "no stream"};
    bool good = context.enqueueV3(stream);
    cudaError_t waited = cudaStreamSynchronize(stream);
    cudaStreamDestroy(stream);
    if (!good || waited != cudaSuccess) return failed("run");
    return write(work, engine, context, received);
  }

  Refusal write(const Case& work, nvinfer1::ICudaEngine& engine, nvinfer1::IExecutionContext& context,
                std::map<std::string, Receiver>& received) {
    std::string answer;
    int index = 0;
    for (auto& [name, receiver] : received) {
      nvinfer1::Dims dims = receiver.told ? receiver.shape : context.getTensorShape(name.c_str());
      if (!is_complete(dims)) return {"run", "", "output " + name + " has no shape after the run"};
      auto component = size_t(engine.getTensorBytesPerComponent(name.c_str()));
      size_t bytes = bytes_of(engine.getTensorDataType(name.c_str()), count_of(dims), component, count_of(dims) * component);
      if (bytes && !receiver.buffer.data()) return {"run", "", "output " + name + " was not written"};
      std::string file = work.folder + "/output_" + std::to_string(index++) + ".bin";
      std::ofstream(file, std::ios::binary).write(receiver.buffer.data(), std::streamsize(bytes));
      answer += "output\t" + name + "\t" + write_dims(dims) + "\t" + std::to_string(component) + "\t" + file + "\n";
    }
    std::cout << answer;
    return {};
  }

  int level_;
  Quiet logger_;
  std::unique_ptr<nvinfer1::IBuilder> builder_;
  std::unique_ptr<nvinfer1::IRuntime> runtime_;
};

std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> fields;
  std::istringstream in(line);
  for (std::string field; std::getline(in, field, '\t');) fields.push_back(field);
  return fields;
}

}  // namespace

int main(int argc, char** argv) {
  Runner runner(argc > 1 ? std::atoi(argv[1]) : 0);
  if (!runner.good()) {
    std::cerr << "no builder or no runtime: " << temper::lastError().text() << "\n";
    return 1;
  }
  Case work;
  for (std::string line; std::getline(std::cin, line);) {
    std::vector<std::string> fields = split(line);
    if (fields.size() == 3 && fields[0] == "case") {
      work = {fields[1], fields[2], "", {}};
      std::cout << "begin\t" << work.name << std::endl;
    } else if (fields.size() == 4 && fields[0] == "input") {
      work.inputs[fields[1]] = {read_dims(fields[2]), fields[3]};
    } else if (fields.size() == 2 && fields[0] == "outputs") {
      work.folder = fields[1];
    } else if (fields.size() == 1 && fields[0] == "go") {
      Refusal refusal = runner.run(work);
      if (!refusal.stage.empty())
        std::cout << "refused\t" << refusal.stage << "\t" << (refusal.node_operator.empty() ? "-" : refusal.node_operator)
                  << "\t" << one_line(refusal.message) << "\n";
      std::cout << "end\t" << work.name << std::endl;
    } else {
      std::cerr << "not understood: " << line << "\n";
      return 2;
    }
  }
  return 0;
}
