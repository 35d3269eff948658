#include "tune/share_growth.h"

#include <algorithm>

namespace temper {
namespace {

constexpr int64_t kParts = 4096;

int64_t growth_of(const GrowthOption& o) { return std::max<int64_t>(0, o.growth); }

bool grows_less(const GrowthOption& a, const GrowthOption& b) {
  return growth_of(a) != growth_of(b) ? growth_of(a) < growth_of(b) : a.ns < b.ns;
}

}  // namespace

std::vector<size_t> share_growth(std::span<const std::vector<GrowthOption>> units, int64_t bytes) {
  std::vector<size_t> taken(units.size(), 0);
  int64_t wanted = 0;
  for (size_t u = 0; u < units.size(); ++u) {
    if (units[u].empty()) continue;
    taken[u] = size_t(std::min_element(units[u].begin(), units[u].end(), grows_less) - units[u].begin());
    bytes -= growth_of(units[u][taken[u]]);
    int64_t most = 0;
    for (const GrowthOption& o : units[u]) most = std::max(most, growth_of(o));
    wanted += most - growth_of(units[u][taken[u]]);
  }
  bytes = std::clamp<int64_t>(bytes, 0, wanted);
  const auto more = [&](size_t u, size_t o) { return growth_of(units[u][o]) - growth_of(units[u][taken[u]]); };
  // least[b]: the least time of the units so far with b parts; option[u][b]: what unit u takes then.
  const int64_t part = bytes / kParts + 1, parts = bytes / part;
  std::vector<double> least(size_t(parts) + 1, 0), next(least.size());
  std::vector<std::vector<uint32_t>> option(units.size());
  for (size_t u = 0; u < units.size(); ++u) {
    if (units[u].empty()) continue;
    option[u].assign(least.size(), uint32_t(taken[u]));
    for (size_t b = 0; b < least.size(); ++b) next[b] = least[b] + units[u][taken[u]].ns;
    for (size_t o = 0; o < units[u].size(); ++o) {
      const int64_t need = (more(u, o) + part - 1) / part;
      for (int64_t b = need; b <= parts; ++b) {
        const double ns = least[size_t(b - need)] + units[u][o].ns;
        if (ns < next[size_t(b)]) next[size_t(b)] = ns, option[u][size_t(b)] = uint32_t(o);
      }
    }
    std::swap(least, next);
  }
  int64_t at = parts;
  for (size_t u = units.size(); u-- > 0;) {
    if (units[u].empty()) continue;
    const size_t o = option[u][size_t(at)];
    const int64_t grown = more(u, o);
    at -= (grown + part - 1) / part;
    bytes -= grown;
    taken[u] = o;
  }
  for (bool any = true; any;) {
    any = false;
    size_t unit = 0, to = 0;
    double most = 0;
    for (size_t u = 0; u < units.size(); ++u) {
      for (size_t o = 0; o < units[u].size(); ++o) {
        const double saved = units[u][taken[u]].ns - units[u][o].ns;
        if (saved > most && more(u, o) <= bytes) any = true, most = saved, unit = u, to = o;
      }
    }
    if (!any) break;
    bytes -= more(unit, to);
    taken[unit] = to;
  }
  return taken;
}

}  // namespace temper
