// Adds up the times of layers over many inferences. Layers report in the order of execution; some may be left out in an
// inference, and names may repeat, so a report belongs to the next layer of its name since next_run().
#pragma once

#include <string>
#include <vector>

#include "NvInferRuntime.h"

namespace tool {

struct LayerTimes {
  std::string name;
  std::vector<float> ms;  // one per inference

  double total() const;
  double median() const;
};

class Profiler : public nvinfer1::IProfiler {
 public:
  void reportLayerTime(const char* name, float ms) noexcept override;
  // An inference has ended.
  void next_run() { next_ = 0; }

  const std::vector<LayerTimes>& layers() const { return layers_; }
  // Inferences that reported, by the first layer's count.
  size_t runs() const { return layers_.empty() ? 0 : layers_.front().ms.size(); }
  double total() const;
  // An aligned table: time, average, median, share, layer.
  std::string table() const;

 private:
  std::vector<LayerTimes> layers_;  // in the order of execution
  size_t next_ = 0;                 // the layer that is expected to report next
};

}  // namespace tool
