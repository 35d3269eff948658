// The subcommands. Each takes the arguments after its name, returns the exit status, and throws Problem or Interrupted.
#pragma once

#include <string>
#include <vector>

namespace tool {

using Arguments = std::vector<std::string>;

int run_trtexec(const Arguments& arguments);
int run_explain(const Arguments& arguments);
int run_verify(const Arguments& arguments);
int run_print(const Arguments& arguments);
int run_run(const Arguments& arguments);

// The whole program: chooses the subcommand, prints problems, returns the exit status.
int run_tool(const std::string& program, const Arguments& arguments);

}  // namespace tool
