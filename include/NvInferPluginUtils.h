// Parameters of plugins for detection networks, as programs that make such plugins hand them over.
#pragma once

#include "NvInferRuntimeCommon.h"

namespace nvinfer1 {
namespace plugin {

using Quadruple = struct Quadruple { float w{}, h{}, x{}, y{}; };

struct PriorBoxParameters {
  float *minSize, *maxSize, *aspectRatios;
  int32_t numMinSize, numMaxSize, numAspectRatios;
  bool flip;  // also the reciprocal of each ratio
  bool clip;  // boxes are cut to the image
  float variance[4];
  int32_t imgH, imgW;  // 0: those of the input
  float stepH, stepW;
  float offset;  // of the first centre, in steps
};

struct RPROIParams {
  int32_t poolingH, poolingW;
  int32_t featureStride;  // pixels per element of the feature map
  int32_t preNmsTop, nmsMaxOut;
  int32_t anchorsRatioCount, anchorsScaleCount;
  float iouThreshold;
  float minBoxSize;
  float spatialScale;
};

struct GridAnchorParameters {
  float minSize, maxSize;
  float* aspectRatios;
  int32_t numAspectRatios, H, W;
  float variance[4];
};

// How four numbers say a box.
enum class CodeTypeSSD : int32_t { CORNER = 0, CENTER_SIZE = 1, CORNER_SIZE = 2, TF_CENTER = 3 };

struct DetectionOutputParameters {
  bool shareLocation, varianceEncodedInTarget;
  int32_t backgroundLabelId, numClasses, topK, keepTopK;
  float confidenceThreshold, nmsThreshold;
  CodeTypeSSD codeType;
  int32_t inputOrder[3];  // of locations, confidences, priors
  bool confSigmoid, isNormalized;
  bool isBatchAgnostic = true;
};

// A tree of classes, as YOLO9000 has one: arrays of n elements.
struct softmaxTree {
  int32_t* leaf;
  int32_t n;
  int32_t *parent, *child, *group;
  char** name;
  int32_t groups;
  int32_t *groupSize, *groupOffset;
};

struct RegionParameters {
  int32_t num, coords, classes;
  softmaxTree* smTree;
};

struct NMSParameters {
  bool shareLocation;
  int32_t backgroundLabelId, numClasses, topK, keepTopK;
  float scoreThreshold, iouThreshold;
  bool isNormalized;
};

}  // namespace plugin
}  // namespace nvinfer1
