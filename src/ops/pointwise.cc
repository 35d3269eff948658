// Each row of scalar.def that has an ONNX name is an operator of that name, with numpy's broadcasting.
#include "ops/register.h"

namespace temper {
namespace {

struct RegisterPointwise {
  RegisterPointwise() {
    for (int row = 0; row < kScalarRows; ++row) {
      auto function = static_cast<ScalarOp>(row);
      const ScalarInfo& info = scalar_info(function);
      if (info.onnx.empty()) continue;
      RegisterOp<NoAttrs>({
          .name = std::string(info.name),
          .body = [function, arity = info.arity](Builder& b, const NoAttrs&, Operands in) -> Vals {
            if (static_cast<int>(in.size()) != arity) {
              return {b.fail(ErrorCode::kInvalidArgument,
                             "it takes " + std::to_string(arity) + " operands, not " + std::to_string(in.size()))};
            }
            return {arity == 1 ? b.map(function, in[0]) : b.map(function, in[0], in[1])};
          },
          .onnx = {{std::string(info.onnx), 1}},
          .samples = {arity_sample(info)},
      });
    }
  }

  static std::string arity_sample(const ScalarInfo& info) {
    std::string type = info.rule == TypeRule::kBool ? "bool" : (info.rule == TypeRule::kInt ? "i32" : "f32");
    return type + "[n, 7]" + (info.arity > 1 ? ", " + type + "[7]" : "");
  }
};
const RegisterPointwise kPointwise;

}  // namespace
}  // namespace temper
