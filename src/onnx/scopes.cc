#include "onnx/scopes.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <unordered_map>
#include <unordered_set>

#include "onnx/validate.h"

namespace temper::onnx {
namespace {

using Names = std::unordered_set<std::string_view>;

void add_reads(const Node& node, std::vector<std::string_view>& out);

// What `graph` reads and does not define.
void add_captures(const Graph& graph, std::vector<std::string_view>& out) {
  Names defined;
  for (const ValueInfo& v : graph.inputs) defined.insert(v.name);
  for (const Tensor& t : graph.initializers) defined.insert(t.name);
  for (const SparseTensor& t : graph.sparse_initializers) defined.insert(t.values.name);
  for (const Node& n : graph.nodes) defined.insert(n.outputs.begin(), n.outputs.end());
  std::vector<std::string_view> reads;
  for (const Node& n : graph.nodes) add_reads(n, reads);
  for (const ValueInfo& v : graph.outputs) reads.push_back(v.name);
  for (std::string_view name : reads) {
    if (!name.empty() && !defined.contains(name)) out.push_back(name);
  }
}

void add_reads(const Node& node, std::vector<std::string_view>& out) {
  for (std::string_view name : node.inputs) {
    if (!name.empty()) out.push_back(name);
  }
  for (const Attribute& a : node.attributes) {
    for (const Graph& g : a.graphs) add_captures(g, out);
  }
}

// For each node the nodes that it reads from, without repetition.
std::vector<std::vector<size_t>> producers_of(const std::vector<Node>& nodes) {
  std::unordered_map<std::string_view, size_t> producer;
  for (size_t i = 0; i < nodes.size(); ++i) {
    for (std::string_view name : nodes[i].outputs) {
      if (!name.empty()) producer.emplace(name, i);
    }
  }
  std::vector<std::vector<size_t>> out(nodes.size());
  for (size_t i = 0; i < nodes.size(); ++i) {
    for (std::string_view name : names_read(nodes[i])) {
      if (auto found = producer.find(name); found != producer.end()) out[i].push_back(found->second);
    }
    std::sort(out[i].begin(), out[i].end());
    out[i].erase(std::unique(out[i].begin(), out[i].end()), out[i].end());
  }
  return out;
}

std::vector<size_t> order_of(const std::vector<std::vector<size_t>>& producers) {
  size_t count = producers.size();
  std::vector<std::vector<size_t>> readers(count);
  std::vector<size_t> waiting(count);
  std::priority_queue<size_t, std::vector<size_t>, std::greater<>> ready;
  for (size_t i = 0; i < count; ++i) {
    waiting[i] = producers[i].size();
    for (size_t p : producers[i]) readers[p].push_back(i);
    if (waiting[i] == 0) ready.push(i);
  }
  std::vector<size_t> order;
  order.reserve(count);
  while (!ready.empty()) {
    size_t next = ready.top();
    ready.pop();
    order.push_back(next);
    for (size_t reader : readers[next]) {
      if (--waiting[reader] == 0) ready.push(reader);
    }
  }
  return order;
}

void sort_list(std::vector<Node>& nodes) {
  for (Node& node : nodes) {
    for (Attribute& a : node.attributes) {
      for (Graph& g : a.graphs) sort_list(g.nodes);
    }
  }
  std::vector<size_t> order = topological_order(nodes);
  if (order.size() != nodes.size() || std::is_sorted(order.begin(), order.end())) return;
  std::vector<Node> sorted;
  sorted.reserve(nodes.size());
  for (size_t i : order) sorted.push_back(std::move(nodes[i]));
  nodes = std::move(sorted);
}

}  // namespace

std::vector<std::string_view> names_read(const Node& node) {
  std::vector<std::string_view> out;
  add_reads(node, out);
  return out;
}

std::vector<size_t> topological_order(const std::vector<Node>& nodes) { return order_of(producers_of(nodes)); }

std::vector<size_t> find_cycle(const std::vector<Node>& nodes) {
  std::vector<std::vector<size_t>> producers = producers_of(nodes);
  std::vector<size_t> order = order_of(producers);
  if (order.size() == nodes.size()) return {};
  std::vector<bool> stuck(nodes.size(), true);
  for (size_t i : order) stuck[i] = false;
  // Each stuck node reads from a stuck one, so going back along those must come round.
  size_t at = size_t(std::find(stuck.begin(), stuck.end(), true) - stuck.begin());
  std::unordered_map<size_t, size_t> step;
  std::vector<size_t> path;
  while (step.emplace(at, path.size()).second) {
    path.push_back(at);
    at = *std::find_if(producers[at].begin(), producers[at].end(), [&](size_t p) { return stuck[p]; });
  }
  std::vector<size_t> cycle(path.begin() + ptrdiff_t(step[at]), path.end());
  std::reverse(cycle.begin(), cycle.end());  // now each one is read by the next
  std::rotate(cycle.begin(), std::min_element(cycle.begin(), cycle.end()), cycle.end());
  return cycle;
}

void sort_nodes(Model& model) {
  sort_list(model.graph.nodes);
  for (Function& function : model.functions) sort_list(function.nodes);
}

}  // namespace temper::onnx
