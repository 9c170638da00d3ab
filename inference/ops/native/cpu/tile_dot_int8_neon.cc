#include "cpu/kernel_functions.h"
#include "cpu/tile_dot_neon_inl.h"

namespace mixline::cpu {
namespace {

struct Int8Weights {
  static constexpr size_t kBlockBytes = kActivationBlock * kTileRows;
  static constexpr size_t kScaleBytes = 2;
  static constexpr float kUnit = 1.0F;

  template <size_t kStep>
  static int8x16_t Load(const uint8_t* block, size_t r) {
    return vreinterpretq_s8_u8(vld1q_u8(block + kStep * 64 + r * 16));
  }

  static int32_t Offset(int32_t) { return 0; }

  static Sixteen Scales(const uint8_t* source) { return LoadHalves(source); }
};

}  // namespace

void TileDotInt8Neon(const TileDotArgs& args) {
  if (args.block == 128) return DotTile<Int8Weights, 4>(args);
  DotTile<Int8Weights, 1>(args);
}

}  // namespace mixline::cpu
