// What the library exports besides its operators: what it runs on, and plain functions over the
// kernels, for a host that owns device memory and stream (evaluation/gpu/launch.py).
#include <cstdio>

#include "cuda/gpu.h"

#define MIXLINE_EXPORT extern "C" __attribute__((visibility("default")))

namespace {

using mixline::cuda::ExpertLaunch;
using mixline::cuda::RouterLaunch;

const char* Text(int error) { return error == 0 ? nullptr : mixline::cuda::ErrorText(error); }

}  // namespace

// The number of the layout of packed weights that the kernels read.
MIXLINE_EXPORT int mixline_cuda_packed_layout() { return mixline::kPackedLayout; }

// The processors that the library has machine code for, separated by commas.
MIXLINE_EXPORT const char* mixline_cuda_architectures() { return MIXLINE_CUDA_ARCHITECTURES; }

// How many GPUs there are; where there is no driver, none. `reason` receives why.
MIXLINE_EXPORT int mixline_cuda_devices(char* reason, size_t size) {
  int count = 0;
  const char* const why = Text(mixline::cuda::CountDevices(&count));
  std::snprintf(reason, size, "%s", why == nullptr ? "" : why);
  return why == nullptr ? count : 0;
}

// The sizes of the structs below, by which a host sees whether it has the same ones.
MIXLINE_EXPORT size_t mixline_cuda_expert_launch_bytes() { return sizeof(ExpertLaunch); }
MIXLINE_EXPORT size_t mixline_cuda_router_launch_bytes() { return sizeof(RouterLaunch); }

// Why such a call cannot run, or NULL. The first thing to ask.
MIXLINE_EXPORT const char* mixline_cuda_unsupported(const ExpertLaunch* launch) {
  return mixline::cuda::Unsupported(*launch);
}

MIXLINE_EXPORT size_t mixline_cuda_workspace_bytes(const ExpertLaunch* launch) {
  return mixline::cuda::WorkspaceBytes(launch->shape, launch->tokens, launch->slots);
}

// NULL, or what CUDA says against the launch.
MIXLINE_EXPORT const char* mixline_cuda_run_experts(const ExpertLaunch* launch,
                                                    mixline::cuda::Stream stream) {
  return Text(mixline::cuda::RunExperts(*launch, stream));
}

MIXLINE_EXPORT const char* mixline_cuda_run_router(const RouterLaunch* launch,
                                                   mixline::cuda::Stream stream) {
  return Text(mixline::cuda::RunRouter(*launch, stream));
}
