#include <cstdio>
#include <exception>
#include <new>

#include "arguments.h"
#include "commands.h"
#include "flags.h"
#include "logger.h"
#include "output_file.h"
#include "problem.h"
#include "temper/temper.h"

namespace tool {
namespace {

struct Command {
  const char* name;
  const char* meaning;
  int (*run)(const Arguments&);
};
constexpr Command kCommands[] = {
    {"trtexec", "build a plan from a model, run it, measure it; the flags and the report are trtexec's", run_trtexec},
    {"explain", "per kernel of a plan: nodes, tactic, candidates with times, declines with reasons", run_explain},
    {"verify", "check a plan file completely", run_verify},
    {"print", "print the graph, the regions or the plan; for a model, the graph around each pass", run_print},
    {"run", "one inference on .npy files", run_run},
};

void print_help() {
  std::printf("Temper %s: an inference optimizer and runtime\n\nusage: temper COMMAND [arguments]; temper COMMAND --help\n\n",
              temper::versionText());
  for (const Command& command : kCommands) std::printf("  %-10s%s\n", command.name, command.meaning);
  std::printf("\nA program file named trtexec is 'temper trtexec'.\n");
}

int dispatch(const std::string& program, const Arguments& arguments) {
  if (program.ends_with("trtexec")) return run_trtexec(arguments);
  if (arguments.empty() || arguments[0] == "--help" || arguments[0] == "-h" || arguments[0] == "help") {
    print_help();
    return arguments.empty() ? 1 : 0;
  }
  if (arguments[0] == "--version") {
    std::printf("Temper %s (TensorRT API %d.%d)\n", temper::versionText(), NV_TENSORRT_MAJOR, NV_TENSORRT_MINOR);
    return 0;
  }
  for (const Command& command : kCommands) {
    if (arguments[0] == command.name) return command.run({arguments.begin() + 1, arguments.end()});
  }
  throw bad_argument("there is no command '" + arguments[0] + "'; 'temper --help' lists the commands");
}

int fail(const std::string& code, const std::string& text) {
  std::fflush(stdout);
  Logger().error(code + ": " + text);
  return 1;
}

}  // namespace

int run_tool(const std::string& program, const Arguments& arguments) {
  catch_interrupts();
  try {
    return dispatch(program, arguments);
  } catch (const ArgumentReader::HelpShown&) {
    return 0;
  } catch (const Problem& problem) {
    return fail(problem.code(), problem.what());
  } catch (const Interrupted&) {
    fail("E_CANCELLED", "stopped by a signal; no file was left half-written");
    return 130;
  } catch (const std::bad_alloc&) {
    return fail("E_OUT_OF_MEMORY", "no memory is left; choose smaller shapes or a machine with more");
  } catch (const std::exception& error) {
    return fail("E_INTERNAL", error.what());
  }
}

}  // namespace tool
