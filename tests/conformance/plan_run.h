// A graph built into a plan, and a plan run on tensors.
#pragma once

#include <memory>
#include <vector>

#include "builder/build.h"
#include "interp/interp.h"
#include "runtime/engine.h"

namespace temper::testing {

Expected<std::shared_ptr<const Engine>> build_engine(const Graph& graph, const BuildConfig& config);

// In a context of its own, on one thread; outputs lie in memory that was never zero.
Expected<std::vector<ExactTensor>> run_engine(const std::shared_ptr<const Engine>& engine, std::vector<Tensor> inputs);

}  // namespace temper::testing
