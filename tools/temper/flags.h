// The one table of trtexec's flags: what exists, in which of its versions, and what Temper does with it. A flag that Temper
// does not support is in the table with the reason, and is refused by name; help and suggestions come from the table too.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "options.h"

namespace tool {

enum FlagVersions : unsigned { kIn8 = 1, kIn10 = 2, kIn11 = 4, kOurs = 8, kInBoth = kIn10 | kIn11, kInAll = kIn8 | kInBoth };
enum class FlagGroup {
  kModel,
  kBuild,
  kPrecision,
  kPortability,
  kParser,
  kDevice,
  kSystem,
  kInference,
  kAccuracy,
  kTuning,
  kReport
};

struct Flag {
  std::string_view name;  // with its dashes
  unsigned versions;      // FlagVersions
  FlagGroup group;
  std::string_view value;  // what follows '=' in words; empty: a switch
  std::string_view meaning;
  void (*apply)(Options& options, std::string_view value, std::string_view flag) = nullptr;  // nullptr: refused
  std::string_view refusal{};                                                                // why, when it is refused
};

std::span<const Flag> all_flags();
std::span<const Flag> refused_flags();
const Flag* find_flag(std::string_view name);
// The flags most like an unknown one, as a question (", did you mean --x?"), or nothing.
std::string suggestion(std::string_view unknown);
std::string flags_help();

}  // namespace tool
