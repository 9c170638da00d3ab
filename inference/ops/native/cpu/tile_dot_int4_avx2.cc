#include "cpu/kernel_functions.h"
#include "cpu/tile_dot_256_inl.h"

namespace mixline::cpu {
namespace {

// A nibble (0..15) times an activation (-127..127), two of them added: at most 3810 in magnitude.
// The 8 such sums of a block fit into 16 bits (30480), so they are widened once per block.
struct Int4Weights {
  static constexpr size_t kBlockBytes = kActivationBlock * kTileRows / 2;
  static constexpr size_t kParts = 2;
  static constexpr size_t kScaleBytes = 2;

  static void Unpack(const uint8_t* half, __m256i (&parts)[kParts]) { UnpackNibbles(half, parts); }

  static __m256i Add(__m256i dot, __m256i part, __m256i x) {
    return _mm256_add_epi16(dot, _mm256_maddubs_epi16(part, x));
  }

  // A nibble is 8 more than its weight.
  static __m256i Finish(__m256i dot, int32_t sum) {
    return _mm256_sub_epi32(_mm256_madd_epi16(dot, _mm256_set1_epi16(1)),
                            _mm256_set1_epi32(8 * sum));
  }

  static __m256 Scales(const uint8_t* source) { return LoadHalves(source); }
};

}  // namespace

void TileDotInt4Avx2(const TileDotArgs& args) {
  if (args.block == 128) return DotTile<Int4Weights, 4>(args);
  DotTile<Int4Weights, 1>(args);
}

}  // namespace mixline::cpu
