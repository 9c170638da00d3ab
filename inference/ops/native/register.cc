// What the library exports: the operators for ONNX Runtime; kernel names and counts for Python.

#include <exception>
#include <string>

#include "cached_attention_op.h"
#include "cpu/kernel_table.h"
#include "expert_ffn_op.h"
#include "expert_router_op.h"
#include "ort_op.h"
#include "packed_layout.h"
#include "routing_counts.h"

#define MIXLINE_EXPORT extern "C" __attribute__((visibility("default")))

namespace {

using namespace mixline;  // NOLINT: the exported functions cannot be in a namespace

constexpr const char* kDomain = "mixline";

// Sessions refer to the domain for as long as they live, so it is made once and kept.
OrtCustomOpDomain* Domain() {
  static OrtCustomOpDomain* const domain = [] {
    OrtCustomOpDomain* made = nullptr;
    ort::Call<ort::CreateCustomOpDomain>(kDomain, &made);
    ort::Call<ort::CustomOpDomainAdd>(made, &ExpertRouterOp());
    ort::Call<ort::CustomOpDomainAdd>(made, &ExpertFfnOp());
    ort::Call<ort::CustomOpDomainAdd>(made, &CachedAttentionOp());
    return made;
  }();
  return domain;
}

// The chosen kernel's name, or the reason why there is none.
struct Choice {
  const char* name = nullptr;
  std::string error;

  Choice() {
    try {
      name = cpu::ChooseKernels().name;
    } catch (const std::exception& e) {
      error = e.what();
    }
  }
};

}  // namespace

// Called by ONNX Runtime when the library is registered with a session's options.
MIXLINE_EXPORT OrtStatus* RegisterCustomOps(OrtSessionOptions* options, const OrtApiBase* base) {
  // Without its API there is no way to make an OrtStatus: ONNX Runtime older than 1.18, which
  // prints that it does not know the version. The session then fails on the unknown operators.
  if (!ort::SetApi(base)) return nullptr;
  return ort::Guard([&] { ort::Call<ort::AddCustomOpDomain>(options, Domain()); });
}

// The kernel that a session created now would use; NULL if MIXLINE_ISA names none.
MIXLINE_EXPORT const char* mixline_kernel_name() { return Choice().name; }

// Why mixline_kernel_name is NULL, else "". Valid until the thread's next call.
MIXLINE_EXPORT const char* mixline_kernel_error() {
  thread_local std::string error;
  error = Choice().error;
  return error.c_str();
}

// The kernels that this build has and this processor runs, the fastest first, separated by commas.
MIXLINE_EXPORT const char* mixline_kernels_available() {
  static const std::string names = cpu::AvailableNames(",");
  return names.c_str();
}

// The number of the layout of packed weights that the kernels read.
MIXLINE_EXPORT int mixline_packed_layout() { return kPackedLayout; }

// Switches the counting of chosen experts on, from nothing, or off, keeping what was counted.
MIXLINE_EXPORT void mixline_count_experts(int on) {
  RoutingCounts& counts = RoutingCounts::OfProcess();
  on != 0 ? counts.Start() : counts.Stop();
}

// What was counted, as RoutingCounts::Text says it. Valid until the thread's next call.
MIXLINE_EXPORT const char* mixline_expert_counts() {
  thread_local std::string text;
  text = RoutingCounts::OfProcess().Text();
  return text.c_str();
}
