// Helpers of level 8 that are gone: programs include this, and use nothing of it that later levels lack.
#pragma once

#include "NvInfer.h"
