// Engine: a verified plan with its kernels decoded; immutable, shared by contexts and threads.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/base/backend.h"
#include "base/mapped_file.h"
#include "plan/plan.h"
#include "runtime/plugin.h"

namespace temper {

// Compiles the graph of a plan, which is for other devices, for one that is here; the bytes of a plan. Set by the builder: a
// runtime alone has none.
using Recompile = Expected<std::vector<std::byte>> (*)(const PlanParts& parts);
struct RegisterRecompile {
  explicit RegisterRecompile(Recompile recompile);
};

class Engine {
 public:
  // The bytes stay referenced (weights are used where they lie) and `owner` keeps them alive. A portable plan of which no
  // target is here is compiled again, without measuring: plan_bytes() is then what came of it, and remarks() says so. Without
  // `plugins` a plan that has some is refused.
  static Expected<std::shared_ptr<const Engine>> load(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                                                      const PluginLoader& plugins = nullptr);

  // A plan that lies in a mapped file.
  static Expected<std::shared_ptr<const Engine>> load(std::shared_ptr<const MappedFile> file,
                                                      const PluginLoader& plugins = nullptr);
  // An Error when a weight was read that the mapped file had lost: what was computed with it is nonsense. One atomic load if
  // not.
  Status source_intact() const { return file_ && file_->faulted() ? file_->still_intact() : Status(); }

  const plan::PlanT& plan() const { return *parts_.plan; }
  const std::string& graph_text() const { return parts_.graph_text; }
  std::span<const std::byte> plan_bytes() const { return bytes_; }
  Backend& backend() const { return *backend_; }
  // What a user should know about how it was loaded, as sentences.
  std::vector<std::string> remarks() const;
  // Address of a constant buffer, for kernels.
  const std::byte* constant(int buffer) const { return constants_[buffer]; }
  const Kernel& kernel(int step) const { return *kernels_[step]; }
  const LoadedPlugin& plugin(int step) const { return *plugins_[step]; }
  const ShapeProgram& program(int segment) const { return programs_[segment]; }
  // Most slots that a shape program needs.
  int most_slots() const { return most_slots_; }

 private:
  Status place_weights(std::shared_ptr<const void> owner);
  Expected<size_t> open_device(std::span<const std::string> targets);
  static Expected<std::shared_ptr<Engine>> decode(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                                                  const PluginLoader& plugins);
  static Expected<std::shared_ptr<Engine>> decode_or_recompile(std::span<const std::byte> bytes,
                                                               std::shared_ptr<const void> owner, const PluginLoader& plugins);

  std::shared_ptr<const MappedFile> file_;  // null: the plan lies in memory
  PlanParts parts_;
  std::span<const std::byte> bytes_;
  std::vector<std::string> remarks_;
  std::shared_ptr<Backend> backend_;
  std::shared_ptr<const void> weights_;                 // where kernels read them
  std::vector<const std::byte*> constants_;             // by buffer; null where it is none
  std::vector<std::unique_ptr<Kernel>> kernels_;        // by step; null where it is not a launch
  std::vector<std::unique_ptr<LoadedPlugin>> plugins_;  // by step
  std::vector<ShapeProgram> programs_;
  int most_slots_ = 0;
};

}  // namespace temper
