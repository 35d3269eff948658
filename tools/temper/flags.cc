#include "flags.h"

#include <algorithm>
#include <cctype>
#include <numeric>
#include <vector>

namespace tool {
namespace {

// How many letters must be put in, taken out or changed; letters' case does not count.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t change = diagonal + (std::tolower(a[i]) != std::tolower(b[j]));
      diagonal = row[j + 1];
      row[j + 1] = std::min({change, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

struct GroupTitle {
  FlagGroup group;
  std::string_view title;
};
constexpr GroupTitle kTitles[] = {
    {FlagGroup::kModel, "Model and plan"}, {FlagGroup::kBuild, "Build"},
    {FlagGroup::kPrecision, "Precision"},  {FlagGroup::kPortability, "Kinds of plans"},
    {FlagGroup::kParser, "ONNX parser"},   {FlagGroup::kDevice, "DLA and safety"},
    {FlagGroup::kSystem, "System"},        {FlagGroup::kInference, "Inference"},
    {FlagGroup::kAccuracy, "Accuracy"},    {FlagGroup::kTuning, "Tuning"},
    {FlagGroup::kReport, "Reports"},
};

}  // namespace

const Flag* find_flag(std::string_view name) {
  for (const Flag& flag : all_flags()) {
    if (flag.name == name) return &flag;
  }
  return nullptr;
}

std::string suggestion(std::string_view unknown) {
  size_t least = std::max<size_t>(2, unknown.size() / 3) + 1;
  std::string_view best;
  for (const Flag& flag : all_flags()) {
    const size_t distance = edit_distance(unknown, flag.name);
    if (distance < least) {
      least = distance;
      best = flag.name;
    }
  }
  return best.empty() ? "" : "; did you mean " + std::string(best) + "?";
}

std::string flags_help() {
  std::string text;
  for (const auto& [group, title] : kTitles) {
    std::string rows;
    for (const Flag& flag : all_flags()) {
      if (flag.group != group || !flag.apply) continue;
      std::string left = "  " + std::string(flag.name) + (flag.value.empty() ? "" : "=" + std::string(flag.value));
      left.resize(std::max<size_t>(left.size() + 2, 34), ' ');
      rows += left + std::string(flag.meaning) + "\n";
    }
    if (!rows.empty()) text += std::string(title) + "\n" + rows + "\n";
  }
  text += "Known and refused, each with its reason when it is given:\n";
  std::string line = " ";
  for (const Flag& flag : all_flags()) {
    if (flag.apply) continue;
    if (line.size() + flag.name.size() > 110) {
      text += line + "\n";
      line = " ";
    }
    line += " " + std::string(flag.name);
  }
  return text + line + "\n";
}

}  // namespace tool
