// The version macros of level 10; ../NvInferVersion.h has the others.
#pragma once

#ifndef TEMPER_API_LEVEL
#define TEMPER_API_LEVEL 10
#elif TEMPER_API_LEVEL != 10
#error "TEMPER_API_LEVEL and the include path (include/10) name different levels; leave one of them out"
#endif

#define TRT_MAJOR_ENTERPRISE 10
#define TRT_MINOR_ENTERPRISE 16
#define TRT_PATCH_ENTERPRISE 0
#define TRT_BUILD_ENTERPRISE 72

#define NV_TENSORRT_MAJOR TRT_MAJOR_ENTERPRISE
#define NV_TENSORRT_MINOR TRT_MINOR_ENTERPRISE
#define NV_TENSORRT_PATCH TRT_PATCH_ENTERPRISE
#define NV_TENSORRT_BUILD TRT_BUILD_ENTERPRISE

#include "../NvInferVersion.h"
