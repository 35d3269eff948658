// Regions: the loops and conditionals of a network that is edited, as the dataflow between their boundary layers says.
//
// What depends on a recurrence or an iterator of a loop is inside the loop, and so on until a loop output; likewise between the
// inputs and outputs of a conditional. A loop whose boundaries read values of another one is inside that. Regions nest like
// parentheses, or the network is refused.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace temper {

struct Region {
  bool loop = false;
  std::vector<NodeId> boundary;  // in the order they were added
  std::vector<int> path;         // regions that it is in, outermost first, itself last

  std::vector<NodeId> of(const Graph& graph, std::string_view op) const;  // those of its boundary layers
};

// What is in one region and in none inside of it: nodes, and the regions there as wholes, ordered such that each comes after
// what it reads. An item is a node's id, or node_count() + region.
struct Schedule {
  std::vector<int> order;
  std::map<int, std::set<int>> reads;

  // Items that these lead back to.
  std::set<int> behind(std::vector<int> items) const;
};

class Regions {
 public:
  static constexpr int kNetwork = -1;
  static Expected<Regions> find(const Graph& graph);

  const Region& operator[](int region) const { return regions_[region]; }
  // Of a node, and of the node that makes a value: the regions that it is in, outermost first.
  const std::vector<int>& path(NodeId node) const { return paths_[node]; }
  std::vector<int> path_of_value(ValueId value) const;
  // The item of `region` that makes the value; -1: it is made elsewhere.
  int maker(int region, ValueId value) const;
  Expected<Schedule> schedule(int region) const;

 private:
  explicit Regions(const Graph& graph) : graph_(&graph) {}
  Status nest();
  std::vector<int> inside_of(ValueId value) const;
  int item(int region, NodeId node) const;

  const Graph* graph_;
  std::vector<Region> regions_;
  std::vector<int> region_;              // by node: that it is a boundary of, or -1
  std::vector<std::vector<int>> paths_;  // by node
};

std::string place_of(const Node& node);

}  // namespace temper
