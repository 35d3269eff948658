#include "arguments.h"

#include <algorithm>
#include <cstdio>

#include "problem.h"

namespace tool {

ArgumentReader::ArgumentReader(Arguments arguments, std::string usage) : left_(std::move(arguments)), usage_(std::move(usage)) {
  if (take_switch("--help") || take_switch("-h")) {
    std::printf("usage: %s\n", usage_.c_str());
    throw HelpShown();
  }
}

bool ArgumentReader::take_switch(std::string_view name) { return std::erase(left_, name) > 0; }

std::vector<std::string> ArgumentReader::take_values(std::string_view name) {
  std::vector<std::string> values;
  const std::string prefix = std::string(name) + "=";
  for (const std::string& argument : left_) {
    if (argument.starts_with(prefix)) values.push_back(argument.substr(prefix.size()));
  }
  std::erase_if(left_, [&](const std::string& argument) { return argument.starts_with(prefix); });
  return values;
}

std::string ArgumentReader::take_value(std::string_view name, std::string otherwise) {
  std::vector<std::string> values = take_values(name);
  if (values.size() > 1) throw bad_argument(std::string(name) + " is given twice");
  return values.empty() ? std::move(otherwise) : std::move(values.front());
}

std::string ArgumentReader::take_file(std::string_view what) {
  const auto found = std::find_if(left_.begin(), left_.end(), [](const std::string& a) { return !a.starts_with('-'); });
  if (found == left_.end()) throw bad_argument("no " + std::string(what) + " is given; usage: " + usage_);
  std::string file = std::move(*found);
  left_.erase(found);
  return file;
}

void ArgumentReader::finish() const {
  if (!left_.empty()) throw bad_argument("'" + left_.front() + "' is not understood; usage: " + usage_);
}

}  // namespace tool
