// FakeDevice: a device "fake" whose times and results are scripted, and two sources for it, "fast" and "plain" ("fast" is asked
// first).
//
// A configuration is a text such as "a us=120,118 growth=64 wrong": runs take 120, then 118, then 118, ... microseconds,
// prepared weights take 64 bytes more, and what it computes is wrong. "breaks" makes every run an error, "unready" preparing
// it, "est=..." the estimate.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kernel/exact.h"
#include "tune/runner.h"

namespace temper::testing {

inline std::optional<std::string> word_of(const std::string& config, const std::string& name) {
  const std::string text = " " + config + " ";
  const size_t at = text.find(" " + name + "=");
  if (at == std::string::npos) return std::nullopt;
  const size_t begin = at + name.size() + 2;
  return text.substr(begin, text.find(' ', begin) - begin);
}
inline bool has_word(const std::string& config, const std::string& word) {
  return (" " + config + " ").find(" " + word + " ") != std::string::npos;
}

// The script, and what happened.
struct FakeDevice {
  std::map<std::string, std::vector<std::string>> configs;  // by source; none: it declines
  std::map<std::string, int> runs;                          // by configuration
  int opened = 0;
  std::string fingerprint = "1";

  static FakeDevice& instance() {
    static FakeDevice device;
    return device;
  }
  void reset() { *this = {}; }
  int total_runs() const {
    int total = 0;
    for (const auto& [config, count] : runs) total += count;
    return total;
  }
};

class FakeSource final : public TacticSource {
 public:
  explicit FakeSource(std::string name) : name_(std::move(name)) {}
  std::string_view name() const override { return name_; }
  std::string fingerprint() const override { return FakeDevice::instance().fingerprint; }
  std::variant<std::vector<Tactic>, Decline> enumerate(const Candidate&, const Device&, const BuildOptions&) const override {
    const auto& configs = FakeDevice::instance().configs[name_];
    if (configs.empty()) return Decline{"nothing in the script"};
    std::vector<Tactic> tactics;
    for (const std::string& c : configs) {
      tactics.push_back(
          {name_, c, std::stod(word_of(c, "est").value_or("10")), std::stoll(word_of(c, "growth").value_or("0"))});
    }
    return tactics;
  }
  Expected<std::vector<KernelStep>> realize(const Candidate&, const Tactic& tactic, const Device&) const override {
    return std::vector<KernelStep>{{tactic.config, {}, {}, {}}};
  }

 private:
  std::string name_;
};

class FakeTrial final : public Trial {
 public:
  FakeTrial(std::string config, std::string& last) : config_(std::move(config)), last_(last) {
    std::string list = word_of(config_, "us").value_or("10") + ",";
    for (size_t comma; (comma = list.find(',')) != std::string::npos; list.erase(0, comma + 1))
      us_.push_back(std::stod(list.substr(0, comma)));
  }
  Expected<double> time_us() override {
    ++FakeDevice::instance().runs[config_];
    if (has_word(config_, "breaks")) return Error(ErrorCode::kInvalidArgument, "an index is out of range");
    last_ = config_;
    const double us = us_.front();
    if (us_.size() > 1) us_.pop_front();
    return us;
  }
  int64_t held_bytes() const override { return std::stoll(word_of(config_, "held").value_or("0")); }

 private:
  std::string config_;
  std::string& last_;
  std::deque<double> us_;
};

class FakeBench final : public Bench {
 public:
  FakeBench(const Candidate& candidate, const std::vector<Tensor>& inputs) {
    auto exact = ExactRegion::make(*candidate.region, {}, inputs);
    if (!exact.ok()) return;
    auto all = exact->evaluate_all();
    if (all.ok()) outputs_ = *all;
  }
  Expected<std::unique_ptr<Trial>> prepare(std::vector<KernelStep> steps) override {
    if (has_word(steps[0].kernel, "unready")) return Error(ErrorCode::kUnsupported, "it does not fit");
    return std::unique_ptr<Trial>(new FakeTrial(steps[0].kernel, last_));
  }
  void spoil_outputs() override { last_ = "nothing"; }
  ScalarValue output(size_t output, std::span<const int64_t> index) const override {
    const Tensor& t = outputs_.at(output);
    int64_t at = 0;
    for (size_t d = 0; d < index.size(); ++d) at = at * t.dims()[d] + index[d];
    ScalarValue value = t.at(at);
    // Wrong only in the last element: what is left out of a tail.
    if (last_ == "nothing" || (has_word(last_, "wrong") && at + 1 == t.count())) value.f += 1;
    return value;
  }

 private:
  std::vector<Tensor> outputs_;
  std::string last_ = "nothing";
};

class FakeRunner final : public Runner {
 public:
  int64_t cache_bytes(const Device&) const override { return 1 << 20; }
  bool serves(const Device& device) const override { return device.target == "fake"; }
  std::string machine() const override { return "a machine that is not"; }
  Expected<std::unique_ptr<Bench>> open(const Candidate& candidate, const std::vector<Tensor>& inputs, const Device&,
                                        const BenchOptions&) const override {
    ++FakeDevice::instance().opened;
    return std::unique_ptr<Bench>(new FakeBench(candidate, inputs));
  }
};

}  // namespace temper::testing
