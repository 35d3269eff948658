// cudaProfilerStart and cudaProfilerStop are in the runtime's header.
#pragma once

#include "cuda_runtime_api.h"
