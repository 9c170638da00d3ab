#include "cuda/expert_router_cuda_op.h"

#include "cuda/element_type.h"
#include "cuda/faults.h"
#include "custom_op.h"
#include "expert_router_contract.h"

namespace mixline::cuda {
namespace {

using ort::InvalidArgument;

class ExpertRouter {
 public:
  static constexpr const char* kName = "ExpertRouter";
  static constexpr const char* kProvider = kCudaProvider;
  static constexpr ort::Port kInputs[] = {
      {ort::kAnyType, ort::kRequired},                // logits [tokens, experts], f32 or fp16
      {ort::kFloat, ort::kOptional},                  // bias [experts]
      {ort::kFloat, ort::kOptional, ort::kCpuInput},  // effort, a scalar
  };
  static constexpr ort::Port kOutputs[] = {
      {ort::kInt32, ort::kRequired},  // expert_ids [tokens, k]
      {ort::kFloat, ort::kRequired},  // expert_weights [tokens, k]
  };

  explicit ExpertRouter(const ort::Attributes& attributes)
      : config_(ReadRouterConfig(attributes)),
        fault_("ExpertRouter '" + attributes.NodeName() +
               "': expected finite logits and biases, got others in an earlier run") {}

  void Compute(const ort::Context& context) const {
    const ort::Tensor logits = context.Input(kLogits);
    const bool half = logits.type == ort::kFloat16;
    ort::Expect(logits, "logits", half ? ort::kFloat16 : ort::kFloat, {-1, -1});
    const int64_t tokens = logits.dims[0];
    const int64_t experts = logits.dims[1];
    const ort::Tensor bias = context.Input(kBias);
    if (bias.present()) ort::Expect(bias, "bias", ort::kFloat, {experts});
    CheckRouter(config_, static_cast<size_t>(experts));
    RouterLaunch launch{};
    launch.config = config_;
    launch.effort = ReadEffort(context, config_.k);
    launch.tokens = static_cast<size_t>(tokens);
    launch.experts = static_cast<size_t>(experts);
    launch.element = ElementOf(logits.type);
    launch.logits = logits.data;
    launch.bias = bias.as<float>();
    if (const char* const why = Unsupported(launch)) throw InvalidArgument(why);
    fault_.ThrowIfSet();
    launch.flag = fault_.Word();
    const auto k = static_cast<int64_t>(config_.k);
    launch.expert_ids = static_cast<int32_t*>(context.Output(0, {tokens, k}));
    launch.expert_weights = static_cast<float*>(context.Output(1, {tokens, k}));
    ThrowIfFailed(RunRouter(launch, static_cast<Stream>(context.GpuStream())), "ExpertRouter");
  }

  static void InferShapes(OrtShapeInferContext* context) { InferRouterShapes(context); }

 private:
  RouterConfig config_;
  mutable Fault fault_;
};

}  // namespace

const OrtCustomOp& ExpertRouterOp() {
  static const OrtCustomOp op = ort::MakeCustomOp<ExpertRouter>();
  return op;
}

}  // namespace mixline::cuda
