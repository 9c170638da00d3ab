#include "cpu/kernel_functions.h"
#include "cpu/tile_dot_256_inl.h"

namespace mixline::cpu {
namespace {

// The instruction multiplies unsigned by signed bytes: |w| and x with the sign of w. Two products
// reach 2 * 127 * 127 = 32258, which fits into 16 bits, but no further one does.
struct Int8Weights {
  static constexpr size_t kBlockBytes = kActivationBlock * kTileRows;
  static constexpr size_t kParts = 1;
  static constexpr size_t kScaleBytes = 2;

  static void Unpack(const uint8_t* half, __m256i (&parts)[kParts]) { parts[0] = Load(half); }

  static __m256i Add(__m256i dot, __m256i part, __m256i x) {
    const __m256i two = _mm256_maddubs_epi16(_mm256_abs_epi8(part), _mm256_sign_epi8(x, part));
    return _mm256_add_epi32(dot, _mm256_madd_epi16(two, _mm256_set1_epi16(1)));
  }

  static __m256i Finish(__m256i dot, int32_t) { return dot; }

  static __m256 Scales(const uint8_t* source) { return LoadHalves(source); }
};

}  // namespace

void TileDotInt8Avx2(const TileDotArgs& args) {
  if (args.block == 128) return DotTile<Int8Weights, 4>(args);
  DotTile<Int8Weights, 1>(args);
}

}  // namespace mixline::cpu
