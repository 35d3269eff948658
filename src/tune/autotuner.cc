#include "tune/autotuner.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "tune/race.h"
#include "tune/spot_check.h"

namespace temper {
namespace {

constexpr size_t kTimed[] = {1, 2, 4, 8, 16, SIZE_MAX};  // by level
constexpr size_t kCheckedFrom = 2;
constexpr double kHopeless = 10;  // times the best estimate

// Whether it means something to run the region alone at its best shapes. What a compaction or an opaque stage notes down beside
// its outputs only a plan has a place for; and where shapes are not known, the best ones may be empty.
bool measurable(const Candidate& candidate) {
  for (const Stage& stage : candidate.region->stages) {
    if (std::holds_alternative<Compact>(stage) || std::holds_alternative<Opaque>(stage)) return false;
  }
  for (const TensorType& type : candidate.region->value_types()) {
    for (SymInt d : type.dims) {
      if (candidate.best(d) <= 0) return false;
    }
  }
  return true;
}

size_t level_of(const BuildOptions& build) { return size_t(std::clamp(build.optimization_level, 0, 5)); }

}  // namespace

std::string source_fingerprints(const Device& device, const BuildOptions& build) {
  std::string text;
  for (const TacticSource* source : asked_sources(device, build))
    text.append(source->name()).append(" ").append(source->fingerprint()).append("\n");
  return text;
}

int64_t peak_ns_per_gigaoperation(const Device& device, TimingCache& cache, bool measure) {
  const Runner* runner = runner_for(device);
  if (!runner) return 0;
  constexpr std::string_view kName = "peak: 10^9 operations f32";
  const Hash128 key =
      Hasher().add(kName).add(device.target).add_number(uint64_t(device.threads)).add(runner->machine()).finish();
  if (const Timing* known = cache.timing(key, kName)) return known->least_ns;
  if (!measure) return 0;
  const int64_t ns = runner->ns_per_gigaoperation(device);
  if (ns > 0) cache.set_timing(key, kName, {.least_ns = ns, .median_ns = ns, .spread_ns = 0, .runs = 1});
  return ns;
}

Autotuner::Autotuner(TuneOptions options, TimingCache& cache, const std::vector<std::string>* decision)
    : options_(std::move(options)),
      cache_(cache),
      decision_(decision),
      runner_(runner_for(options_.device)),
      growth_left_(options_.growth_bytes) {}

// All that the time of a tactic depends on, save the tactic and its source.
std::string Autotuner::problem_text(const Candidate& candidate) const {
  std::string text = candidate.region->to_string();
  const auto add = [&](SymInt e) {
    text.append(" ").append(std::to_string(candidate.best(e)));
    if (!e.is_const()) text.append("=").append(e.to_string());
  };
  text.append("\nsymbols");
  for (SymInt symbol : candidate.context->symbols()) add(symbol);
  for (size_t i = 0; i < candidate.layouts.size(); ++i) {
    const Layout& layout = candidate.layouts[i];
    text.append(i < candidate.constants.size() && candidate.constants[i] ? "\nconstant" : "\nlayout");
    for (SymInt stride : layout.strides) add(stride);
    // Where a slice begins matters only within a cache line.
    text.append(" from ").append(std::to_string(candidate.best(layout.offset) % 64));
  }
  text.append("\n").append(options_.device.target).append(" ").append(std::to_string(options_.device.threads));
  return text.append(options_.cold_constants ? " cold " : " warm ").append(runner_ ? runner_->machine() : "");
}

// Which are not hopeless.
std::vector<bool> Autotuner::eligible(const std::vector<Offer>& offers) const {
  double best = std::numeric_limits<double>::infinity();
  for (const Offer& o : offers) best = o.tactic.estimate_us > 0 ? std::min(best, o.tactic.estimate_us) : best;
  std::vector<bool> good(offers.size());
  for (size_t i = 0; i < offers.size(); ++i) good[i] = offers[i].tactic.estimate_us <= kHopeless * best;
  return good;
}

// The default first, then by estimate; behind those, a few for each step down in growth, so that there is a choice whatever the
// plan may still grow by.
std::vector<size_t> Autotuner::worth_timing(const std::vector<Offer>& offers) const {
  const std::vector<bool> good = eligible(offers);
  std::vector<size_t> order;
  for (size_t i = 0; i < offers.size(); ++i) {
    if (good[i]) order.push_back(i);
  }
  std::stable_sort(order.begin() + 1, order.end(),
                   [&](size_t a, size_t b) { return offers[a].tactic.estimate_us < offers[b].tactic.estimate_us; });
  const size_t most = kTimed[level_of(options_.build)];
  std::vector<size_t> timed(order.begin(), order.begin() + ptrdiff_t(std::min(order.size(), most)));
  const auto growth = [&](size_t i) { return offers[i].tactic.growth_bytes; };
  for (bool any = true; any;) {
    any = false;
    int64_t least = std::numeric_limits<int64_t>::max(), step = std::numeric_limits<int64_t>::min();
    for (size_t i : timed) least = std::min(least, growth(i));
    if (least <= 0) break;
    for (size_t i : order) step = growth(i) <= least / 2 ? std::max(step, growth(i)) : step;
    size_t more = std::max<size_t>(1, most / 4);
    for (size_t k = 0; k < order.size() && more > 0; ++k) {
      if (growth(order[k]) > step || (step > 0 && growth(order[k]) < step / 2)) continue;
      timed.push_back(order[k]);
      any = true, --more;
    }
  }
  return timed;
}

// Of those timed, the first of which is the default: which of them may be chosen, and at what time. A pure function of the
// cache, so that measuring and remembering choose alike. Another takes the default's place only if it is quicker by more than
// what repetition varies, and 2 %.
Autotuner::Times Autotuner::times_of(const std::vector<Offer>& offers, const std::vector<size_t>& timed) const {
  Times times;
  for (size_t i : timed) {
    const Timing* t = cache_.timing(offers[i].problem, offers[i].text);
    if (!t || t->failed()) continue;
    const int64_t ahead = i == timed.front() ? std::max(t->least_ns / 50, t->spread_ns) : 0;
    times.offers.push_back(i);
    times.options.push_back({offers[i].tactic.growth_bytes, double(t->least_ns - ahead)});
  }
  if (!times.offers.empty()) return times;
  for (size_t i : timed) {
    const Timing* t = cache_.timing(offers[i].problem, offers[i].text);
    if (t && t->failed() && i != timed.front()) continue;
    times.offers.push_back(i);
    times.options.push_back({offers[i].tactic.growth_bytes, offers[i].tactic.estimate_us * 1e3});
  }
  return times;
}

std::vector<std::string> Autotuner::decision() const {
  std::vector<std::vector<GrowthOption>> options;
  for (const Surveyed& unit : surveyed_) options.push_back(unit.options);
  const std::vector<size_t> taken = share_growth(options, options_.growth_bytes);
  std::vector<std::string> texts;
  for (size_t u = 0; u < surveyed_.size(); ++u) texts.push_back(surveyed_[u].texts[taken[u]]);
  return texts;
}

Expected<TacticChooser::Choice> Autotuner::choose(const Candidate& candidate, const std::string& name,
                                                  std::vector<plan::CandidateT>& seen) {
  std::vector<Offer> offers;
  const std::string problem = problem_text(candidate);
  std::string reasons;
  for (const TacticSource* source : asked_sources(options_.device, options_.build)) {
    auto offered = source->enumerate(candidate, options_.device, options_.build);
    if (const auto* declined = std::get_if<Decline>(&offered)) {
      plan::CandidateT c;
      c.source = source->name();
      c.decline = declined->reason;
      seen.push_back(std::move(c));
      reasons.append("\n  ").append(source->name()).append(": ").append(declined->reason);
      continue;
    }
    const Hash128 key = Hasher().add(problem).add(source->name()).add(source->fingerprint()).finish();
    for (Tactic& tactic : std::get<std::vector<Tactic>>(offered)) {
      std::string text = std::string(source->name()).append(": ").append(tactic.config);
      offers.push_back({source, std::move(tactic), std::move(text), key});
    }
  }
  if (offers.empty())
    return Error(ErrorCode::kUnsupported, "no kernel for " + candidate.region->to_string() + reasons).at("'" + name + "'");

  std::vector<size_t> timed = worth_timing(offers);
  size_t chosen = timed.front();
  bool decided = false;
  if (decision_ && chosen_.size() < decision_->size()) {
    const auto at =
        std::find_if(offers.begin(), offers.end(), [&](const Offer& o) { return o.text == (*decision_)[chosen_.size()]; });
    decided = at != offers.end();
    if (decided) chosen = size_t(at - offers.begin());
  }
  replayed_ = replayed_ && decided;
  // A tactic without rivals is measured too: its output is checked, and whoever asks where the time goes gets an answer.
  if (!decided && runner_ && level_of(options_.build) > 0) {
    const bool known =
        std::all_of(timed.begin(), timed.end(), [&](size_t i) { return cache_.timing(offers[i].problem, offers[i].text); });
    if (!known && options_.error_on_miss && timed.size() > 1) {
      return Error(ErrorCode::kNotFound,
                   "the timing cache does not hold this kernel, and the build may not measure; build with this cache once "
                   "without that flag")
          .at("'" + name + "'");
    }
    if (!known && !options_.error_on_miss) TEMPER_TRY_AT(measure(candidate, name, offers, timed), "'" + name + "'");
    const auto failed = [&](size_t i) {
      const Timing* t = cache_.timing(offers[i].problem, offers[i].text);
      return t && t->failed();
    };
    if (std::all_of(timed.begin(), timed.end(), failed)) {
      // None of the good ones is right: the first of the others that is.
      for (size_t i = 0; i < offers.size() && failed(timed.back()); ++i) {
        if (std::find(timed.begin(), timed.end(), i) != timed.end()) continue;
        timed.push_back(i);
        if (!cache_.timing(offers[i].problem, offers[i].text))
          TEMPER_TRY_AT(measure(candidate, name, offers, {i}), "'" + name + "'");
      }
    }
  }
  if (!decided) {
    const Times times = times_of(offers, timed);
    if (options_.survey) {
      Surveyed unit{{}, times.options};
      for (size_t i : times.offers) unit.texts.push_back(offers[i].text);
      const auto quickest = std::min_element(times.options.begin(), times.options.end(),
                                             [](const auto& a, const auto& b) { return a.ns < b.ns; });
      const Offer& likely = offers[times.offers[size_t(quickest - times.options.begin())]];
      likely.source->foresee(candidate, likely.tactic, options_.device);
      surveyed_.push_back(std::move(unit));
      return Choice{};
    }
    chosen = times.offers[share_growth(std::span(&times.options, 1), growth_left_)[0]];
  }
  for (size_t i = 0; i < offers.size(); ++i) {
    plan::CandidateT c;
    c.source = offers[i].source->name();
    c.tactic = offers[i].tactic.config;
    c.estimate = offers[i].tactic.estimate_us;
    c.chosen = i == chosen;
    if (const Timing* t = cache_.timing(offers[i].problem, offers[i].text)) {
      if (t->failed())
        c.decline = "its result was wrong, or it could not run";
      else
        c.microseconds = double(t->least_ns) / 1e3;
    }
    seen.push_back(std::move(c));
  }
  growth_left_ -= std::max<int64_t>(0, offers[chosen].tactic.growth_bytes);
  chosen_.push_back(offers[chosen].text);
  return Choice{offers[chosen].source, offers[chosen].tactic};
}

Status Autotuner::measure(const Candidate& candidate, const std::string& name, const std::vector<Offer>& offers,
                          const std::vector<size_t>& which) {
  if (!measurable(candidate)) return {};
  // Where there is no choice, nothing is lost if it can't be measured.
  const Severity trouble = which.size() > 1 ? Severity::kWarning : Severity::kVerbose;
  std::vector<Tensor> inputs = sample_inputs(candidate);
  auto bench = runner_->open(candidate, inputs, options_.device, {.cold_constants = options_.cold_constants});
  if (!bench.ok()) {
    if (options_.log) options_.log->log(trouble, "'" + name + "' is not measured: " + bench.error().to_string());
    return {};
  }
  const auto report = [&](const Offer& offer, const std::string& what) {
    cache_.set_timing(offer.problem, offer.text, {.least_ns = -1});
    if (options_.log) options_.log->log(Severity::kError, "tactic '" + offer.text + "' of '" + name + "' is left out: " + what);
  };
  std::vector<std::pair<size_t, Error>> stopped;  // whose runs failed
  std::optional<SpotCheck> check;
  if (level_of(options_.build) >= kCheckedFrom) check.emplace(candidate, inputs, options_.build.tf32);
  inputs.clear();  // the bench has its own
  for (size_t i : which) offers[i].source->foresee(candidate, offers[i].tactic, options_.device);
  constexpr int64_t kHeldAtOnce = int64_t{64} << 20;
  Race race(RaceLimits::for_level(int(level_of(options_.build))));
  const auto keep = [&](const Race::Runner& r) { cache_.set_timing(offers[r.tag].problem, offers[r.tag].text, r.timing()); };
  for (size_t next = 0; next < which.size();) {
    // The leader stays in for the next heat.
    while (next < which.size() && (race.size() < 2 || race.held_bytes() < kHeldAtOnce)) {
      if (options_.cancelled && options_.cancelled()) return Error(ErrorCode::kCancelled, "the build was cancelled");
      const Offer& offer = offers[which[next]];
      const size_t tag = which[next++];
      auto steps = offer.source->realize(candidate, offer.tactic, options_.device);
      if (!steps.ok()) {
        report(offer, steps.error().to_string());
        continue;
      }
      auto trial = (*bench)->prepare(std::move(*steps));
      if (!trial.ok()) {
        report(offer, trial.error().to_string());
        continue;
      }
      (*bench)->spoil_outputs();
      auto first = (*trial)->time_us();
      if (!first.ok()) {
        stopped.emplace_back(tag, std::move(first).error());
        continue;
      }
      if (auto fault = check ? check->fault(**bench) : std::nullopt) {
        report(offer, *fault);
        continue;
      }
      race.enter(tag, std::move(*trial), *first);
      ++measured_;
    }
    for (Race::Failure& failure : race.run()) stopped.emplace_back(failure.tag, std::move(failure.error));
    race.retire_all_but_leader(keep);
  }
  // Where every run fails, the random data make no sense to the region: nothing is learnt.
  const bool any = race.size() > 0;
  race.retire_all(keep);
  for (const auto& [tag, error] : stopped) {
    if (any)
      report(offers[tag], error.to_string());
    else if (options_.log)
      options_.log->log(trouble, "'" + name + "' could not be measured: " + error.to_string());
  }
  return {};
}

}  // namespace temper
