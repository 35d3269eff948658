// A Model as text, for tests and bug reports: deterministic, one line per thing, weights as type, shape and hash.
#pragma once

#include <string>

#include "onnx/model.h"

namespace temper::onnx {

std::string to_text(const Model& model);
std::string to_text(const Tensor& tensor);  // "float[2,3] #0123456789abcdef"
std::string to_text(const Type& type);      // "float[N,3,?]", "seq(int64[])", "optional(...)"; "[...]": the rank is unknown

}  // namespace temper::onnx
