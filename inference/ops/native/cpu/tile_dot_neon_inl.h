// The NEON dot product of a quantised tile, for whatever way its weights are stored.
//
// Included by one .cc per weight format. `static`: each of them has its own copy.
#ifndef MIXLINE_CPU_TILE_DOT_NEON_INL_H_
#define MIXLINE_CPU_TILE_DOT_NEON_INL_H_

#include <arm_neon.h>

#include <utility>

#include "cpu/chunks_inl.h"
#include "cpu/kernels.h"

namespace mixline::cpu {

// 16 outputs, 4 to a register.
struct Sixteen {
  float32x4_t four[4];
};

// 16 fp16 scales.
static inline Sixteen LoadHalves(const uint8_t* source) {
  const float16x8_t low = vreinterpretq_f16_u8(vld1q_u8(source));
  const float16x8_t high = vreinterpretq_f16_u8(vld1q_u8(source + 16));
  return {{vcvt_f32_f16(vget_low_f16(low)), vcvt_high_f32_f16(low),
           vcvt_f32_f16(vget_low_f16(high)), vcvt_high_f32_f16(high)}};
}

// Adds, for 4 outputs, the products of inputs 4 * kStep .. 4 * kStep + 3 of a block.
template <size_t kStep>
static inline int32x4_t DotFour(int32x4_t sum, int8x16_t weights, const int8x16_t* block) {
  return vdotq_laneq_s32(sum, weights, block[kStep / 4], kStep % 4);
}

// kTokens rows of x at once. Weights has
//   kBlockBytes            bytes of a block of 32 inputs
//   Load<kStep>(block, r)  inputs 4 * kStep .. + 3 of outputs 4 * r .. + 3, as signed integers
//   Offset(sum)            what the sum of a block's products starts with, given that of its inputs
//   kScaleBytes            bytes of a scale
//   Scales(source)         16 scales
//   kUnit                  what one step of an integer stands for, in scales
template <typename Weights, size_t kBlocksPerScale, size_t kTokens>
static inline void DotRows(const TileDotArgs& args, size_t first) {
  constexpr Chunks kChunks{Weights::kBlockBytes, Weights::kScaleBytes, kBlocksPerScale};
  const size_t columns = args.x.columns;
  const size_t blocks = columns / kActivationBlock;
  const int8_t* q[kTokens];
  const float* scale[kTokens];
  const int32_t* sum[kTokens];
  Sixteen total[kTokens];
  for (size_t t = 0; t < kTokens; ++t) {
    const auto row = static_cast<size_t>(args.row_ids[first + t]);
    q[t] = args.x.q + row * columns;
    scale[t] = args.x.scale + row * blocks;
    sum[t] = args.x.sum + row * blocks;
    for (float32x4_t& four : total[t].four) four = vdupq_n_f32(0);
  }
  for (size_t b = 0; b < blocks; ++b) {
    const uint8_t* block = args.tile + ValuesAt(kChunks, b);
    const uint8_t* block_scales = args.tile + ScalesAt(kChunks, b);
    __builtin_prefetch(block_scales + kPrefetchBytes);
    for (size_t i = 0; i < Weights::kBlockBytes; i += 64) {
      __builtin_prefetch(block + i + kPrefetchBytes);
    }
    int8x16_t x[kTokens][2];
    float unit[kTokens];
    for (size_t t = 0; t < kTokens; ++t) {
      for (size_t h = 0; h < 2; ++h) x[t][h] = vld1q_s8(q[t] + b * kActivationBlock + h * 16);
      unit[t] = Weights::kUnit * scale[t][b];
    }
    const Sixteen scales = Weights::Scales(block_scales);
    // Four outputs after the other, and not unrolled: the sums then stay in registers.
#pragma GCC unroll 1
    for (size_t r = 0; r < 4; ++r) {
      int32x4_t dot[kTokens];
      for (size_t t = 0; t < kTokens; ++t) dot[t] = vdupq_n_s32(Weights::Offset(sum[t][b]));
      const auto step = [&]<size_t kStep>(std::integral_constant<size_t, kStep>) {
        const int8x16_t weights = Weights::template Load<kStep>(block, r);
        for (size_t t = 0; t < kTokens; ++t) dot[t] = DotFour<kStep>(dot[t], weights, x[t]);
      };
      [&]<size_t... kStep>(std::index_sequence<kStep...>) {
        (step(std::integral_constant<size_t, kStep>()), ...);
      }(std::make_index_sequence<kActivationBlock / 4>());
      for (size_t t = 0; t < kTokens; ++t) {
        // In this order, a block of zeros stays zero whatever its scale is.
        const float32x4_t value = vmulq_n_f32(vcvtq_f32_s32(dot[t]), unit[t]);
        total[t].four[r] = vfmaq_f32(total[t].four[r], value, scales.four[r]);
      }
    }
  }
  for (size_t t = 0; t < kTokens; ++t) {
    float* out = args.out + (first + t) * args.out_stride;
    for (size_t r = 0; r < 4; ++r) vst1q_f32(out + r * 4, total[t].four[r]);
  }
}

template <typename Weights, size_t kBlocksPerScale>
static inline void DotTile(const TileDotArgs& args) {
  size_t i = 0;
  for (; i + 4 <= args.num_rows; i += 4) DotRows<Weights, kBlocksPerScale, 4>(args, i);
  for (; i < args.num_rows; ++i) DotRows<Weights, kBlocksPerScale, 1>(args, i);
}

}  // namespace mixline::cpu

#endif  // MIXLINE_CPU_TILE_DOT_NEON_INL_H_
