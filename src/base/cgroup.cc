// The CPU quota of the control group: /proc/self/cgroup says which group in which hierarchy, /proc/self/mountinfo where that
// hierarchy is visible.
#include <algorithm>
#include <charconv>

#include "base/cpu_info.h"

namespace temper {
namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

bool contains(const std::vector<std::string_view>& parts, std::string_view part) {
  return std::find(parts.begin(), parts.end(), part) != parts.end();
}

std::optional<int64_t> number(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> ratio(std::optional<int64_t> quota, std::optional<int64_t> period) {
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;  // -1 and "max": no limit
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

using ReadFile = std::optional<std::string> (*)(const std::string& path);

std::optional<double> quota_of_folder(const std::string& folder, bool unified, ReadFile read_file) {
  if (unified) {
    const auto text = read_file(folder + "/cpu.max");
    if (!text) return std::nullopt;
    const auto words = split(*text, ' ');
    return words.size() == 2 ? ratio(number(words[0]), number(words[1])) : std::nullopt;
  }
  const auto quota = read_file(folder + "/cpu.cfs_quota_us"), period = read_file(folder + "/cpu.cfs_period_us");
  return quota && period ? ratio(number(*quota), number(*period)) : std::nullopt;
}

// The least quota of the group at `path` and those above it, in the hierarchy whose part below `root` is mounted at `mount`.
std::optional<double> least_quota(std::string_view mount, std::string_view root, std::string_view path, bool unified,
                                  ReadFile read_file) {
  // Inside a container the group may lie outside what is mounted; then the mounted root is all there is to see.
  if (root != "/") {
    const bool below = path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '/');
    path = below ? path.substr(root.size()) : std::string_view();
  }
  if (path.find("/..") != std::string_view::npos) path = {};
  std::optional<double> least;
  while (true) {
    while (!path.empty() && path.back() == '/') path.remove_suffix(1);
    const auto quota = quota_of_folder(std::string(mount) + std::string(path), unified, read_file);
    if (quota && (!least || *quota < *least)) least = quota;
    if (path.empty()) return least;
    path = path.substr(0, path.rfind('/'));
  }
}

}  // namespace

std::optional<double> cgroup_cpu_quota(std::string_view cgroup, std::string_view mountinfo, ReadFile read_file) {
  std::optional<std::string_view> path_v1, path_v2;
  for (std::string_view line : split(cgroup, '\n')) {  // "4:cpu,cpuacct:/group" and, version 2, "0::/group"
    const size_t first = line.find(':');
    const size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1), path = line.substr(second + 1);
    if (controllers.empty()) path_v2 = path;
    if (contains(split(controllers, ','), "cpu")) path_v1 = path;
  }
  std::optional<double> least;
  for (std::string_view line : split(mountinfo, '\n')) {  // "id parent dev root mount options ... - type source super-options"
    const size_t dash = line.find(" - ");
    if (dash == std::string_view::npos) continue;
    const auto before = split(line.substr(0, dash), ' '), after = split(line.substr(dash + 3), ' ');
    if (before.size() < 5 || after.size() < 3) continue;
    const bool unified = after[0] == "cgroup2";
    const bool legacy = after[0] == "cgroup" && contains(split(after[2], ','), "cpu");
    const auto& path = unified ? path_v2 : path_v1;
    if ((!unified && !legacy) || !path) continue;
    const auto quota = least_quota(before[4], before[3], *path, unified, read_file);
    if (quota && (!least || *quota < *least)) least = quota;
  }
  return least;
}

}  // namespace temper
