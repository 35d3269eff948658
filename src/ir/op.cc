#include "ir/op.h"

#include <algorithm>
#include <map>
#include <memory>

namespace temper {
namespace {

struct Registry {
  std::map<std::string, std::unique_ptr<Op>, std::less<>> by_name;
  std::vector<const Op*> sorted;
};

Registry& registry() {
  static Registry r;
  return r;
}

}  // namespace

void register_op(Op op) {
  Registry& r = registry();
  std::string name = op.name;
  auto [place, fresh] = r.by_name.emplace(name, std::make_unique<Op>(std::move(op)));
  TEMPER_CHECK(fresh, "two operators are named " + name);
  const Op* added = place->second.get();
  r.sorted.insert(
      std::upper_bound(r.sorted.begin(), r.sorted.end(), added, [](const Op* a, const Op* b) { return a->name < b->name; }),
      added);
}

const Op* find_op(std::string_view name) {
  auto found = registry().by_name.find(name);
  return found == registry().by_name.end() ? nullptr : found->second.get();
}

const Op& core_op(std::string_view name) {
  const Op* op = find_op(name);
  TEMPER_CHECK(op != nullptr, "no operator named " + std::string(name));
  return *op;
}

const std::vector<const Op*>& all_ops() { return registry().sorted; }

}  // namespace temper
