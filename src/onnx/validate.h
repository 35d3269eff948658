// Is a Model well-formed? Structure only: names, order, imports, functions. What an operator accepts is the importer's to say.
//
// All problems are collected, not the first only, those of reading first; empty means: every name that a node reads is defined
// before it, exactly once in its graph; each domain has a version; calls of functions end; each tensor has its data.
//
//   for (const Error& e : validate(model)) std::cerr << e.to_string() << "\n";
#pragma once

#include <vector>

#include "base/error.h"
#include "onnx/model.h"

namespace temper::onnx {

// At most `limit` problems; if there are more, the last one says how many were left out.
std::vector<Error> validate(const Model& model, size_t limit = 100);

// Puts the nodes of every graph and function after their producers, keeping the order of the file where it allows.
// Lists with cycles stay as they are, for validate() to name. ONNX asks for sorted nodes, not every exporter listens, so
// read_model() does this itself; it is here for models made or changed otherwise.
void sort_nodes(Model& model);

}  // namespace temper::onnx
