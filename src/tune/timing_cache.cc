#include "tune/timing_cache.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace temper {
namespace {

constexpr std::string_view kTitle = "temper timing cache ", kVersion = "1";
constexpr size_t kHashDigits = 16;

std::string digits(uint64_t number) {
  std::string text(kHashDigits, '0');
  for (size_t k = kHashDigits; k-- > 0; number >>= 4) text[k] = "0123456789abcdef"[number & 15];
  return text;
}

bool is_plain(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
}

void append_line(std::string& text, const std::string& line) {
  text.append(digits(hash64(line))).append(" ").append(line).append("\n");
}

std::string_view take_word(std::string_view& rest) {
  const size_t end = std::min(rest.find(' '), rest.size());
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return word;
}

std::optional<int64_t> take_number(std::string_view& rest) {
  const std::string_view word = take_word(rest);
  int64_t number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return number;
}

Error damaged(size_t line, std::string_view what) {
  std::string message("the timing cache is damaged: ");
  message.append(what).append("; delete it, the next build makes a new one");
  return Error(ErrorCode::kCorrupt, std::move(message)).at("line " + std::to_string(line));
}

std::optional<Timing> parse_timing(std::string_view& rest) {
  constexpr int64_t kLongest = int64_t{1} << 53;
  const auto least = take_number(rest), median = take_number(rest), spread = take_number(rest), runs = take_number(rest);
  if (!least || !median || !spread || !runs) return std::nullopt;
  const Timing t{*least, *median, *spread, *runs};
  if (t == Timing{-1, 0, 0, 0}) return t;
  const bool sound = t.least_ns >= 0 && t.median_ns >= t.least_ns && t.median_ns < kLongest && t.spread_ns >= 0 &&
                     t.spread_ns < kLongest && t.runs > 0;
  return sound ? std::optional(t) : std::nullopt;
}

}  // namespace

Expected<TimingCache> TimingCache::parse(std::string_view text) {
  TimingCache cache;
  bool ended = false;
  int64_t records = 0;
  size_t number = 0;
  for (std::string_view rest = text; !rest.empty();) {
    ++number;
    const size_t end = rest.find('\n');
    if (end == std::string_view::npos) return damaged(number, "it ends in the middle of a line");
    const size_t begin = size_t(rest.data() - text.data());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    if (ended) return damaged(number, "something follows the end");
    if (line.size() < kHashDigits + 1 || line[kHashDigits] != ' ') return damaged(number, "a line has no checksum");
    const std::string_view sum = line.substr(0, kHashDigits);
    line.remove_prefix(kHashDigits + 1);
    const bool last = line.starts_with("end ");
    if (sum != digits(last ? hash64(text.substr(0, begin), hash64(line)) : hash64(line)))
      return damaged(number, "a checksum is wrong");
    if (number == 1) {
      if (!line.starts_with(kTitle)) return damaged(number, "it does not say that it is one");
      if (line.substr(kTitle.size()) != kVersion) {
        return Error(ErrorCode::kIncompatible, "the timing cache has version " + std::string(line.substr(kTitle.size())) +
                                                   ", this is for version 1; delete it, the next build makes a new one");
      }
      continue;
    }
    const std::string_view kind = take_word(line);
    if (kind == "end") {
      if (take_number(line) != records || !line.empty()) return damaged(number, "the number of records is wrong");
      ended = true;
      continue;
    }
    ++records;
    const auto key = Hash128::from_hex(take_word(line));
    if (!key) return damaged(number, "a key is not 32 digits");
    if (kind == "timing") {
      const auto timing = parse_timing(line);
      if (!timing || !is_plain(line)) return damaged(number, "a timing makes no sense");
      if (!cache.timings_.emplace(std::pair(*key, std::string(line)), *timing).second)
        return damaged(number, "a record is there twice");
    } else if (kind == "decision") {
      const auto count = take_number(line);
      std::vector<std::string> tactics;
      while (!line.empty()) {
        const size_t tab = std::min(line.find('\t'), line.size());
        if (!is_plain(line.substr(0, tab))) return damaged(number, "a tactic has no good name");
        tactics.emplace_back(line.substr(0, tab));
        line.remove_prefix(std::min(tab + 1, line.size()));
      }
      if (count != int64_t(tactics.size())) return damaged(number, "the number of tactics is wrong");
      if (!cache.decisions_.emplace(*key, std::move(tactics)).second) return damaged(number, "a record is there twice");
    } else {
      return damaged(number, "there is no such kind of record");
    }
  }
  if (!ended) return damaged(number + 1, "the end is missing");
  return cache;
}

std::string TimingCache::serialize() const {
  std::string text;
  append_line(text, std::string(kTitle).append(kVersion));
  for (const auto& [key, t] : timings_) {
    std::string line = "timing " + key.first.hex();
    for (int64_t number : {t.least_ns, t.median_ns, t.spread_ns, t.runs}) line.append(" ").append(std::to_string(number));
    append_line(text, line.append(" ").append(key.second));
  }
  for (const auto& [key, tactics] : decisions_) {
    std::string line = "decision " + key.hex() + " " + std::to_string(tactics.size());
    for (size_t i = 0; i < tactics.size(); ++i) line.append(i == 0 ? " " : "\t").append(tactics[i]);
    append_line(text, line);
  }
  const std::string end = "end " + std::to_string(size());
  return text.append(digits(hash64(text, hash64(end)))).append(" ").append(end).append("\n");
}

void TimingCache::merge(const TimingCache& other) {
  for (const auto& [key, timing] : other.timings_) {
    auto [at, fresh] = timings_.emplace(key, timing);
    const auto order = [](const Timing& t) { return std::tuple(t.failed(), t.spread_ns, t.least_ns, t.median_ns, -t.runs); };
    if (!fresh && order(timing) < order(at->second)) at->second = timing;
  }
  for (const auto& decision : other.decisions_) decisions_.insert(decision);
}

void TimingCache::add_missing(const TimingCache& other) {
  timings_.insert(other.timings_.begin(), other.timings_.end());
  decisions_.insert(other.decisions_.begin(), other.decisions_.end());
}

void TimingCache::clear() {
  timings_.clear();
  decisions_.clear();
}

const Timing* TimingCache::timing(const Hash128& problem, std::string_view tactic) const {
  const auto at = timings_.find(std::pair(problem, std::string(tactic)));
  return at == timings_.end() ? nullptr : &at->second;
}

const std::vector<std::string>* TimingCache::decision(const Hash128& build) const {
  const auto at = decisions_.find(build);
  return at == decisions_.end() ? nullptr : &at->second;
}

void TimingCache::set_timing(const Hash128& problem, std::string_view tactic, const Timing& timing) {
  if (is_plain(tactic)) timings_.insert_or_assign(std::pair(problem, std::string(tactic)), timing);
}

void TimingCache::set_decision(const Hash128& build, std::vector<std::string> tactics) {
  if (std::all_of(tactics.begin(), tactics.end(), [](const std::string& t) { return is_plain(t); })) {
    decisions_.insert_or_assign(build, std::move(tactics));
  }
}

}  // namespace temper
