// The families of kernels that have a driver of their own. Each: whether a config is valid, bytes of packed weights, packing,
// bytes of scratch, running.
#pragma once

#include "backend/cpu/run/contract/contract.h"
#include "backend/cpu/run/contract/kernels.h"

namespace temper::cpu {

// Matrix products and direct convolutions: kGemm, kDirect.
int64_t rows_packed_size(const ContractProblem&, const ContractConfig&);
void rows_pack(const ContractProblem&, const ContractConfig&, const WeightView&, char* packed);
int64_t rows_workspace(const ContractProblem&, const ContractConfig&, int workers);
void rows_run(const ContractProblem&, const ContractConfig&, const ContractArgs&, Executor&);

// kWinograd2, kWinograd4.
Status winograd_validate(const ContractProblem&, const ContractConfig&);
int64_t winograd_packed_size(const ContractProblem&, const ContractConfig&);
void winograd_pack(const ContractProblem&, const ContractConfig&, const WeightView&, char* packed);
int64_t winograd_workspace(const ContractProblem&, const ContractConfig&, int workers);
void winograd_run(const ContractProblem&, const ContractConfig&, const ContractArgs&, Executor&);

// kDepthwise.
Status depthwise_validate(const ContractProblem&, const ContractConfig&);
int64_t depthwise_packed_size(const ContractProblem&, const ContractConfig&);
void depthwise_pack(const ContractProblem&, const ContractConfig&, const WeightView&, char* packed);
int64_t depthwise_workspace(const ContractProblem&, const ContractConfig&, int workers);
void depthwise_run(const ContractProblem&, const ContractConfig&, const ContractArgs&, Executor&);

// kDot.
Status dot_validate(const ContractProblem&, const ContractConfig&);
int64_t dot_packed_size(const ContractProblem&, const ContractConfig&);
void dot_pack(const ContractProblem&, const ContractConfig&, const WeightView&, char* packed);
int64_t dot_workspace(const ContractProblem&, const ContractConfig&, int workers);
void dot_run(const ContractProblem&, const ContractConfig&, const ContractArgs&, Executor&);
// Its convolutions, which need no scratch.
int64_t dot_conv_packed_size(const ContractProblem&, const ContractConfig&);
void dot_conv_pack(const ContractProblem&, const ContractConfig&, const WeightView&, char* packed);
void dot_conv_run(const ContractProblem&, const ContractConfig&, const ContractArgs&, Executor&);

}  // namespace temper::cpu
