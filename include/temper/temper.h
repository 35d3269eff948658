// What Temper offers beyond the TensorRT API. Everything here works on the nvinfer1 objects of this library.
//
//   nvinfer1::ICudaEngine* engine = temper::loadPlan(*runtime, "model.plan");  // mapped, not copied
//   if (!engine) puts(temper::lastError().text().c_str());
//   puts(temper::explain(*engine, temper::TextFormat::kTEXT).c_str());
//
// Nothing throws. Functions that can fail say so by their result; lastError() then has the reason.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "NvInferRuntime.h"

namespace nvinfer1 {
class IBuilderConfig;
class INetworkDefinition;
}  // namespace nvinfer1

namespace temper {

// Temper's own version, such as "0.1.0".
TENSORRTAPI char const* versionText() noexcept;

// ---- Errors ----

// The typed form of an error that was logged. `code` is a stable spelling ("E_CORRUPT", "E_UNSUPPORTED", ...; empty: no error),
// `message` the cause and the cure, `trail` the places it passed, innermost first.
struct ErrorReport {
  std::string code;
  std::string message;
  std::vector<std::string> trail;
  // All of it in one line.
  std::string text() const {
    std::string line = code.empty() ? "no error" : code + ": " + message;
    for (std::string const& place : trail) line += " [" + place + "]";
    return line;
  }
};
// The last error of the calling thread, and forgetting it.
TENSORRTAPI ErrorReport lastError();
TENSORRTAPI void clearLastError() noexcept;

// ---- Plans as files ----

// Loads a plan by mapping the file: quick, and its weights are shared by all processes. The file is verified once. nullptr on
// an error. The engine keeps the mapping; the file may be replaced (renamed over), but must not be written in place.
TENSORRTAPI nvinfer1::ICudaEngine* loadPlan(nvinfer1::IRuntime& runtime, char const* path) noexcept;
// Checks a plan file completely: container, checksums, steps, memory plan, shape programs. true when it is good; `report` gets
// what was checked, or what is wrong.
TENSORRTAPI bool verify(char const* path, std::string& report);
// The version of Temper that wrote the plan file; empty on an error. Reads only the head of the file.
TENSORRTAPI std::string planVersion(char const* path);

// ---- Kernel sources ----

// Switches a source of kernels on or off by its name, for a build: "onednn" (off by default) is the oneDNN library where the
// machine has it; a plan with its kernels runs only on machines that have it too. false, and nothing is changed, when there is
// no such source.
TENSORRTAPI bool switchTacticSource(nvinfer1::IBuilderConfig& config, std::string_view source, bool on);

// ---- CPU threads ----

// How many threads a build tunes for, and how many a context may use; 0 (default): the least of affinity, cgroup quota and
// physical cores. Results do not depend on it. A runtime's setting holds for engines it loads afterwards. false when threads is
// negative.
TENSORRTAPI bool setCpuThreads(nvinfer1::IBuilderConfig& config, int threads) noexcept;
TENSORRTAPI bool setCpuThreads(nvinfer1::IRuntime& runtime, int threads) noexcept;
TENSORRTAPI int getCpuThreads(nvinfer1::IBuilderConfig const& config) noexcept;
TENSORRTAPI int getCpuThreads(nvinfer1::IRuntime const& runtime) noexcept;

// ---- Targets ----

// What a plan is built for, the main target first: "cpu" (this machine's processor), "cpu-v3" and the like, "sm_80", "sm_90"
// and the like (GPUs of that compute capability; none needs to be here). "cpu,sm_90" makes one file that runs on either;
// whoever loads it takes a GPU where there is one. Default: "cpu". false: a name is not known, and the plan stays for what it
// was for before.
TENSORRTAPI bool setTargets(nvinfer1::IBuilderConfig& config, char const* targets) noexcept;

// ---- Types of layers ----

// The type in which a layer of the network is to compute, and the types of its outputs, by the layer's name (of an ONNX model:
// the node's name); "*" stands for all that are not named. They bind as the builder flags kOBEY_PRECISION_CONSTRAINTS and
// kPREFER_PRECISION_CONSTRAINTS say, and not at all without. false: no name, or no such type.
TENSORRTAPI bool setLayerPrecision(nvinfer1::IBuilderConfig& config, char const* layer, nvinfer1::DataType type) noexcept;
TENSORRTAPI bool setLayerOutputType(nvinfer1::IBuilderConfig& config, char const* layer, int output,
                                    nvinfer1::DataType type) noexcept;

// ---- Passes of the optimiser ----

// The names of all passes, in the order they run.
TENSORRTAPI std::vector<std::string> passNames();
// Switches a pass off, or on again. false: there is no pass of this name, or it can't be switched off.
TENSORRTAPI bool disablePass(nvinfer1::IBuilderConfig& config, std::string_view pass);
TENSORRTAPI bool enablePass(nvinfer1::IBuilderConfig& config, std::string_view pass);
// Called before (after = false) and after each pass that runs, with the graph as text. An empty listener takes it away.
using PassListener = std::function<void(std::string_view pass, bool after, std::string const& graph)>;
TENSORRTAPI void setPassListener(nvinfer1::IBuilderConfig& config, PassListener listener);

// ---- Looking inside ----

enum class TextFormat { kTEXT, kJSON };
// Per kernel of the engine: the nodes it covers, the tactic, the candidates with their times, the declines with their reasons,
// bytes and operations. kJSON: {"kernels": [{"name", "nodes", "tactic", "timeUs", "bytes", "operations", "candidates":
// [{"tactic", "source", "timeUs"}], "declines": [{"source", "reason"}]}], ...}.
TENSORRTAPI std::string explain(nvinfer1::ICudaEngine const& engine, TextFormat format);

// The three representations, in their canonical text.
enum class Representation { kGRAPH, kREGIONS, kPLAN };
TENSORRTAPI std::string print(nvinfer1::ICudaEngine const& engine, Representation what);
TENSORRTAPI std::string print(nvinfer1::INetworkDefinition const& network);

// ---- Metadata of the ONNX model ----

// The value of a metadata_props entry of the model that the engine was built from (such as a dictionary); nullptr: no such key.
TENSORRTAPI char const* modelMetadata(nvinfer1::ICudaEngine const& engine, char const* key) noexcept;
TENSORRTAPI std::vector<std::string> modelMetadataKeys(nvinfer1::ICudaEngine const& engine);

}  // namespace temper
