// temper explain, verify and print: what is in a plan or a model.
#include <cstdio>
#include <memory>

#include "NvInfer.h"
#include "NvOnnxParser.h"
#include "arguments.h"
#include "commands.h"
#include "output_file.h"
#include "plan_source.h"
#include "problem.h"
#include "temper/temper.h"

namespace tool {
namespace {

using namespace nvinfer1;

bool is_model(const std::string& path) { return path.ends_with(".onnx"); }

void write_out(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (!text.empty() && text.back() != '\n') std::fputc('\n', stdout);
}

// Prints the graph of a model: as it was read, or around each pass (`pass`: only around this one).
void print_model(const std::string& path, bool passes, const std::string& pass, const std::vector<std::string>& disabled,
                 Logger& logger) {
  const std::unique_ptr<IBuilder> builder(createInferBuilder(logger));
  if (!builder) throw library_problem("the builder could not be started");
  const std::unique_ptr<INetworkDefinition> network(builder->createNetworkV2(0));
  const std::unique_ptr<IBuilderConfig> config(builder->createBuilderConfig());
  const std::unique_ptr<nvonnxparser::IParser> parser(nvonnxparser::createParser(*network, logger));
  if (!parser->parseFromFile(path.c_str(), int(ILogger::Severity::kWARNING))) {
    for (int i = 0; i < parser->getNbErrors(); ++i) logger.error(parser->getError(i)->desc());
    throw library_problem("can't import '" + path + "'");
  }
  if (!passes) return write_out(temper::print(*network));
  for (const std::string& name : disabled) {
    if (!temper::disablePass(*config, name)) throw library_problem("--disablePass=" + name);
  }
  bool seen = pass.empty();
  temper::setPassListener(*config, [&](std::string_view name, bool after, const std::string& graph) {
    if (!pass.empty() && name != pass) return;
    seen = true;
    write_out("// " + std::string(after ? "after " : "before ") + std::string(name));
    write_out(graph);
  });
  config->setBuilderOptimizationLevel(0);
  const std::unique_ptr<IHostMemory> plan(builder->buildSerializedNetwork(*network, *config));
  if (!plan) throw library_problem("the build failed");
  if (seen) return;
  std::string all;
  for (const std::string& name : temper::passNames()) all += " " + name;
  throw bad_argument("no pass '" + pass + "' ran; the passes are" + all);
}

}  // namespace

int run_explain(const Arguments& arguments) {
  ArgumentReader reader(arguments, "temper explain PLAN [--json]");
  const bool json = reader.take_switch("--json");
  const std::string path = reader.take_file("PLAN");
  reader.finish();
  Logger logger(ILogger::Severity::kWARNING);
  const Loaded loaded = load_plan(path, 0, logger);
  write_out(temper::explain(*loaded.engine, json ? temper::TextFormat::kJSON : temper::TextFormat::kTEXT));
  return 0;
}

int run_verify(const Arguments& arguments) {
  ArgumentReader reader(arguments, "temper verify PLAN");
  const std::string path = reader.take_file("PLAN");
  reader.finish();
  std::string report;
  temper::clearLastError();
  const bool good = temper::verify(path.c_str(), report);
  if (good) {
    write_out(report);
    std::printf("%s: good\n", path.c_str());
    return 0;
  }
  throw library_problem("'" + path + "' is not a good plan" + (temper::lastError().code.empty() ? ": " + report : ""));
}

int run_print(const Arguments& arguments) {
  ArgumentReader reader(arguments,
                        "temper print PLAN [--what=graph|regions|plan]\n"
                        "       temper print MODEL.onnx [--passes[=NAME]] [--disablePass=NAME]...");
  const std::string what = reader.take_value("--what", "graph");
  const std::string pass = reader.take_value("--passes", "");
  const bool passes = reader.take_switch("--passes") || !pass.empty();
  const std::vector<std::string> disabled = reader.take_values("--disablePass");
  const std::string path = reader.take_file("PLAN or MODEL.onnx");
  reader.finish();
  Logger logger(ILogger::Severity::kWARNING);
  if (is_model(path)) {
    print_model(path, passes, pass, disabled, logger);
    return 0;
  }
  if (passes || !disabled.empty())
    throw bad_argument("--passes and --disablePass need a model: the passes of a plan have run already");
  temper::Representation form;
  if (what == "graph") {
    form = temper::Representation::kGRAPH;
  } else if (what == "regions") {
    form = temper::Representation::kREGIONS;
  } else if (what == "plan") {
    form = temper::Representation::kPLAN;
  } else {
    throw bad_argument("--what takes graph, regions or plan, not '" + what + "'");
  }
  const Loaded loaded = load_plan(path, 0, logger);
  write_out(temper::print(*loaded.engine, form));
  return 0;
}

}  // namespace tool
