#include "expert_ffn_contract.h"

#include <algorithm>
#include <cmath>

namespace mixline {
namespace {

using cpu::Activation;
using cpu::WeightFormat;
using ort::InvalidArgument;
using std::to_string;

// Sizes beyond this are mistakes, and products of them still fit into 64 bits.
constexpr int64_t kMaxWidth = 1 << 20;

// The layout of weights whose operator does not name it; the attribute came after this one.
constexpr int64_t kUnnamedLayout = 2;

WeightFormat ReadFormat(const ort::Attributes& attributes) {
  const std::string name = attributes.String("weight_format");
  if (name == "f32") return WeightFormat::kF32;
  if (name == "int8") return WeightFormat::kInt8;
  if (name == "int4") return WeightFormat::kInt4;
  if (name == "mxfp4") return WeightFormat::kMxfp4;
  throw InvalidArgument("weight_format: expected f32, int8, int4 or mxfp4, got '" + name + "'");
}

Activation ReadActivation(const ort::Attributes& attributes) {
  const std::string name = attributes.String("activation");
  if (name == "swiglu") return Activation::kSwiglu;
  if (name == "swiglu_oai") return Activation::kSwigluOai;
  if (name == "gelu") return Activation::kGelu;
  throw InvalidArgument("activation: expected swiglu, swiglu_oai or gelu, got '" + name + "'");
}

float ReadFinite(const ort::Attributes& attributes, const char* name, float otherwise) {
  const float value = attributes.Float(name, otherwise);
  if (std::isfinite(value)) return value;
  throw InvalidArgument(std::string(name) + ": expected a finite number, got " + to_string(value));
}

// f32 weights have been in one order always.
void CheckLayout(const ort::Attributes& attributes, WeightFormat format) {
  const int64_t layout = attributes.Int("layout", kUnnamedLayout);
  if (format == WeightFormat::kF32 || layout == kPackedLayout) return;
  throw InvalidArgument(
      "layout: expected packed weights in layout " + to_string(kPackedLayout) +
      ", which this operator library reads, got layout " + to_string(layout) +
      (layout > kPackedLayout ? "; update or rebuild mixline" : "; export the model again"));
}

void ExpectBytes(const ort::Tensor& packed, const char* name, size_t bytes,
                 const ExpertShape& shape) {
  try {
    ort::Expect(packed, name, ort::kUint8,
                {static_cast<int64_t>(shape.num_experts), static_cast<int64_t>(bytes)});
  } catch (const InvalidArgument& error) {
    throw InvalidArgument(std::string(error.what()) + " (hidden " + to_string(shape.hidden) +
                          ", expert_hidden " + to_string(shape.expert_hidden) + ", block " +
                          to_string(shape.block) + ")");
  }
}

}  // namespace

ExpertShape ReadExpertShape(const ort::Attributes& attributes) {
  ExpertShape shape{};
  shape.format = ReadFormat(attributes);
  CheckLayout(attributes, shape.format);
  shape.activation = ReadActivation(attributes);
  shape.alpha = ReadFinite(attributes, "alpha", 1.702F);
  shape.limit = ReadFinite(attributes, "limit", 7.0F);
  const int64_t block = attributes.Int("block", 32);
  if (shape.format == WeightFormat::kMxfp4 && block != 32) {
    throw InvalidArgument("block: expected 32, as mxfp4 has it, got " + to_string(block));
  }
  if (shape.format != WeightFormat::kF32 && block != 32 && block != 128) {
    throw InvalidArgument("block: expected 32 or 128, got " + to_string(block));
  }
  shape.block = static_cast<size_t>(block);
  const int64_t expert_hidden = attributes.Int("expert_hidden");
  if (expert_hidden < 1 || expert_hidden > kMaxWidth) {
    throw InvalidArgument("expert_hidden: expected 1 to " + to_string(kMaxWidth) + ", got " +
                          to_string(expert_hidden));
  }
  shape.expert_hidden = static_cast<size_t>(expert_hidden);
  return shape;
}

void CompleteShape(const ExpertTensors& experts, int64_t hidden, ExpertShape* shape) {
  ort::Expect(experts.gate_up, "gate_up", ort::kUint8, {-1, -1});
  const int64_t num_experts = experts.gate_up.dims[0];
  shape->hidden = static_cast<size_t>(hidden);
  shape->num_experts = static_cast<size_t>(num_experts);
  ExpectBytes(experts.gate_up, "gate_up", 2 * shape->gate().bytes(), *shape);
  ExpectBytes(experts.down, "down", shape->down().bytes(), *shape);
  if (experts.gate_up_bias.present()) {
    ort::Expect(experts.gate_up_bias, "gate_up_bias", ort::kFloat,
                {num_experts, 2 * static_cast<int64_t>(shape->expert_hidden)});
  }
  if (experts.down_bias.present()) {
    ort::Expect(experts.down_bias, "down_bias", ort::kFloat, {num_experts, hidden});
  }
}

ExpertTokens ReadExpertTokens(const ort::Context& context,
                              std::span<const ort::ElementType> types) {
  ExpertTokens call{};
  call.x = context.Input(kX);
  const bool known = std::ranges::find(types, call.x.type) != types.end();
  ort::Expect(call.x, "x", known ? static_cast<ort::ElementType>(call.x.type) : types.front(),
              {-1, -1});
  call.tokens = call.x.dims[0];
  call.hidden = call.x.dims[1];
  if (call.hidden < 1 || call.hidden > kMaxWidth) {
    throw InvalidArgument("x: expected a hidden size of 1 to " + to_string(kMaxWidth) + ", got " +
                          to_string(call.hidden));
  }
  call.ids = context.Input(kIds);
  ort::Expect(call.ids, "expert_ids", ort::kInt32, {call.tokens, -1});
  call.slots = call.ids.dims[1];
  call.weights = context.Input(kWeights);
  ort::Expect(call.weights, "expert_weights", ort::kFloat, {call.tokens, call.slots});
  if (call.tokens * call.slots > INT32_MAX) {
    throw InvalidArgument("expert_ids: expected fewer than 2^31 slots, got " + call.ids.Describe());
  }
  return call;
}

void InferExpertShapes(OrtShapeInferContext* context) {
  ort::Info* x = nullptr;  // belongs to the context
  ort::Call<ort::GetInferredInput>(context, size_t{kX}, &x);
  ort::Call<ort::SetInferredOutput>(context, size_t{0}, x);
}

}  // namespace mixline
