// The kernels' scratch memory, cut into arrays, and the sizes that they can do.
#ifndef MIXLINE_CUDA_DEVICE_WORKSPACE_H_
#define MIXLINE_CUDA_DEVICE_WORKSPACE_H_

#include "cuda/expert_kernels.h"
#include "cuda/group_slots.h"

namespace mixline::cuda {

inline constexpr size_t kRows = 64;  // slots of a tensor-core tile

// The same arrays for the host and the device. Few tokens use `hidden` alone.
struct Workspace {
  float* hidden;       // [slots, padded expert_hidden] few tokens
  uint16_t* hidden16;  // bf16 [slots, padded expert_hidden] many tokens
  float* outputs;      // [slots, hidden] many tokens: of each slot, to be weighted and added
  int32_t* grouped;    // [slots]
  RowTile* tiles;      // [MostRowTiles]
  int32_t* num_tiles;  // [1]
  size_t bytes;
};

// `memory` at a multiple of 256 bytes, or NULL to ask for the size.
Workspace Carve(void* memory, const ExpertShape& shape, size_t tokens, size_t slots_per_token);

}  // namespace mixline::cuda

#endif  // MIXLINE_CUDA_DEVICE_WORKSPACE_H_
