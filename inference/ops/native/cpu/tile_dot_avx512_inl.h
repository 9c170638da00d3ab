// The AVX-512 VNNI dot product of a quantised tile, for whatever way its weights are stored.
//
// Included by one .cc per weight format. `static`: each of them has its own copy.
#ifndef MIXLINE_CPU_TILE_DOT_AVX512_INL_H_
#define MIXLINE_CPU_TILE_DOT_AVX512_INL_H_

#include <immintrin.h>
#include <string.h>

#include "cpu/kernels.h"

namespace mixline::cpu {

// So many rows are left to the AVX2 kernel, which computes the same. In the caches it takes twice
// the time, out of memory it was measured to take 0.86 of it: a loop that is much faster than
// memory fills the queue of misses, and the processor drops further prefetches.
inline constexpr size_t kRowsOfAvx2 = 1;

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

// kTokens rows of x at once. Weights has
//   kBlockBytes           bytes of a block of 32 inputs
//   kParts                registers of 16 x 4 weights that 64 bytes make
//   kOffset               what is added to a weight: the instruction wants it unsigned
//   kScaleBytes           bytes of a scale
//   Unpack(group, parts)  unpacks 64 bytes
//   Scales(source)        16 scales
template <typename Weights, int kTokens>
static inline void DotRows(const TileDotArgs& args, size_t first) {
  constexpr size_t kGroups = Weights::kBlockBytes / 64;
  constexpr size_t kGroupInputs = kActivationBlock / kGroups;
  const size_t columns = args.x.columns;
  const size_t blocks = columns / kActivationBlock;
  const int scale_shift = args.block == 128 ? 2 : 0;  // blocks of activations per weight scale
  const uint8_t* scales = args.tile + blocks * Weights::kBlockBytes;
  const ptrdiff_t ahead = args.next == nullptr ? 0 : args.next - args.tile;
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
    __m512i dot[kTokens];
    for (int t = 0; t < kTokens; ++t) {
      dot[t] = _mm512_set1_epi32(-Weights::kOffset * sum[t][b]);
    }
    for (size_t g = 0; g < kGroups; ++g) {
      const uint8_t* group = args.tile + b * Weights::kBlockBytes + g * 64;
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
    const uint8_t* scale = scales + (b >> scale_shift) * kTileRows * Weights::kScaleBytes;
    _mm_prefetch(scale + ahead, _MM_HINT_T0);
    const __m512 w_scale = Weights::Scales(scale);
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

template <typename Weights>
static inline void DotTile(const TileDotArgs& args) {
  size_t i = 0;
  for (; i + 8 <= args.num_rows; i += 8) DotRows<Weights, 8>(args, i);
  switch (args.num_rows - i) {
    case 7:
      return DotRows<Weights, 7>(args, i);
    case 6:
      return DotRows<Weights, 6>(args, i);
    case 5:
      return DotRows<Weights, 5>(args, i);
    case 4:
      return DotRows<Weights, 4>(args, i);
    case 3:
      return DotRows<Weights, 3>(args, i);
    case 2:
      return DotRows<Weights, 2>(args, i);
    case 1:
      return DotRows<Weights, 1>(args, i);
  }
}

}  // namespace mixline::cpu

#endif  // MIXLINE_CPU_TILE_DOT_AVX512_INL_H_
