// Kept for programs that include it. The classes of NvInfer.h and NvInferRuntime.h are the library's own; nothing lies behind
// them.
#pragma once

#include "NvInferRuntime.h"
