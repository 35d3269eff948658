// The version macros of level 8; ../NvInferVersion.h has the others.
#pragma once

#ifndef TEMPER_API_LEVEL
#define TEMPER_API_LEVEL 8
#elif TEMPER_API_LEVEL != 8
#error "TEMPER_API_LEVEL and the include path (include/8) name different levels; leave one of them out"
#endif

#define NV_TENSORRT_MAJOR 8
#define NV_TENSORRT_MINOR 6
#define NV_TENSORRT_PATCH 1
#define NV_TENSORRT_BUILD 5

#define NV_TENSORRT_SONAME_MAJOR 8
#define NV_TENSORRT_SONAME_MINOR 6
#define NV_TENSORRT_SONAME_PATCH 1

#include "../NvInferVersion.h"
