#include "cpu/kernel_functions.h"
#include "cpu/mxfp4_256_inl.h"
#include "cpu/tile_dot_256_inl.h"

namespace mixline::cpu {
namespace {

// Twice the codes' values (-12..12) as magnitudes, times activations that take over their signs:
// the 16 products that a 16-bit sum of a block collects stay below 24384.
struct Mxfp4Weights {
  static constexpr size_t kBlockBytes = kActivationBlock * kTileRows / 2;
  static constexpr size_t kParts = 2;
  static constexpr size_t kScaleBytes = 1;

  static void Unpack(const uint8_t* half, __m256i (&parts)[kParts]) { UnpackE2m1(half, parts); }

  static __m256i Add(__m256i dot, __m256i part, __m256i x) {
    const __m256i two = _mm256_maddubs_epi16(_mm256_abs_epi8(part), _mm256_sign_epi8(x, part));
    return _mm256_add_epi16(dot, two);
  }

  static __m256i Finish(__m256i dot, int32_t) {
    return _mm256_madd_epi16(dot, _mm256_set1_epi16(1));
  }

  static __m256 Scales(const uint8_t* source) { return HalvesOfE8m0(source); }
};

}  // namespace

void TileDotMxfp4Avx2(const TileDotArgs& args) { DotTile<Mxfp4Weights, 1>(args); }

}  // namespace mixline::cpu
