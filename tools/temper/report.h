// The summary of measured runs, in the words and the order of trtexec, and tables.
#pragma once

#include <string>
#include <vector>

#include "inference.h"
#include "logger.h"
#include "numbers.h"
#include "options.h"

namespace tool {

double median(std::vector<float> values);
// The least value that at least `percent` of the values do not exceed.
double percentile(std::vector<float> values, double percent);

// Text columns that align: the first `right` columns to the right, the others to the left.
class Table {
 public:
  Table(std::vector<std::string> header, size_t right) : right_(right) { rows_.push_back(std::move(header)); }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  std::string text() const;  // lines without a newline at the end

 private:
  size_t right_;
  std::vector<std::vector<std::string>> rows_;
};

// "min = 1 ms, max = 2 ms, mean = 1.5 ms, median = 1.5 ms, percentile(90%) = 2 ms"
std::string statistics_text(const std::vector<float>& ms, const std::vector<double>& percentiles);
void print_performance(const Measurement& measurement, const Options& options, Logger& logger);

}  // namespace tool
