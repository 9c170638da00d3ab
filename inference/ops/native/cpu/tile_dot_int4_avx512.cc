#include <immintrin.h>
#include <string.h>

#include "cpu/kernel_functions.h"

namespace mixline::cpu {
namespace {

// Four activations, for each of 16 output rows.
inline __m512i Broadcast4(const int8_t* x) {
  int32_t four;
  memcpy(&four, x, sizeof(four));
  return _mm512_set1_epi32(four);
}

// kTokens rows of x at once.
template <int kTokens>
void DotRows(const TileDotArgs& args, size_t first) {
  const size_t columns = args.x.columns;
  const size_t blocks = columns / kActivationBlock;
  const int scale_shift = args.block == 128 ? 2 : 0;  // blocks of activations per weight scale
  const uint8_t* scales = args.tile + columns * kTileRows / 2;
  const __m512i nibble = _mm512_set1_epi8(15);
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
    for (int t = 0; t < kTokens; ++t) dot[t] = _mm512_set1_epi32(-8 * sum[t][b]);
    for (size_t g = 0; g < 4; ++g) {
      const uint8_t* group = args.tile + b * 256 + g * 64;
      _mm_prefetch(group + kPrefetchBytes, _MM_HINT_T0);
      const __m512i pair = _mm512_loadu_si512(group);
      const __m512i low = _mm512_and_si512(pair, nibble);
      const __m512i high = _mm512_and_si512(_mm512_srli_epi16(pair, 4), nibble);
      for (int t = 0; t < kTokens; ++t) {
        const int8_t* x = q[t] + b * kActivationBlock + g * 8;
        dot[t] = _mm512_dpbusd_epi32(dot[t], low, Broadcast4(x));
        dot[t] = _mm512_dpbusd_epi32(dot[t], high, Broadcast4(x + 4));
      }
    }
    const uint8_t* halves = scales + (b >> scale_shift) * kTileRows * 2;
    const __m512 w_scale =
        _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(halves)));
    for (int t = 0; t < kTokens; ++t) {
      const __m512 scale = _mm512_mul_ps(w_scale, _mm512_set1_ps(x_scale[t][b]));
      total[t] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot[t]), scale, total[t]);
    }
  }
  for (int t = 0; t < kTokens; ++t) {
    _mm512_storeu_ps(args.out + (first + t) * args.out_stride, total[t]);
  }
}

}  // namespace

void TileDotInt4Avx512(const TileDotArgs& args) {
  size_t i = 0;
  for (; i + 8 <= args.num_rows; i += 8) DotRows<8>(args, i);
  for (; i + 4 <= args.num_rows; i += 4) DotRows<4>(args, i);
  for (; i + 2 <= args.num_rows; i += 2) DotRows<2>(args, i);
  if (i < args.num_rows) DotRows<1>(args, i);
}

}  // namespace mixline::cpu
