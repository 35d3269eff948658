// Partition: which nodes of a core Graph become one kernel.
//
// Fusion is decided from facts only. Data movement (reindex) disappears into whoever reads through it, wherever the composed
// index is one that kernels can follow. Then nodes join groups, in topological order:
//   - a map joins the group of a producer whose points it reads one to one: behind a contraction it becomes its epilogue,
//   behind maps
//     and reductions it extends their tile program;
//   - a reduction joins a group of maps and reductions that runs over the same points and reduces the same dimensions (a row):
//   so
//     softmax and layer norm become one kernel, however they were spelled;
//   - never if a value would have to leave the group and come back (a cycle between kernels).
// What can't join starts a group of its own. A value read outside its group becomes an output of it.
//
//   Partition p = partition(graph);
//   for (const Unit& unit : p.units) print(unit.region.to_string());
#pragma once

#include <string>
#include <vector>

#include "ir/graph.h"
#include "kernel/region.h"

namespace temper {

// One kernel to be, or one node of control flow (`control` is its node and the region is empty).
struct Unit {
  Region region;
  std::vector<ValueId> inputs;   // of the graph, by number of the region's input
  std::vector<ValueId> outputs;  // of the graph, by position in region.outputs
  // outputs[i] of the graph has the dims of the region's output in this order: dim k of the graph is dim output_order[i][k] of
  // the region.
  std::vector<std::vector<int>> output_order;
  std::vector<std::string> names;  // nodes of the model that it covers, in order
  std::vector<NodeId> nodes;       // of the graph, in order
  NodeId control = kNone32;
  // Of a joined unit (kernel/chain.h): units that do the same one after the other. Empty: it is whole.
  std::vector<Unit> parts;
};

struct Partition {
  std::vector<Unit> units;  // in an order in which they can run
};

struct PartitionOptions {
  bool join = true;  // epilogues and rows
  bool inline_movement = true;
};

Partition partition(const Graph& graph, const PartitionOptions& options = {});

}  // namespace temper
