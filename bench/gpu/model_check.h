// Builds the plan of a model for the GPU at hand, and compares what it computes with the plan of the processor in f32.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/error.h"

namespace temper::testing {

struct ModelCheck {
  std::string model, plan;                              // files: read, and written
  std::string kind = "exact";                           // or tf32, fp16, bf16: what products may be computed in
  int level = 0;                                        // of optimization
  std::string cache;                                    // file of the timing cache, or nothing
  std::map<std::string, int64_t, std::less<>> extents;  // of named dimensions, where they are not to be the usual ones
  bool compare = true;                                  // else the plan is only built

  int64_t extent(std::string_view name) const;
};

// What a command line says: MODEL PLAN [KIND] [level=N] [cache=FILE] [compare=0] [DIMENSION=EXTENT]...
Expected<ModelCheck> read_model_check(int count, char** arguments);
// One line of JSON.
Status check_model(const ModelCheck& check, const std::string& target);

}  // namespace temper::testing
