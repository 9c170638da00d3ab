#include <immintrin.h>

#include "cpu/kernel_functions.h"
#include "cpu/rows_inl.h"

namespace mixline::cpu {
namespace {

inline __m256i Magnitude(__m256 x) {
  return _mm256_and_si256(_mm256_castps_si256(x), _mm256_set1_epi32(0x7FFFFFFF));
}

// The largest of 32 magnitudes, compared as integers, as LargestMagnitude does.
inline float Largest(const __m256 x[4]) {
  const __m256i pairs = _mm256_max_epu32(_mm256_max_epu32(Magnitude(x[0]), Magnitude(x[1])),
                                         _mm256_max_epu32(Magnitude(x[2]), Magnitude(x[3])));
  __m128i four = _mm_max_epu32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
  four = _mm_max_epu32(four, _mm_shuffle_epi32(four, 0x4E));
  four = _mm_max_epu32(four, _mm_shuffle_epi32(four, 0xB1));
  return _mm_cvtss_f32(_mm_castsi128_ps(four));
}

// QuantizeBlock with 256-bit registers, and bit for bit its result.
float QuantizeBlockAvx2(const float* x, int8_t* q, float* scale, int32_t* sum) {
  __m256 values[4];
  for (int i = 0; i < 4; ++i) values[i] = _mm256_loadu_ps(x + 8 * i);
  const float peak = Largest(values);
  if (!(peak < INFINITY) || peak < kSmallestPeak) return QuantizeBlock(x, q, scale, sum);
  const float step = peak / 127.0F;
  __m256 rests[4];
  __m256i rounded[4];
  __m256i total = _mm256_setzero_si256();
  for (int i = 0; i < 4; ++i) {
    const __m256 quotient = _mm256_div_ps(values[i], _mm256_set1_ps(step));
    const __m256 nearest = _mm256_round_ps(quotient, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    rests[i] = _mm256_sub_ps(quotient, nearest);
    rounded[i] = _mm256_cvtps_epi32(nearest);
    total = _mm256_add_epi32(total, rounded[i]);
  }
  const float margin = 0.5F - Largest(rests);
  if (margin < kSafeMargin) return QuantizeBlock(x, q, scale, sum);
  // Packing works within 128-bit halves; the permutation puts the groups of 4 back in order.
  const __m256i bytes = _mm256_packs_epi16(_mm256_packs_epi32(rounded[0], rounded[1]),
                                           _mm256_packs_epi32(rounded[2], rounded[3]));
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(q), _mm256_permutevar8x32_epi32(bytes, order));
  __m128i four = _mm_add_epi32(_mm256_castsi256_si128(total), _mm256_extracti128_si256(total, 1));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4E));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0xB1));
  *sum = _mm_cvtsi128_si32(four);
  *scale = step;
  return margin;
}

}  // namespace

void QuantizeRowAvx2(const QuantizeArgs& args) { QuantizeOneRow(args, QuantizeBlockAvx2); }

void GateAvx2(const GateArgs& args) { GateRow<8>(args); }

}  // namespace mixline::cpu
