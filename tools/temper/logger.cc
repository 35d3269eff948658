#include "logger.h"

#include <cstdio>
#include <ctime>

namespace tool {

void Logger::print(Severity severity, std::string_view text) {
  if (severity > least_) return;
  constexpr const char* kMarks[] = {"[F]", "[E]", "[W]", "[I]", "[V]"};
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  localtime_r(&now, &parts);
  char stamp[32];
  std::strftime(stamp, sizeof stamp, "[%m/%d/%Y-%H:%M:%S]", &parts);
  std::lock_guard lock(mutex_);
  if (before_line_) before_line_();
  const bool grave = severity <= Severity::kWARNING;
  if (grave) std::fflush(stdout);
  FILE* stream = grave ? stderr : stdout;
  while (true) {  // a line for each line of the text
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    std::fprintf(stream, "%s %s %.*s\n", stamp, kMarks[int(severity)], int(line.size()), line.data());
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
}

void Logger::log(Severity severity, const char* text) noexcept { print(severity, text ? text : ""); }
void Logger::info(std::string_view text) { print(Severity::kINFO, text); }
void Logger::warning(std::string_view text) { print(Severity::kWARNING, text); }
void Logger::error(std::string_view text) { print(Severity::kERROR, text); }

void Logger::set_before_line(std::function<void()> action) {
  std::lock_guard lock(mutex_);
  before_line_ = std::move(action);
}

}  // namespace tool
