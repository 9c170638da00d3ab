#include "cpu/kernel_functions.h"
#include "cpu/tile_dot_avx512_inl.h"

namespace mixline::cpu {
namespace {

struct Int4Weights {
  static constexpr size_t kBlockBytes = kActivationBlock * kTileRows / 2;
  static constexpr size_t kParts = 2;
  static constexpr int32_t kOffset = 8;
  static constexpr size_t kScaleBytes = 2;

  static void Unpack(const uint8_t* group, __m512i (&parts)[kParts]) {
    const __m512i nibble = _mm512_set1_epi8(15);
    const __m512i pair = _mm512_loadu_si512(group);
    parts[0] = _mm512_and_si512(pair, nibble);
    parts[1] = _mm512_and_si512(_mm512_srli_epi16(pair, 4), nibble);
  }

  static __m512 Scales(const uint8_t* source) { return LoadHalves(source); }
};

}  // namespace

void TileDotInt4Avx512(const TileDotArgs& args) {
  if (args.block == 128) return DotTile<Int4Weights, 4>(args);
  DotTile<Int4Weights, 1>(args);
}

}  // namespace mixline::cpu
