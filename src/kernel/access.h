// Reading through data movement: which value a reader gets at when the reindexes before it are composed into its own map.
#pragma once

#include <functional>

#include "ir/graph.h"
#include "kernel/region.h"

namespace temper {

// Follows reindex nodes upwards as long as the composed access stays one that kernels follow well; `stop(value)` ends it at
// values that are to be stored. `value` of the result is a ValueId of the graph.
Access resolve_access(const Graph& graph, ValueId value, IndexMap map, const std::function<bool(ValueId)>& stop);

// The access of a reader whose point is the element's own index.
Access direct_access(const Graph& graph, ValueId value);

}  // namespace temper
