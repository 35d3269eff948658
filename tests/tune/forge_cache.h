// Makes the checksums of the lines of a timing cache right again, as an attacker would.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include "base/hash.h"

namespace temper {

// Each line gets its checksum in place of the 16 characters that it begins with. Lines without one are left as they are.
inline std::string reseal_cache(std::string_view text) {
  std::string sealed;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    const bool whole = end != std::string_view::npos;
    text.remove_prefix(whole ? end + 1 : text.size());
    if (line.size() >= 17 && line[16] == ' ') {
      line.remove_prefix(17);
      const uint64_t hash = line.starts_with("end ") ? hash64(sealed, hash64(line)) : hash64(line);
      char digits[18];
      std::snprintf(digits, sizeof digits, "%016llx ", static_cast<unsigned long long>(hash));
      sealed += digits;
    }
    sealed += line;
    if (whole) sealed += '\n';
  }
  return sealed;
}

}  // namespace temper
