// What ExpertFFN's node promises, on any processor: attributes, ports and shapes, checked.
#ifndef MIXLINE_EXPERT_FFN_CONTRACT_H_
#define MIXLINE_EXPERT_FFN_CONTRACT_H_

#include <span>

#include "expert_dispatch.h"
#include "ort_op.h"

namespace mixline {

enum ExpertInput : size_t { kX, kIds, kWeights, kGateUp, kDown, kGateUpBias, kDownBias };

// What is known before the tensors are: hidden and num_experts are still 0.
ExpertShape ReadExpertShape(const ort::Attributes& attributes);

// Packed experts and biases; shapes are checked by CompleteShape.
struct ExpertTensors {
  ort::Tensor gate_up;       // u8 [experts, bytes]
  ort::Tensor down;          // u8 [experts, bytes]
  ort::Tensor gate_up_bias;  // f32 [experts, 2 * expert_hidden] or absent
  ort::Tensor down_bias;     // f32 [experts, hidden] or absent
};

// Sets hidden and num_experts, or throws InvalidArgument where the tensors have other shapes.
void CompleteShape(const ExpertTensors& experts, int64_t hidden, ExpertShape* shape);

// The tensors of a call. Only their types and shapes are looked at: they may be on a device.
struct ExpertTokens {
  ort::Tensor x;        // [tokens, hidden]
  ort::Tensor ids;      // i32 [tokens, slots]
  ort::Tensor weights;  // f32 [tokens, slots]
  int64_t tokens;
  int64_t hidden;
  int64_t slots;
};

// Throws InvalidArgument unless x has one of these types, and everything the right shape.
ExpertTokens ReadExpertTokens(const ort::Context& context, std::span<const ort::ElementType> types);

// y has the type and shape of x.
void InferExpertShapes(OrtShapeInferContext* context);

}  // namespace mixline

#endif  // MIXLINE_EXPERT_FFN_CONTRACT_H_
