// NvUtils.h at level 11 of the API.
#pragma once

#include "NvInferVersion.h"
// The level comes first.
#include "../NvUtils.h"
