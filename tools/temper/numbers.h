// Numbers as text and back, independent of the locale. Floating point is printed with the fewest digits that read back to the
// same bits; infinities and NaN as Infinity, -Infinity and NaN, which most JSON readers take.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tool {

void append(std::string& text, float value);
void append(std::string& text, double value);
void append(std::string& text, int64_t value);

// Whole text or Problem, which says what `what` should be ("--iterations").
int64_t parse_integer(std::string_view text, std::string_view what, int64_t least, int64_t largest);
double parse_real(std::string_view text, std::string_view what);
// "512", "512M", "1.5G", "64K", "100B": bytes; without a unit, times `unit`.
uint64_t parse_size(std::string_view text, std::string_view what, uint64_t unit);

// "1.234": a fixed number of digits behind the point, for reports.
std::string fixed(double value, int digits);

}  // namespace tool
