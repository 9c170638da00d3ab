#include "cpu/kernel_functions.h"
#include "cpu/mxfp4_256_inl.h"
#include "cpu/tile_dot_256_inl.h"

namespace mixline::cpu {
namespace {

// The instruction multiplies unsigned by signed bytes: 12 is added to twice the codes' values.
struct Mxfp4Weights {
  static constexpr size_t kBlockBytes = kActivationBlock * kTileRows / 2;
  static constexpr size_t kParts = 2;
  static constexpr size_t kScaleBytes = 1;

  static void Unpack(const uint8_t* half, __m256i (&parts)[kParts]) {
    UnpackE2m1(half, parts);
    for (__m256i& part : parts) part = _mm256_add_epi8(part, _mm256_set1_epi8(12));
  }

  static __m256i Add(__m256i dot, __m256i part, __m256i x) {
    return _mm256_dpbusd_avx_epi32(dot, part, x);
  }

  static __m256i Finish(__m256i dot, int32_t sum) {
    return _mm256_sub_epi32(dot, _mm256_set1_epi32(12 * sum));
  }

  static __m256 Scales(const uint8_t* source) { return HalvesOfE8m0(source); }
};

}  // namespace

void TileDotMxfp4AvxVnni(const TileDotArgs& args) { DotTile<Mxfp4Weights, 1>(args); }

}  // namespace mixline::cpu
