#include "cpu/kernel_functions.h"
#include "cpu/tile_dot_neon_inl.h"

namespace mixline::cpu {
namespace {

struct Int4Weights {
  static constexpr size_t kBlockBytes = kActivationBlock * kTileRows / 2;
  static constexpr size_t kScaleBytes = 2;
  static constexpr float kUnit = 1.0F;

  // q + 8, which Offset undoes.
  template <size_t kStep>
  static int8x16_t Load(const uint8_t* block, size_t r) {
    const uint8x16_t pairs = vld1q_u8(block + kStep / 2 * 64 + r * 16);
    const bool low = kStep % 2 == 0;
    return vreinterpretq_s8_u8(low ? vandq_u8(pairs, vdupq_n_u8(15)) : vshrq_n_u8(pairs, 4));
  }

  static int32_t Offset(int32_t sum) { return -8 * sum; }

  static Sixteen Scales(const uint8_t* source) { return LoadHalves(source); }
};

}  // namespace

void TileDotInt4Neon(const TileDotArgs& args) {
  if (args.block == 128) return DotTile<Int4Weights, 4>(args);
  DotTile<Int4Weights, 1>(args);
}

}  // namespace mixline::cpu
