// The operators on a GPU: launches that neither allocate nor wait, so that a CUDA graph can hold
// them.
#ifndef MIXLINE_CUDA_EXPERT_KERNELS_H_
#define MIXLINE_CUDA_EXPERT_KERNELS_H_

#include <cuda_runtime_api.h>

#include "expert_dispatch.h"
#include "routing.h"

namespace mixline::cuda {

enum class Element : int { kFloat32 = 0, kFloat16 = 1, kBfloat16 = 2 };  // of x and y

// All pointers are device memory. Weights are as in the file (docs/operators.md), each expert at a
// multiple of 64 bytes. Formats: int8, int4, mxfp4.
struct ExpertLaunch {
  ExpertShape shape;
  size_t tokens;
  size_t slots;  // experts per token
  Element element;
  const void* x;              // [tokens, hidden]
  const int32_t* expert_ids;  // [tokens, slots]
  const float* weights;       // [tokens, slots]
  const uint8_t* gate_up;     // [experts, 2 * gate().bytes()]
  const uint8_t* down;        // [experts, down().bytes()]
  const float* gate_up_bias;  // [experts, 2 * expert_hidden] or NULL
  const float* down_bias;     // [experts, hidden] or NULL
  void* y;                    // [tokens, hidden], overwritten
  void* workspace;            // WorkspaceBytes, at a multiple of 256 bytes
  int32_t* flag;              // set to 1 if an id was no expert; such a slot counts as unused
};

// The most tokens that read each weight once per token instead of once per expert.
inline constexpr size_t kFewTokens = 4;
inline constexpr size_t kMostHidden = 12288;  // of x that a block keeps in shared memory
inline constexpr size_t kMostExperts = 2048;

size_t WorkspaceBytes(const ExpertShape& shape, size_t tokens, size_t slots);

// NULL, or why such a call cannot run.
const char* Unsupported(const ExpertLaunch& launch);

// A launch that Unsupported has nothing against.
cudaError_t RunExperts(const ExpertLaunch& launch, cudaStream_t stream);

struct RouterLaunch {
  RouterConfig config;
  Effort effort;
  size_t tokens;
  size_t experts;         // at most kMostExperts
  const float* logits;    // [tokens, experts]
  const float* bias;      // [experts] or NULL
  int32_t* expert_ids;    // [tokens, k], overwritten
  float* expert_weights;  // [tokens, k], overwritten
  int32_t* flag;          // set to 1 if a logit or a bias is not finite
};

cudaError_t RunRouter(const RouterLaunch& launch, cudaStream_t stream);

}  // namespace mixline::cuda

#endif  // MIXLINE_CUDA_EXPERT_KERNELS_H_
