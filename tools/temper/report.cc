#include "report.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

namespace tool {
namespace {

std::vector<float> column(const std::vector<Times>& runs, float (Times::*part)() const) {
  std::vector<float> values;
  values.reserve(runs.size());
  for (const Times& times : runs) values.push_back((times.*part)());
  return values;
}

double mean(const std::vector<float>& values) {
  return values.empty() ? 0 : std::accumulate(values.begin(), values.end(), 0.0) / double(values.size());
}

// Short, but never less than the resolution: 0.00412, 1.234, 512.3.
std::string short_number(double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.6g", value);
  return buffer;
}

void print_averages(const std::vector<Times>& runs, int per_line, Logger& logger) {
  if (per_line <= 0) return;
  const std::string count = std::to_string(per_line);
  logger.info("");
  logger.info("=== Trace details ===");
  logger.info("Trace averages of " + count + " runs:");
  for (size_t start = 0; start + size_t(per_line) <= runs.size(); start += size_t(per_line)) {
    const std::vector<Times> part(runs.begin() + ptrdiff_t(start), runs.begin() + ptrdiff_t(start) + per_line);
    logger.info("Average on " + count + " runs - GPU latency: " + short_number(mean(column(part, &Times::compute))) +
                " ms - Host latency: " + short_number(mean(column(part, &Times::latency))) + " ms (enqueue " +
                short_number(mean(column(part, &Times::enqueue))) + " ms)");
  }
}

}  // namespace

double percentile(std::vector<float> values, double percent) {
  if (values.empty()) return 0;
  const double rank = std::ceil(percent / 100 * double(values.size()));
  const size_t index = size_t(std::clamp(rank - 1, 0.0, double(values.size() - 1)));
  std::nth_element(values.begin(), values.begin() + ptrdiff_t(index), values.end());
  return values[index];
}

double median(std::vector<float> values) {
  if (values.empty()) return 0;
  const size_t half = values.size() / 2;
  std::nth_element(values.begin(), values.begin() + ptrdiff_t(half), values.end());
  const double upper = values[half];
  if (values.size() % 2 == 1) return upper;
  return (upper + *std::max_element(values.begin(), values.begin() + ptrdiff_t(half))) / 2;
}

std::string Table::text() const {
  std::vector<size_t> widths(rows_.front().size());
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows_) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      if (i > 0) line += "  ";
      const std::string padding(widths[i] - row[i].size(), ' ');
      line += i < right_ ? padding + row[i] : row[i] + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += (text.empty() ? "" : "\n") + line;
  }
  return text;
}

std::string statistics_text(const std::vector<float>& ms, const std::vector<double>& percentiles) {
  if (ms.empty()) return "no runs";
  const auto [least, most] = std::minmax_element(ms.begin(), ms.end());
  std::string text = "min = " + short_number(*least) + " ms, max = " + short_number(*most) +
                     " ms, mean = " + short_number(mean(ms)) + " ms, median = " + short_number(median(ms)) + " ms";
  for (const double percent : percentiles) {
    text += ", percentile(" + short_number(percent) + "%) = " + short_number(percentile(ms, percent)) + " ms";
  }
  return text;
}

void print_performance(const Measurement& measurement, const Options& options, Logger& logger) {
  const std::vector<Times>& runs = measurement.runs;
  print_averages(runs, options.avg_runs, logger);
  const std::vector<float> compute = column(runs, &Times::compute);
  auto line = [&](const char* name, const std::vector<float>& values) {
    logger.info(std::string(name) + ": " + statistics_text(values, options.percentiles));
  };
  logger.info("");
  logger.info("=== Performance summary ===");
  const double qps = measurement.walltime_ms > 0 ? 1e3 * double(runs.size()) / measurement.walltime_ms : 0;
  logger.info("Throughput: " + short_number(qps) + " qps");
  line("Latency", column(runs, &Times::latency));
  line("Enqueue Time", column(runs, &Times::enqueue));
  line("H2D Latency", column(runs, &Times::h2d));
  line("GPU Compute Time", compute);
  line("D2H Latency", column(runs, &Times::d2h));
  logger.info("Total Host Walltime: " + short_number(measurement.walltime_ms / 1e3) + " s");
  logger.info("Total GPU Compute Time: " + short_number(mean(compute) * double(runs.size()) / 1e3) + " s");
  logger.info("Explanations of the performance metrics are printed in the verbose logs.");
  const auto say = [&](const char* text) { logger.log(nvinfer1::ILogger::Severity::kVERBOSE, text); };
  say("Total Host Walltime: from the first measured run to the end of the last.");
  say("GPU Compute Time: the computation of one inference on the device, which is the CPU here.");
  say("Total GPU Compute Time: the sum of all of these.");
  say("Throughput: inferences in Total Host Walltime, per second.");
  say("Enqueue Time: the call of enqueueV3 on the host.");
  say("H2D Latency, D2H Latency: copying inputs and outputs between pinned and device memory.");
  say("Latency: H2D Latency, GPU Compute Time and D2H Latency together.");
}

}  // namespace tool
