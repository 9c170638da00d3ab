// What ExpertRouter's node promises, on any processor: attributes, ports and shapes, checked.
#ifndef MIXLINE_EXPERT_ROUTER_CONTRACT_H_
#define MIXLINE_EXPERT_ROUTER_CONTRACT_H_

#include "ort_op.h"
#include "routing.h"

namespace mixline {

enum RouterInput : size_t { kLogits, kBias, kEffort };

RouterConfig ReadRouterConfig(const ort::Attributes& attributes);

// The effort input, which is in the processor's memory everywhere; all k experts without it.
Effort ReadEffort(const ort::Context& context, size_t k);

// Both outputs are [tokens, k], the number of tokens being the logits' first dimension.
void InferRouterShapes(OrtShapeInferContext* context);

}  // namespace mixline

#endif  // MIXLINE_EXPERT_ROUTER_CONTRACT_H_
