// The ONNX parser: a model into a Network, and the list of what is wrong with it.
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "NvOnnxParser.h"
#include "api/network.h"
#include "api/page_memory.h"
#include "api/plugin_import.h"
#include "api/plugin_registry.h"
#include "api/runtime.h"
#include "ir/op.h"
#include "onnx/functions.h"
#include "onnx/import.h"
#include "onnx/reader.h"
#include "onnx/validate.h"

namespace temper::api {
namespace {

nvonnxparser::ErrorCode parser_code(const Error& error, bool of_node) {
  using Code = nvonnxparser::ErrorCode;
  switch (error.code()) {
    case ErrorCode::kUnsupported:
      return of_node ? Code::kUNSUPPORTED_NODE : Code::kUNSUPPORTED_GRAPH;
    case ErrorCode::kOutOfMemory:
      return Code::kMEM_ALLOC_FAILED;
    case ErrorCode::kInternal:
      return Code::kINTERNAL_ERROR;
    case ErrorCode::kInvalidArgument:
      return of_node ? Code::kINVALID_NODE : Code::kINVALID_GRAPH;
    default:
      return Code::kMODEL_DESERIALIZE_FAILED;
  }
}

// A place of the trail such as "node 'conv1' (com.microsoft.FusedConv, opset 13)" taken apart.
struct NodePlace {
  std::string name, op_type;
  bool found = false;
};
NodePlace node_place(const Error& error) {
  NodePlace place;
  for (const std::string& frame : error.trail()) {
    constexpr std::string_view kStart = "node '";
    size_t quote = frame.rfind("' (");
    if (!frame.starts_with(kStart) || quote == std::string::npos) continue;
    place.found = true;
    place.name = frame.substr(kStart.size(), quote - kStart.size());
    std::string rest = frame.substr(quote + 3);
    rest = rest.substr(0, rest.find_first_of(",)"));
    size_t dot = rest.rfind('.');
    place.op_type = dot == std::string::npos ? rest : rest.substr(dot + 1);
    return place;
  }
  return place;
}

class ParserError final : public nvonnxparser::IParserError {
 public:
  ParserError(const Error& error, const std::map<std::string, int>& nodes)
      : place_(node_place(error)), text_(error.to_string()) {
    code_ = parser_code(error, place_.found);
    auto found = nodes.find(place_.name);
    node_ = place_.found && found != nodes.end() ? found->second : -1;
  }
  ~ParserError() override = default;
  nvonnxparser::ErrorCode code() const override { return code_; }
  char const* desc() const override { return text_.c_str(); }
  char const* file() const override { return __FILE__; }
  int line() const override { return 0; }
  char const* func() const override { return "parse"; }
  int node() const override { return node_; }
  char const* nodeName() const override { return place_.name.c_str(); }
  char const* nodeOperator() const override { return place_.op_type.c_str(); }
  char const* const* localFunctionStack() const override { return nullptr; }
  int32_t localFunctionStackSize() const override { return 0; }

 private:
  NodePlace place_;
  std::string text_;
  nvonnxparser::ErrorCode code_;
  int node_;
};

class Parser final : public nvonnxparser::IParser {
 public:
  Parser(Network& network, nvinfer1::ILogger* logger) : network_(network), reporter_(logger) {}

  bool parse(void const* bytes, size_t size, char const* path) noexcept override {
    return parse_bytes(bytes, size, path, true);
  }
  bool supportsModelV2(void const* bytes, size_t size, char const* path) noexcept override {
    return parse_bytes(bytes, size, path, false);
  }

  bool supportsModel(void const* bytes, size_t size, SubGraphCollection_t& groups, char const* path) noexcept override {
    const bool all = supportsModelV2(bytes, size, path);
    return guarded(reporter_, false, [&]() -> Expected<bool> {
      groups.clear();
      if (!group_.empty()) groups.emplace_back(std::vector<size_t>(group_.begin(), group_.end()), all);
      return all;
    });
  }
  // The model is one group: it is read as a whole, or not.
  int64_t getNbSubgraphs() noexcept override { return group_.empty() ? 0 : 1; }
  bool isSubgraphSupported(int64_t const index) noexcept override { return index == 0 && group_supported_; }
  int64_t* getSubgraphNodes(int64_t const index, int64_t& length) noexcept override {
    length = index == 0 ? static_cast<int64_t>(group_.size()) : 0;
    return length > 0 ? group_.data() : nullptr;
  }
  bool parseWithWeightDescriptors(void const* bytes, size_t size) noexcept override { return parse(bytes, size, nullptr); }
  bool loadModelProto(void const* bytes, size_t size, char const* path) noexcept override {
    return guarded(reporter_, false, [&]() -> Expected<bool> {
      if (!bytes || size == 0) return refuse({invalid("the model has no bytes")}, {});
      loaded_ = {bytes, size, path ? path : ""};
      return true;
    });
  }
  bool loadInitializer(char const* name, void const*, size_t) noexcept override {
    return guarded(reporter_, false, [&]() -> Expected<bool> {
      errors_.clear();
      return refuse(
          {Error(ErrorCode::kUnsupported, "the initializer '" + std::string(name ? name : "") +
                                              "' can't be given beside the model; put it into the model, or into a file "
                                              "beside it")},
          {});
    });
  }
  bool parseModelProto() noexcept override {
    if (loaded_.bytes) return parse(loaded_.bytes, loaded_.size, loaded_.path.empty() ? nullptr : loaded_.path.c_str());
    return guarded(reporter_, false, [&]() -> Expected<bool> {
      return refuse({invalid("no model was loaded; call loadModelProto before parseModelProto")}, {});
    });
  }
  // No decision of the parser depends on how the network is built.
  bool setBuilderConfig(nvinfer1::IBuilderConfig const* const config) noexcept override { return config != nullptr; }
  char const* const* getUsedVCPluginLibraries(int64_t& count) const noexcept override {
    count = 0;
    return nullptr;
  }

  bool parseFromFile(char const* path, int verbosity) noexcept override {
    return guarded(reporter_, false, [&]() -> Expected<bool> {
      errors_.clear();
      if (!path) return refuse({invalid("parseFromFile was given no path")}, {});
      return take(onnx::read_model(std::string(path)), nullptr, true);
    });
  }

  bool supportsOperator(char const* name) const noexcept override {
    if (!name) return false;
    if (std::string_view(name) == "If" || std::string_view(name) == "Loop") return true;  // read by the importer itself
    for (const Op* op : all_ops()) {
      for (const OnnxBinding& binding : op->onnx) {
        if (binding.op_type == name) return true;
      }
    }
    return PluginRegistry::of_process().has(name);
  }

  int getNbErrors() const noexcept override { return static_cast<int>(errors_.size()); }
  nvonnxparser::IParserError const* getError(int index) const noexcept override {
    return index < 0 || index >= getNbErrors() ? nullptr : errors_[index].get();
  }
  void clearErrors() noexcept override { errors_.clear(); }

  void setFlags(nvonnxparser::OnnxParserFlags flags) noexcept override { flags_ = flags; }
  nvonnxparser::OnnxParserFlags getFlags() const noexcept override { return flags_; }
  void setFlag(nvonnxparser::OnnxParserFlag flag) noexcept override { flags_ |= bit(flag); }
  void clearFlag(nvonnxparser::OnnxParserFlag flag) noexcept override { flags_ &= ~bit(flag); }
  bool getFlag(nvonnxparser::OnnxParserFlag flag) const noexcept override { return flags_ & bit(flag); }

  nvinfer1::ITensor const* getLayerOutputTensor(char const* name, int64_t i) noexcept override {
    if (!name || i < 0) return nullptr;
    auto found = outputs_.find(std::string_view(name));
    if (found == outputs_.end() || size_t(i) >= found->second.size()) return nullptr;
    const Graph& graph = network_.graph();
    for (ValueId id = 0; id < graph.value_count(); ++id) {
      if (graph.value(id).name == found->second[i]) return network_.tensor(id);
    }
    return nullptr;
  }

 private:
  static nvonnxparser::OnnxParserFlags bit(nvonnxparser::OnnxParserFlag flag) {
    return int(flag) >= 0 && int(flag) < 5 ? 1U << int(flag) : 0;
  }

  bool parse_bytes(void const* bytes, size_t size, char const* path, bool keep) noexcept {
    return guarded(reporter_, false, [&]() -> Expected<bool> {
      errors_.clear();
      if (!bytes || size == 0) return refuse({invalid("the model has no bytes")}, {});
      auto copy = std::make_shared<PageMemory>();
      TEMPER_TRY(copy->resize(size));
      std::copy_n(static_cast<const std::byte*>(bytes), size, copy->data());
      std::string name = path && *path ? path : "model", folder;
      if (path && *path) folder = name.find('/') == std::string::npos ? "." : name.substr(0, name.rfind('/') + 1);
      return take(onnx::read_model(copy->bytes(), folder, name), copy, keep);
    });
  }

  Expected<bool> take(Expected<onnx::Model> read, std::shared_ptr<const void> bytes, bool keep) {
    if (!read.ok()) return refuse({std::move(read).error()}, {});
    onnx::Model& model = *read;
    group_.resize(model.graph.nodes.size());
    std::iota(group_.begin(), group_.end(), int64_t(0));
    group_supported_ = false;
    if (auto problems = onnx::validate(model); !problems.empty()) return refuse(std::move(problems), model.graph);
    if (Status inlined = onnx::inline_functions(model); !inlined.ok()) return refuse({std::move(inlined).error()}, model.graph);
    onnx::sort_nodes(model);
    const bool plugins_first = getFlag(nvonnxparser::OnnxParserFlag::kENABLE_PLUGIN_OVERRIDE);
    onnx::Import import = onnx::import_model(model, {read_plugin_node, plugins_first});
    if (Status intact = model.storage->still_intact(); !intact.ok()) return refuse({std::move(intact).error()}, model.graph);
    if (!import.graph) return refuse(std::move(import.problems), model.graph);
    for (const std::string& assumption : import.assumptions) reporter_.warn(model.display_name + ": " + assumption);
    group_supported_ = true;
    if (!keep) return true;
    outputs_.clear();
    for (const onnx::Node& node : model.graph.nodes) {
      outputs_.emplace(std::string(node.name), std::vector<std::string>(node.outputs.begin(), node.outputs.end()));
    }
    Status adopted = network_.adopt({std::move(*import.graph), std::move(import.metadata), model.storage, std::move(bytes)});
    if (!adopted.ok()) return refuse({std::move(adopted).error()}, model.graph);
    if (network_.getName()[0] == '\0' && !model.graph.name.empty()) network_.setName(std::string(model.graph.name).c_str());
    return true;
  }

  // All problems are reported; the first is the thread's last error.
  bool refuse(std::vector<Error> problems, const onnx::Graph& graph) {
    std::map<std::string, int> nodes;
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
      const onnx::Node& node = graph.nodes[i];
      nodes.emplace(node.name.empty() && !node.outputs.empty() ? node.outputs[0] : node.name, static_cast<int>(i));
    }
    for (const Error& problem : problems) {
      errors_.push_back(std::make_unique<ParserError>(problem, nodes));
      reporter_.report(problem);
    }
    if (!problems.empty()) remember(problems.front());
    return false;
  }

  struct Loaded {
    void const* bytes = nullptr;
    size_t size = 0;
    std::string path;
  };

  Network& network_;
  Reporter reporter_;
  Loaded loaded_;
  std::vector<int64_t> group_;  // all nodes of the model that was looked at last
  bool group_supported_ = false;
  nvonnxparser::OnnxParserFlags flags_ = bit(nvonnxparser::OnnxParserFlag::kNATIVE_INSTANCENORM);
  std::vector<std::unique_ptr<ParserError>> errors_;
  std::map<std::string, std::vector<std::string>, std::less<>> outputs_;  // names, by node of the model
};

}  // namespace
}  // namespace temper::api

void* createNvOnnxParser_INTERNAL(void* network, void* logger, int version) noexcept {
  using namespace temper::api;
  const Reporter reporter(static_cast<nvinfer1::ILogger*>(logger));
  return guarded<nvonnxparser::IParser*>(reporter, nullptr, [&]() -> temper::Expected<nvonnxparser::IParser*> {
    if (!network || !logger) return invalid("a parser needs a network and a logger");
    if (version / 10000 > NV_ONNX_PARSER_MAJOR)
      return temper::Error(temper::ErrorCode::kIncompatible, "the program was compiled for a newer parser");
    auto& given = static_cast<Network&>(*static_cast<nvinfer1::INetworkDefinition*>(network));
    return new Parser(given, static_cast<nvinfer1::ILogger*>(logger));
  });
}

void* createNvOnnxParserRefitter_INTERNAL(void*, void* logger, int32_t) noexcept {
  if (logger) {
    temper::api::Reporter(static_cast<nvinfer1::ILogger*>(logger))
        .report(temper::ErrorCode::kUnsupported, "plans can't be refitted; build the model again with its new weights");
  }
  return nullptr;
}

int getNvOnnxParserVersion() noexcept { return NV_ONNX_PARSER_VERSION; }
