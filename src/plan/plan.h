// The plan in memory, and its way to and from a container: see plan.fbs for what it holds.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_sink.h"
#include "base/error.h"
#include "plan_generated.h"
#include "sym/shape_program.h"

namespace temper {

namespace plan {
// Keys of the plan's record that a build writes by itself.
inline constexpr std::string_view kModelWeightsNote = "bytes of the model's weights";
inline constexpr std::string_view kTypeNote = "type";          // then a type that was permitted and is not used, and why
inline constexpr std::string_view kProductsNote = "products";  // of floats, by the type of their operands
inline constexpr std::string_view kTypesAskedNote = "types permitted";
inline constexpr std::string_view kPeakNote = "nanoseconds for 10^9 operations at best";  // f32, on the plan's threads
}  // namespace plan

// Whether the step computes: what counts as a layer of the engine.
inline bool computes(const plan::StepT& step) {
  return step.kind == plan::StepKind::Launch || step.kind == plan::StepKind::Plugin;
}

// What a plan holds besides its metadata. `weights` is one block that the offsets of constant buffers count in.
struct PlanParts {
  std::shared_ptr<plan::PlanT> plan;
  std::string graph_text;
  std::span<const std::byte> weights;
  std::shared_ptr<const void> owner;  // of weights: a mapped file or memory
};

// Writes the container. Each piece of the weights is let go when it is written, so that a plan in memory grows while what it is
// made of shrinks.
struct WeightPiece {
  uint64_t offset;  // ascending; gaps are zeros
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;  // of the bytes
};
// One plan for each target, the main one first; their constants are in the one block of weights.
Status write_plan(std::span<const plan::PlanT* const> plans, const std::string& graph_text, std::vector<WeightPiece> weights,
                  ByteSink& sink);

// Given the targets of a file, the main one first, says which is wanted.
using TargetChooser = std::function<Expected<size_t>(std::span<const std::string>)>;
// Verifies the container, the flatbuffer and what the metadata says (verify); the parts point into `bytes`. Without `choose`:
// the main target's.
Expected<PlanParts> read_plan(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                              const TargetChooser& choose = nullptr);

// That every index, slot, range and size in the metadata is within bounds, so that the runtime need not look again.
Status verify(const plan::PlanT& plan, uint64_t weights_bytes);

// A segment's ShapeProgram over its own slots, and back.
ShapeProgram to_program(const plan::SegmentT& segment);
void set_program(plan::SegmentT& segment, const ShapeProgram& program);

}  // namespace temper
