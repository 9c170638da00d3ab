#include "expert_ffn_op.h"

#include <cmath>
#include <mutex>

#include "cpu/kernel_table.h"
#include "custom_op.h"
#include "expert_dispatch.h"
#include "mapped_experts.h"

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

// What is known before the tensors are: hidden and num_experts are still 0.
ExpertShape ReadShape(const ort::Attributes& attributes) {
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

class ExpertFfn {
 public:
  static constexpr const char* kName = "ExpertFFN";
  enum InputIndex : size_t { kX, kIds, kWeights, kGateUp, kDown, kGateUpBias, kDownBias };
  static constexpr ort::Port kInputs[] = {
      {ort::kFloat, ort::kRequired},  // x [tokens, hidden]
      {ort::kInt32, ort::kRequired},  // expert_ids [tokens, k]
      {ort::kFloat, ort::kRequired},  // expert_weights [tokens, k]
      {ort::kUint8, ort::kRequired},  // gate_up [experts, bytes]
      {ort::kUint8, ort::kRequired},  // down [experts, bytes]
      {ort::kFloat, ort::kOptional},  // gate_up_bias [experts, 2 * expert_hidden]
      {ort::kFloat, ort::kOptional},  // down_bias [experts, hidden]
  };
  static constexpr ort::Port kOutputs[] = {
      {ort::kFloat, ort::kRequired},  // y [tokens, hidden]
  };

  explicit ExpertFfn(const ort::Attributes& attributes)
      : shape_(ReadShape(attributes)), kernels_(cpu::ChooseKernels()) {}

  void Compute(const ort::Context& context) const {
    const ort::Tensor x = context.Input(kX);
    ort::Expect(x, "x", ort::kFloat, {-1, -1});
    const int64_t tokens = x.dims[0];
    const int64_t hidden = x.dims[1];
    if (hidden < 1 || hidden > kMaxWidth) {
      throw InvalidArgument("x: expected a hidden size of 1 to " + to_string(kMaxWidth) + ", got " +
                            to_string(hidden));
    }
    const ort::Tensor ids = context.Input(kIds);
    ort::Expect(ids, "expert_ids", ort::kInt32, {tokens, -1});
    const int64_t slots = ids.dims[1];
    const ort::Tensor weights = context.Input(kWeights);
    ort::Expect(weights, "expert_weights", ort::kFloat, {tokens, slots});
    if (tokens * slots > INT32_MAX) {
      throw InvalidArgument("expert_ids: expected fewer than 2^31 slots, got " + ids.Describe());
    }

    const ort::Tensor gate_up = context.Input(kGateUp);
    ort::Expect(gate_up, "gate_up", ort::kUint8, {-1, -1});
    const int64_t experts = gate_up.dims[0];
    ExpertShape shape = shape_;
    shape.hidden = static_cast<size_t>(hidden);
    shape.num_experts = static_cast<size_t>(experts);
    ExpectBytes(gate_up, "gate_up", experts, 2 * shape.gate().bytes(), hidden);
    const ort::Tensor down = context.Input(kDown);
    ExpectBytes(down, "down", experts, shape.down().bytes(), hidden);

    const auto expert_hidden = static_cast<int64_t>(shape.expert_hidden);
    const ort::Tensor gate_up_bias = context.Input(kGateUpBias);
    if (gate_up_bias.present()) {
      ort::Expect(gate_up_bias, "gate_up_bias", ort::kFloat, {experts, 2 * expert_hidden});
    }
    const ort::Tensor down_bias = context.Input(kDownBias);
    if (down_bias.present()) {
      ort::Expect(down_bias, "down_bias", ort::kFloat, {experts, hidden});
    }
    CheckIds(ids.as<int32_t>(), static_cast<size_t>(tokens), static_cast<size_t>(slots), experts);

    const ExpertCall call{
        .tokens = static_cast<size_t>(tokens),
        .slots = static_cast<size_t>(slots),
        .x = x.as<float>(),
        .expert_ids = ids.as<int32_t>(),
        .weights = weights.as<float>(),
        .gate_up = gate_up.as<uint8_t>(),
        .down = down.as<uint8_t>(),
        .gate_up_bias = gate_up_bias.as<float>(),
        .down_bias = down_bias.as<float>(),
        .y = static_cast<float*>(context.Output(0, {tokens, hidden})),
    };
    std::call_once(opened_, [&] {
      paging_.Open(call.gate_up, 2 * shape.gate().bytes(), call.down, shape.down().bytes(),
                   shape.num_experts);
    });
    paging_.Announce({call.expert_ids, call.tokens * call.slots}, shape.num_experts);
    const ort::Scratch scratch(context, ScratchBytes(shape, call.tokens, call.slots));
    RunExperts(kernels_, shape, call, scratch.data(), context.Threads());
    paging_.Computed();
  }

  // y has the type and shape of x.
  static void InferShapes(OrtShapeInferContext* context) {
    ort::Info* x = nullptr;  // belongs to the context
    ort::Call<ort::GetInferredInput>(context, size_t{kX}, &x);
    ort::Call<ort::SetInferredOutput>(context, size_t{0}, x);
  }

 private:
  void ExpectBytes(const ort::Tensor& packed, const char* name, int64_t experts, size_t bytes,
                   int64_t hidden) const {
    try {
      ort::Expect(packed, name, ort::kUint8, {experts, static_cast<int64_t>(bytes)});
    } catch (const InvalidArgument& error) {
      throw InvalidArgument(std::string(error.what()) + " (hidden " + to_string(hidden) +
                            ", expert_hidden " + to_string(shape_.expert_hidden) + ", block " +
                            to_string(shape_.block) + ")");
    }
  }

  static void CheckIds(const int32_t* ids, size_t tokens, size_t slots, int64_t experts) {
    for (size_t i = 0; i < tokens * slots; ++i) {
      if (ids[i] >= -1 && ids[i] < experts) continue;
      throw InvalidArgument("expert_ids: expected -1 to " + to_string(experts - 1) + ", got " +
                            to_string(ids[i]) + " for token " + to_string(i / slots) + ", slot " +
                            to_string(i % slots));
    }
  }

  mutable std::once_flag opened_;
  mutable ExpertPaging paging_;
  ExpertShape shape_;
  const cpu::Kernels& kernels_;
};

}  // namespace

const OrtCustomOp& ExpertFfnOp() {
  static const OrtCustomOp op = ort::MakeCustomOp<ExpertFfn>();
  return op;
}

}  // namespace mixline
