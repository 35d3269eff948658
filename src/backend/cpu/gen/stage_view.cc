#include "backend/cpu/gen/stage_view.h"

namespace temper::cpu {
namespace {

bool is_index(SymInt e, int ordinal) {
  if (kind_of(e) != SymKind::kVar) return false;
  const SymVar& v = var_of(e);
  return v.kind == VarKind::kIndex && v.ordinal == ordinal;
}

int stage_of(const std::vector<StageView>& stages, int value) {
  for (size_t s = 0; s < stages.size(); ++s) {
    if (value >= stages[s].first_value && value < stages[s].first_value + stages[s].values) return static_cast<int>(s);
  }
  return -1;
}

}  // namespace

std::vector<StageView> stage_views(const Region& region, size_t first, std::optional<std::string>& reason) {
  std::vector<StageView> views;
  int value = static_cast<int>(region.inputs.size());
  for (size_t s = 0; s < region.stages.size(); ++s) {
    const int results = static_cast<int>(result_types(region.stages[s]).size());
    if (s >= first) {
      StageView v;
      v.map = std::get_if<Map>(&region.stages[s]);
      v.reduce = std::get_if<Reduce>(&region.stages[s]);
      v.first_value = value;
      v.values = results;
      if (v.map == nullptr && v.reduce == nullptr) {
        reason = "stage " + std::to_string(s) + " is neither a map nor a reduction";
        return {};
      }
      views.push_back(v);
    }
    value += results;
  }
  return views;
}

std::vector<std::vector<int>> shared_dims(const Region& region, const std::vector<StageView>& stages) {
  const StageView& last = stages.back();
  const int candidates = last.kept();
  constexpr int kUnknown = -1;
  std::vector<std::vector<int>> dim(stages.size(), std::vector<int>(static_cast<size_t>(candidates), kUnknown));
  std::vector<bool> alive(static_cast<size_t>(candidates), true);
  for (int q = 0; q < candidates; ++q) dim.back()[static_cast<size_t>(q)] = q;
  std::vector<bool> read(stages.size(), false);
  read.back() = true;
  for (size_t t = stages.size(); t-- > 0;) {
    const StageView& reader = stages[t];
    if (!read[t]) {
      // Nothing inside reads it: a sibling, which shares dimensions of the same place and extent.
      for (int q = 0; q < candidates; ++q) {
        if (q < reader.kept() && reader.domain()[static_cast<size_t>(q)] == last.domain()[static_cast<size_t>(q)])
          dim[t][static_cast<size_t>(q)] = q;
        else
          alive[static_cast<size_t>(q)] = false;
      }
    }
    auto visit = [&](int value, const IndexMap& map) {
      const int s = stage_of(stages, value);
      if (s < 0) return;
      read[static_cast<size_t>(s)] = true;
      for (size_t q = 0; q < alive.size(); ++q) {
        if (!alive[q]) continue;
        int& known = dim[static_cast<size_t>(s)][q];
        const int j = dim[t][q];
        int at = kUnknown;
        for (size_t k = 0; k < map.results.size(); ++k) {
          if (!is_index(map.results[k], j)) continue;
          if (at == kUnknown || static_cast<int>(k) == known) at = static_cast<int>(k);
        }
        const Dims& domain = stages[static_cast<size_t>(s)].domain();
        if (at == kUnknown || (known != kUnknown && known != at) ||
            domain[static_cast<size_t>(at)] != reader.domain()[static_cast<size_t>(j)]) {
          alive[q] = false;
          continue;
        }
        // Another dimension of the value that is read may not depend on it: it would be addressed from outside the block.
        for (size_t k = 0; k < map.results.size(); ++k) {
          if (static_cast<int>(k) != at && depends_on(map.results[k], map.results[static_cast<size_t>(at)])) alive[q] = false;
        }
        known = at;
      }
    };
    for (const Access& a : reader.operands()) {
      visit(a.value, a.map);
      for (const Access::Load& l : a.loads) visit(l.value, l.map);
    }
  }
  std::vector<std::vector<int>> result(stages.size());
  for (int q = 0; q < candidates; ++q) {
    if (!alive[static_cast<size_t>(q)]) continue;
    for (size_t s = 0; s < stages.size(); ++s) result[s].push_back(dim[s][static_cast<size_t>(q)]);
  }
  // Two classes that meet in one dimension of a stage would be the diagonal of it: then only the first is shared.
  for (size_t q = 0; result[0].size() > q; ++q) {
    bool clash = false;
    for (size_t s = 0; s < stages.size(); ++s) {
      for (size_t p = 0; p < q; ++p) clash = clash || result[s][p] == result[s][q];
    }
    if (!clash) continue;
    for (auto& r : result) r.erase(r.begin() + static_cast<int64_t>(q));
    --q;
  }
  return result;
}

}  // namespace temper::cpu
