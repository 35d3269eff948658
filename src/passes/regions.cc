#include "passes/regions.h"

#include <algorithm>

#include "ops/layers/flow.h"

namespace temper {
namespace {

constexpr size_t kDeepest = 64;

Error refuse(std::string why) { return Error(ErrorCode::kInvalidArgument, std::move(why)); }

bool gives_out(const Node& node) { return node.op->name == "layer_loop_output" || node.op->name == "layer_if_output"; }

std::vector<int> joined(const std::vector<int>& a, const std::vector<int>& b) {
  std::vector<int> all;
  std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(all));
  return all;
}

}  // namespace

std::string place_of(const Node& node) { return "layer '" + node.name + "' (" + node.op->name + ")"; }

std::vector<NodeId> Region::of(const Graph& graph, std::string_view op) const {
  std::vector<NodeId> found;
  for (NodeId id : boundary) {
    if (graph.node(id).op->name == op) found.push_back(id);
  }
  return found;
}

std::set<int> Schedule::behind(std::vector<int> items) const {
  std::set<int> seen;
  while (!items.empty()) {
    const int item = items.back();
    items.pop_back();
    if (item < 0 || !seen.insert(item).second) continue;
    if (auto found = reads.find(item); found != reads.end())
      items.insert(items.end(), found->second.begin(), found->second.end());
  }
  return seen;
}

Expected<Regions> Regions::find(const Graph& graph) {
  Regions found(graph);
  found.region_.assign(graph.node_count(), -1);
  found.paths_.resize(graph.node_count());
  std::map<int64_t, int> numbers;
  for (NodeId id : graph.order()) {
    const auto named = layers::region_of(graph.node(id));
    if (!named) continue;
    const auto [at, fresh] = numbers.emplace(*named, static_cast<int>(found.regions_.size()));
    if (fresh) found.regions_.emplace_back();
    Region& region = found.regions_[at->second];
    const std::string& op = graph.node(id).op->name;
    region.loop = region.loop || op == "layer_recurrence" || op == "layer_iterator" || op == "layer_trip_limit" ||
                  op == "layer_loop_output";
    region.boundary.push_back(id);
    found.region_[id] = at->second;
  }
  TEMPER_TRY(found.nest());
  return found;
}

// Until nodes have their final paths, these hold the regions that each is in as a sorted set.
std::vector<int> Regions::inside_of(ValueId value) const {
  const NodeId producer = value == kNone32 ? kNone32 : graph_->value(value).producer;
  if (producer == kNone32) return {};
  return gives_out(graph_->node(producer)) ? regions_[region_[producer]].path : paths_[producer];
}

Status Regions::nest() {
  if (regions_.empty()) return {};
  // A region is one whole: all that leaves it depends on all that enters it. Sets only grow, so this ends.
  for (bool more = true; more;) {
    more = false;
    for (NodeId id : graph_->order()) {
      std::vector<int> inside = paths_[id];
      for (ValueId operand : graph_->node(id).operands) inside = joined(inside, inside_of(operand));
      if (const int own = region_[id]; own >= 0) {
        std::vector<int> around = joined(regions_[own].path, inside);
        std::erase(around, own);
        more = more || around != regions_[own].path;
        regions_[own].path = around;
        inside = joined(around, {own});
      }
      more = more || inside != paths_[id];
      paths_[id] = std::move(inside);
    }
  }
  const std::vector<Region> around = regions_;  // here `path` is the set of the regions around each
  auto first_layer = [&](int region) { return place_of(graph_->node(regions_[region].boundary.front())); };
  for (NodeId id : graph_->order()) {
    const Node& node = graph_->node(id);
    std::vector<int>& path = paths_[id];
    std::sort(path.begin(), path.end(), [&](int a, int b) { return around[a].path.size() < around[b].path.size(); });
    if (path.size() > kDeepest) return refuse("more than 64 loops and conditionals lie in each other").at(place_of(node));
    for (size_t i = 0; i < path.size(); ++i) {
      std::vector<int> outer(path.begin(), path.begin() + static_cast<int64_t>(i));
      std::sort(outer.begin(), outer.end());
      if (outer == around[path[i]].path) continue;
      const int other = i == 0 ? path.back() : path[i - 1];
      return refuse("the layer reads what is inside of two loops or conditionals, that of " + first_layer(path[i]) +
                    " and that of " + first_layer(other) +
                    ", and neither is in the other; take one of the tensors out by an output of its own")
          .at(place_of(node));
    }
    if (region_[id] >= 0) regions_[region_[id]].path = path;
  }
  return {};
}

std::vector<int> Regions::path_of_value(ValueId value) const {
  const NodeId producer = graph_->value(value).producer;
  if (producer == kNone32) return {};
  std::vector<int> path = paths_[producer];
  if (gives_out(graph_->node(producer))) path.pop_back();
  return path;
}

// A node of the region, or the region inside of it that the node is in.
int Regions::item(int region, NodeId node) const {
  const std::vector<int> own = region == kNetwork ? std::vector<int>() : regions_[region].path;
  const std::vector<int>& path = paths_[node];
  if (path.size() < own.size() || !std::equal(own.begin(), own.end(), path.begin())) return -1;
  return path.size() == own.size() ? node : graph_->node_count() + path[own.size()];
}

int Regions::maker(int region, ValueId value) const {
  const NodeId producer = value == kNone32 ? kNone32 : graph_->value(value).producer;
  if (producer == kNone32) return -1;
  // What leaves a region is made by the region, but not for its own inside.
  const bool own = region != kNetwork && region_[producer] == region && gives_out(graph_->node(producer));
  return own ? -1 : item(region, producer);
}

Expected<Schedule> Regions::schedule(int region) const {
  Schedule schedule;
  std::vector<int> items;
  for (NodeId id : graph_->order()) {
    const int reader = item(region, id);
    if (reader < 0) continue;
    std::set<int>& reads = schedule.reads[reader];
    items.push_back(reader);
    const Node& node = graph_->node(id);
    // The way back of a recurrence is no order inside of its loop; from outside the loop is one whole.
    const bool back = region != kNetwork && region_[id] == region;
    for (ValueId operand : back ? layers::read_before(node) : std::span<const ValueId>(node.operands)) {
      const int from = maker(region, operand);
      if (from >= 0 && from != reader) reads.insert(from);
    }
  }
  std::map<int, int> state;  // 1: waits for what it reads, 2: in the order
  for (int root : items) {
    std::vector<int> open{root};
    while (!open.empty()) {
      const int at = open.back();
      if (state[at] == 2) {
        open.pop_back();
        continue;
      }
      const bool again = state[at] == 1;
      state[at] = 1;
      const size_t before = open.size();
      for (int from : schedule.reads[at]) {
        if (state[from] == 2) continue;
        if (again) {
          const NodeId named = at < graph_->node_count() ? at : regions_[at - graph_->node_count()].boundary.front();
          return refuse(at < graph_->node_count() ? "the layer reads, over others, what it makes itself"
                                                  : "the loop or conditional of this layer reads, over others, what it gives")
              .at(place_of(graph_->node(named)));
        }
        open.push_back(from);
      }
      if (open.size() > before) continue;
      state[at] = 2;
      schedule.order.push_back(at);
      open.pop_back();
    }
  }
  return schedule;
}

}  // namespace temper
