// The AVX-512 VNNI dot product of a quantised tile, for whatever way its weights are stored.
//
// Included by one .cc per weight format. `static`: each of them has its own copy.
#ifndef MIXLINE_CPU_TILE_DOT_AVX512_INL_H_
#define MIXLINE_CPU_TILE_DOT_AVX512_INL_H_

#include <immintrin.h>
#include <string.h>

#include "cpu/chunks_inl.h"
#include "cpu/kernels.h"

namespace mixline::cpu {

// Four activations, for each of 16 output rows.
static inline __m512i Broadcast4(const int8_t* x) {
  int32_t four;
  memcpy(&four, x, sizeof(four));
  return _mm512_set1_epi32(four);
}

// 16 fp16 scales.
static inline __m512 LoadHalves(const uint8_t* source) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(source)));
}

// kTokens rows of x at once; for `whole`, see PlanPrefetch. Weights has
//   kBlockBytes           bytes of a block of 32 inputs
//   kParts                registers of 16 x 4 weights that 64 bytes make
//   kOffset               what is added to a weight: the instruction wants it unsigned
//   kScaleBytes           bytes of a scale
//   Unpack(group, parts)  unpacks 64 bytes
//   Scales(source)        16 scales
template <typename Weights, size_t kBlocksPerScale, int kTokens>
static inline void DotRows(const TileDotArgs& args, size_t first, bool whole) {
  constexpr Chunks kChunks{Weights::kBlockBytes, Weights::kScaleBytes, kBlocksPerScale};
  constexpr size_t kGroups = Weights::kBlockBytes / 64;
  constexpr size_t kGroupInputs = kActivationBlock / kGroups;
  const size_t columns = args.x.columns;
  const size_t blocks = columns / kActivationBlock;
  const Prefetch prefetch = PlanPrefetch(kChunks, args, blocks, whole);
  const int8_t* q[kTokens];
  const float* x_scale[kTokens];
  const int32_t* sum[kTokens];
  __m512 total[kTokens];
  for (int t = 0; t < kTokens; ++t) {
    const auto row = static_cast<size_t>(args.row_ids[first + t]);
    q[t] = args.x.q + row * columns;
    x_scale[t] = args.x.scale + row * blocks;
    sum[t] = args.x.sum + row * blocks;
    total[t] = _mm512_setzero_ps();
  }
  for (size_t b = 0; b < blocks; ++b) {
    const uint8_t* values = args.tile + ValuesAt(kChunks, b);
    const uint8_t* scales = args.tile + ScalesAt(kChunks, b);
    const ptrdiff_t ahead = prefetch.At(scales);
    _mm_prefetch(scales + ahead, _MM_HINT_T0);
    __m512i dot[kTokens];
    for (int t = 0; t < kTokens; ++t) {
      dot[t] =
          _mm512_mullo_epi32(_mm512_set1_epi32(sum[t][b]), _mm512_set1_epi32(-Weights::kOffset));
    }
    for (size_t g = 0; g < kGroups; ++g) {
      const uint8_t* group = values + g * 64;
      _mm_prefetch(group + ahead, _MM_HINT_T0);
      __m512i parts[Weights::kParts];
      Weights::Unpack(group, parts);
      for (size_t p = 0; p < Weights::kParts; ++p) {
        for (int t = 0; t < kTokens; ++t) {
          const int8_t* x = q[t] + b * kActivationBlock + g * kGroupInputs + p * 4;
          dot[t] = _mm512_dpbusd_epi32(dot[t], parts[p], Broadcast4(x));
        }
      }
    }
    const __m512 w_scale = Weights::Scales(scales);
    for (int t = 0; t < kTokens; ++t) {
      // In this order, a block of zeros stays zero whatever its scale is.
      const __m512 value = _mm512_mul_ps(_mm512_cvtepi32_ps(dot[t]), _mm512_set1_ps(x_scale[t][b]));
      total[t] = _mm512_fmadd_ps(value, w_scale, total[t]);
    }
  }
  for (int t = 0; t < kTokens; ++t) {
    _mm512_storeu_ps(args.out + (first + t) * args.out_stride, total[t]);
  }
}

// One row of x. Memory sets the pace, and this loop is written for it: chunk by chunk, neither
// unrolled nor reordered, so that prefetches are spread over it and none is issued twice. In bursts
// they fill the queue of misses, and the processor drops some of them.
template <typename Weights, size_t kBlocksPerScale>
static inline void DotRow(const TileDotArgs& args) {
  constexpr Chunks kChunks{Weights::kBlockBytes, Weights::kScaleBytes, kBlocksPerScale};
  constexpr size_t kGroups = Weights::kBlockBytes / 64;
  const size_t blocks = args.x.columns / kActivationBlock;
  const Prefetch prefetch = PlanPrefetch(kChunks, args, blocks, false);
  const auto row = static_cast<size_t>(args.row_ids[0]);
  const int8_t* q = args.x.q + row * args.x.columns;
  const float* x_scale = args.x.scale + row * blocks;
  const int32_t* sum = args.x.sum + row * blocks;
  const uint8_t* values = args.tile;
  __m512 total = _mm512_setzero_ps();
  for (size_t b = 0; b < blocks;) {
    const uint8_t* chunk = values;
    const ptrdiff_t ahead = prefetch.At(chunk);
    _mm_prefetch(chunk + ahead, _MM_HINT_T0);
    values += kChunkScaleBytes;
    const size_t count = blocks - b < kChunks.Blocks() ? blocks - b : kChunks.Blocks();
#pragma GCC unroll 1
    for (size_t i = 0; i < count; ++i, ++b, values += Weights::kBlockBytes) {
      __m512i dot =
          _mm512_mullo_epi32(_mm512_set1_epi32(sum[b]), _mm512_set1_epi32(-Weights::kOffset));
      for (size_t g = 0; g < kGroups; ++g) {
        const uint8_t* group = values + g * 64;
        _mm_prefetch(group + ahead, _MM_HINT_T0);
        __m512i parts[Weights::kParts];
        Weights::Unpack(group, parts);
        for (const __m512i& part : parts) {
          dot = _mm512_dpbusd_epi32(dot, part, Broadcast4(q));
          q += 4;
        }
        asm volatile("" ::: "memory");  // the compiler moves no prefetch across
      }
      const __m512 w_scale =
          Weights::Scales(chunk + i / kBlocksPerScale * kTileRows * Weights::kScaleBytes);
      // In the order of DotRows: both give the same bits.
      const __m512 value = _mm512_mul_ps(_mm512_cvtepi32_ps(dot), _mm512_set1_ps(x_scale[b]));
      total = _mm512_fmadd_ps(value, w_scale, total);
    }
  }
  _mm512_storeu_ps(args.out, total);
}

template <typename Weights, size_t kBlocksPerScale>
static inline void DotTile(const TileDotArgs& args) {
  if (args.num_rows == 1) return DotRow<Weights, kBlocksPerScale>(args);
  constexpr size_t kMost = 8;
  const bool whole = args.num_rows > 3;
  size_t i = 0;
  for (; i + kMost <= args.num_rows; i += kMost) {
    DotRows<Weights, kBlocksPerScale, kMost>(args, i, whole);
  }
  switch (args.num_rows - i) {
    case 7:
      return DotRows<Weights, kBlocksPerScale, 7>(args, i, whole);
    case 6:
      return DotRows<Weights, kBlocksPerScale, 6>(args, i, whole);
    case 5:
      return DotRows<Weights, kBlocksPerScale, 5>(args, i, whole);
    case 4:
      return DotRows<Weights, kBlocksPerScale, 4>(args, i, whole);
    case 3:
      return DotRows<Weights, kBlocksPerScale, 3>(args, i, whole);
    case 2:
      return DotRows<Weights, kBlocksPerScale, 2>(args, i, whole);
    case 1:
      return DotRows<Weights, kBlocksPerScale, 1>(args, i, whole);
  }
}

}  // namespace mixline::cpu

#endif  // MIXLINE_CPU_TILE_DOT_AVX512_INL_H_
