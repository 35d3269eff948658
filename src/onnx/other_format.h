// What a file that is no ONNX model probably is instead, so that the message can name it and the cure.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "base/error.h"

namespace temper::onnx {

// nullopt: nothing known. Ask only about bytes that could not be read as a model: a rare true model may look like text.
std::optional<Error> recognise_other_format(std::span<const std::byte> bytes);

}  // namespace temper::onnx
