// The operator ExpertFFN as ONNX Runtime sees it; docs/operators.md is its contract.
#ifndef MIXLINE_EXPERT_FFN_OP_H_
#define MIXLINE_EXPERT_FFN_OP_H_

#include "ort_abi.h"

namespace mixline {

// Lives as long as the process.
const OrtCustomOp& ExpertFfnOp();

}  // namespace mixline

#endif  // MIXLINE_EXPERT_FFN_OP_H_
