// temper run: one inference on .npy files.
#include <cstdio>
#include <cstring>

#include "arguments.h"
#include "commands.h"
#include "elements.h"
#include "npy.h"
#include "numbers.h"
#include "output_file.h"
#include "plan_source.h"
#include "problem.h"
#include "session.h"

namespace tool {
namespace {

constexpr const char* kUsage =
    "temper run PLAN [--input=NAME=FILE.npy]... [--output=NAME=FILE.npy]... [--outputFolder=FOLDER] [--cpuThreads=N]";

std::pair<std::string, std::string> split_pair(const std::string& text, const char* flag) {
  const size_t equals = text.rfind('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
    throw bad_argument(std::string(flag) + " takes NAME=FILE.npy, not '" + text + "'");
  }
  return {text.substr(0, equals), text.substr(equals + 1)};
}

// bfloat16 comes as float32, which is rounded to nearest even.
std::string narrowed(const NpyArray& array, nvinfer1::DataType wanted) {
  if (wanted != nvinfer1::DataType::kBF16 || array.type != nvinfer1::DataType::kFLOAT) return array.data;
  std::string data(array.data.size() / 2, '\0');
  for (size_t i = 0; i < data.size() / 2; ++i) {
    uint32_t bits;
    std::memcpy(&bits, array.data.data() + 4 * i, 4);
    const bool is_nan = (bits & 0x7fffffff) > 0x7f800000;
    const auto half = uint16_t(is_nan ? (bits >> 16 | 0x40) : (bits + 0x7fff + (bits >> 16 & 1)) >> 16);
    std::memcpy(data.data() + 2 * i, &half, 2);
  }
  return data;
}

std::string file_name(const std::string& folder, std::string tensor) {
  for (char& letter : tensor) {
    if (letter == '/' || letter == ':') letter = '_';
  }
  return folder + "/" + tensor + ".npy";
}

}  // namespace

int run_run(const Arguments& arguments) {
  ArgumentReader reader(arguments, kUsage);
  Options options;
  options.cpu_threads = int(parse_integer(reader.take_value("--cpuThreads", "0"), "--cpuThreads", 0, 1024));
  const std::vector<std::string> inputs = reader.take_values("--input");
  const std::vector<std::string> outputs = reader.take_values("--output");
  const std::string folder = reader.take_value("--outputFolder", "");
  const std::string path = reader.take_file("PLAN");
  reader.finish();

  Logger logger(nvinfer1::ILogger::Severity::kWARNING);
  const Loaded loaded = load_plan(path, options.cpu_threads, logger);
  for (const std::string& text : inputs) {
    const auto [name, file] = split_pair(text, "--input");
    const NpyArray array = read_npy(read_file(file), file);
    const bool known = loaded.engine->getTensorIOMode(name.c_str()) == nvinfer1::TensorIOMode::kINPUT;
    if (!known) throw bad_argument("--input names '" + name + "', which is not an input of the plan");
    const nvinfer1::DataType wanted = loaded.engine->getTensorDataType(name.c_str());
    std::string data = narrowed(array, wanted);
    if (int64_t(data.size()) != tensor_bytes(wanted, volume(array.dims)) ||
        (wanted != array.type && wanted != nvinfer1::DataType::kBF16)) {
      throw bad_argument("'" + name + "' is of type " + std::string(type_name(wanted)) + ", but '" + file + "' holds " +
                         std::string(type_name(array.type)));
    }
    const nvinfer1::Dims declared = loaded.engine->getTensorShape(name.c_str());
    if (has_unknown(declared)) {
      options.shapes.emplace_back(name, array.dims);
    } else if (!same_dims(declared, array.dims)) {
      throw bad_argument("'" + name + "' has the shape " + dims_text(declared) + ", but '" + file + "' has " +
                         dims_text(array.dims));
    }
    options.inputs.emplace_back(name, std::move(data));
  }
  Session session(*loaded.engine, options);
  session.enqueue(options);
  session.wait();
  for (const std::string& text : outputs) {
    const auto [name, file] = split_pair(text, "--output");
    bool found = false;
    for (const Binding& binding : session.bindings()) {
      if (binding.input || binding.name != name) continue;
      write_file(file, npy_bytes(binding.type, binding.dims, binding.host.data()));
      found = true;
    }
    if (!found) throw bad_argument("--output names '" + name + "', which is not an output of the plan");
  }
  for (const Binding& binding : session.bindings()) {
    if (binding.input) continue;
    if (!folder.empty())
      write_file(file_name(folder, binding.name), npy_bytes(binding.type, binding.dims, binding.host.data()));
    std::printf("%s: %s %s\n", binding.name.c_str(), std::string(type_name(binding.type)).c_str(),
                dims_text(binding.dims).c_str());
  }
  return 0;
}

}  // namespace tool
