// The dot product of a quantised tile with 256-bit registers, for whatever way its weights are
// stored and multiplied.
//
// Included by one .cc per weight format and instruction set. `static`: each of them has its own
// copy.
#ifndef MIXLINE_CPU_TILE_DOT_256_INL_H_
#define MIXLINE_CPU_TILE_DOT_256_INL_H_

#include <immintrin.h>
#include <string.h>

#include "cpu/chunks_inl.h"
#include "cpu/kernels.h"

namespace mixline::cpu {

// Four activations, for each of 8 output rows.
static inline __m256i Broadcast4(const int8_t* x) {
  int32_t four;
  memcpy(&four, x, sizeof(four));
  return _mm256_set1_epi32(four);
}

static inline __m256i Load(const uint8_t* source) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(source));
}

// The two nibbles of 32 bytes.
static inline void UnpackNibbles(const uint8_t* half, __m256i (&parts)[2]) {
  const __m256i nibble = _mm256_set1_epi8(15);
  const __m256i pair = Load(half);
  parts[0] = _mm256_and_si256(pair, nibble);
  parts[1] = _mm256_and_si256(_mm256_srli_epi16(pair, 4), nibble);
}

// 8 fp16 scales.
static inline __m256 LoadHalves(const uint8_t* source) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(source)));
}

// kTokens rows of x at once; for `whole`, see PlanPrefetch; [2] is the upper and the lower 8 of the
// tile's 16 outputs. Weights has
//   kBlockBytes            bytes of a block of 32 inputs
//   kParts                 registers of 8 x 4 weights that 32 bytes make
//   kScaleBytes            bytes of a scale
//   Unpack(half, parts)    unpacks 32 bytes
//   Add(dot, part, x)      adds products of a part to the sums of a block, 0 at first
//   Finish(dot, sum)       the sums of a block as 8 integers; `sum` is that of its activations
//   Scales(source)         8 scales
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
  __m256 total[kTokens][2];
  for (int t = 0; t < kTokens; ++t) {
    const auto row = static_cast<size_t>(args.row_ids[first + t]);
    q[t] = args.x.q + row * columns;
    x_scale[t] = args.x.scale + row * blocks;
    sum[t] = args.x.sum + row * blocks;
    for (int h = 0; h < 2; ++h) total[t][h] = _mm256_setzero_ps();
  }
  for (size_t b = 0; b < blocks; ++b) {
    const uint8_t* values = args.tile + ValuesAt(kChunks, b);
    const uint8_t* scales = args.tile + ScalesAt(kChunks, b);
    const ptrdiff_t ahead = prefetch.At(scales);
    _mm_prefetch(scales + ahead, _MM_HINT_T0);
    __m256i dot[kTokens][2];
    for (auto& half : dot) {
      for (__m256i& lanes : half) lanes = _mm256_setzero_si256();
    }
    for (size_t g = 0; g < kGroups; ++g) {
      const uint8_t* group = values + g * 64;
      _mm_prefetch(group + ahead, _MM_HINT_T0);
      for (int h = 0; h < 2; ++h) {
        __m256i parts[Weights::kParts];
        Weights::Unpack(group + h * 32, parts);
        for (size_t p = 0; p < Weights::kParts; ++p) {
          for (int t = 0; t < kTokens; ++t) {
            const int8_t* x = q[t] + b * kActivationBlock + g * kGroupInputs + p * 4;
            dot[t][h] = Weights::Add(dot[t][h], parts[p], Broadcast4(x));
          }
        }
      }
    }
    for (int h = 0; h < 2; ++h) {
      const __m256 w_scale = Weights::Scales(scales + h * 8 * Weights::kScaleBytes);
      for (int t = 0; t < kTokens; ++t) {
        // In this order, a block of zeros stays zero whatever its scale is.
        const __m256 value =
            _mm256_mul_ps(_mm256_cvtepi32_ps(Weights::Finish(dot[t][h], sum[t][b])),
                          _mm256_broadcast_ss(x_scale[t] + b));
        total[t][h] = _mm256_fmadd_ps(value, w_scale, total[t][h]);
      }
    }
  }
  for (int t = 0; t < kTokens; ++t) {
    float* out = args.out + (first + t) * args.out_stride;
    for (int h = 0; h < 2; ++h) _mm256_storeu_ps(out + h * 8, total[t][h]);
  }
}

template <typename Weights, size_t kBlocksPerScale>
static inline void DotTile(const TileDotArgs& args) {
  const bool whole = args.num_rows > 2;
  size_t i = 0;
  for (; i + 2 <= args.num_rows; i += 2) DotRows<Weights, kBlocksPerScale, 2>(args, i, whole);
  if (i < args.num_rows) DotRows<Weights, kBlocksPerScale, 1>(args, i, whole);
}

}  // namespace mixline::cpu

#endif  // MIXLINE_CPU_TILE_DOT_256_INL_H_
