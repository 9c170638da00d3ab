// What the library exports for ONNX Runtime, and for whoever runs its sessions.
#include <string>

#include "cuda/expert_ffn_cuda_op.h"
#include "cuda/expert_router_cuda_op.h"
#include "cuda/faults.h"
#include "ort_op.h"

#define MIXLINE_EXPORT extern "C" __attribute__((visibility("default")))

namespace {

using namespace mixline;  // NOLINT: the exported functions cannot be in a namespace

// Sessions refer to the domain for as long as they live, so it is made once and kept.
OrtCustomOpDomain* Domain() {
  static OrtCustomOpDomain* const domain = [] {
    OrtCustomOpDomain* made = nullptr;
    ort::Call<ort::CreateCustomOpDomain>("mixline", &made);
    ort::Call<ort::CustomOpDomainAdd>(made, &cuda::ExpertRouterOp());
    ort::Call<ort::CustomOpDomainAdd>(made, &cuda::ExpertFfnOp());
    return made;
  }();
  return domain;
}

}  // namespace

// Called by ONNX Runtime when the library is registered with a session's options. A session takes
// one library of the domain: this one or libmixline_ops.so.
MIXLINE_EXPORT OrtStatus* RegisterCustomOps(OrtSessionOptions* options, const OrtApiBase* base) {
  if (!ort::SetApi(base)) return nullptr;  // see register.cc
  return ort::Guard([&] { ort::Call<ort::AddCustomOpDomain>(options, Domain()); });
}

// What kernels found wrong since the last call, a line for each node, "" if nothing. To be asked
// after a run that was waited for. Valid until the thread's next call.
MIXLINE_EXPORT const char* mixline_cuda_take_faults() {
  thread_local std::string messages;
  messages = cuda::Fault::TakeAll();
  return messages.c_str();
}

// What the experts of all sessions hold and did.
MIXLINE_EXPORT void mixline_cuda_totals(cuda::ExpertTotals* totals) { *totals = cuda::Totals(); }
