#include <immintrin.h>

#include "cpu/kernel_functions.h"

namespace mixline::cpu {
namespace {

// kTokens rows of x at once; even and odd inputs are summed apart, which hides the latency of a
// fused multiply-add for one row, and gives every row the same order of additions.
template <int kTokens>
void DotRows(const TileDotArgs& args, size_t first) {
  const size_t columns = args.x.columns;
  const auto* tile = reinterpret_cast<const float*>(args.tile);
  const float* x[kTokens];
  __m256 sum[kTokens][2][2];  // [row of x][even, odd][upper, lower 8 outputs]
  for (int t = 0; t < kTokens; ++t) {
    x[t] = args.x.f32 + static_cast<size_t>(args.row_ids[first + t]) * columns;
    for (auto& half : sum[t]) half[0] = half[1] = _mm256_setzero_ps();
  }
  const auto step = [&](size_t k, int parity) {
    _mm_prefetch(args.tile + k * 64 + kPrefetchBytes, _MM_HINT_T0);
    const __m256 low = _mm256_loadu_ps(tile + k * kTileRows);
    const __m256 high = _mm256_loadu_ps(tile + k * kTileRows + 8);
    for (int t = 0; t < kTokens; ++t) {
      const __m256 value = _mm256_broadcast_ss(x[t] + k);
      sum[t][parity][0] = _mm256_fmadd_ps(low, value, sum[t][parity][0]);
      sum[t][parity][1] = _mm256_fmadd_ps(high, value, sum[t][parity][1]);
    }
  };
  size_t k = 0;
  for (; k + 2 <= columns; k += 2) {
    step(k, 0);
    step(k + 1, 1);
  }
  if (k < columns) step(k, 0);
  for (int t = 0; t < kTokens; ++t) {
    float* out = args.out + (first + t) * args.out_stride;
    for (int half = 0; half < 2; ++half) {
      _mm256_storeu_ps(out + half * 8, _mm256_add_ps(sum[t][0][half], sum[t][1][half]));
    }
  }
}

}  // namespace

void TileDotF32Avx2(const TileDotArgs& args) {
  size_t i = 0;
  for (; i + 3 <= args.num_rows; i += 3) DotRows<3>(args, i);
  for (; i < args.num_rows; ++i) DotRows<1>(args, i);
}

}  // namespace mixline::cpu
