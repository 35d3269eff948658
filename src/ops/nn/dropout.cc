// Dropout as inference knows it: the input, and a mask that keeps everything.
#include "ops/nn/operands.h"

namespace temper {
namespace {

struct Dropout {
  bool typed_mask = false;  // opset 7 gave the mask the input's type
  TEMPER_FIELDS(typed_mask)
};

const RegisterOp<Dropout> kDropout{{
    .name = "dropout",
    .body = [](Builder& b, const Dropout& a, Operands in) -> Vals {
      if (!require(b, in, 1)) return {};
      if (in[2]) {
        auto training = b.contents(in[2]);
        auto ratio = in[1] ? b.constant_value(in[1]) : std::nullopt;
        bool keeps_all = ratio && ratio->count() == 1 && ratio->at(0).f == 0;
        if (!keeps_all && !(training && training->size() == 1 && (*training)[0].is_const(0))) {
          return {b.fail(ErrorCode::kUnsupported, "dropout in training mode is not supported; export the model for inference")};
        }
      }
      return {in[0], b.fill(1, a.typed_mask ? b.dtype(in[0]) : DType::kBool, b.dims(in[0]))};
    },
    .onnx = {{"Dropout", 10, [](const OnnxNode&) -> Expected<Dropout> { return Dropout{false}; }},
             {"Dropout", 1, [](const OnnxNode&) -> Expected<Dropout> { return Dropout{true}; }}},
    .samples = {"f32[n, 3]"},
}};

}  // namespace
}  // namespace temper
