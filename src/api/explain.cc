#include "api/explain.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <optional>
#include <vector>

#include "base/dtype.h"

namespace temper::api {
namespace {

std::string number(double value, const char* format) {
  char text[64];
  std::snprintf(text, sizeof(text), format, value);
  return text;
}

// "12.5", or "-" for what was not measured.
std::string microseconds(double value) { return value < 0 ? "-" : number(value, "%.1f"); }

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

double chosen_time(const plan::StepT& step) {
  for (const auto& candidate : step.candidates) {
    if (candidate->chosen) return candidate->microseconds;
  }
  return -1;
}

// Length of the UTF-8 sequence at the start, or 0 when it is none.
size_t utf8_length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const size_t length = lead < 0x80                   ? 1
                        : lead >= 0xc2 && lead < 0xe0 ? 2
                        : lead >= 0xe0 && lead < 0xf0 ? 3
                        : lead >= 0xf0 && lead < 0xf5 ? 4
                                                      : 0;
  if (length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) return 0;
  }
  return length;
}

std::string slots_text(const std::vector<int>& slots) {
  std::string text = "[";
  for (size_t i = 0; i < slots.size(); ++i) text += (i ? ", s" : "s") + std::to_string(slots[i]);
  return text + "]";
}

std::string buffers_text(const std::vector<int>& buffers) {
  std::string text = "(";
  for (size_t i = 0; i < buffers.size(); ++i) text += (i ? ", b" : "b") + std::to_string(buffers[i]);
  return text + ")";
}

}  // namespace

std::string json_text(std::string_view text) {
  std::string result = "\"";
  while (!text.empty()) {
    const char c = text[0];
    const size_t length = utf8_length(text);
    if (length == 0) {
      result += "\xEF\xBF\xBD";
    } else if (c == '"' || c == '\\') {
      result += {'\\', c};
    } else if (c == '\n') {
      result += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof(escape), "\\u%04x", static_cast<unsigned>(c));
      result += escape;
    } else {
      result += text.substr(0, length);
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return result + "\"";
}

namespace {

// What the kernels of a plan cost together.
struct Totals {
  int kernels = 0, timed = 0;
  double microseconds = 0;                // of those that were timed
  double timed_operations = 0;            // of the same
  double operations = 0, bytes = 0;       // of all
  double peak_operations_per_second = 0;  // 0: not known
  int64_t plan_weights = 0;
  std::optional<int64_t> model_weights;
};

std::optional<int64_t> noted_number(const plan::PlanT& plan, std::string_view key) {
  for (const auto& note : plan.record) {
    int64_t value = 0;
    const char* end = note->value.data() + note->value.size();
    if (note->key == key && std::from_chars(note->value.data(), end, value).ptr == end) return value;
  }
  return std::nullopt;
}

Totals totals_of(const plan::PlanT& plan) {
  Totals t;
  for (const auto& step : plan.steps) {
    if (!computes(*step)) continue;
    ++t.kernels;
    t.operations += step->operations;
    t.bytes += step->bytes;
    const double time = chosen_time(*step);
    if (time < 0) continue;
    ++t.timed;
    t.microseconds += time;
    t.timed_operations += step->operations;
  }
  t.plan_weights = static_cast<int64_t>(plan.weights_bytes);
  t.model_weights = noted_number(plan, plan::kModelWeightsNote);
  if (auto ns = noted_number(plan, plan::kPeakNote); ns && *ns > 0)
    t.peak_operations_per_second = 1e18 / static_cast<double>(*ns);
  return t;
}

// Of the machine's best arithmetic, in percent; negative: not known.
double percent_of_peak(double operations, double microseconds, const Totals& totals) {
  if (microseconds <= 0 || totals.peak_operations_per_second == 0) return -1;
  return 100 * operations / (microseconds * 1e-6) / totals.peak_operations_per_second;
}

// Copies that the compiler put in cover no node.
std::string nodes_text(const plan::StepT& step) { return step.nodes.empty() ? step.name : joined(step.nodes); }

}  // namespace

std::string explain_text(const Engine& engine) {
  const plan::PlanT& plan = engine.plan();
  const Totals totals = totals_of(plan);
  std::vector<std::vector<std::string>> rows{{"", "time us", "time %", "Mop", "kB", "% of peak", "tactic", "nodes"}};
  std::vector<const plan::StepT*> steps;
  for (const auto& step : plan.steps) {
    if (!computes(*step)) continue;
    const double time = chosen_time(*step);
    const double peak = percent_of_peak(step->operations, time, totals);
    rows.push_back({std::to_string(steps.size() + 1), microseconds(time),
                    time < 0 ? "-" : number(100 * time / totals.microseconds, "%.1f"), number(step->operations / 1e6, "%.2f"),
                    number(step->bytes / 1e3, "%.1f"), peak < 0 ? "-" : number(peak, "%.0f"), step->tactic, nodes_text(*step)});
    steps.push_back(step.get());
  }
  constexpr size_t kTactic = 6;
  std::vector<size_t> widths(rows[0].size(), 0);
  for (const auto& row : rows) {
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  }
  std::string text = "built for " + joined(plan.targets) + ", " + std::to_string(plan.threads) +
                     (plan.threads == 1 ? " thread" : " threads") + "\n";
  for (const auto& note : plan.record) {
    const bool about_types = note->key == plan::kTypesAskedNote || note->key == plan::kProductsNote ||
                             note->key.starts_with(std::string(plan::kTypeNote) + " ");
    if (about_types) text += note->key + ": " + note->value + "\n";
  }
  text += "\n";
  for (size_t r = 0; r < rows.size(); ++r) {
    for (size_t c = 0; c < rows[r].size(); ++c) {
      const std::string pad(widths[c] - rows[r][c].size(), ' ');
      text += (c ? "  " : "") + (c < kTactic ? pad + rows[r][c] : c + 1 == rows[r].size() ? rows[r][c] : rows[r][c] + pad);
    }
    text += "\n";
    if (r == 0) continue;
    // The candidates' times stand below that of the kernel.
    for (const auto& candidate : steps[r - 1]->candidates) {
      const std::string time = microseconds(candidate->microseconds);
      text += std::string(widths[0] + 2 + widths[1] - std::min(widths[1], time.size()), ' ') + time +
              (candidate->chosen ? "  * " : "    ");
      text += candidate->source + ": ";
      if (!candidate->decline.empty())
        text += (candidate->tactic.empty() ? "declined: " : candidate->tactic + ", left out: ") + candidate->decline;
      else
        text += candidate->tactic + (candidate->estimate > 0 ? " (estimate " + microseconds(candidate->estimate) + ")" : "");
      text += "\n";
    }
  }
  text += "\n" + std::to_string(totals.kernels) + (totals.kernels == 1 ? " kernel: " : " kernels: ") +
          number(totals.operations / 1e6, "%.1f") + " Mop by definition, " + number(totals.bytes / 1e6, "%.2f") +
          " MB read and written";
  if (totals.timed > 0) {
    text += "; " + std::to_string(totals.timed) + " timed, one by one, " + number(totals.microseconds / 1e3, "%.3f") +
            " ms together";
    const double peak = percent_of_peak(totals.timed_operations, totals.microseconds, totals);
    if (peak >= 0) {
      text += ": " + number(peak, "%.1f") + " % of the " + number(totals.peak_operations_per_second / 1e9, "%.0f") +
              " Gop/s that the machine does at best in f32";
    }
  }
  text += "\nweights: " + number(static_cast<double>(totals.plan_weights) / 1e6, "%.2f") + " MB";
  if (totals.model_weights)
    text += ", in the model " + number(static_cast<double>(*totals.model_weights) / 1e6, "%.2f") + " MB";
  return text + "\n";
}

std::string explain_json(const Engine& engine) {
  auto known = [](double value, const char* format) { return value < 0 ? std::string("null") : number(value, format); };
  const plan::PlanT& plan = engine.plan();
  const Totals totals = totals_of(plan);
  std::string text = "{\"targets\": [";
  for (size_t i = 0; i < plan.targets.size(); ++i) text += (i ? ", " : "") + json_text(plan.targets[i]);
  text += "], \"threads\": " + std::to_string(plan.threads) + ", \"kernels\": [";
  bool first = true;
  for (const auto& step : plan.steps) {
    if (!computes(*step)) continue;
    text += first ? "\n" : ",\n";
    first = false;
    text += "{\"name\": " + json_text(step->name) + ", \"nodes\": [";
    for (size_t i = 0; i < step->nodes.size(); ++i) text += (i ? ", " : "") + json_text(step->nodes[i]);
    const double time = chosen_time(*step);
    text += "], \"tactic\": " + json_text(step->tactic) + ", \"timeUs\": " + known(time, "%.3f") +
            ", \"bytes\": " + number(step->bytes, "%.0f") + ", \"operations\": " + number(step->operations, "%.0f") +
            ", \"percentOfPeak\": " + known(percent_of_peak(step->operations, time, totals), "%.2f");
    std::string candidates, declines;
    for (const auto& candidate : step->candidates) {
      const std::string source = "\"source\": " + json_text(candidate->source);
      if (candidate->decline.empty()) {
        candidates += (candidates.empty() ? "{\"tactic\": " : ", {\"tactic\": ") + json_text(candidate->tactic) + ", " +
                      source + ", \"timeUs\": " + known(candidate->microseconds, "%.3f") +
                      ", \"estimateUs\": " + (candidate->estimate > 0 ? number(candidate->estimate, "%.3f") : "null") +
                      ", \"chosen\": " + (candidate->chosen ? "true" : "false") + "}";
      } else {
        declines += std::string(declines.empty() ? "{" : ", {") + source + ", \"tactic\": " + json_text(candidate->tactic) +
                    ", \"reason\": " + json_text(candidate->decline) + "}";
      }
    }
    text += ", \"candidates\": [" + candidates + "], \"declines\": [" + declines + "]}";
  }
  text += "\n], \"totals\": {\"kernels\": " + std::to_string(totals.kernels) +
          ", \"timedKernels\": " + std::to_string(totals.timed) +
          ", \"timeUs\": " + known(totals.timed > 0 ? totals.microseconds : -1, "%.3f") +
          ", \"operations\": " + number(totals.operations, "%.0f") + ", \"bytes\": " + number(totals.bytes, "%.0f") +
          ", \"percentOfPeak\": " + known(percent_of_peak(totals.timed_operations, totals.microseconds, totals), "%.2f") +
          ", \"peakOperationsPerSecond\": " +
          (totals.peak_operations_per_second > 0 ? number(totals.peak_operations_per_second, "%.0f") : "null") +
          ", \"weightBytes\": " + std::to_string(totals.plan_weights) +
          ", \"modelWeightBytes\": " + (totals.model_weights ? std::to_string(*totals.model_weights) : "null") + "}}";
  return text;
}

std::string print_regions(const Engine& engine) {
  std::string text;
  for (const auto& step : engine.plan().steps) {
    if (!step->region.empty()) text += "// " + step->name + "\n" + step->region + "\n";
  }
  return text;
}

std::string print_plan(const Engine& engine) {
  const plan::PlanT& plan = engine.plan();
  std::string text = "plan for " + joined(plan.targets) + ", threads " + std::to_string(plan.threads) + ", weights " +
                     std::to_string(plan.weights_bytes) + " bytes, slots " + std::to_string(plan.slot_count) + "\n";
  for (const auto* list : {&plan.inputs, &plan.outputs}) {
    for (const auto& binding : *list) {
      text += (list == &plan.inputs ? "input " : "output ") + json_text(binding->name) + ": " +
              std::string(dtype_name(static_cast<DType>(binding->dtype))) + slots_text(binding->dims) + " = b" +
              std::to_string(binding->buffer) + "\n";
    }
  }
  for (size_t s = 0; s < plan.segments.size(); ++s) {
    const auto& segment = *plan.segments[s];
    text += "segment " + std::to_string(s) + " " + slots_text(segment.inputs) + " -> " + slots_text(segment.results) + "\n" +
            engine.program(static_cast<int>(s)).to_string() + "\n";
  }
  constexpr const char* kKinds[] = {"input", "output", "constant", "arena"};
  for (size_t b = 0; b < plan.buffers.size(); ++b) {
    const auto& buffer = *plan.buffers[b];
    text += "b" + std::to_string(b) + " = " + kKinds[int(buffer.kind)] + " " +
            std::string(dtype_name(static_cast<DType>(buffer.dtype)));
    if (buffer.kind == plan::BufferKind::Constant)
      text += " at " + std::to_string(buffer.offset) + ", " + std::to_string(buffer.size) + " bytes";
    else
      text += ", s" + std::to_string(buffer.bytes) + " bytes";
    if (buffer.kind == plan::BufferKind::Arena)
      text += ", steps " + std::to_string(buffer.first) + " to " + std::to_string(buffer.last);
    text += " " + json_text(buffer.name) + "\n";
  }
  constexpr const char* kSteps[] = {"launch", "shapes", "size", "if", "loop", "assert", "plugin"};
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const auto& step = *plan.steps[i];
    text += std::to_string(i) + ": " + kSteps[int(step.kind)] + " " + json_text(step.name);
    if (step.kind == plan::StepKind::Launch)
      text += " " + step.kernel + buffers_text(step.buffers) + " " + slots_text(step.parameters) + " {" + step.tactic + "}";
    if (step.kind == plan::StepKind::Plugin)
      text += buffers_text(step.buffers) + " " + slots_text(step.parameters) + " {" + step.tactic + "}";
    if (step.kind == plan::StepKind::Shapes) text += " segment " + std::to_string(step.segment);
    if (step.kind == plan::StepKind::Size) text += " s" + std::to_string(step.slot) + " = " + buffers_text(step.buffers);
    if (step.kind == plan::StepKind::Assert) text += buffers_text(step.buffers) + " " + json_text(step.message);
    if (step.kind == plan::StepKind::If || step.kind == plan::StepKind::Loop) {
      text += " steps [" + std::to_string(step.begin) + ", " +
              (step.kind == plan::StepKind::If ? std::to_string(step.middle) + ", " : "") + std::to_string(step.end) + ")";
    }
    text += "\n";
  }
  return text;
}

}  // namespace temper::api
