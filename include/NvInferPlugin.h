// The plugins that TensorRT brings along. Temper has operators in their place; a plugin is found when the program, or a library
// that it loads, registers one.
#pragma once

#include "NvInfer.h"
#include "NvInferPluginUtils.h"

// Registers the library's own plugins under a namespace. There are none: true, and nothing happens.
extern "C" TENSORRTAPI bool initLibNvInferPlugins(void* logger, char const* libNamespace) noexcept;
