#include "cpu/kernel_functions.h"
#include "cpu/mxfp4_inl.h"
#include "cpu/tile_dot_avx512_inl.h"

namespace mixline::cpu {
namespace {

struct Mxfp4Weights {
  static constexpr size_t kBlockBytes = kActivationBlock * kTileRows / 2;
  static constexpr size_t kParts = 2;
  static constexpr int32_t kOffset = 12;
  static constexpr size_t kScaleBytes = 1;

  // Twice the codes' values, plus the offset.
  static void Unpack(const uint8_t* group, __m512i (&parts)[kParts]) {
    const __m128i twice = _mm_loadu_si128(reinterpret_cast<const __m128i*>(kTwiceE2m1));
    const __m512i table = _mm512_broadcast_i32x4(_mm_add_epi8(twice, _mm_set1_epi8(kOffset)));
    const __m512i nibble = _mm512_set1_epi8(15);
    const __m512i pair = _mm512_loadu_si512(group);
    parts[0] = _mm512_shuffle_epi8(table, _mm512_and_si512(pair, nibble));
    parts[1] = _mm512_shuffle_epi8(table, _mm512_and_si512(_mm512_srli_epi16(pair, 4), nibble));
  }

  // As E8m0 does it; halved, because the weights are doubled.
  static __m512 Scales(const uint8_t* source) {
    const __m512i wide =
        _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(source)));
    const __m512i bits =
        _mm512_max_epu32(_mm512_slli_epi32(wide, 23), _mm512_set1_epi32(kSmallestE8m0));
    return _mm512_mul_ps(_mm512_castsi512_ps(bits), _mm512_set1_ps(0.5F));
  }
};

}  // namespace

void TileDotMxfp4Avx512(const TileDotArgs& args) { DotTile<Mxfp4Weights, 1>(args); }

}  // namespace mixline::cpu
