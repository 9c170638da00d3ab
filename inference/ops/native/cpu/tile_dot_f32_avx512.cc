#include <immintrin.h>

#include "cpu/kernel_functions.h"

namespace mixline::cpu {
namespace {

// kTokens rows of x at once; even and odd inputs are summed apart, as in every f32 kernel.
template <int kTokens>
void DotRows(const TileDotArgs& args, size_t first) {
  const size_t columns = args.x.columns;
  const auto* tile = reinterpret_cast<const float*>(args.tile);
  const float* x[kTokens];
  __m512 sum[kTokens][2];  // [row of x][even, odd]
  for (int t = 0; t < kTokens; ++t) {
    x[t] = args.x.f32 + static_cast<size_t>(args.row_ids[first + t]) * columns;
    sum[t][0] = sum[t][1] = _mm512_setzero_ps();
  }
  const auto step = [&](size_t k, int parity) {
    _mm_prefetch(args.tile + k * 64 + kPrefetchBytes, _MM_HINT_T0);
    const __m512 weights = _mm512_loadu_ps(tile + k * kTileRows);
    for (int t = 0; t < kTokens; ++t) {
      sum[t][parity] = _mm512_fmadd_ps(weights, _mm512_set1_ps(x[t][k]), sum[t][parity]);
    }
  };
  size_t k = 0;
  for (; k + 2 <= columns; k += 2) {
    step(k, 0);
    step(k + 1, 1);
  }
  if (k < columns) step(k, 0);
  for (int t = 0; t < kTokens; ++t) {
    _mm512_storeu_ps(args.out + (first + t) * args.out_stride, _mm512_add_ps(sum[t][0], sum[t][1]));
  }
}

}  // namespace

void TileDotF32Avx512(const TileDotArgs& args) {
  size_t i = 0;
  for (; i + 8 <= args.num_rows; i += 8) DotRows<8>(args, i);
  for (; i + 2 <= args.num_rows; i += 2) DotRows<2>(args, i);
  if (i < args.num_rows) DotRows<1>(args, i);
}

}  // namespace mixline::cpu
