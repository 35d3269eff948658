// Runs the ONNX project's operator cases (folders with model.onnx and test_data_set_*/) through importer, expansion and exact
// interpreter, and compares. Each case has a process of its own, so that one that crashes is a line of the report.
//
//   interp_node_cases [-v] [-p] DIR...      prints "pass|refused|WRONG|error|CRASH case: why", then a summary
//
// -v: the cases that pass, too. -p: all passes run instead of the expansion alone.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>

#include "interp/interp.h"
#include "onnx/import.h"
#include "onnx/reader.h"
#include "passes/pass.h"

namespace temper {
namespace {

struct Verdict {
  std::string kind, why;
};

// Random by definition: type and shape are judged.
bool is_random(const std::string& name) {
  for (const char* word : {"bernoulli", "randomnormal", "randomuniform", "multinomial"}) {
    if (name.find(word) != std::string::npos) return true;
  }
  return false;
}

std::string describe(const Tensor& t) { return TensorType{t.dtype(), Dims(t.dims().begin(), t.dims().end())}.to_string(); }

// "" if they agree. Floating values: within 1e-4 of the largest, or 1e-3 of the element (of f16 and narrower types, some ulps).
// `slack`: of integers, where exact arithmetic breaks the ties of a rounding in another way than f32 does.
std::string difference(const Tensor& got, const Tensor& want, int64_t slack) {
  if (got.dtype() != want.dtype() || got.dims() != want.dims()) return "is " + describe(got) + " instead of " + describe(want);
  if (got.dtype() == DType::kString) return got.string_values() == want.string_values() ? "" : "strings differ";
  double largest = 0;
  for (int64_t i = 0; i < want.count(); ++i) {
    if (std::isfinite(want.at(i).f)) largest = std::max(largest, std::fabs(want.at(i).f));
  }
  double relative = 1e-3;
  if (got.dtype() == DType::kF16) relative = 4e-3;
  if (got.dtype() == DType::kBF16) relative = 2e-2;
  if (got.dtype() == DType::kF8E4M3) relative = 0.13;
  if (got.dtype() == DType::kF8E5M2) relative = 0.26;
  int64_t wrong = 0, first = -1;
  for (int64_t i = 0; i < want.count(); ++i) {
    ScalarValue a = got.at(i), b = want.at(i);
    bool same = is_float(got.dtype()) ? (a.f == b.f || (std::isnan(a.f) && std::isnan(b.f)) ||
                                         std::fabs(a.f - b.f) <= std::max(1e-4 * largest, relative * std::fabs(b.f)))
                                      : std::abs(a.i - b.i) <= slack;
    if (!same && wrong++ == 0) first = i;
  }
  if (wrong == 0) return "";
  return std::to_string(wrong) + " of " + std::to_string(want.count()) + " elements differ; element " + std::to_string(first) +
         " is " + to_string(got.at(first), got.dtype()) + " instead of " + to_string(want.at(first), want.dtype());
}

Expected<Tensor> read_pb(const std::filesystem::path& file) {
  auto read = TEMPER_TRY(onnx::read_tensor(file.string()));
  return onnx::to_tensor(read, read.storage);
}

Verdict run_case(const std::filesystem::path& folder, bool all_passes) {
  auto imported = onnx::import_file((folder / "model.onnx").string());
  if (!imported.graph) return {"refused", imported.problems.front().to_string()};
  auto expanded = all_passes ? run_passes(std::move(*imported.graph), {}) : expand(*imported.graph);
  if (!expanded.ok()) return {"error", "expand: " + expanded.error().to_string()};
  for (int set = 0;; ++set) {
    std::filesystem::path data = folder / ("test_data_set_" + std::to_string(set));
    if (!std::filesystem::exists(data)) break;
    std::vector<ExactTensor> inputs;
    for (size_t i = 0; i < expanded->inputs().size(); ++i) {
      auto file = data / ("input_" + std::to_string(i) + ".pb");
      if (!std::filesystem::exists(file)) return {"refused", "the case lacks input " + std::to_string(i)};
      auto tensor = read_pb(file);
      if (!tensor.ok()) return {"refused", "input " + std::to_string(i) + ": " + tensor.error().to_string()};
      inputs.push_back(ExactTensor::from(*tensor));
    }
    auto outputs = interpret(*expanded, inputs);
    if (!outputs.ok()) return {imported.assumptions.empty() ? "error" : "refused", "interpret: " + outputs.error().to_string()};
    for (size_t i = 0; i < outputs->size(); ++i) {
      auto want = read_pb(data / ("output_" + std::to_string(i) + ".pb"));
      if (!want.ok()) return {"refused", "output " + std::to_string(i) + ": " + want.error().to_string()};
      if (is_random(folder.filename().string())) continue;
      std::string problem =
          difference((*outputs)[i].to_tensor(), *want, folder.filename().string().starts_with("test_dynamicquantize") ? 1 : 0);
      if (!problem.empty()) return {"WRONG", "set " + std::to_string(set) + ", output " + std::to_string(i) + " " + problem};
    }
  }
  return {"pass", ""};
}

Verdict run_apart(const std::filesystem::path& folder, bool all_passes) {
  int ends[2];
  if (pipe(ends) != 0) return {"error", "no pipe"};
  pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    alarm(30);
    Verdict v = run_case(folder, all_passes);
    std::string text = v.kind + "\n" + v.why;
    if (write(ends[1], text.data(), text.size()) < 0) _exit(1);
    _exit(0);
  }
  close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<size_t>(n));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) return {"CRASH", strsignal(WTERMSIG(status))};
  size_t cut = text.find('\n');
  return {text.substr(0, cut), text.substr(cut + 1)};
}

int run(const std::vector<std::string>& folders, bool verbose, bool all_passes) {
  std::map<std::string, int> counts;
  for (const std::string& folder : folders) {
    if (!std::filesystem::exists(std::filesystem::path(folder) / "model.onnx")) continue;
    Verdict v = run_apart(folder, all_passes);
    ++counts[v.kind];
    if (verbose || v.kind != "pass") {
      std::printf("%s %s: %s\n", v.kind.c_str(), std::filesystem::path(folder).filename().c_str(), v.why.c_str());
      std::fflush(stdout);
    }
  }
  std::string summary;
  for (const auto& [kind, count] : counts) summary += (summary.empty() ? "" : ", ") + std::to_string(count) + " " + kind;
  std::printf("%s\n", summary.c_str());
  return counts["WRONG"] + counts["CRASH"] + counts["error"] > 0;
}

}  // namespace
}  // namespace temper

int main(int argc, char** argv) {
  std::vector<std::string> folders(argv + 1, argv + argc);
  bool verbose = std::erase(folders, "-v") > 0, all_passes = std::erase(folders, "-p") > 0;
  for (std::string& folder : folders) {
    while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  }
  return temper::run(folders, verbose, all_passes);
}
