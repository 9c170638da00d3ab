#include "cuda/device_workspace.h"

#include "cuda/route_lanes.h"

namespace mixline::cuda {

Workspace Carve(void* memory, const ExpertShape& shape, size_t tokens, size_t slots_per_token) {
  const size_t slots = tokens * slots_per_token;
  const size_t wide = shape.down().padded_columns();
  auto* const base = static_cast<uint8_t*>(memory);
  Workspace work{};
  const auto take = [&]<typename T>(T** array, size_t length) {
    if (base != nullptr) *array = reinterpret_cast<T*>(base + work.bytes);
    work.bytes += RoundUp(length * sizeof(T), 256);
  };
  if (tokens <= kFewTokens) {
    take(&work.hidden, slots * wide);
  } else {
    take(&work.hidden16, slots * wide);
    take(&work.outputs, slots * shape.hidden);
    take(&work.grouped, slots);
    take(&work.tiles, MostRowTiles(slots, shape.num_experts, kRows));
    take(&work.num_tiles, 1);
  }
  return work;
}

size_t WorkspaceBytes(const ExpertShape& shape, size_t tokens, size_t slots) {
  return Carve(nullptr, shape, tokens, slots).bytes;
}

const char* Unsupported(const ExpertLaunch& launch) {
  const ExpertShape& shape = launch.shape;
  // A grid has 65,535 rows at most.
  constexpr size_t kMostRows = 65535;
  const size_t slots = launch.tokens * launch.slots;
  if (shape.format == cpu::WeightFormat::kF32)
    return "expected int8, int4 or mxfp4 weights, got f32";
  if (shape.hidden > kMostHidden) return "expected a hidden size of at most 12160";
  if (shape.num_experts > kMostExperts) return "expected at most 2048 experts";
  if (launch.slots == 0 || launch.tokens > kMostRows ||
      MostRowTiles(slots, shape.num_experts, kRows) > kMostRows) {
    return "expected at least one slot per token and at most 65535 tokens; run fewer at once";
  }
  return nullptr;
}

const char* Unsupported(const RouterLaunch& launch) {
  if (launch.experts > kMostExperts) return "expected at most 2048 experts";
  if (launch.tokens > INT32_MAX) return "expected fewer than 2^31 tokens";
  const RouterConfig& config = launch.config;
  if (RouteMemory::Bytes(launch.experts, config.k, config.n_group) > kSharedBytes) {
    return "expected a k and an n_group that fit, with the experts, into 48 KB of shared memory";
  }
  return nullptr;
}

}  // namespace mixline::cuda
