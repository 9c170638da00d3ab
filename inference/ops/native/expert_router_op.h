// The operator ExpertRouter as ONNX Runtime sees it; docs/operators.md is its contract.
#ifndef MIXLINE_EXPERT_ROUTER_OP_H_
#define MIXLINE_EXPERT_ROUTER_OP_H_

#include "ort_abi.h"

namespace mixline {

// Lives as long as the process.
const OrtCustomOp& ExpertRouterOp();

}  // namespace mixline

#endif  // MIXLINE_EXPERT_ROUTER_OP_H_
