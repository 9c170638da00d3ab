// MXFP4 in 256-bit registers. `static`: each file that includes it has its own copy.
#ifndef MIXLINE_CPU_MXFP4_256_INL_H_
#define MIXLINE_CPU_MXFP4_256_INL_H_

#include "cpu/mxfp4_inl.h"
#include "cpu/tile_dot_256_inl.h"

namespace mixline::cpu {

// Twice the values of 64 codes in 32 bytes.
static inline void UnpackE2m1(const uint8_t* half, __m256i (&parts)[2]) {
  const __m256i table =
      _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(kTwiceE2m1)));
  UnpackNibbles(half, parts);
  for (__m256i& part : parts) part = _mm256_shuffle_epi8(table, part);
}

// Half of each of 8 scales, because UnpackE2m1 doubles the weights; otherwise as E8m0 does it.
static inline __m256 HalvesOfE8m0(const uint8_t* source) {
  const __m256i wide =
      _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(source)));
  const __m256i bits =
      _mm256_max_epu32(_mm256_slli_epi32(wide, 23), _mm256_set1_epi32(kSmallestE8m0));
  return _mm256_mul_ps(_mm256_castsi256_ps(bits), _mm256_set1_ps(0.5F));
}

}  // namespace mixline::cpu

#endif  // MIXLINE_CPU_MXFP4_256_INL_H_
