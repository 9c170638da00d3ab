#include <arm_neon.h>

#include "cpu/kernel_functions.h"

namespace mixline::cpu {
namespace {

// kTokens rows of x at once; even and odd inputs are summed apart, which hides the latency of a
// fused multiply-add for one row, and gives every row the same order of additions.
template <size_t kTokens>
void DotRows(const TileDotArgs& args, size_t first) {
  const size_t columns = args.x.columns;
  const float* x[kTokens];
  float32x4_t sum[kTokens][2][4];  // [row of x][even, odd][4 outputs each]
  for (size_t t = 0; t < kTokens; ++t) {
    x[t] = args.x.f32 + static_cast<size_t>(args.row_ids[first + t]) * columns;
    for (auto& half : sum[t]) {
      for (float32x4_t& four : half) four = vdupq_n_f32(0);
    }
  }
  const auto step = [&](size_t k, size_t parity) {
    const uint8_t* group = args.tile + k * 64;
    __builtin_prefetch(group + kPrefetchBytes);
    for (size_t r = 0; r < 4; ++r) {
      const float32x4_t weights = vreinterpretq_f32_u8(vld1q_u8(group + r * 16));
      for (size_t t = 0; t < kTokens; ++t) {
        sum[t][parity][r] = vfmaq_n_f32(sum[t][parity][r], weights, x[t][k]);
      }
    }
  };
  size_t k = 0;
  for (; k + 2 <= columns; k += 2) {
    step(k, 0);
    step(k + 1, 1);
  }
  if (k < columns) step(k, 0);
  for (size_t t = 0; t < kTokens; ++t) {
    float* out = args.out + (first + t) * args.out_stride;
    for (size_t r = 0; r < 4; ++r) vst1q_f32(out + r * 4, vaddq_f32(sum[t][0][r], sum[t][1][r]));
  }
}

}  // namespace

void TileDotF32Neon(const TileDotArgs& args) {
  size_t i = 0;
  for (; i + 3 <= args.num_rows; i += 3) DotRows<3>(args, i);
  for (; i < args.num_rows; ++i) DotRows<1>(args, i);
}

}  // namespace mixline::cpu
