#include "expert_router_op.h"

#include <cmath>
#include <vector>

#include "custom_op.h"
#include "expert_router_contract.h"
#include "routing_counts.h"

namespace mixline {
namespace {

using ort::InvalidArgument;
using std::to_string;

class ExpertRouter {
 public:
  static constexpr const char* kName = "ExpertRouter";
  static constexpr ort::Port kInputs[] = {
      {ort::kFloat, ort::kRequired},  // logits [tokens, experts]
      {ort::kFloat, ort::kOptional},  // bias [experts]
      {ort::kFloat, ort::kOptional},  // effort, a scalar
  };
  static constexpr ort::Port kOutputs[] = {
      {ort::kInt32, ort::kRequired},  // expert_ids [tokens, k]
      {ort::kFloat, ort::kRequired},  // expert_weights [tokens, k]
  };

  explicit ExpertRouter(const ort::Attributes& attributes)
      : config_(ReadRouterConfig(attributes)), node_(attributes.NodeName()) {}

  void Compute(const ort::Context& context) const {
    const ort::Tensor logits = context.Input(kLogits);
    ort::Expect(logits, "logits", ort::kFloat, {-1, -1});
    const int64_t tokens = logits.dims[0];
    const int64_t experts = logits.dims[1];
    const auto num_experts = static_cast<size_t>(experts);
    const ort::Tensor bias = context.Input(kBias);
    if (bias.present()) ort::Expect(bias, "bias", ort::kFloat, {experts});
    const Effort effort = ReadEffort(context, config_.k);
    CheckRouter(config_, num_experts);
    CheckFinite("logits", logits.as<float>(), static_cast<size_t>(tokens), num_experts);
    if (bias.present()) CheckFinite("bias", bias.as<float>(), 1, num_experts);

    const auto k = static_cast<int64_t>(config_.k);
    auto* ids = static_cast<int32_t*>(context.Output(0, {tokens, k}));
    auto* weights = static_cast<float*>(context.Output(1, {tokens, k}));
    RouterScratch scratch(num_experts);
    for (size_t t = 0; t < static_cast<size_t>(tokens); ++t) {
      RouteToken(config_, effort, logits.as<float>() + t * num_experts, bias.as<float>(), scratch,
                 ids + t * config_.k, weights + t * config_.k);
    }
    RoutingCounts& counts = RoutingCounts::OfProcess();
    if (counts.on()) {
      counts.Add(node_, num_experts, ids, static_cast<size_t>(tokens) * config_.k);
    }
  }

  static void InferShapes(OrtShapeInferContext* context) { InferRouterShapes(context); }

 private:
  static void CheckFinite(const char* name, const float* values, size_t rows, size_t columns) {
    for (size_t i = 0; i < rows * columns; ++i) {
      if (std::isfinite(values[i])) continue;
      throw InvalidArgument(std::string(name) + ": expected finite numbers, got " +
                            to_string(values[i]) + " for token " + to_string(i / columns) +
                            ", expert " + to_string(i % columns));
    }
  }

  RouterConfig config_;
  std::string node_;
};

}  // namespace

const OrtCustomOp& ExpertRouterOp() {
  static const OrtCustomOp op = ort::MakeCustomOp<ExpertRouter>();
  return op;
}

}  // namespace mixline
