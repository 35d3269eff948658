// Pass: a function from Graph to Graph, named by a verb, that can be switched off by name.
//
// Most passes are written as a Rewrite: the graph is written anew in order, and for each node the pass may write something
// else. Nested bodies are rewritten first, by the same pass. A pass must leave a graph that verifies, computes the same and
// keeps inputs, outputs and their names.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ops/builder.h"
#include "passes/narrow_floats.h"

namespace temper {

struct PassOptions {
  std::set<std::string, std::less<>> disabled;
  Narrowing narrowing;
  // Called before the first pass (name "import") and after each.
  std::function<void(std::string_view pass, const Graph& graph)> observe;
  std::function<bool()> cancelled;
};

struct Pass {
  std::string_view name;
  Expected<Graph> (*run)(const Graph& graph, const PassOptions& options);
  bool required = false;  // without it there is nothing to lower: it can't be switched off
};

// All passes, in the order in which they run.
const std::vector<Pass>& all_passes();

Expected<Graph> run_passes(Graph graph, const PassOptions& options);

// Writes a graph anew. `rewrite` is called for each node in order with its operands in the new graph, and returns the node's
// results there; an empty vector means: copy the node as it is.
class Rewrite {
 public:
  using NodeRewrite = std::function<std::vector<Val>(Rewrite& rewrite, const Node& node, std::span<const Val> operands)>;

  static Expected<Graph> run(const Graph& graph, const NodeRewrite& rewrite);

  // Tells this graph from the others that the same pass writes: nested bodies have value numbers of their own.
  uint64_t id() const { return id_; }
  Builder& builder() { return builder_; }
  const Graph& old_graph() const { return old_; }
  // Whether anything but `reader` reads the value in the old graph.
  int use_count(ValueId old_value) const { return use_counts_[old_value]; }
  Val mapped(ValueId old_value) { return old_value == kNone32 ? Val{&builder_, kNone32} : builder_.val(map_[old_value]); }
  std::vector<Val> copy(const Node& node, std::span<const Val> operands);

 private:
  Rewrite(const Graph& graph, Graph& result, const NodeRewrite& rewrite);
  Status write();

  uint64_t id_;
  const Graph& old_;
  Builder builder_;
  const NodeRewrite& rewrite_;
  std::vector<ValueId> map_;
  std::vector<int> use_counts_;
};

// Comes before all of them, for networks that were edited (structure.cc).
Expected<Graph> structure(const Graph& graph);
// From a graph that computes one sample to one that computes `size` of them. `batched`: for each input, whether it differs from
// sample to sample (batch.cc).
Expected<Graph> batch(const Graph& graph, SymInt size, const std::vector<bool>& batched);

// The passes, each in the file of its name.
Expected<Graph> expand(const Graph& graph);
Expected<Graph> narrow_products(const Graph& graph);
Expected<Graph> inline_widening(const Graph& graph);
Expected<Graph> fold(const Graph& graph);
Expected<Graph> canonicalize(const Graph& graph);
Expected<Graph> cse(const Graph& graph);
Expected<Graph> dce(const Graph& graph);
Expected<Graph> fold_affine(const Graph& graph);
Expected<Graph> merge_linear(const Graph& graph);
Expected<Graph> merge_siblings(const Graph& graph);
Expected<Graph> inline_scalars(const Graph& graph);
Expected<Graph> hoist_scales(const Graph& graph);

}  // namespace temper
