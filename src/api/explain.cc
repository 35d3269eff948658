#include "api/explain.h"

#include <algorithm>
#include <cstdio>
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
  const size_t length = lead < 0x80 ? 1 : lead >= 0xc2 && lead < 0xe0 ? 2 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
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

std::string explain_text(const Engine& engine) {
  const plan::PlanT& plan = engine.plan();
  std::vector<std::vector<std::string>> rows{{"kernel", "time us", "Mop", "kbytes", "tactic", "nodes"}};
  std::vector<const plan::StepT*> steps;
  for (const auto& step : plan.steps) {
    if (step->kind != plan::StepKind::Launch) continue;
    rows.push_back({step->name, microseconds(chosen_time(*step)), number(step->operations / 1e6, "%.2f"), number(step->bytes / 1e3, "%.1f"), step->tactic,
                    joined(step->nodes)});
    steps.push_back(step.get());
  }
  std::vector<size_t> widths(rows[0].size(), 0);
  for (const auto& row : rows) {
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  }
  std::string text = "built for " + joined(plan.targets) + ", " + std::to_string(plan.threads) + (plan.threads == 1 ? " thread" : " threads") + "\n";
  for (size_t r = 0; r < rows.size(); ++r) {
    for (size_t c = 0; c < rows[r].size(); ++c) {
      const std::string pad(widths[c] - rows[r][c].size(), ' ');
      const bool right = c >= 1 && c <= 3;
      text += (c ? "  " : "") + (right ? pad + rows[r][c] : c + 1 == rows[r].size() ? rows[r][c] : rows[r][c] + pad);
    }
    text += "\n";
    if (r == 0) continue;
    for (const auto& candidate : steps[r - 1]->candidates) {
      text += candidate->chosen ? "  * " : "    ";
      text += candidate->source + ": ";
      text += candidate->decline.empty() ? candidate->tactic + ", " + microseconds(candidate->microseconds) + " us (estimate " + microseconds(candidate->estimate) + ")\n"
                                         : "declined: " + candidate->decline + "\n";
    }
  }
  return text;
}

std::string explain_json(const Engine& engine) {
  auto time = [](double value) { return value < 0 ? std::string("null") : number(value, "%.3f"); };
  const plan::PlanT& plan = engine.plan();
  std::string text = "{\"targets\": [";
  for (size_t i = 0; i < plan.targets.size(); ++i) text += (i ? ", " : "") + json_text(plan.targets[i]);
  text += "], \"threads\": " + std::to_string(plan.threads) + ", \"kernels\": [";
  bool first = true;
  for (const auto& step : plan.steps) {
    if (step->kind != plan::StepKind::Launch) continue;
    text += first ? "\n" : ",\n";
    first = false;
    text += "{\"name\": " + json_text(step->name) + ", \"nodes\": [";
    for (size_t i = 0; i < step->nodes.size(); ++i) text += (i ? ", " : "") + json_text(step->nodes[i]);
    text += "], \"tactic\": " + json_text(step->tactic) + ", \"timeUs\": " + time(chosen_time(*step)) + ", \"bytes\": " + number(step->bytes, "%.0f") +
            ", \"operations\": " + number(step->operations, "%.0f");
    std::string candidates, declines;
    for (const auto& candidate : step->candidates) {
      const std::string source = "\"source\": " + json_text(candidate->source);
      if (candidate->decline.empty()) {
        candidates += (candidates.empty() ? "{\"tactic\": " : ", {\"tactic\": ") + json_text(candidate->tactic) + ", " + source + ", \"timeUs\": " +
                      time(candidate->microseconds) + ", \"estimateUs\": " + time(candidate->estimate) + "}";
      } else {
        declines += std::string(declines.empty() ? "{" : ", {") + source + ", \"reason\": " + json_text(candidate->decline) + "}";
      }
    }
    text += ", \"candidates\": [" + candidates + "], \"declines\": [" + declines + "]}";
  }
  return text + "\n]}";
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
  std::string text = "plan for " + joined(plan.targets) + ", threads " + std::to_string(plan.threads) + ", weights " + std::to_string(plan.weights_bytes) +
                     " bytes, slots " + std::to_string(plan.slot_count) + "\n";
  for (const auto* list : {&plan.inputs, &plan.outputs}) {
    for (const auto& binding : *list) {
      text += (list == &plan.inputs ? "input " : "output ") + json_text(binding->name) + ": " + std::string(dtype_name(static_cast<DType>(binding->dtype))) +
              slots_text(binding->dims) + " = b" + std::to_string(binding->buffer) + "\n";
    }
  }
  for (size_t s = 0; s < plan.segments.size(); ++s) {
    const auto& segment = *plan.segments[s];
    text += "segment " + std::to_string(s) + " " + slots_text(segment.inputs) + " -> " + slots_text(segment.results) + "\n" + engine.program(static_cast<int>(s)).to_string() + "\n";
  }
  constexpr const char* kKinds[] = {"input", "output", "constant", "arena"};
  for (size_t b = 0; b < plan.buffers.size(); ++b) {
    const auto& buffer = *plan.buffers[b];
    text += "b" + std::to_string(b) + " = " + kKinds[int(buffer.kind)] + " " + std::string(dtype_name(static_cast<DType>(buffer.dtype)));
    if (buffer.kind == plan::BufferKind::Constant) text += " at " + std::to_string(buffer.offset) + ", " + std::to_string(buffer.size) + " bytes";
    else text += ", s" + std::to_string(buffer.bytes) + " bytes";
    if (buffer.kind == plan::BufferKind::Arena) text += ", steps " + std::to_string(buffer.first) + " to " + std::to_string(buffer.last);
    text += " " + json_text(buffer.name) + "\n";
  }
  constexpr const char* kSteps[] = {"launch", "shapes", "size", "if", "loop"};
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const auto& step = *plan.steps[i];
    text += std::to_string(i) + ": " + kSteps[int(step.kind)] + " " + json_text(step.name);
    if (step.kind == plan::StepKind::Launch) text += " " + step.kernel + buffers_text(step.buffers) + " " + slots_text(step.parameters) + " {" + step.tactic + "}";
    if (step.kind == plan::StepKind::Shapes) text += " segment " + std::to_string(step.segment);
    if (step.kind == plan::StepKind::Size) text += " s" + std::to_string(step.slot) + " = " + buffers_text(step.buffers);
    if (step.kind == plan::StepKind::If || step.kind == plan::StepKind::Loop) {
      text += " steps [" + std::to_string(step.begin) + ", " + (step.kind == plan::StepKind::If ? std::to_string(step.middle) + ", " : "") + std::to_string(step.end) + ")";
    }
    text += "\n";
  }
  return text;
}

}  // namespace temper::api
