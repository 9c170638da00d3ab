// Where the values and scales of a block of 32 inputs are in a tile of quantised weights.
//
// A tile is cut into chunks: 64 bytes of scales, then the values that they belong to, so that
// reading a tile is one stream. The last chunk may hold fewer values.
// In an anonymous namespace: each file that includes it has its own copy.
#ifndef MIXLINE_CPU_CHUNKS_INL_H_
#define MIXLINE_CPU_CHUNKS_INL_H_

#include "cpu/kernels.h"

namespace mixline::cpu {
namespace {

inline constexpr size_t kChunkScaleBytes = 64;

struct Chunks {
  size_t block_bytes;       // the values of a block of 32 inputs
  size_t scale_bytes;       // one scale
  size_t blocks_per_scale;  // 1 or 4

  // Blocks of 32 inputs that a whole chunk has; like the two above, a power of two.
  constexpr size_t Blocks() const {
    return kChunkScaleBytes / (kTileRows * scale_bytes) * blocks_per_scale;
  }
};

inline constexpr Chunks ChunksOf(WeightFormat format, size_t block) {
  switch (format) {
    case WeightFormat::kInt8:
      return {kActivationBlock * kTileRows, 2, block / kActivationBlock};
    case WeightFormat::kInt4:
      return {kActivationBlock * kTileRows / 2, 2, block / kActivationBlock};
    default:
      return {kActivationBlock * kTileRows / 2, 1, 1};
  }
}

// Bytes from the tile's beginning to the first value of block b.
inline constexpr size_t ValuesAt(const Chunks& chunks, size_t b) {
  return b * chunks.block_bytes + (b / chunks.Blocks() + 1) * kChunkScaleBytes;
}

// Bytes from the tile's beginning to the 16 scales of block b.
inline constexpr size_t ScalesAt(const Chunks& chunks, size_t b) {
  const size_t first = b / chunks.Blocks() * chunks.Blocks();
  return ValuesAt(chunks, first) - kChunkScaleBytes +
         (b - first) / chunks.blocks_per_scale * kTileRows * chunks.scale_bytes;
}

// How far ahead of its loads a kernel asks for weights, which is not the same at the end of a tile:
// the next one need not be its neighbour.
struct Prefetch {
  const uint8_t* turn;  // in the tile, where a chunk begins
  ptrdiff_t before;
  ptrdiff_t after;

  ptrdiff_t At(const uint8_t* place) const { return place < turn ? before : after; }
};

// The plan for a pass over a tile of `blocks` blocks. `whole`: the pass asks for all of the next
// tile, as there will be others that read nothing new, or so much to compute that memory may take
// long.
inline Prefetch PlanPrefetch(const Chunks& chunks, const TileDotArgs& args, size_t blocks,
                             bool whole) {
  const size_t num_chunks = (blocks + chunks.Blocks() - 1) / chunks.Blocks();
  const size_t bytes = num_chunks * kChunkScaleBytes + blocks * chunks.block_bytes;
  const size_t chunk_bytes = kChunkScaleBytes + chunks.Blocks() * chunks.block_bytes;
  size_t turn = 0;
  if (!whole && bytes > kPrefetchBytes) {
    turn = (bytes - kPrefetchBytes) / chunk_bytes * chunk_bytes;
  }
  const uint8_t* next = args.next == nullptr ? args.tile : args.next;
  return {args.tile + turn, static_cast<ptrdiff_t>(bytes - turn), next - (args.tile + turn)};
}

}  // namespace
}  // namespace mixline::cpu

#endif  // MIXLINE_CPU_CHUNKS_INL_H_
