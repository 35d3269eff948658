// NvInferRuntime.h at level 8 of the API.
#pragma once

#include "NvInferVersion.h"
// The level comes first.
#include "../NvInferRuntime.h"
