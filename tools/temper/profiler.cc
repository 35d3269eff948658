#include "profiler.h"

#include <algorithm>
#include <numeric>

#include "report.h"

namespace tool {

double LayerTimes::total() const { return std::accumulate(ms.begin(), ms.end(), 0.0); }

double LayerTimes::median() const { return tool::median(ms); }

void Profiler::reportLayerTime(const char* name, float ms) noexcept {
  const std::string_view layer = name ? name : "";
  for (size_t at = next_; at < layers_.size(); ++at) {
    if (layers_[at].name != layer) continue;
    layers_[at].ms.push_back(ms);
    next_ = at + 1;
    return;
  }
  layers_.push_back({std::string(layer), {ms}});
  next_ = layers_.size();
}

double Profiler::total() const {
  double sum = 0;
  for (const LayerTimes& layer : layers_) sum += layer.total();
  return sum;
}

std::string Profiler::table() const {
  Table table({"Time(ms)", "Avg.(ms)", "Median(ms)", "Time(%)", "Layer"}, 4);
  const double all = total();
  auto row = [&](double total, double average, double median, const std::string& name) {
    table.add({fixed(total, 2), fixed(average, 4), fixed(median, 4), fixed(all > 0 ? 100 * total / all : 0, 1), name});
  };
  double medians = 0;
  for (const LayerTimes& layer : layers_) {
    row(layer.total(), layer.total() / double(layer.ms.size()), layer.median(), layer.name);
    medians += layer.median();
  }
  row(all, runs() ? all / double(runs()) : 0, medians, "Total");
  return table.text();
}

}  // namespace tool
