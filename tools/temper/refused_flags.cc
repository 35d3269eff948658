// The flags of trtexec that Temper knows and refuses, each with its reason.
#include "flags.h"

namespace tool {
namespace {

using Text = std::string_view;
using enum FlagGroup;

constexpr Text kWeakTyping = "lower precisions through the builder are not there yet; convert the model, or use Q/DQ nodes";
constexpr Text kFormats = "inputs and outputs are linear and of the model's own types";
constexpr Text kRefit = "plans can't be refitted yet; build anew from the model";
constexpr Text kStreaming = "weights can't be streamed yet";
constexpr Text kPortable = "plans for other versions, systems or kinds of GPUs are not there yet";
constexpr Text kDebugTensors = "debug tensors are not there yet; print the graph with 'temper print'";
constexpr Text kOwnKernel = "it has a kernel of Temper's own; leave the flag away";
constexpr Text kNoLibraries = "plans hold no plugin libraries; load them with --staticPlugins where the plan is loaded";
constexpr Text kCuda = "it needs the CUDA backend, which this build does not have";
constexpr Text kNoDla = "there is no DLA here";
constexpr Text kNoSafety = "there is no safety runtime here";
constexpr Text kNoRemote = "there is no tuning over the network here";
constexpr Text kCompare = "comparing with reference outputs is not there yet; use --exportOutput";
constexpr Text kSweep = "sweeps over build routes are not there yet";
constexpr Text kOldModels = "Caffe and UFF models can't be read; export the model to ONNX";
constexpr Text kImplicitBatch = "the batch is an extent like any other; use --shapes or --optShapes";
constexpr Text kCalibration = "calibration is not there yet; use Q/DQ nodes";
constexpr Text kNoTemporary = "Temper makes no temporary executables";

constexpr Flag refuse(Text name, unsigned versions, FlagGroup group, Text value, Text meaning, Text reason) {
  return {name, versions, group, value, meaning, nullptr, reason};
}

constexpr Flag kRefused[] = {
    refuse("--minShapesCalib", kIn8 | kIn10, kModel, "spec", "least shapes for calibration", kCalibration),
    refuse("--optShapesCalib", kIn8 | kIn10, kModel, "spec", "shapes for calibration", kCalibration),
    refuse("--maxShapesCalib", kIn8 | kIn10, kModel, "spec", "largest shapes for calibration", kCalibration),
    refuse("--calibProfile", kIn10, kModel, "N", "profile for calibration", kCalibration),
    refuse("--inputIOFormats", kInAll, kModel, "spec", "types and layouts of the inputs", kFormats),
    refuse("--outputIOFormats", kInAll, kModel, "spec", "types and layouts of the outputs", kFormats),
    refuse("--asyncFileReader", kInBoth, kModel, {}, "load the plan through a reader", "plans are mapped, which is quicker"),
    refuse("--refitFromOnnx", kInBoth, kModel, "file", "refit the plan from a model", kRefit),
    refuse("--model", kIn8, kModel, "file", "a Caffe model", kOldModels),
    refuse("--deploy", kIn8, kModel, "file", "a Caffe description", kOldModels),
    refuse("--output", kIn8, kModel, "names", "outputs of a Caffe or UFF model", kOldModels),
    refuse("--uff", kIn8, kModel, "file", "a UFF model", kOldModels),
    refuse("--uffInput", kIn8, kModel, "spec", "inputs of a UFF model", kOldModels),
    refuse("--uffNHWC", kIn8, kModel, {}, "layout of a UFF model", kOldModels),
    refuse("--batch", kIn8, kModel, "N", "implicit batch of the run", kImplicitBatch),
    refuse("--maxBatch", kIn8, kModel, "N", "largest implicit batch", kImplicitBatch),

    refuse("--minTiming", kIn8, kBuild, "N", "least measurements", "the tuner repeats until it is sure; use --avgTiming"),
    refuse("--heuristic", kIn8, kBuild, {}, "guess tactics", "use --builderOptimizationLevel=0 or 1"),
    refuse("--tilingOptimizationLevel", kInBoth, kBuild, "0..3", "effort for tiling across layers", kCuda),
    refuse("--l2LimitForTiling", kInBoth, kBuild, "bytes", "cache budget for tiling", kCuda),
    refuse("--noCompilationCache", kInBoth, kBuild, {}, "keep no compiled kernels", kCuda),
    refuse("--remoteAutoTuningConfig", kInBoth, kBuild, "uri", "measure on another machine", kNoRemote),
    refuse("--cpuOnly", kInBoth, kBuild, {}, "build without a GPU, with a remote one", kNoRemote),
    refuse("--monitorMemory", kInBoth, kBuild, {}, "report the build's memory", kNoRemote),
    refuse("--preview", kInBoth, kBuild, "+/-feature", "preview features", "Temper has no preview features"),
    refuse("--nvtxMode", kIn8, kBuild, "mode", "old name of --profilingVerbosity", "use --profilingVerbosity"),
    refuse("--setBuildRoute", kIn11, kBuild, "route", "compiler knobs", kSweep),

    refuse("--explicitPrecision", kIn8, kPrecision, {}, "explicit quantisation", "use Q/DQ nodes in the model"),
    refuse("--int8", kIn8 | kIn10, kPrecision, {}, "permit 8-bit integers", kWeakTyping),
    refuse("--fp8", kIn10, kPrecision, {}, "permit 8-bit floats", kWeakTyping),
    refuse("--int4", kIn10, kPrecision, {}, "permit 4-bit integers", kWeakTyping),
    refuse("--calib", kIn8 | kIn10, kPrecision, "file", "a calibration cache", kCalibration),
    refuse("--distributiveIndependence", kInBoth, kPrecision, {}, "results do not depend on the batch", kCuda),
    refuse("--decomposableAttentions", kInBoth, kPrecision, "names", "attentions that may be split", kCuda),
    refuse("--directIO", kInAll, kPrecision, {}, "no reformats at the boundary", kFormats),

    refuse("--refit", kInAll, kPortability, {}, "weights can be replaced", kRefit),
    refuse("--stripWeights", kInBoth, kPortability, {}, "a plan without refittable weights", kRefit),
    refuse("--stripAllWeights", kInBoth, kPortability, {}, "a plan without any weights", kRefit),
    refuse("--weightless", kIn10, kPortability, {}, "old name of --stripWeights", kRefit),
    refuse("--allowWeightStreaming", kInBoth, kPortability, {}, "weights may stay on the host", kStreaming),
    refuse("--versionCompatible", kInBoth, kPortability, {}, "a plan for later versions", kPortable),
    refuse("--vc", kInBoth, kPortability, {}, "short for --versionCompatible", kPortable),
    refuse("--excludeLeanRuntime", kInBoth, kPortability, {}, "no runtime inside the plan", kPortable),
    refuse("--leanDLLPath", kInBoth, kPortability, "file", "runtime library to use", kPortable),
    refuse("--tempdir", kInBoth, kPortability, "folder", "for temporary files", kNoTemporary),
    refuse("--tempfileControls", kInBoth, kPortability, "spec", "where temporary executables may be", kNoTemporary),
    refuse("--markDebug", kInBoth, kPortability, "names", "tensors to look at", kDebugTensors),
    refuse("--markUnfusedTensorsAsDebugTensors", kInBoth, kPortability, {}, "all tensors to look at", kDebugTensors),

    refuse("--pluginInstanceNorm", kInBoth, kParser, {}, "InstanceNormalization through a plugin", kOwnKernel),
    refuse("--pi", kInBoth, kParser, {}, "short for --pluginInstanceNorm", kOwnKernel),
    refuse("--uint8AsymmetricQuantizationDLA", kInBoth, kParser, {}, "zero points for DLA", kNoDla),
    refuse("--reportCapabilityDLA", kInBoth, kParser, {}, "report what DLA can do", kNoDla),
    refuse("--adjustForDLA", kInBoth, kParser, {}, "rewrite for DLA", kNoDla),

    refuse("--useDLACore", kInAll, kDevice, "N", "run on DLA", kNoDla),
    refuse("--allowGPUFallback", kInAll, kDevice, {}, "what DLA can't do goes elsewhere", kNoDla),
    refuse("--buildDLAStandalone", kInBoth, kDevice, {}, "a DLA loadable", kNoDla),
    refuse("--layerDeviceTypes", kInBoth, kDevice, "spec", "place layers", kNoDla),
    refuse("--safe", kInAll, kDevice, {}, "for the safety runtime", kNoSafety),
    refuse("--restricted", kIn10, kDevice, {}, "check safety restrictions", kNoSafety),
    refuse("--consistency", kInAll, kDevice, {}, "check a safety plan", kNoSafety),
    refuse("--dumpKernelText", kInBoth, kDevice, {}, "print kernels", kNoSafety),
    refuse("--safetyPlugins", kInBoth, kDevice, "lib", "safety plugins", kNoSafety),

    refuse("--setPluginsToSerialize", kInBoth, kSystem, "lib", "plugin library into the plan", kNoLibraries),
    refuse("--ignoreParsedPluginLibs", kInBoth, kSystem, {}, "plugin libraries of the parser", kNoLibraries),

    refuse("--useManagedMemory", kInBoth, kInference, {}, "unified memory", kCuda),
    refuse("--useCudaGraph", kInAll, kInference, {}, "record and replay launches", kCuda),
    refuse("--timeRefit", kInBoth, kInference, {}, "measure refitting", kRefit),
    refuse("--persistentCacheRatio", kInBoth, kInference, "r", "share of the cache", kCuda),
    refuse("--weightStreamingBudget", kInBoth, kInference, "v", "memory for weights", kStreaming),
    refuse("--saveDebugTensors", kInBoth, kInference, "spec", "write tensors", kDebugTensors),
    refuse("--saveAllDebugTensors", kInBoth, kInference, "formats", "write all tensors", kDebugTensors),

    refuse("--loadRefOutputs", kIn11, kAccuracy, "name:file", "expected outputs", kCompare),
    refuse("--accuracyAlgorithm", kIn11, kAccuracy, "name", "how to compare", kCompare),
    refuse("--accuracyThreshold", kIn11, kAccuracy, "x", "largest error", kCompare),
    refuse("--atol", kIn11, kAccuracy, "x", "absolute tolerance", kCompare),
    refuse("--rtol", kIn11, kAccuracy, "x", "relative tolerance", kCompare),
    refuse("--refPair", kIn11, kAccuracy, "N", "group of inputs and outputs", kCompare),

    refuse("--tuneBuildRoutes", kIn11, kTuning, "expr", "knobs to sweep", kSweep),
    refuse("--tuneBuildRouteFile", kIn11, kTuning, "file", "knobs to sweep", kSweep),
    refuse("--tuningSearch", kIn11, kTuning, "mode", "how to sweep", kSweep),
    refuse("--tuningCacheFile", kIn11, kTuning, "file", "record of the sweep", kSweep),
    refuse("--tuningTimeOut", kIn11, kTuning, "s", "end of the sweep", kSweep),
    refuse("--continue", kIn11, kTuning, {}, "resume the sweep", kSweep),
    refuse("--dryRun", kIn11, kTuning, {}, "list the sweep", kSweep),
    refuse("--saveAllEngines", kIn11, kTuning, {}, "keep each plan", kSweep),
    refuse("--helpBuildRoute", kIn11, kTuning, {}, "list knobs", kSweep),
    refuse("--tuningResultFile", kIn11, kTuning, "file", "result of the sweep", kSweep),

    refuse("--dumpRefit", kInAll, kReport, {}, "list refittable weights", kRefit),
};

}  // namespace

std::span<const Flag> refused_flags() { return kRefused; }

}  // namespace tool
