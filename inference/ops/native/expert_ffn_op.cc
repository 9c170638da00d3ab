#include "expert_ffn_op.h"

#include <mutex>

#include "cpu/kernel_table.h"
#include "custom_op.h"
#include "expert_ffn_contract.h"
#include "mapped_experts.h"

namespace mixline {
namespace {

using ort::InvalidArgument;
using std::to_string;

class ExpertFfn {
 public:
  static constexpr const char* kName = "ExpertFFN";
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
      : shape_(ReadExpertShape(attributes)), kernels_(cpu::ChooseKernels()) {}

  void Compute(const ort::Context& context) const {
    static constexpr ort::ElementType kTypes[] = {ort::kFloat};
    const ExpertTokens tokens = ReadExpertTokens(context, kTypes);
    const ExpertTensors experts{context.Input(kGateUp), context.Input(kDown),
                                context.Input(kGateUpBias), context.Input(kDownBias)};
    ExpertShape shape = shape_;
    CompleteShape(experts, tokens.hidden, &shape);
    const ExpertCall call{
        .tokens = static_cast<size_t>(tokens.tokens),
        .slots = static_cast<size_t>(tokens.slots),
        .x = tokens.x.as<float>(),
        .expert_ids = tokens.ids.as<int32_t>(),
        .weights = tokens.weights.as<float>(),
        .gate_up = experts.gate_up.as<uint8_t>(),
        .down = experts.down.as<uint8_t>(),
        .gate_up_bias = experts.gate_up_bias.as<float>(),
        .down_bias = experts.down_bias.as<float>(),
        .y = static_cast<float*>(context.Output(0, {tokens.tokens, tokens.hidden})),
    };
    CheckIds(call, shape.num_experts);
    std::call_once(opened_, [&] {
      paging_.Open(call.gate_up, 2 * shape.gate().bytes(), call.down, shape.down().bytes(),
                   shape.num_experts);
    });
    paging_.Announce({call.expert_ids, call.tokens * call.slots}, shape.num_experts);
    const ort::Scratch scratch(context, ScratchBytes(shape, call.tokens, call.slots));
    RunExperts(kernels_, shape, call, scratch.data(), context.Threads());
    paging_.Computed();
  }

  static void InferShapes(OrtShapeInferContext* context) { InferExpertShapes(context); }

 private:
  static void CheckIds(const ExpertCall& call, size_t num_experts) {
    const auto experts = static_cast<int64_t>(num_experts);
    for (size_t i = 0; i < call.tokens * call.slots; ++i) {
      const int32_t id = call.expert_ids[i];
      if (id >= -1 && id < experts) continue;
      throw InvalidArgument("expert_ids: expected -1 to " + to_string(experts - 1) + ", got " +
                            to_string(id) + " for token " + to_string(i / call.slots) + ", slot " +
                            to_string(i % call.slots));
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
