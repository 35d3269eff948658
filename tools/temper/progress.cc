#include "progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "output_file.h"

namespace tool {

Progress::Progress(Logger& logger) : logger_(logger), terminal_(isatty(STDERR_FILENO) == 1) {
  if (terminal_) logger_.set_before_line([this] { clear(); });
}

Progress::~Progress() {
  if (!terminal_) return;
  logger_.set_before_line(nullptr);
  clear();
}

void Progress::phaseStart(const char* name, const char* parent, int32_t steps) noexcept {
  phases_.push_back({name ? name : "", std::max(steps, 0), 0});
  draw(false);
}

bool Progress::stepComplete(const char* name, int32_t step) noexcept {
  for (Phase& phase : phases_) {
    if (name && phase.name == name) phase.done = step + 1;
  }
  draw(false);
  return !interrupted();
}

void Progress::phaseFinish(const char* name) noexcept {
  const auto last =
      std::find_if(phases_.rbegin(), phases_.rend(), [&](const Phase& phase) { return name && phase.name == name; });
  if (last != phases_.rend()) phases_.erase(std::next(last).base());
  draw(phases_.empty());
}

std::string Progress::text() const {
  std::string line;
  for (const Phase& phase : phases_) {
    if (!line.empty()) line += " > ";
    line += phase.name;
    if (phase.steps > 1) line += " " + std::to_string(std::min(phase.done, phase.steps)) + "/" + std::to_string(phase.steps);
  }
  return line;
}

void Progress::draw(bool always) {
  if (!terminal_) return;
  const auto now = std::chrono::steady_clock::now();
  if (!always && now - drawn_ < std::chrono::milliseconds(100)) return;
  drawn_ = now;
  std::lock_guard lock(logger_.mutex());
  clear();
  const std::string line = text().substr(0, 110);
  if (line.empty()) return;
  std::fprintf(stderr, "%s", line.c_str());
  std::fflush(stderr);
  visible_ = true;
}

void Progress::clear() {
  if (!visible_) return;
  std::fprintf(stderr, "\r\033[K");
  std::fflush(stderr);
  visible_ = false;
}

}  // namespace tool
