// The operator CachedAttention as ONNX Runtime sees it; docs/operators.md is its contract.
#ifndef MIXLINE_CACHED_ATTENTION_OP_H_
#define MIXLINE_CACHED_ATTENTION_OP_H_

#include "ort_abi.h"

namespace mixline {

// Lives as long as the process.
const OrtCustomOp& CachedAttentionOp();

}  // namespace mixline

#endif  // MIXLINE_CACHED_ATTENTION_OP_H_
