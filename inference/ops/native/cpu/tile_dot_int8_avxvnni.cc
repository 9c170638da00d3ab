#include "cpu/kernel_functions.h"
#include "cpu/tile_dot_256_inl.h"

namespace mixline::cpu {
namespace {

// The instruction multiplies unsigned by signed bytes: w + 128 is unsigned, and what the 128 adds
// is taken away again per block.
struct Int8Weights {
  static constexpr size_t kBlockBytes = kActivationBlock * kTileRows;
  static constexpr size_t kParts = 1;
  static constexpr size_t kScaleBytes = 2;

  static void Unpack(const uint8_t* half, __m256i (&parts)[kParts]) {
    parts[0] = _mm256_xor_si256(Load(half), _mm256_set1_epi8(-128));
  }

  static __m256i Add(__m256i dot, __m256i part, __m256i x) {
    return _mm256_dpbusd_avx_epi32(dot, part, x);
  }

  static __m256i Finish(__m256i dot, int32_t sum) {
    return _mm256_sub_epi32(dot, _mm256_set1_epi32(128 * sum));
  }

  static __m256 Scales(const uint8_t* source) { return LoadHalves(source); }
};

}  // namespace

void TileDotInt8AvxVnni(const TileDotArgs& args) {
  if (args.block == 128) return DotTile<Int8Weights, 4>(args);
  DotTile<Int8Weights, 1>(args);
}

}  // namespace mixline::cpu
