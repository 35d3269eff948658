// A contraction as a primitive of oneDNN, with bias, residual sum and clamp as what it does afterwards.
//
// Weights are kept in the form that the library prefers for the best shape, and only if that form is a permutation of theirs:
// then a plan holds them as its constants, no larger than they were. Which form that is depends on the library and the
// processor, so a plan names it by a hash, and whoever loads the plan asks the library again.
#pragma once

#include <string>

#include "backend/cpu/run/contract_code.h"
#include "backend/cpu/run/onednn/library.h"
#include "base/hash.h"

namespace temper::cpu::onednn {

// The parameter blob of the kernel kind "onednn". Into `parts` pieces each launch is cut, as far as its sizes allow.
struct Code {
  ContractCode contract;      // without a config and a tile epilogue
  std::vector<int64_t> best;  // parameters at the shape for which the form of the weights was chosen
  Hash128 weights;            // that form; zero where the right operand is no constant
  int64_t parts = 1;

  static constexpr int64_t kMostParts = 1024;
  bool has_weights() const { return contract.form != ContractProblem::Form::kGemm || contract.b_form == BForm::kPacked; }
  void encode(ByteWriter& out) const;
  static Expected<Code> decode(ByteReader& in);
};

#ifdef TEMPER_ONEDNN

// A part of a problem, computed by one primitive. Offsets are in elements from those of the whole.
struct Piece {
  ContractProblem problem;  // with all strides
  int64_t a = 0, b = 0, c = 0, residual = 0;
  int64_t residual_row = 0, residual_matrix = 0;  // strides: of rows, of matrices or images
};
Piece whole(const ContractProblem& problem, const ContractOffsets& offsets);
// Cut by the problem and `parts` alone: images or the rows of an image, matrices or the rows of a matrix.
std::vector<Piece> cut(const ContractProblem& problem, const ContractOffsets& offsets, int64_t parts);

// `weights`: their form, or null for the one that the library prefers.
Expected<Description> describe(const Library& library, const ContractCode& code, const Piece& piece,
                               const dnnl_memory_desc_t* weights);
// The memory that an argument of the primitive takes.
const dnnl_memory_desc_t& argument(const Library& library, const Description& description, dnnl_query_t what, int index = 0);
dnnl_memory_desc_t residual_form(const Library& library, const Piece& piece);
std::string implementation(const Library& library, const Description& description);

// Why weights can't be kept in that form; null when they can.
const char* refuse_form(const dnnl_memory_desc_t& form);
Hash128 hash_of(const dnnl_memory_desc_t& form);
// Brings weights into it: a batch-free matrix, or the filters of a convolution.
Status store_weights(const Library& library, const ContractProblem& problem, const WeightView& raw,
                     const dnnl_memory_desc_t& form, std::byte* to);

#endif

}  // namespace temper::cpu::onednn
