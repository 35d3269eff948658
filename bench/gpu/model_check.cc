#include "bench/gpu/model_check.h"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <vector>

#include "base/mapped_file.h"
#include "builder/build.h"
#include "interp/interp.h"
#include "onnx/import.h"
#include "runtime/context.h"
#include "tests/conformance/sample_case.h"
#include "tune/timing_cache.h"

namespace temper::testing {
namespace {

using Clock = std::chrono::steady_clock;
double ms_since(Clock::time_point start) { return std::chrono::duration<double, std::milli>(Clock::now() - start).count(); }

std::vector<int64_t> dims_of(const TensorType& type, const ModelCheck& check) {
  std::vector<int64_t> dims;
  for (SymInt d : type.dims)
    dims.push_back(*evaluate(d, [&](SymInt v) { return std::optional(check.extent(var_of(v).name)); }));
  return dims;
}

// A plan of f32 for the processor (no check.kind), or what is asked for, for the GPU.
Expected<std::vector<std::byte>> build(const Graph& graph, const ModelCheck& check, const Device& device, bool reference) {
  BuildConfig config;
  config.compile.device = device;
  config.compile.build.optimization_level = reference ? 0 : check.level;
  if (!reference) {
    config.compile.build.tf32 = check.kind != "exact";
    if (check.kind == "fp16") config.passes.narrowing.types = {DType::kF16};
    if (check.kind == "bf16") config.passes.narrowing.types = {DType::kBF16};
  }
  TimingCache cache;
  if (!reference && !check.cache.empty()) {
    if (auto file = MappedFile::open(check.cache); file.ok()) {
      const std::string_view text(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size());
      if (auto known = TimingCache::parse(text); known.ok()) cache = std::move(*known);
    }
    config.cache = &cache;
  }
  for (ValueId v : graph.inputs()) {
    const std::vector<int64_t> dims = dims_of(graph.type(v), check);
    config.compile.profile.inputs[graph.value(v).name] = {dims, dims, dims};
  }
  MemorySink sink;
  TEMPER_TRY(build_plan(graph, config, sink));
  if (config.cache) {
    std::ofstream(check.cache, std::ios::binary) << cache.serialize();
  }
  return sink.take();
}

Expected<std::vector<ExactTensor>> run(std::span<const std::byte> plan, std::vector<Tensor>& inputs, double* load_ms) {
  const auto start = Clock::now();
  auto engine = TEMPER_TRY(Engine::load(plan, nullptr));
  if (load_ms) *load_ms = ms_since(start);
  Context context(engine);
  for (size_t i = 0; i < inputs.size(); ++i) {
    TEMPER_TRY(context.set_input_shape(static_cast<int>(i), inputs[i].dims()));
    context.set_address(Context::kInput, static_cast<int>(i), inputs[i].mutable_bytes());
  }
  std::vector<std::vector<std::byte>> memory(engine->plan().outputs.size());
  for (size_t o = 0; o < memory.size(); ++o) {
    context.set_output_allocator(static_cast<int>(o), [&](int output, int64_t bytes) {
      memory[size_t(output)].assign(size_t(bytes), std::byte{0x5a});
      return static_cast<void*>(memory[size_t(output)].data());
    });
  }
  SerialExecutor executor;
  TEMPER_TRY(context.run(executor));
  std::vector<ExactTensor> outputs;
  for (size_t o = 0; o < memory.size(); ++o) {
    const std::vector<int64_t> dims = context.output_shape(static_cast<int>(o));
    const auto dtype = static_cast<DType>(engine->plan().outputs[o]->dtype);
    const auto bytes = size_t(dtype_bytes(dtype, element_count(dims)));
    if (memory[o].size() < bytes) memory[o].resize(bytes);
    outputs.push_back(ExactTensor::from(Tensor(dtype, dims, std::span(memory[o]).first(bytes), nullptr)));
  }
  return outputs;
}

// The largest difference of elements [a, a + count) and [b, b + count), as a share of the largest value of all; of integers the
// share that differs.
double difference(const ExactTensor& want, size_t a, const ExactTensor& got, size_t b, size_t count, double largest) {
  double off = 0, differ = 0;
  for (size_t i = 0; i < count; ++i) {
    if (!want.ints.empty()) {
      differ += want.ints[a + i] != got.ints[b + i];
      continue;
    }
    const double x = want.floats[a + i], y = got.floats[b + i];
    if (x == y || (std::isnan(x) && std::isnan(y))) continue;
    off = std::isfinite(x - y) ? std::max(off, std::fabs(x - y)) : 1e30;
  }
  return std::max(off / largest, count ? differ / double(count) : 0);
}
size_t count_of(const ExactTensor& t) { return t.ints.empty() ? t.floats.size() : t.ints.size(); }

double largest_of(const ExactTensor& t) {
  double largest = 1e-6;
  for (double x : t.floats) largest = std::isfinite(x) ? std::max(largest, std::fabs(x)) : largest;
  return largest;
}

// Where rows are sorted by a score, two whose scores differ by less than rounding may come the other way round. Then each row
// of all outputs is one of the other's, and some output of floats (the scores) agrees in place. The largest difference of rows
// that belong together, or nothing.
std::optional<double> difference_of_rows(const std::vector<ExactTensor>& want, const std::vector<ExactTensor>& got,
                                         double most) {
  constexpr int64_t kMostRows = 4096;
  if (want.empty() || want[0].dims.empty()) return std::nullopt;
  const int64_t rows = want[0].dims[0];
  bool sorted = false;
  std::vector<double> largest;
  for (size_t o = 0; o < want.size(); ++o) {
    if (want[o].dims.empty() || want[o].dims[0] != rows) return std::nullopt;
    largest.push_back(largest_of(want[o]));
    sorted = sorted || (want[o].ints.empty() && difference(want[o], 0, got[o], 0, count_of(want[o]), largest[o]) <= most);
  }
  if (rows < 2 || rows > kMostRows || !sorted) return std::nullopt;
  std::vector<char> taken(size_t(rows), 0);
  double worst = 0;
  for (int64_t i = 0; i < rows; ++i) {
    int64_t found = -1;
    for (int64_t j = 0; j < rows && found < 0; ++j) {
      if (taken[size_t(j)]) continue;
      double off = 0;
      for (size_t o = 0; o < want.size(); ++o) {
        const size_t each = count_of(want[o]) / size_t(rows);
        off = std::max(off, difference(want[o], size_t(j) * each, got[o], size_t(i) * each, each, largest[o]));
      }
      if (off > most) continue;
      found = j;
      worst = std::max(worst, off);
    }
    if (found < 0) return std::nullopt;
    taken[size_t(found)] = 1;
  }
  return worst;
}

}  // namespace

// One of many things is one, of a picture 256, of a text 128.
int64_t ModelCheck::extent(std::string_view name) const {
  if (auto given = extents.find(name); given != extents.end()) return given->second;
  for (std::string_view small : {"batch", "N", "n"}) {
    if (name == small) return 1;
  }
  return name.find("h") == 0 || name.find("w") == 0 || name.find("H") == 0 || name.find("W") == 0 ? 256 : 128;
}

Expected<ModelCheck> read_model_check(int count, char** arguments) {
  ModelCheck check;
  if (count < 2) return Error(ErrorCode::kInvalidArgument, "a model and a file for its plan are to be named");
  check.model = arguments[0];
  check.plan = arguments[1];
  for (int i = 2; i < count; ++i) {
    const std::string text = arguments[i];
    const size_t at = text.find('=');
    const std::string name = text.substr(0, at), value = at == std::string::npos ? "" : text.substr(at + 1);
    if (at == std::string::npos) {
      if (text != "exact" && text != "tf32" && text != "fp16" && text != "bf16")
        return Error(ErrorCode::kInvalidArgument, "'" + text + "' is not one of exact, tf32, fp16, bf16");
      check.kind = text;
    } else if (name == "level") {
      check.level = std::atoi(value.c_str());
    } else if (name == "cache") {
      check.cache = value;
    } else if (name == "compare") {
      check.compare = value != "0";
    } else {
      check.extents[name] = std::atoll(value.c_str());
    }
  }
  return check;
}

Status check_model(const ModelCheck& check, const std::string& target) {
  auto start = Clock::now();
  onnx::Import imported = onnx::import_file(check.model);
  if (!imported.graph) return Error(imported.problems.front());
  const Graph& graph = *imported.graph;
  const double import_ms = ms_since(start);
  start = Clock::now();
  const std::vector<std::byte> plan = TEMPER_TRY_AT(build(graph, check, {target, 1}, false), "build for the GPU");
  const double build_ms = ms_since(start);
  std::ofstream(check.plan, std::ios::binary).write(reinterpret_cast<const char*>(plan.data()), std::streamsize(plan.size()));
  std::printf("{\"model\": \"%s\", \"kind\": \"%s\", \"level\": %d, \"import_ms\": %.1f, \"build_ms\": %.1f",
              check.model.c_str(), check.kind.c_str(), check.level, import_ms, build_ms);
  if (!check.compare) {
    std::printf(", \"status\": \"built\"}\n");
    return {};
  }
  std::vector<Tensor> inputs;
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> uniform(-2, 2);
  for (ValueId v : graph.inputs()) {
    Tensor t = Tensor::zeros(graph.type(v).dtype, dims_of(graph.type(v), check));
    for (int64_t k = 0; k < t.count(); ++k) t.set(k, {uniform(random), static_cast<int64_t>(random() % 2)});
    inputs.push_back(std::move(t));
  }
  const auto finish = [&]() -> Status {
    double load_ms = 0;
    const auto got = TEMPER_TRY_AT(run(plan, inputs, &load_ms), "GPU");
    const std::vector<std::byte> host = TEMPER_TRY_AT(build(graph, check, this_device(0), true), "build for the CPU");
    const auto want = TEMPER_TRY_AT(run(host, inputs, nullptr), "CPU");
    // Of values with 11 bits or less, as many orders of sums give as many results.
    const bool coarse = check.kind != "exact" || narrowest_float(graph) != DType::kF32;
    const double most = check.kind == "bf16" ? 3e-2 : coarse ? 2e-2 : 1e-3;
    double worst = 0;
    bool turned = false;
    for (size_t o = 0; o < want.size(); ++o) {
      if (want[o].dims != got[o].dims) return Error(ErrorCode::kInternal, "output " + std::to_string(o) + " has other dims");
      worst = std::max(worst, difference(want[o], 0, got[o], 0, count_of(want[o]), largest_of(want[o])));
    }
    if (worst > most) {
      if (auto rows = difference_of_rows(want, got, most)) worst = *rows, turned = true;
    }
    std::printf(", \"status\": \"%s\", \"difference\": %g, \"near_ties_turned\": %s, \"load_ms\": %.1f}\n",
                worst <= most ? "ok" : "wrong", worst, turned ? "true" : "false", load_ms);
    return {};
  };
  Status done = finish();
  if (!done.ok()) std::printf(", \"status\": \"error\", \"why\": \"see the next line\"}\n");
  return done;
}

}  // namespace temper::testing
