// SequenceProto, MapProto and OptionalProto (onnx-data.proto): values of test data files, not part of a model.
#pragma once

#include "onnx/reader.h"
#include "onnx/wire_fields.h"

namespace temper::onnx::wire {

// By value.kind; fills the rest.
void decode_value(Decoder& decoder, std::string_view bytes, Value& value);

}  // namespace temper::onnx::wire
