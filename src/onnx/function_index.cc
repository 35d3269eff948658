#include "onnx/function_index.h"

#include "onnx/wire_fields.h"

namespace temper::onnx {
namespace {

void add_calls(const std::vector<Node>& nodes, const FunctionIndex& index, std::vector<const Function*>& out) {
  for (const Node& node : nodes) {
    if (const Function* callee = index.find(node)) out.push_back(callee);
    for (const Attribute& a : node.attributes) {
      for (const Graph& g : a.graphs) add_calls(g.nodes, index, out);
    }
  }
}

bool is_public_domain(std::string_view domain) {
  return domain.empty() || domain.starts_with("ai.onnx.") || domain.starts_with("com.microsoft");
}

}  // namespace

FunctionIndex::FunctionIndex(const Model& model) : model_(model) {
  for (const Function& f : model.functions) {
    by_name_.emplace(std::tuple(f.domain, f.name, f.overload), &f);
    if (!is_public_domain(f.domain)) local_domains_.insert(f.domain);
  }
}

const Function* FunctionIndex::find(std::string_view domain, std::string_view name, std::string_view overload) const {
  auto found = by_name_.find(std::tuple(domain, name, overload));
  return found == by_name_.end() ? nullptr : found->second;
}

std::string FunctionIndex::name_of(const Function& f) {
  std::string domain = f.domain.empty() ? "" : wire::printable(f.domain) + "::";
  return "'" + domain + wire::printable(f.name) + (f.overload.empty() ? "" : ":" + wire::printable(f.overload)) + "'";
}

// Depth-first over the calls with a stack of our own: chains of calls may be as long as the file has functions.
std::vector<const Function*> FunctionIndex::find_recursion() const {
  enum State { kNew, kOpen, kDone };
  struct Frame {
    const Function* function;
    std::vector<const Function*> calls;
    size_t next = 0;
  };
  std::map<const Function*, State> states;
  for (const Function& root : model_.functions) {
    if (states[&root] != kNew) continue;
    std::vector<Frame> stack;
    auto enter = [&](const Function* f) {
      states[f] = kOpen;
      stack.push_back({f, {}});
      add_calls(f->nodes, *this, stack.back().calls);
    };
    enter(&root);
    while (!stack.empty()) {
      Frame& top = stack.back();
      if (top.next == top.calls.size()) {
        states[top.function] = kDone;
        stack.pop_back();
        continue;
      }
      const Function* callee = top.calls[top.next++];
      if (states[callee] == kNew) {
        enter(callee);
      } else if (states[callee] == kOpen) {
        std::vector<const Function*> circle;
        for (const Frame& frame : stack) {
          if (!circle.empty() || frame.function == callee) circle.push_back(frame.function);
        }
        return circle;
      }
    }
  }
  return {};
}

}  // namespace temper::onnx
