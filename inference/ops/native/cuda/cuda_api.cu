// What the CUDA library exports: plain functions, called by a host that owns device memory and
// stream.
#include <cstdio>

#include "cuda/expert_kernels.h"

#define MIXLINE_EXPORT extern "C" __attribute__((visibility("default")))

using mixline::cuda::ExpertLaunch;
using mixline::cuda::RouterLaunch;

namespace {

const char* Text(int error) {
  return error == 0 ? nullptr : cudaGetErrorString(static_cast<cudaError_t>(error));
}

}  // namespace

// The number of the layout of packed weights that the kernels read.
MIXLINE_EXPORT int mixline_cuda_packed_layout() { return mixline::kPackedLayout; }

// The processors that the library has machine code for, separated by commas.
MIXLINE_EXPORT const char* mixline_cuda_architectures() { return MIXLINE_CUDA_ARCHITECTURES; }

// How many GPUs there are; where there is no driver, none. `reason` receives why.
MIXLINE_EXPORT int mixline_cuda_devices(char* reason, size_t size) {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  std::snprintf(reason, size, "%s", error == cudaSuccess ? "" : cudaGetErrorString(error));
  return error == cudaSuccess ? count : 0;
}

// Why such a call cannot run, or NULL. The first thing to ask.
MIXLINE_EXPORT const char* mixline_cuda_unsupported(const ExpertLaunch* launch) {
  return mixline::cuda::Unsupported(*launch);
}

MIXLINE_EXPORT size_t mixline_cuda_workspace_bytes(const ExpertLaunch* launch) {
  return mixline::cuda::WorkspaceBytes(launch->shape, launch->tokens, launch->slots);
}

// NULL, or what CUDA says against the launch.
MIXLINE_EXPORT const char* mixline_cuda_run_experts(const ExpertLaunch* launch,
                                                    cudaStream_t stream) {
  return Text(mixline::cuda::RunExperts(*launch, stream));
}

MIXLINE_EXPORT const char* mixline_cuda_run_router(const RouterLaunch* launch,
                                                   cudaStream_t stream) {
  return Text(mixline::cuda::RunRouter(*launch, stream));
}
