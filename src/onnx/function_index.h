// The local functions of a model by the operator that calls them: (domain, name, overload). A local function goes before an
// operator of the same name that Temper has.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "onnx/model.h"

namespace temper::onnx {

class FunctionIndex {
 public:
  explicit FunctionIndex(const Model& model);  // the model's functions must stay where they are

  const Function* find(std::string_view domain, std::string_view name, std::string_view overload) const;
  const Function* find(const Node& node) const { return find(node.domain, node.op_type, node.overload); }

  // Is this a domain of the model's own, where a name that it does not define means nothing?
  bool is_local_domain(std::string_view domain) const { return local_domains_.contains(domain); }

  // Functions of which each calls the next and the last one calls the first; empty: calls end.
  std::vector<const Function*> find_recursion() const;

  static std::string name_of(const Function& function);  // 'domain::name:overload'

 private:
  const Model& model_;
  std::map<std::tuple<std::string_view, std::string_view, std::string_view>, const Function*> by_name_;
  std::set<std::string_view> local_domains_;
};

}  // namespace temper::onnx
