// The text behind temper::explain and temper::print: what the plan says about its steps.
#pragma once

#include <string>
#include <string_view>

#include "runtime/engine.h"

namespace temper::api {

// In quotes, with escapes; bytes that are not UTF-8 become U+FFFD.
std::string json_text(std::string_view text);

std::string explain_text(const Engine& engine);
std::string explain_json(const Engine& engine);
// Regions of all kernels; the plan: segments, bindings, buffers and steps.
std::string print_regions(const Engine& engine);
std::string print_plan(const Engine& engine);

}  // namespace temper::api
