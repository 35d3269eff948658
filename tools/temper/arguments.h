// The arguments of the small subcommands: a file, switches and --name=value; what nobody took is an error.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "commands.h"

namespace tool {

class ArgumentReader {
 public:
  // `usage`: shown with every error, and by itself for --help (which throws HelpShown).
  ArgumentReader(Arguments arguments, std::string usage);

  bool take_switch(std::string_view name);
  std::string take_value(std::string_view name, std::string otherwise);
  std::vector<std::string> take_values(std::string_view name);
  std::string take_file(std::string_view what);
  void finish() const;

  struct HelpShown {};

 private:
  Arguments left_;
  std::string usage_;
};

}  // namespace tool
