#include "backend/cpu/run/chain/chain_code.h"

namespace temper::cpu {

void ChainCode::encode(ByteWriter& out) const {
  scores.encode(out);
  values.encode(out);
  out.count(rows.size());
  out.raw(rows);
  out.count(row_parameters.size());
  for (const ChainParameter& p : row_parameters) {
    out.enumerator(p.kind);
    out.i64(p.number);
  }
  out.i64(block_rows);
}

Expected<ChainCode> ChainCode::decode(ByteReader& in) {
  ChainCode code;
  code.scores = TEMPER_TRY(ContractCode::decode(in));
  code.values = TEMPER_TRY(ContractCode::decode(in));
  const uint32_t bytes = TEMPER_TRY(in.count(1));
  const auto rows = TEMPER_TRY(in.raw(bytes));
  code.rows.assign(rows.begin(), rows.end());
  const uint32_t parameters = TEMPER_TRY(in.count(9));
  for (uint32_t i = 0; i < parameters; ++i) {
    ChainParameter p;
    p.kind = TEMPER_TRY(in.enumerator<ChainParameter::Kind>(3));
    p.number = TEMPER_TRY(in.i64());
    code.row_parameters.push_back(p);
  }
  code.block_rows = TEMPER_TRY(in.i64());
  const auto product = [](const ContractCode& c) {
    return c.form == ContractProblem::Form::kGemm && (c.a == DType::kF32 || is_half(c.a)) && c.b == c.a && !c.a_transposed &&
           c.b_form != BForm::kPacked && c.bias_buffer == -1 && c.residual_buffer == -1 && c.scale_buffer == -1;
  };
  const bool good = product(code.scores) && product(code.values) && code.scores.c == DType::kF32 &&
                    (code.values.c == DType::kF32 || code.values.c == code.values.a) && code.values.epilogue_buffers.empty() &&
                    code.scores.buffers == code.values.buffers && code.block_rows >= 1 && code.block_rows <= (int64_t{1} << 20);
  if (!good) return Error(ErrorCode::kCorrupt, "a chain of products that is none; build the plan again");
  return code;
}

}  // namespace temper::cpu
