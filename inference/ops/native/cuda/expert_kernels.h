// The operators on a GPU: launches that neither allocate nor wait, so that a CUDA graph can hold
// them.
#ifndef MIXLINE_CUDA_EXPERT_KERNELS_H_
#define MIXLINE_CUDA_EXPERT_KERNELS_H_

#include "cuda/host_device.h"
#include "expert_dispatch.h"
#include "routing.h"

struct CUstream_st;  // CUDA's

namespace mixline::cuda {

using Stream = CUstream_st*;  // cudaStream_t

enum class Element : int { kFloat32 = 0, kFloat16 = 1, kBfloat16 = 2 };

// Where an expert's weights are that does not follow the one before it.
struct ExpertAddress {
  const uint8_t* gate_up;
  const uint8_t* down;
  size_t resident;  // 1: in device memory; 0: in the host's, read over the bus
};

// All pointers are memory that the device reads. Weights are as in the file (docs/operators.md),
// each expert at a multiple of 64 bytes. Formats: int8, int4, mxfp4.
struct ExpertLaunch {
  ExpertShape shape;
  size_t tokens;
  size_t slots;               // experts per token
  Element element;            // of x and y
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
  // [experts] or NULL. Not NULL: then gate_up and down are not used.
  const ExpertAddress* addresses;
  // [experts + 1], with addresses: how often each expert was used, and how often a resident one.
  int32_t* uses;

  MIXLINE_HD const uint8_t* GateUp(int32_t expert, size_t bytes) const {
    return addresses == nullptr ? gate_up + static_cast<size_t>(expert) * bytes
                                : addresses[expert].gate_up;
  }
  MIXLINE_HD const uint8_t* Down(int32_t expert, size_t bytes) const {
    return addresses == nullptr ? down + static_cast<size_t>(expert) * bytes
                                : addresses[expert].down;
  }
  MIXLINE_HD void CountUses(int32_t expert, int32_t times) const {
    if (addresses == nullptr || times == 0) return;
    CountMore(&uses[expert], times);
    if (addresses[expert].resident != 0) CountMore(&uses[shape.num_experts], times);
  }
};

// The most tokens that read each weight once per token instead of once per expert.
inline constexpr size_t kFewTokens = 4;
inline constexpr size_t kMostHidden = 12160;  // of x that a block keeps in shared memory
inline constexpr size_t kMostExperts = 2048;
inline constexpr size_t kSharedBytes = 48 * 1024;  // that a block has without asking for more

size_t WorkspaceBytes(const ExpertShape& shape, size_t tokens, size_t slots);

// NULL, or why such a call cannot run.
const char* Unsupported(const ExpertLaunch& launch);

// A launch that Unsupported has nothing against. Returns 0 or CUDA's error, here and below.
int RunExperts(const ExpertLaunch& launch, Stream stream);

struct RouterLaunch {
  RouterConfig config;
  Effort effort;
  size_t tokens;
  size_t experts;
  Element element;        // of logits: kFloat32 or kFloat16
  const void* logits;     // [tokens, experts]
  const float* bias;      // [experts] or NULL
  int32_t* expert_ids;    // [tokens, k], overwritten
  float* expert_weights;  // [tokens, k], overwritten
  int32_t* flag;          // set to 1 if a logit or a bias is not finite
};

const char* Unsupported(const RouterLaunch& launch);
int RunRouter(const RouterLaunch& launch, Stream stream);

}  // namespace mixline::cuda

#endif  // MIXLINE_CUDA_EXPERT_KERNELS_H_
