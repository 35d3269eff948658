// The part of the API that older programs include by this name: the base types and the logger.
#pragma once

#include "NvInferRuntimeBase.h"
#include "temper/api/callbacks.h"
