// A library of plugins, as IPluginRegistry::loadLibrary takes it.
#include "tests/programs/sample_plugins.h"

namespace {

// y = 3 x
class FromLibrary final : public sample::PluginV3 {
 public:
  nvinfer1::IPluginV3* clone() override { return new FromLibrary; }
  nvinfer1::AsciiChar const* getPluginName() const override { return "FromLibrary"; }
  int32_t enqueue(nvinfer1::PluginTensorDesc const* in, nvinfer1::PluginTensorDesc const*, void const* const* inputs,
                  void* const* outputs, void*, cudaStream_t) override {
    for (int64_t i = 0; i < sample::volume(in[0].dims); ++i)
      static_cast<float*>(outputs[0])[i] = 3 * static_cast<const float*>(inputs[0])[i];
    return 0;
  }
};

}  // namespace

extern "C" __attribute__((visibility("default"))) nvinfer1::IPluginCreatorInterface* const* getCreators(int32_t& count) {
  static sample::CreatorV3<FromLibrary> creator;
  static nvinfer1::IPluginCreatorInterface* const all[] = {&creator};
  count = 1;
  return all;
}
