// NvInferRuntimePlugin.h at level 10 of the API.
#pragma once

#include "NvInferVersion.h"
// The level comes first.
#include "../NvInferRuntimePlugin.h"
