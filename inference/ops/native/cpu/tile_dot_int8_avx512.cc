#include "cpu/kernel_functions.h"
#include "cpu/tile_dot_avx512_inl.h"

namespace mixline::cpu {
namespace {

struct Int8Weights {
  static constexpr size_t kBlockBytes = kActivationBlock * kTileRows;
  static constexpr size_t kParts = 1;
  static constexpr int32_t kOffset = 128;
  static constexpr size_t kScaleBytes = 2;

  static void Unpack(const uint8_t* group, __m512i (&parts)[kParts]) {
    parts[0] = _mm512_xor_si512(_mm512_loadu_si512(group), _mm512_set1_epi8(-128));
  }

  static __m512 Scales(const uint8_t* source) { return LoadHalves(source); }
};

}  // namespace

void TileDotInt8Avx512(const TileDotArgs& args) {
  if (args.block == 128) return DotTile<Int8Weights, 4>(args);
  DotTile<Int8Weights, 1>(args);
}

}  // namespace mixline::cpu
