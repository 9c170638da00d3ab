#include "cpu/kernel_functions.h"
#include "cpu/mxfp4_inl.h"
#include "cpu/tile_dot_neon_inl.h"

namespace mixline::cpu {
namespace {

struct Mxfp4Weights {
  static constexpr size_t kBlockBytes = kActivationBlock * kTileRows / 2;
  static constexpr size_t kScaleBytes = 1;
  static constexpr float kUnit = 0.5F;  // the integers are twice the codes' values

  template <size_t kStep>
  static int8x16_t Load(const uint8_t* block, size_t r) {
    const uint8x16_t pairs = vld1q_u8(block + kStep / 2 * 64 + r * 16);
    const bool low = kStep % 2 == 0;
    const uint8x16_t codes = low ? vandq_u8(pairs, vdupq_n_u8(15)) : vshrq_n_u8(pairs, 4);
    return vqtbl1q_s8(vld1q_s8(kTwiceE2m1), codes);
  }

  static int32_t Offset(int32_t) { return 0; }

  // As E8m0 does it.
  static Sixteen Scales(const uint8_t* source) {
    const uint8x16_t bytes = vld1q_u8(source);
    const uint16x8_t half[2] = {vmovl_u8(vget_low_u8(bytes)), vmovl_high_u8(bytes)};
    Sixteen values;
    for (size_t r = 0; r < 4; ++r) {
      const uint32x4_t wide =
          r % 2 == 0 ? vmovl_u16(vget_low_u16(half[r / 2])) : vmovl_high_u16(half[r / 2]);
      const uint32x4_t bits = vmaxq_u32(vshlq_n_u32(wide, 23), vdupq_n_u32(kSmallestE8m0));
      values.four[r] = vreinterpretq_f32_u32(bits);
    }
    return values;
  }
};

}  // namespace

void TileDotMxfp4Neon(const TileDotArgs& args) { DotTile<Mxfp4Weights, 1>(args); }

}  // namespace mixline::cpu
