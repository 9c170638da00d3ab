#include "expert_router_contract.h"

#include <cmath>

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

}  // namespace

RouterConfig ReadRouterConfig(const ort::Attributes& attributes) {
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

Effort ReadEffort(const ort::Context& context, size_t k) {
  const ort::Tensor effort = context.Input(kEffort);
  if (!effort.present()) return {k, 0.0};
  const bool scalar = effort.rank == 0 || (effort.rank == 1 && effort.dims[0] == 1);
  if (effort.type != ort::kFloat || !scalar) {
    throw InvalidArgument("effort: expected float [], got " + effort.Describe());
  }
  return DecodeEffort(*effort.as<float>(), k);
}

void InferRouterShapes(OrtShapeInferContext* context) {
  static constexpr ort::ElementType types[] = {ort::kInt32,
                                               ort::kFloat};  // expert_ids, expert_weights
  const OrtOpAttr* attribute = nullptr;
  ort::Call<ort::GetInferAttribute>(context, "k", &attribute);
  int64_t k = 0;
  size_t read = 0;
  ort::Call<ort::ReadAttribute>(attribute, int{ort::kAttributeInt}, static_cast<void*>(&k),
                                sizeof(k), &read);
  ort::Info* logits = nullptr;  // belongs to the context
  ort::Call<ort::GetInferredInput>(context, size_t{kLogits}, &logits);
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
      ort::Call<ort::SetTensorElementType>(info, int{types[output]});
      ort::Call<ort::SetDimensions>(info, dims, rank);
      ort::Call<ort::SetSymbolicDimensions>(info, names, rank);
      ort::Call<ort::SetInferredOutput>(context, output, info);
    });
    ort::ReleaseInfo::Of(ort::Api())(info);
    ort::ThrowIfError(status);
  }
}

}  // namespace mixline
