// StageView: what lowering needs to know of a Map or a Reduce, and which of its dimensions all stages of a region share.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernel/region.h"

namespace temper::cpu {

struct StageView {
  const Map* map = nullptr;
  const Reduce* reduce = nullptr;
  int first_value = 0;  // number of its first result
  int values = 1;

  const Dims& domain() const { return map != nullptr ? map->domain : reduce->domain; }
  int reduced() const { return map != nullptr ? 0 : reduce->reduced; }
  int kept() const { return static_cast<int>(domain().size()) - reduced(); }
  const std::vector<Access>& operands() const { return map != nullptr ? map->operands : reduce->operands; }
  const ScalarBody& body() const { return map != nullptr ? *map->body : *reduce->body; }
};

// Views of the stages from `first` on; `reason` is set where one is neither a map nor a reduction.
std::vector<StageView> stage_views(const Region& region, size_t first, std::optional<std::string>& reason);

// shared[s][q]: which dimension of stage s the q-th shared one is. A dimension is shared when every stage keeps it and reads
// what earlier stages computed at the same place of it: then blocks of it are independent of each other.
std::vector<std::vector<int>> shared_dims(const Region& region, const std::vector<StageView>& stages);

}  // namespace temper::cpu
