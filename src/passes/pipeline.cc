#include "passes/pass.h"

namespace temper {
namespace {

template <auto kPass>
Expected<Graph> plain(const Graph& graph, const PassOptions&) {
  return kPass(graph);
}
Expected<Graph> narrow(const Graph& graph, const PassOptions& options) { return narrow_floats(graph, options.narrowing); }

}  // namespace

const std::vector<Pass>& all_passes() {
  // Expansion comes first: all others speak of core ops only. Integer products are found before folding makes floats of their
  // weights, and types are chosen when products are what they will be. Folding and cleaning run again after passes that make
  // work for them.
  static const std::vector<Pass> passes = {
      {"expand", &plain<&expand>, true},
      {"dce", &plain<&dce>},
      {"narrow_products", &plain<&narrow_products>},
      {"fold", &plain<&fold>},
      {"cse", &plain<&cse>},
      {"canonicalize", &plain<&canonicalize>},
      {"fold_affine", &plain<&fold_affine>},
      {"fold", &plain<&fold>},
      {"merge_linear", &plain<&merge_linear>},
      {"fold", &plain<&fold>},
      {"merge_siblings", &plain<&merge_siblings>},
      {"inline_scalars", &plain<&inline_scalars>},
      {"hoist_scales", &plain<&hoist_scales>},
      {"narrow_floats", &narrow},
      {"inline_widening", &plain<&inline_widening>},
      {"canonicalize", &plain<&canonicalize>},
      {"cse", &plain<&cse>},
      {"dce", &plain<&dce>},
  };
  return passes;
}

Expected<Graph> run_passes(Graph graph, const PassOptions& options) {
  if (options.observe) options.observe("import", graph);
  for (const Pass& pass : all_passes()) {
    if (options.cancelled && options.cancelled()) return Error(ErrorCode::kCancelled, "the build was cancelled");
    if (!pass.required && options.disabled.contains(pass.name)) continue;
    graph = TEMPER_TRY_AT(pass.run(graph, options), "pass " + std::string(pass.name));
    if (options.observe) options.observe(pass.name, graph);
  }
  return graph;
}

}  // namespace temper
