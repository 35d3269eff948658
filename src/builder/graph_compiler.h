// GraphCompiler: compiles one graph (the model, or the body of an if or a loop) into the steps of a plan.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "builder/assembly.h"
#include "kernel/partition.h"

namespace temper {

// Where a value lies.
struct Storage {
  int buffer = -1;
  Layout layout;
};

class GraphCompiler {
 public:
  GraphCompiler(const Graph& graph, PlanAssembly& assembly) : graph_(graph), assembly_(assembly) {}

  // Binds an input of the graph to memory that exists, row-major.
  void bind_input(size_t input, int buffer);
  // Asks that an output is made in a buffer that exists, row-major.
  void bind_output(size_t output, int buffer);
  Status run();
  const Storage& output(size_t i) const { return storage_.at(graph_.outputs()[i]); }
  // Another row-major copy of a value that the graph has made.
  Status copy_output(ValueId v, int buffer) {
    return copy(graph_.type(v), stored(v), {buffer, Layout::row_major(graph_.type(v).dims)}, graph_.value(v).name);
  }

 private:
  Status plan_places();
  Status compile_unit(const Unit& unit);
  // A joined unit, whole where a source does it, else part by part.
  Status compile_joined(const Unit& unit);
  Candidate candidate_for(const Unit& unit, const std::vector<Storage>& inputs, const std::vector<Storage>& outputs) const;
  // A unit that only moves elements which already lie in the order that it wants: its output is a view, and needs no kernel.
  std::optional<Storage> as_view(const Unit& unit);
  // For values that one unit reads, which only moves them: the order of their dimensions in which that unit is a view.
  void plan_views();
  Status compile_control(NodeId id);
  Status compile_if(const Node& node);
  struct BranchEnd {
    int begin = 0, end = 0;     // steps
    std::vector<SymInt> sizes;  // in this branch, of the results' unknown dimensions
  };
  void finish_branches(std::span<const SymInt> sizes, std::span<const BranchEnd> ends);
  Status compile_loop(const Node& node);
  Status compile_concat(const Node& node);
  Status compile_plugin(const Node& node);
  Status emit(const Unit& unit, const std::vector<Storage>& inputs, const std::vector<Storage>& outputs);
  Status copy(const TensorType& type, const Storage& from, const Storage& to, const std::string& name);
  // After the step that makes them known: reads sizes and runs their shape program.
  void make_sizes(std::span<const SymInt> sizes, std::span<const int> buffers);

  Storage new_storage(const TensorType& type, const std::vector<int>& order, const std::string& name);
  const Storage& stored(ValueId v);
  // The buffer of a row-major copy of the value, or of itself: for those who know no layouts (bodies, plugins).
  Expected<int> plain_buffer(ValueId v);
  // The value with dimension `innermost` innermost in memory: as it is, or a copy made once.
  Expected<Storage> with_innermost(ValueId v, int innermost);
  std::vector<int> order_for(const Unit& unit, size_t output);
  std::optional<const Tensor*> constant(ValueId v) const;

  const Graph& graph_;
  PlanAssembly& assembly_;
  Partition partition_;
  std::map<ValueId, Storage> storage_;
  std::map<ValueId, int> wish_;                 // dimension that most readers want innermost
  std::map<ValueId, std::vector<int>> orders_;  // decided before its producer is compiled
  struct Place {
    ValueId whole;
    SymInt start;  // along the axis
    int64_t axis;
  };
  std::map<ValueId, Place> places_;  // values written straight into a concat
  std::map<std::pair<ValueId, int>, Storage> copies_;
  std::map<ValueId, int> bound_outputs_;
  std::vector<plan::CandidateT> declines_;  // why the unit to come is not done together with others
};

}  // namespace temper
