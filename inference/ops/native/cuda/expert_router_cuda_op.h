// ExpertRouter for ONNX Runtime's CUDA provider; docs/operators.md is its contract.
#ifndef MIXLINE_CUDA_EXPERT_ROUTER_CUDA_OP_H_
#define MIXLINE_CUDA_EXPERT_ROUTER_CUDA_OP_H_

#include "ort_abi.h"

namespace mixline::cuda {

// Lives as long as the process.
const OrtCustomOp& ExpertRouterOp();

}  // namespace mixline::cuda

#endif  // MIXLINE_CUDA_EXPERT_ROUTER_CUDA_OP_H_
