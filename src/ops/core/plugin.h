// plugin: the core op that Temper knows nothing of but its types. A program's own code computes it, and the passes leave it as
// it is: it is not folded, not merged with its like, and nothing is fused across it.
//
//   plugin {identity, data, dtypes, ranks, dims, sizes, size_results, limits, aliases}  x..., shapes...  -> results
//
// Note [Shapes of plugins]
// What a plugin says of its results' extents is kept as expressions over placeholders: in<k>d<i> is extent i of operand k, and
// in<k>v<i> element i of operand k, where that holds a shape. So inference needs no plugin, and stays right when passes write
// the operands' extents in other words. Extents that only a run tells are sizes of the node's own: the plugin writes each as a
// scalar result, and memory is made for the most that it can be.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace temper {

// A tensor of a plugin as the builder knows it: -1 in `dims` where a run decides, and its extents over the profile.
struct PluginTensorRange {
  DType dtype = DType::kF32;
  std::vector<int64_t> dims, least, best, largest;
};

// What a plan keeps of a plugin.
struct PluginRecord {
  std::string state;  // bytes that its creator makes it of again
  int64_t workspace = 0;
  int64_t tactic = 0;  // of the plugin's own numbering; 0: it has none
};

// The program's code behind a node, while a plan is built of it.
class PluginCode {
 public:
  virtual ~PluginCode() = default;
  virtual Expected<PluginRecord> configure(std::span<const PluginTensorRange> inputs,
                                           std::span<const PluginTensorRange> outputs) const = 0;
};

struct Plugin {
  std::vector<std::string> identity;  // name, version, namespace, generation ("2" or "3"): by which its creator is found
  int64_t data = 0;                   // how many of the operands it reads; those after them only tell shapes
  std::vector<std::string> dtypes;    // of the results
  std::vector<int64_t> ranks;
  Dims dims;                               // of all results, one after another. Note [Shapes of plugins]
  Dims sizes;                              // that are known when it has run
  std::vector<int64_t> size_results;       // by size: the result that tells it, an i32 or i64 scalar
  Dims limits;                             // by size: what it is likely to be, and the most that it can be
  std::vector<int64_t> aliases;            // by result: the operand over which it is written, or -1
  std::shared_ptr<const PluginCode> code;  // null in a graph that was read from text
  void each_field(auto&& f) {
    f("identity", identity);
    f("data", data);
    f("dtypes", dtypes);
    f("ranks", ranks);
    f("dims", dims);
    f("sizes", sizes);
    f("size_results", size_results);
    f("limits", limits);
    f("aliases", aliases);
  }

  // For messages: plugin 'Name' version '1' of namespace ''.
  std::string display_name() const;
};

// Expressions over placeholders as what they are for these operands.
Expected<Dims> plugin_dims(const Graph& graph, const Plugin& plugin, std::span<const ValueId> operands, const Dims& dims);
// The placeholders of operand `operand`.
SymInt plugin_extent(SymContext& context, size_t operand, size_t dim);
SymInt plugin_element(SymContext& context, size_t operand, size_t element);

}  // namespace temper
