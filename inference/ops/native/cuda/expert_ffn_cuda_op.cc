#include "cuda/expert_ffn_cuda_op.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <vector>

#include "cuda/element_type.h"
#include "cuda/expert_store.h"
#include "cuda/faults.h"
#include "cuda/memory_plan.h"
#include "cuda/workspaces.h"
#include "custom_op.h"
#include "expert_ffn_contract.h"

namespace mixline::cuda {
namespace {

using ort::InvalidArgument;

class ExpertFfn;
std::mutex list_mutex;

// All of the process.
std::vector<const ExpertFfn*>& List() {
  static auto& list = *new std::vector<const ExpertFfn*>;  // sessions may outlive statics
  return list;
}

ExpertTensors ReadExperts(const ort::Attributes& attributes) {
  return {attributes.ConstantInput(kGateUp, "gate_up"), attributes.ConstantInput(kDown, "down"),
          attributes.ConstantInput(kGateUpBias, "gate_up_bias"),
          attributes.ConstantInput(kDownBias, "down_bias")};
}

size_t Elements(const ort::Tensor& tensor) {
  return tensor.present() ? static_cast<size_t>(tensor.dims[0] * tensor.dims[1]) : 0;
}

class ExpertFfn {
 public:
  static constexpr const char* kName = "ExpertFFN";
  static constexpr const char* kProvider = kCudaProvider;
  static constexpr ort::Port kInputs[] = {
      {ort::kAnyType, ort::kRequired},                // x [tokens, hidden], see kTypes
      {ort::kInt32, ort::kRequired},                  // expert_ids [tokens, k]
      {ort::kFloat, ort::kRequired},                  // expert_weights [tokens, k]
      {ort::kUint8, ort::kRequired, ort::kCpuInput},  // gate_up [experts, bytes]
      {ort::kUint8, ort::kRequired, ort::kCpuInput},  // down [experts, bytes]
      {ort::kFloat, ort::kOptional, ort::kCpuInput},  // gate_up_bias [experts, 2 * expert_hidden]
      {ort::kFloat, ort::kOptional, ort::kCpuInput},  // down_bias [experts, hidden]
  };
  static constexpr ort::Port kOutputs[] = {
      {ort::kAnyType, ort::kRequired},  // y [tokens, hidden], of x's type
  };

  explicit ExpertFfn(const ort::Attributes& attributes)
      : shape_(ReadExpertShape(attributes)),
        experts_(ReadExperts(attributes)),
        resident_bytes_(ParseResidentBytes(attributes.ConfigEntry(kResidentBytes))),
        share_(attributes.Session(), Elements(experts_.gate_up) + Elements(experts_.down)),
        fault_("ExpertFFN '" + attributes.NodeName() +
               "': expected expert ids from -1 to the last expert, got others in an earlier run"),
        workspaces_(Workspaces::OfProcess()) {
    const std::lock_guard lock(list_mutex);
    List().push_back(this);
  }

  ~ExpertFfn() {
    const std::lock_guard lock(list_mutex);
    std::erase(List(), this);
  }

  void Compute(const ort::Context& context) const {
    static constexpr ort::ElementType kTypes[] = {ort::kFloat16, ort::kBfloat16, ort::kFloat};
    const ExpertTokens tokens = ReadExpertTokens(context, kTypes);
    ExpertLaunch launch{};
    launch.shape = shape_;
    CompleteShape(experts_, tokens.hidden, &launch.shape);
    launch.tokens = static_cast<size_t>(tokens.tokens);
    launch.slots = static_cast<size_t>(tokens.slots);
    launch.element = ElementOf(tokens.x.type);
    launch.x = tokens.x.data;
    launch.expert_ids = tokens.ids.as<int32_t>();
    launch.weights = tokens.weights.as<float>();
    if (const char* const why = Unsupported(launch)) throw InvalidArgument(why);
    fault_.ThrowIfSet();
    launch.flag = fault_.Word();
    launch.y = context.Output(0, {tokens.tokens, tokens.hidden});
    auto* const stream = static_cast<Stream>(context.GpuStream());
    Place(launch.shape, stream);
    store_->Describe(&launch);
    launch.workspace =
        workspaces_->Get(stream, WorkspaceBytes(launch.shape, launch.tokens, launch.slots));
    ThrowIfFailed(RunExperts(launch, stream), "ExpertFFN");
  }

  static void InferShapes(OrtShapeInferContext* context) { InferExpertShapes(context); }

  void AddTo(ExpertTotals* totals) const {
    const std::lock_guard lock(mutex_);
    if (!store_.has_value()) return;
    const CacheCounts counts = store_->counts();
    totals->device_bytes += static_cast<int64_t>(store_->device_bytes());
    totals->expert_bytes += static_cast<int64_t>(store_->resident_bytes());
    totals->uses += counts.uses;
    totals->hits += counts.hits;
  }

 private:
  // Uploads the experts in the first call, when the session is complete, and looks after them in
  // later ones.
  void Place(const ExpertShape& shape, Stream stream) const {
    const bool capturing = IsCapturing(stream);
    const std::lock_guard lock(mutex_);
    if (capturing && !(store_.has_value() && store_->all_resident())) {
      throw std::runtime_error(
          store_.has_value()
              ? "expected all experts in GPU memory for a CUDA graph, as which of them are there"
                " changes between runs; run without graphs, or raise mixline.resident_bytes"
              : "expected a run before the one that a CUDA graph is captured from, which uploads "
                "the"
                " experts; found none");
    }
    if (store_.has_value()) {
      if (!capturing) store_->Refresh(stream);
      return;
    }
    const ExpertFile file{
        .num_experts = shape.num_experts,
        .gate_up = experts_.gate_up.as<uint8_t>(),
        .gate_up_bytes = 2 * shape.gate().bytes(),
        .down = experts_.down.as<uint8_t>(),
        .down_bytes = shape.down().bytes(),
        .gate_up_bias = experts_.gate_up_bias.as<float>(),
        .gate_up_bias_length = Elements(experts_.gate_up_bias),
        .down_bias = experts_.down_bias.as<float>(),
        .down_bias_length = Elements(experts_.down_bias),
    };
    store_.emplace(file, ResidentExperts(resident_bytes_, share_.SessionBytes(), file.num_experts),
                   stream);
  }

  ExpertShape shape_;
  ExpertTensors experts_;
  size_t resident_bytes_;
  SessionShare share_;
  mutable Fault fault_;
  std::shared_ptr<Workspaces> workspaces_;
  mutable std::mutex mutex_;
  mutable std::optional<ExpertStore> store_;
};

}  // namespace

const OrtCustomOp& ExpertFfnOp() {
  static const OrtCustomOp op = ort::MakeCustomOp<ExpertFfn>();
  return op;
}

ExpertTotals Totals() {
  const std::lock_guard lock(list_mutex);
  ExpertTotals totals{};
  for (const ExpertFfn* op : List()) op->AddTo(&totals);
  return totals;
}

}  // namespace mixline::cuda
