// Checks and times plans for the GPU at hand: every operator sample against the exact interpreter, and models against the CPU
// backend.
//
//   gpu_check samples [PART PARTS [FILTER [f16|bf16]]]
//       one JSON line per sample and extent that is wrong, and one of counts at the end; with another type, its f32 operands
//       are of that one
//   gpu_check products [PART PARTS [FILTER]]
//       the same for operators at the sizes where kernels change, and with infinities
//   gpu_check model FILE.onnx PLAN [KIND] ...
//       builds for the GPU into PLAN, and compares its outputs with the CPU's: one line; model_check.h says what else can be
//       asked for
//   gpu_check build FILE.onnx PLAN [LEVEL]
//       builds for the GPU into PLAN, and no more: one line
//   gpu_check time PLAN [SECONDS [STEPS]]
//       runs a plan alone: one line with milliseconds of a run, and its slowest steps (12 of them if it is not said how many),
//       each with its time, what it does and moves, and how much of the time the card would need for that alone at its best
//   gpu_check graphs PLAN...
//       for each plan, microseconds of a run, of many in one graph: one line
//   gpu_check enqueue PLAN
//       the cost of an enqueue, rotating addresses, a capture of the caller's: one line
//
// Kernels are compiled by NVRTC where the plan is built; run.py runs all of it and writes the record.
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <numeric>
#include <random>

#include "backend/cuda/run/driver.h"
#include "base/mapped_file.h"
#include "base/thread_pool.h"
#include "bench/gpu/enqueue_check.h"
#include "bench/gpu/model_check.h"
#include "builder/build.h"
#include "onnx/import.h"
#include "passes/pass.h"
#include "runtime/context.h"
#include "tests/conformance/product_case.h"

namespace temper::testing {
namespace {

using Clock = std::chrono::steady_clock;
double ms_since(Clock::time_point start) { return std::chrono::duration<double, std::milli>(Clock::now() - start).count(); }

std::string json(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) >= 32)
      out += c;
    else
      out += ' ';
  }
  return out + "\"";
}

// TEMPER_CHECK_TARGET: another target than the GPU at hand, to try this program itself.
Expected<std::string> gpu_target() {
  if (const char* target = std::getenv("TEMPER_CHECK_TARGET")) return std::string(target);
  const cuda::Driver* driver = TEMPER_TRY(cuda::Driver::get());
  auto gpu = TEMPER_TRY(cuda::GpuDevice::open(*driver, 0));
  return "sm_" + std::to_string(gpu->architecture());
}

// How large the named dimensions of a model are: one of many things is one, of a picture 256, of a text 128.
int64_t extent_of(std::string_view name) {
  for (std::string_view small : {"batch", "N", "n"}) {
    if (name == small) return 1;
  }
  return name.find("h") == 0 || name.find("w") == 0 || name.find("H") == 0 || name.find("W") == 0 ? 256 : 128;
}
using Extents = std::function<int64_t(std::string_view)>;

std::vector<int64_t> dims_of(const TensorType& type, const Extents& extents) {
  std::vector<int64_t> dims;
  for (SymInt d : type.dims) dims.push_back(*evaluate(d, [&](SymInt v) { return std::optional(extents(var_of(v).name)); }));
  return dims;
}
using Bytes = std::shared_ptr<std::vector<std::byte>>;

Expected<Bytes> build(const Graph& graph, const Device& device, bool tf32, const Extents& extents, int level = 0) {
  BuildConfig config;
  config.compile.device = device;
  config.compile.build.optimization_level = level;
  config.compile.build.tf32 = tf32;
  for (ValueId v : graph.inputs()) {
    const std::vector<int64_t> dims = dims_of(graph.type(v), extents);
    config.compile.profile.inputs[graph.value(v).name] = {dims, dims, dims};
  }
  MemorySink sink;
  TEMPER_TRY(build_plan(graph, config, sink));
  return std::make_shared<std::vector<std::byte>>(sink.take());
}

Tensor random_tensor(DType dtype, const std::vector<int64_t>& dims, std::mt19937_64& random) {
  std::uniform_real_distribution<double> uniform(-2, 2);
  Tensor t = Tensor::zeros(dtype, dims);
  for (int64_t k = 0; k < t.count(); ++k) t.set(k, {uniform(random), static_cast<int64_t>(random() % 2)});
  return t;
}

Expected<std::shared_ptr<const Engine>> load(const Bytes& bytes) { return Engine::load(*bytes, bytes); }

struct Outputs {
  std::vector<std::vector<std::byte>> memory;
  void take(Context& context) {
    memory.resize(context.engine().plan().outputs.size());
    for (size_t o = 0; o < memory.size(); ++o) {
      context.set_output_allocator(static_cast<int>(o), [this](int output, int64_t bytes) {
        memory[output].assign(static_cast<size_t>(bytes), std::byte{0x5a});
        return static_cast<void*>(memory[output].data());
      });
    }
  }
  ExactTensor tensor(const Context& context, size_t o) {
    const std::vector<int64_t> dims = context.output_shape(static_cast<int>(o));
    const auto dtype = static_cast<DType>(context.engine().plan().outputs[o]->dtype);
    const auto bytes = static_cast<size_t>(dtype_bytes(dtype, element_count(dims)));
    if (memory[o].size() < bytes) memory[o].resize(bytes);
    return ExactTensor::from(Tensor(dtype, dims, std::span(memory[o]).first(bytes), nullptr));
  }
};

Status set_inputs(Context& context, std::vector<Tensor>& inputs) {
  for (size_t i = 0; i < inputs.size(); ++i) {
    TEMPER_TRY(context.set_input_shape(static_cast<int>(i), inputs[i].dims()));
    context.set_address(Context::kInput, static_cast<int>(i), inputs[i].mutable_bytes());
  }
  return {};
}

Expected<double> check_sample(const Graph& core, const Engine& engine, int64_t extent, bool odd, std::string& where) {
  std::vector<Tensor> inputs = random_inputs(core, extent, static_cast<uint64_t>(extent));
  if (odd) plant_odd_numbers(inputs, 11);
  auto want = interpret(core, exact(inputs));
  if (!want.ok()) return -1.0;  // it has no meaning at this extent
  Context context(std::shared_ptr<const Engine>(std::shared_ptr<void>(), &engine));
  TEMPER_TRY(set_inputs(context, inputs));
  Outputs outputs;
  outputs.take(context);
  SerialExecutor executor;
  TEMPER_TRY(context.run(executor));
  double worst = 0;
  for (size_t o = 0; o < want->size(); ++o) {
    std::string place;
    const double d = distance(outputs.tensor(context, o), (*want)[o], narrowest_float(core), place);
    if (d > worst) worst = d, where = "output " + std::to_string(o) + ", " + place;
  }
  return worst;
}

int samples(int part, int parts, const std::string& filter, const std::string& floats, const std::string& target) {
  int right = 0, wrong = 0, number = 0;
  for (const SampleName& sample : all_samples()) {
    const std::string name = sample.op->name + "_" + std::to_string(sample.number);
    if (name.find(filter) == std::string::npos || number++ % parts != part) continue;
    auto report = [&](int64_t extent, const char* status, double d, const std::string& why) {
      if (std::strcmp(status, "ok") == 0) {
        ++right;
        return;
      }
      ++wrong;
      std::printf("{\"sample\": %s, \"extent\": %ld, \"status\": \"%s\", \"distance\": %g, \"why\": %s}\n", json(name).c_str(),
                  long(extent), status, std::isfinite(d) ? d : 1e30, json(why).c_str());
      std::fflush(stdout);
    };
    auto graph = sample_graph(sample, floats);
    if (!graph.ok() && floats != "f32") continue;  // not every operator takes them
    PassOptions options;
    for (const Pass& pass : all_passes()) options.disabled.insert(std::string(pass.name));
    if (!graph.ok()) {
      report(0, "no graph", 0, graph.error().to_string());
      continue;
    }
    auto core = run_passes(graph->clone(), options);
    auto bytes = build(*graph, {target, 1}, false, [](std::string_view) { return int64_t{17}; });
    if (!core.ok() || !bytes.ok()) {
      report(0, "no plan", 0, (core.ok() ? bytes.error() : core.error()).to_string());
      continue;
    }
    auto engine = load(*bytes);
    if (!engine.ok()) {
      report(0, "no engine", 0, engine.error().to_string());
      continue;
    }
    for (int64_t extent : {0, 1, 2, 3, 17}) {
      std::string where;
      auto d = check_sample(*core, **engine, extent, false, where);
      if (!d.ok())
        report(extent, "error", 0, d.error().to_string());
      else if (*d >= 0)
        report(extent, *d <= 1 ? "ok" : "wrong", *d, *d <= 1 ? "" : where);
    }
  }
  std::printf("{\"right\": %d, \"wrong\": %d}\n", right, wrong);
  return wrong != 0;
}

// Of a case, its distance without and with infinities and NaN among the inputs.
Expected<std::array<double, 2>> check_product(const ProductCase& product, const std::string& target, std::string& where) {
  const Graph graph = TEMPER_TRY(product_graph(product));
  PassOptions options;
  for (const Pass& pass : all_passes()) options.disabled.insert(std::string(pass.name));
  const Graph core = TEMPER_TRY(run_passes(graph.clone(), options));
  auto engine = TEMPER_TRY(load(TEMPER_TRY(build(graph, {target, 1}, false, [](std::string_view) { return int64_t{1}; }))));
  std::array<double, 2> found{};
  for (size_t odd : {0, 1}) {
    if (odd && !product.takes_odd) continue;
    std::string place;
    found[odd] = TEMPER_TRY(check_sample(core, *engine, 1, odd == 1, place));
    if (found[odd] > 1) where += std::string(odd ? "; odd numbers: " : "") + place;
  }
  return found;
}

int products(int part, int parts, const std::string& filter, const std::string& floats, const std::string& target) {
  int right = 0, wrong = 0, number = 0;
  std::vector<ProductCase> cases = product_cases();
  for (const KernelCase& other : kernel_cases()) cases.push_back(other.what);
  for (const ProductCase& product : cases) {
    if (product.name().find(filter) == std::string::npos || product.text.find(floats) == std::string::npos ||
        number++ % parts != part)
      continue;
    std::string where;
    auto found = check_product(product, target, where);
    const bool ok = found.ok() && (*found)[0] <= 1 && (*found)[1] <= 1;
    ++(ok ? right : wrong);
    if (!ok) {
      std::printf("{\"product\": %s, \"why\": %s}\n", json(product.name()).c_str(),
                  json(found.ok() ? where : found.error().to_string()).c_str());
      std::fflush(stdout);
    }
  }
  std::printf("{\"right\": %d, \"wrong\": %d}\n", right, wrong);
  return wrong != 0;
}

Status build_model(const std::string& path, const std::string& plan, int level, const std::string& target) {
  onnx::Import imported = onnx::import_file(path);
  if (!imported.graph) return Error(imported.problems.front());
  const auto start = Clock::now();
  Bytes bytes = TEMPER_TRY(build(*imported.graph, {target, 1}, false, extent_of, level));
  std::ofstream(plan, std::ios::binary).write(reinterpret_cast<const char*>(bytes->data()), std::streamsize(bytes->size()));
  std::printf("{\"plan\": %s, \"build_ms\": %.1f}\n", json(plan).c_str(), ms_since(start));
  return {};
}

// Memory on the device, for inputs and outputs: what is timed is a run, not copies.
struct DeviceMemory {
  explicit DeviceMemory(Queue& q) : queue(q) {}
  ~DeviceMemory() {
    for (std::byte* p : taken) queue.release(p);
  }
  std::byte* take(int64_t bytes) {
    taken.push_back(queue.allocate(bytes));
    return taken.back();
  }
  Queue& queue;
  std::vector<std::byte*> taken;
};

// Of an H200, in a microsecond: products of 16-bit floats, and bytes copied.
constexpr double kBestOperations = 790e6, kBestBytes = 4.3e6;

Status time_plan(const std::string& path, double seconds, size_t most_steps) {
  auto start = Clock::now();
  MappedFile file = TEMPER_TRY(MappedFile::open(path));
  auto engine = TEMPER_TRY(Engine::load(file.bytes(), nullptr));
  const double load_ms = ms_since(start);
  auto queue = TEMPER_TRY(engine->backend().make_queue());
  DeviceMemory memory(*queue);
  Context context(engine);
  std::mt19937_64 random(7);
  const plan::PlanT& plan = engine->plan();
  for (size_t i = 0; i < plan.inputs.size(); ++i) {
    const std::vector<int64_t>& dims = plan.inputs[i]->best;
    const Tensor t = random_tensor(static_cast<DType>(plan.inputs[i]->dtype), dims, random);
    TEMPER_TRY(context.set_input_shape(static_cast<int>(i), dims));
    std::byte* address = memory.take(static_cast<int64_t>(t.bytes().size()));
    TEMPER_TRY(queue->write(address, t.bytes().data(), static_cast<int64_t>(t.bytes().size())));
    context.set_address(Context::kInput, static_cast<int>(i), address);
  }
  TEMPER_TRY(queue->finish());
  std::vector<std::pair<std::byte*, int64_t>> outputs(plan.outputs.size());
  for (size_t o = 0; o < plan.outputs.size(); ++o) {
    context.set_output_allocator(static_cast<int>(o), [&](int output, int64_t bytes) {
      auto& [address, room] = outputs[static_cast<size_t>(output)];
      if (bytes > room) address = memory.take(bytes), room = bytes;
      return static_cast<void*>(address);
    });
  }
  SerialExecutor executor;
  // Of a plan that fails, each step is waited for.
  if (seconds <= 0) {
    context.on_step = [&](int step, int64_t) {
      std::fprintf(stderr, "step %d of %zu '%s'\n", step, plan.steps.size(),
                   plan.steps[static_cast<size_t>(step)]->name.c_str());
    };
  }
  for (int warm = 0; warm < 3; ++warm) TEMPER_TRY(context.run(executor));
  std::vector<double> times;
  for (auto begin = Clock::now(); times.size() < 10 || ms_since(begin) < seconds * 1000;) {
    start = Clock::now();
    TEMPER_TRY(context.run(executor));
    times.push_back(ms_since(start));
    if (times.size() >= 3 && ms_since(begin) > 10000) break;
  }
  std::sort(times.begin(), times.end());
  // The host waits for each step: what the quickest one takes is the wait.
  std::vector<std::pair<double, int>> steps;
  for (size_t k = 0; k < plan.steps.size(); ++k) steps.emplace_back(1e30, static_cast<int>(k));
  context.on_step = [&](int step, int64_t ns) {
    double& least = steps[static_cast<size_t>(step)].first;
    least = std::min(least, double(ns) * 1e-3);
  };
  constexpr int kProfiled = 10;
  for (int r = 0; r < kProfiled; ++r) TEMPER_TRY(context.run(executor));
  std::erase_if(steps, [](const auto& s) { return s.first == 1e30; });
  std::sort(steps.rbegin(), steps.rend());
  const double wait = steps.empty() ? 0 : steps.back().first;
  double sum = 0;
  for (auto& s : steps) sum += s.first -= wait;
  std::string slowest;
  for (size_t k = 0; k < std::min(most_steps, steps.size()); ++k) {
    const plan::StepT& step = *plan.steps[static_cast<size_t>(steps[k].second)];
    const double limit_us = std::max(step.operations / kBestOperations, step.bytes / kBestBytes);
    char line[256];
    std::snprintf(line, sizeof line,
                  "%s{\"us\": %.1f, \"gflop\": %.3f, \"mb\": %.2f, \"share\": %.2f, \"step\": ", k ? ", " : "", steps[k].first,
                  step.operations * 1e-9, step.bytes * 1e-6, limit_us / std::max(steps[k].first, 0.01));
    slowest += line + json(step.name) + "}";
  }
  std::printf(
      "{\"plan\": %s, \"load_ms\": %.1f, \"run_ms\": %.4f, \"least_ms\": %.4f, \"runs\": %zu, \"steps\": %zu, \"alone_us\": "
      "%.1f, \"slowest\": [%s]}\n",
      json(path).c_str(), load_ms, times[times.size() / 2], times[0], times.size(), plan.steps.size(), sum, slowest.c_str());
  return {};
}

Status check_named_model(int count, char** arguments, const std::string& target) {
  return check_model(TEMPER_TRY(read_model_check(count, arguments)), target);
}

}  // namespace
}  // namespace temper::testing

int main(int argc, char** argv) {
  using namespace temper::testing;
  const std::string command = argc > 1 ? argv[1] : "";
  const bool many = command == "samples" || command == "products";
  if (!many && !((command == "model" || command == "build") && argc > 3) &&
      !((command == "time" || command == "enqueue" || command == "graphs") && argc > 2)) {
    std::fprintf(
        stderr,
        "usage: gpu_check samples|products [PART PARTS [FILTER [f16|bf16]]] | gpu_check model FILE.onnx PLAN [KIND] ... | "
        "gpu_check build FILE.onnx PLAN [LEVEL] | gpu_check time PLAN [SECONDS [STEPS]] | gpu_check enqueue PLAN | gpu_check "
        "graphs PLAN...\n");
    return 2;
  }
  auto target = gpu_target();
  if (!target.ok()) {
    std::fprintf(stderr, "%s\n", target.error().to_string().c_str());
    return 3;
  }
  if (many) {
    return (command == "samples" ? samples : products)(argc > 2 ? std::atoi(argv[2]) : 0,
                                                       argc > 3 ? std::max(1, std::atoi(argv[3])) : 1, argc > 4 ? argv[4] : "",
                                                       argc > 5               ? argv[5]
                                                       : command == "samples" ? "f32"
                                                                              : "",
                                                       *target);
  }
  const std::vector<std::string> plans(argv + 2, argv + argc);
  temper::Status status =
      command == "enqueue"  ? check_enqueue(argv[2])
      : command == "graphs" ? time_in_graphs(plans)
      : command == "build"  ? build_model(argv[2], argv[3], argc > 4 ? std::atoi(argv[4]) : 0, *target)
      : command == "model"  ? check_named_model(argc - 2, argv + 2, *target)
                            : time_plan(argv[2], argc > 3 ? std::atof(argv[3]) : 1, argc > 4 ? size_t(std::atoi(argv[4])) : 12);
  if (!status.ok())
    std::printf("{\"%s\": %s, \"status\": \"error\", \"why\": %s}\n", command == "model" ? "model" : "plan",
                json(argv[2]).c_str(), json(status.error().to_string()).c_str());
  return status.ok() ? 0 : 1;
}
