#include "expert_router_op.h"

#include <cmath>
#include <vector>

#include "custom_op.h"
#include "routing.h"
#include "routing_counts.h"

namespace mixline {
namespace {

using ort::InvalidArgument;
using std::to_string;

Scoring ReadScoring(const ort::Attributes& attributes) {
  const std::string name = attributes.String("scoring", "softmax");
  if (name == "softmax") return Scoring::kSoftmax;
  if (name == "sigmoid") return Scoring::kSigmoid;
  throw InvalidArgument("scoring: expected softmax or sigmoid, got '" + name + "'");
}

bool ReadFlag(const ort::Attributes& attributes, const char* name) {
  const int64_t value = attributes.Int(name, 0);
  if (value == 0 || value == 1) return value == 1;
  throw InvalidArgument(std::string(name) + ": expected 0 or 1, got " + to_string(value));
}

size_t ReadCount(const char* name, int64_t value, int64_t least) {
  constexpr int64_t kMost = 1 << 20;
  if (value >= least && value <= kMost) return static_cast<size_t>(value);
  throw InvalidArgument(std::string(name) + ": expected " + to_string(least) + " to " +
                        to_string(kMost) + ", got " + to_string(value));
}

RouterConfig ReadConfig(const ort::Attributes& attributes) {
  RouterConfig config;
  config.k = ReadCount("k", attributes.Int("k"), 1);
  config.scoring = ReadScoring(attributes);
  config.normalize = ReadFlag(attributes, "normalize");
  config.softmax_after_topk = ReadFlag(attributes, "softmax_after_topk");
  config.n_group = ReadCount("n_group", attributes.Int("n_group", 0), 0);
  config.topk_group = ReadCount("topk_group", attributes.Int("topk_group", 0), 0);
  config.scale = attributes.Float("scale", 1.0F);
  if (!std::isfinite(config.scale)) {
    throw InvalidArgument("scale: expected a finite number, got " + to_string(config.scale));
  }
  if (config.softmax_after_topk && config.scoring == Scoring::kSigmoid) {
    throw InvalidArgument("softmax_after_topk: expected 0 with scoring sigmoid, got 1");
  }
  return config;
}

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
      : config_(ReadConfig(attributes)), node_(attributes.NodeName()) {}

  void Compute(const ort::Context& context) const {
    const ort::Tensor logits = context.Input(0);
    ort::Expect(logits, "logits", ort::kFloat, {-1, -1});
    const int64_t tokens = logits.dims[0];
    const int64_t experts = logits.dims[1];
    const auto num_experts = static_cast<size_t>(experts);
    const ort::Tensor bias = context.Input(1);
    if (bias.present()) ort::Expect(bias, "bias", ort::kFloat, {experts});
    const Effort effort = ReadEffort(context);
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

  // Both outputs are [tokens, k], the number of tokens being the logits' first dimension.
  static void InferShapes(OrtShapeInferContext* context) {
    const OrtOpAttr* attribute = nullptr;
    ort::Call<ort::GetInferAttribute>(context, "k", &attribute);
    int64_t k = 0;
    size_t read = 0;
    ort::Call<ort::ReadAttribute>(attribute, int{ort::kAttributeInt}, static_cast<void*>(&k),
                                  sizeof(k), &read);
    ort::Info* logits = nullptr;  // belongs to the context
    ort::Call<ort::GetInferredInput>(context, size_t{0}, &logits);
    size_t rank = 0;
    ort::Call<ort::GetDimensionsCount>(logits, &rank);
    if (rank != 2) return;  // unknown as yet, or wrong: Compute says so
    int64_t dims[2];
    ort::Call<ort::GetDimensions>(logits, dims, rank);
    const char* names[2];
    ort::Call<ort::GetSymbolicDimensions>(logits, names, rank);
    dims[1] = k;
    names[1] = "";
    for (size_t output = 0; output < 2; ++output) {
      ort::Info* info = nullptr;
      ort::Call<ort::CreateTensorTypeAndShapeInfo>(&info);
      OrtStatus* status = ort::Guard([&] {
        ort::Call<ort::SetTensorElementType>(info, int{kOutputs[output].type});
        ort::Call<ort::SetDimensions>(info, dims, rank);
        ort::Call<ort::SetSymbolicDimensions>(info, names, rank);
        ort::Call<ort::SetInferredOutput>(context, output, info);
      });
      ort::ReleaseInfo::Of(ort::Api())(info);
      ort::ThrowIfError(status);
    }
  }

 private:
  Effort ReadEffort(const ort::Context& context) const {
    const ort::Tensor effort = context.Input(2);
    if (!effort.present()) return {config_.k, 0.0};
    const bool scalar = effort.rank == 0 || (effort.rank == 1 && effort.dims[0] == 1);
    if (effort.type != ort::kFloat || !scalar) {
      throw InvalidArgument("effort: expected float [], got " + effort.Describe());
    }
    return DecodeEffort(*effort.as<float>(), config_.k);
  }

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
