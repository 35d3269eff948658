// Pieces of the text form that its printers and its parser share.
#pragma once

#include <string>
#include <string_view>

#include "ir/tensor.h"

namespace temper {

// "text" in quotes; quotes, backslashes and control characters are escaped (\", \\, \x0a).
std::string quoted_text(std::string_view text);
// 32 digits: of dtype, dims and elements.
std::string tensor_hash(const Tensor& tensor);

}  // namespace temper
