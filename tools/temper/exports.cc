#include "exports.h"

#include <memory>
#include <nlohmann/json.hpp>

#include "elements.h"
#include "numbers.h"
#include "output_file.h"
#include "problem.h"
#include "report.h"

namespace tool {
namespace {

using Json = nlohmann::ordered_json;

// A float with the digits that read back to it, not those of the double that it becomes.
std::string number(float value) {
  std::string text;
  append(text, value);
  return text;
}

std::string quoted(const std::string& text) { return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace

std::string times_json(const std::vector<Times>& runs) {
  std::string text = "[";
  for (const Times& t : runs) {
    const std::pair<const char*, float> fields[] = {
        {"startEnqMs", t.enqueue_start},
        {"endEnqMs", t.enqueue_end},
        {"startH2dMs", t.h2d_start},
        {"endH2dMs", t.h2d_end},
        {"startComputeMs", t.compute_start},
        {"endComputeMs", t.compute_end},
        {"startD2hMs", t.d2h_start},
        {"endD2hMs", t.d2h_end},
        {"h2dMs", t.h2d()},
        {"computeMs", t.compute()},
        {"d2hMs", t.d2h()},
        {"latencyMs", t.latency()},
    };
    text += text.size() > 1 ? ",\n  {" : "\n  {";
    for (const auto& [name, value] : fields) {
      if (name != fields[0].first) text += ",";
      text += std::string(" \"") + name + "\" : " + number(value);
    }
    text += " }";
  }
  return text + "\n]\n";
}

std::string outputs_json(const std::vector<Binding>& bindings) {
  std::string text = "[";
  for (const Binding& binding : bindings) {
    if (binding.input) continue;
    text += text.size() > 1 ? ",\n  {" : "\n  {";
    text += " \"name\" : " + quoted(binding.name) + ", \"dimensions\" : \"" + dims_text(binding.dims) + "\", \"values\" : [ ";
    text += elements_text(binding.type, binding.host.data(), volume(binding.dims), ", ") + " ] }";
  }
  return text + "\n]\n";
}

std::string profile_json(const Profiler& profiler) {
  Json rows = Json::array({Json{{"count", profiler.runs()}}});
  const double all = profiler.total();
  for (const LayerTimes& layer : profiler.layers()) {
    const double total = layer.total();
    rows.push_back(Json{{"name", layer.name},
                        {"timeMs", total},
                        {"averageMs", total / double(layer.ms.size())},
                        {"medianMs", layer.median()},
                        {"percentage", all > 0 ? 100 * total / all : 0}});
  }
  return rows.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string layers_text(const nvinfer1::ICudaEngine& engine, const nvinfer1::IExecutionContext* context,
                        nvinfer1::LayerInformationFormat format) {
  const std::unique_ptr<nvinfer1::IEngineInspector> inspector(engine.createEngineInspector());
  if (!inspector) throw library_problem("the engine can't be inspected");
  if (context) inspector->setExecutionContext(context);
  const char* text = inspector->getEngineInformation(format);
  if (!text) throw library_problem("the engine can't be inspected");
  return text;
}

std::string outputs_text(const std::vector<Binding>& bindings) {
  std::string text = "Output Tensors:";
  for (const Binding& binding : bindings) {
    if (binding.input) continue;
    text += "\n" + binding.name + ": (" + dims_text(binding.dims) + ")\n";
    text += elements_text(binding.type, binding.host.data(), volume(binding.dims), " ");
  }
  return text;
}

std::string profiles_text(const nvinfer1::ICudaEngine& engine) {
  using nvinfer1::OptProfileSelector;
  Table table({"Profile", "Input", "Min", "Opt", "Max"}, 1);
  for (int profile = 0; profile < engine.getNbOptimizationProfiles(); ++profile) {
    for (int i = 0; i < engine.getNbIOTensors(); ++i) {
      const char* name = engine.getIOTensorName(i);
      if (engine.getTensorIOMode(name) != nvinfer1::TensorIOMode::kINPUT) continue;
      std::vector<std::string> row{std::to_string(profile), name};
      for (const auto select : {OptProfileSelector::kMIN, OptProfileSelector::kOPT, OptProfileSelector::kMAX}) {
        row.push_back(dims_text(engine.getProfileShape(name, profile, select)));
      }
      table.add(row);
    }
  }
  return table.text();
}

std::string raw_file_name(const Binding& binding) {
  std::string name = binding.name;
  for (char& letter : name) {
    if (letter == '/' || letter == ':') letter = '_';
  }
  name += binding.input ? ".input" : ".output";
  for (int i = 0; i < binding.dims.nbDims; ++i) {
    name += '.';
    append(name, int64_t(binding.dims.d[i]));
  }
  return name + "." + std::string(type_name(binding.type)) + ".raw";
}

void write_raw_files(const std::vector<Binding>& bindings) {
  for (const Binding& binding : bindings) {
    write_file(raw_file_name(binding), {static_cast<const char*>(binding.host.data()), size_t(binding.bytes())});
  }
}

}  // namespace tool
