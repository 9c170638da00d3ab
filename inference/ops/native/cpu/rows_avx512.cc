#include <immintrin.h>

#include "cpu/kernel_functions.h"
#include "cpu/rows_inl.h"

namespace mixline::cpu {
namespace {

// The largest of 32 magnitudes, compared as integers, as LargestMagnitude does.
inline float Largest(__m512 low, __m512 high) {
  const __m512i magnitude = _mm512_set1_epi32(0x7FFFFFFF);
  const __m512i pairs = _mm512_max_epu32(_mm512_and_si512(_mm512_castps_si512(low), magnitude),
                                         _mm512_and_si512(_mm512_castps_si512(high), magnitude));
  const uint32_t bits = _mm512_reduce_max_epu32(pairs);
  float value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

// QuantizeBlock with 512-bit registers, and bit for bit its result.
float QuantizeBlockAvx512(const float* x, int8_t* q, float* scale, int32_t* sum) {
  constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  const __m512 values[2] = {_mm512_loadu_ps(x), _mm512_loadu_ps(x + 16)};
  const float peak = Largest(values[0], values[1]);
  if (!(peak < INFINITY) || peak < kSmallestPeak) return QuantizeBlock(x, q, scale, sum);
  const float step = peak / 127.0F;
  __m512 rests[2];
  __m512i rounded[2];
  for (int i = 0; i < 2; ++i) {
    const __m512 quotient = _mm512_div_ps(values[i], _mm512_set1_ps(step));
    const __m512 nearest = _mm512_roundscale_ps(quotient, kNearest);
    rests[i] = _mm512_sub_ps(quotient, nearest);
    rounded[i] = _mm512_cvtps_epi32(nearest);
  }
  const float margin = 0.5F - Largest(rests[0], rests[1]);
  if (margin < kSafeMargin) return QuantizeBlock(x, q, scale, sum);
  for (int i = 0; i < 2; ++i) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(q + 16 * i), _mm512_cvtepi32_epi8(rounded[i]));
  }
  *sum = _mm512_reduce_add_epi32(_mm512_add_epi32(rounded[0], rounded[1]));
  *scale = step;
  return margin;
}

}  // namespace

void QuantizeRowAvx512(const QuantizeArgs& args) { QuantizeOneRow(args, QuantizeBlockAvx512); }

void GateAvx512(const GateArgs& args) { GateRow<16>(args); }

}  // namespace mixline::cpu
