// Which TensorRT this program sees.
//
// Temper's headers speak several levels of the TensorRT API: a program picks one by defining TEMPER_API_LEVEL before the first
// include (or on the command line); without it the level is 10. The level decides the version macros and the width of Dims,
// and is told to the library by the factories, so one library serves programs of every level.
//
//   g++ -DTEMPER_API_LEVEL=10 -Iinclude program.cc
#pragma once

#ifndef TEMPER_API_LEVEL
#define TEMPER_API_LEVEL 10
#endif

#if TEMPER_API_LEVEL == 10
#define TRT_MAJOR_ENTERPRISE 10
#define TRT_MINOR_ENTERPRISE 16
#define TRT_PATCH_ENTERPRISE 0
#define TRT_BUILD_ENTERPRISE 72
#else
#error "Temper's headers offer TEMPER_API_LEVEL 10 (TensorRT 10.16) only; leave TEMPER_API_LEVEL out or set it to 10"
#endif

#define NV_TENSORRT_MAJOR TRT_MAJOR_ENTERPRISE
#define NV_TENSORRT_MINOR TRT_MINOR_ENTERPRISE
#define NV_TENSORRT_PATCH TRT_PATCH_ENTERPRISE
#define NV_TENSORRT_BUILD TRT_BUILD_ENTERPRISE

#define NV_TENSORRT_LWS_MAJOR 0
#define NV_TENSORRT_LWS_MINOR 0
#define NV_TENSORRT_LWS_PATCH 0

#define NV_TENSORRT_RELEASE_TYPE_EARLY_ACCESS 0
#define NV_TENSORRT_RELEASE_TYPE_RELEASE_CANDIDATE 1
#define NV_TENSORRT_RELEASE_TYPE_GENERAL_AVAILABILITY 2
#define NV_TENSORRT_RELEASE_TYPE NV_TENSORRT_RELEASE_TYPE_GENERAL_AVAILABILITY
