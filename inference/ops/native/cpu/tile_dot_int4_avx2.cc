#include <immintrin.h>
#include <string.h>

#include "cpu/kernel_functions.h"

namespace mixline::cpu {
namespace {

// Four activations, for each of 8 output rows.
inline __m256i Broadcast4(const int8_t* x) {
  int32_t four;
  memcpy(&four, x, sizeof(four));
  return _mm256_set1_epi32(four);
}

inline __m256i Load(const uint8_t* source) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(source));
}

// kTokens rows of x at once; [2] is the upper and the lower 8 of the tile's 16 outputs.
//
// A nibble (0..15) times an activation (-127..127), two of them added: at most 3810 in magnitude.
// The 8 such sums of a block fit into 16 bits (30480), so they are widened once per block.
template <int kTokens>
void DotRows(const TileDotArgs& args, size_t first) {
  const size_t columns = args.x.columns;
  const size_t blocks = columns / kActivationBlock;
  const int scale_shift = args.block == 128 ? 2 : 0;  // blocks of activations per weight scale
  const uint8_t* scales = args.tile + columns * kTileRows / 2;
  const __m256i nibble = _mm256_set1_epi8(15);
  const __m256i ones = _mm256_set1_epi16(1);
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
    __m256i dot[kTokens][2];
    for (auto& half : dot) {
      for (__m256i& lanes : half) lanes = _mm256_setzero_si256();
    }
    for (size_t g = 0; g < 4; ++g) {
      const uint8_t* group = args.tile + b * 256 + g * 64;
      _mm_prefetch(group + kPrefetchBytes, _MM_HINT_T0);
      for (int h = 0; h < 2; ++h) {
        const __m256i pair = Load(group + h * 32);
        const __m256i low = _mm256_and_si256(pair, nibble);
        const __m256i high = _mm256_and_si256(_mm256_srli_epi16(pair, 4), nibble);
        for (int t = 0; t < kTokens; ++t) {
          const int8_t* x = q[t] + b * kActivationBlock + g * 8;
          const __m256i first_four = _mm256_maddubs_epi16(low, Broadcast4(x));
          const __m256i last_four = _mm256_maddubs_epi16(high, Broadcast4(x + 4));
          dot[t][h] = _mm256_add_epi16(dot[t][h], _mm256_add_epi16(first_four, last_four));
        }
      }
    }
    for (int h = 0; h < 2; ++h) {
      const uint8_t* halves = scales + (b >> scale_shift) * kTileRows * 2 + h * 16;
      const __m256 w_scale =
          _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(halves)));
      for (int t = 0; t < kTokens; ++t) {
        const __m256i offset = _mm256_set1_epi32(8 * sum[t][b]);
        const __m256 value =
            _mm256_cvtepi32_ps(_mm256_sub_epi32(_mm256_madd_epi16(dot[t][h], ones), offset));
        const __m256 scale = _mm256_mul_ps(w_scale, _mm256_broadcast_ss(x_scale[t] + b));
        total[t][h] = _mm256_fmadd_ps(value, scale, total[t][h]);
      }
    }
  }
  for (int t = 0; t < kTokens; ++t) {
    float* out = args.out + (first + t) * args.out_stride;
    for (int h = 0; h < 2; ++h) _mm256_storeu_ps(out + h * 8, total[t][h]);
  }
}

}  // namespace

void TileDotInt4Avx2(const TileDotArgs& args) {
  size_t i = 0;
  for (; i + 2 <= args.num_rows; i += 2) DotRows<2>(args, i);
  if (i < args.num_rows) DotRows<1>(args, i);
}

}  // namespace mixline::cpu
