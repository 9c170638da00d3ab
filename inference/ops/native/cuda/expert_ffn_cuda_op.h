// ExpertFFN for ONNX Runtime's CUDA provider; docs/operators.md is its contract.
#ifndef MIXLINE_CUDA_EXPERT_FFN_CUDA_OP_H_
#define MIXLINE_CUDA_EXPERT_FFN_CUDA_OP_H_

#include <cstddef>
#include <cstdint>

#include "ort_abi.h"

namespace mixline::cuda {

// Lives as long as the process.
const OrtCustomOp& ExpertFfnOp();

// What the experts of all sessions of the process hold and did.
struct ExpertTotals {
  int64_t device_bytes;  // of weights, biases and tables
  int64_t expert_bytes;  // of the experts that are in device memory or have a place there
  int64_t uses;          // of experts in layers where not all are in device memory
  int64_t hits;          // of those uses, in device memory
};
ExpertTotals Totals();

}  // namespace mixline::cuda

#endif  // MIXLINE_CUDA_EXPERT_FFN_CUDA_OP_H_
