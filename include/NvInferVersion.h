// Which TensorRT this program sees.
//
// Temper's headers speak three levels of the TensorRT API: 8 (TensorRT 8.6), 10 (10.16; the default) and 11 (11.1). A program
// picks one by its include path, or by defining TEMPER_API_LEVEL before the first include. The level decides the version macros
// and the width of Dims, and is told to the library by the factories, so one library serves programs of every level.
//
//   g++ -Iinclude/8 program.cc                     g++ -DTEMPER_API_LEVEL=8 -Iinclude program.cc
//
// Build scripts read versions from this file as text; the other levels have theirs in 8/NvInferVersion.h and
// 11/NvInferVersion.h.
#pragma once

#ifndef TEMPER_API_LEVEL
#define TEMPER_API_LEVEL 10
#endif

#if TEMPER_API_LEVEL == 8
#include "8/NvInferVersion.h"
#elif TEMPER_API_LEVEL == 11
#include "11/NvInferVersion.h"
#elif TEMPER_API_LEVEL == 10
#define TRT_MAJOR_ENTERPRISE 10
#define TRT_MINOR_ENTERPRISE 16
#define TRT_PATCH_ENTERPRISE 0
#define TRT_BUILD_ENTERPRISE 72

#define NV_TENSORRT_MAJOR TRT_MAJOR_ENTERPRISE
#define NV_TENSORRT_MINOR TRT_MINOR_ENTERPRISE
#define NV_TENSORRT_PATCH TRT_PATCH_ENTERPRISE
#define NV_TENSORRT_BUILD TRT_BUILD_ENTERPRISE
#else
#error "Temper's headers offer TEMPER_API_LEVEL 8, 10 and 11; leave it out for 10"
#endif

#define NV_TENSORRT_LWS_MAJOR 0
#define NV_TENSORRT_LWS_MINOR 0
#define NV_TENSORRT_LWS_PATCH 0

#define NV_TENSORRT_RELEASE_TYPE_EARLY_ACCESS 0
#define NV_TENSORRT_RELEASE_TYPE_RELEASE_CANDIDATE 1
#define NV_TENSORRT_RELEASE_TYPE_GENERAL_AVAILABILITY 2
#define NV_TENSORRT_RELEASE_TYPE NV_TENSORRT_RELEASE_TYPE_GENERAL_AVAILABILITY
