#include "passes/pass.h"

namespace temper {

const std::vector<Pass>& all_passes() {
  // Expansion comes first: all others speak of core ops only. Integer products are found before folding makes floats of their
  // weights. Folding and cleaning run again after passes that make work for them.
  static const std::vector<Pass> passes = {
      {"expand", &expand, true},
      {"dce", &dce},
      {"narrow_products", &narrow_products},
      {"fold", &fold},
      {"cse", &cse},
      {"canonicalize", &canonicalize},
      {"fold_affine", &fold_affine},
      {"fold", &fold},
      {"merge_linear", &merge_linear},
      {"fold", &fold},
      {"merge_siblings", &merge_siblings},
      {"inline_scalars", &inline_scalars},
      {"hoist_scales", &hoist_scales},
      {"inline_widening", &inline_widening},
      {"canonicalize", &canonicalize},
      {"cse", &cse},
      {"dce", &dce},
  };
  return passes;
}

Expected<Graph> run_passes(Graph graph, const PassOptions& options) {
  if (options.observe) options.observe("import", graph);
  for (const Pass& pass : all_passes()) {
    if (options.cancelled && options.cancelled()) return Error(ErrorCode::kCancelled, "the build was cancelled");
    if (!pass.required && options.disabled.contains(pass.name)) continue;
    graph = TEMPER_TRY_AT(pass.run(graph), "pass " + std::string(pass.name));
    if (options.observe) options.observe(pass.name, graph);
  }
  return graph;
}

}  // namespace temper
