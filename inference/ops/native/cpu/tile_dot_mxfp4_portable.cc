#include "cpu/chunks_inl.h"
#include "cpu/kernel_functions.h"
#include "cpu/mxfp4_inl.h"

namespace mixline::cpu {

void TileDotMxfp4Portable(const TileDotArgs& args) {
  const size_t columns = args.x.columns;
  const size_t blocks = columns / kActivationBlock;
  const Chunks chunks = ChunksOf(WeightFormat::kMxfp4, args.block);
  for (size_t i = 0; i < args.num_rows; ++i) {
    const auto row = static_cast<size_t>(args.row_ids[i]);
    float sum[kTileRows] = {};
    for (size_t b = 0; b < blocks; ++b) {
      const int8_t* x = args.x.q + row * columns + b * kActivationBlock;
      const uint8_t* weights = args.tile + ValuesAt(chunks, b);
      const uint8_t* scales = args.tile + ScalesAt(chunks, b);
      int32_t dot[kTileRows] = {};
      for (size_t k = 0; k < kActivationBlock; k += 8) {
        for (size_t r = 0; r < kTileRows; ++r) {
          for (size_t j = 0; j < 4; ++j) {
            const uint8_t pair = weights[k * kTileRows / 2 + r * 4 + j];
            dot[r] += kTwiceE2m1[pair & 15] * x[k + j] + kTwiceE2m1[pair >> 4] * x[k + 4 + j];
          }
        }
      }
      const float half = 0.5F * args.x.scale[row * blocks + b];  // the weights are doubled
      for (size_t r = 0; r < kTileRows; ++r) {
        // In this order: the largest weight scales times that of an activation would overflow, and
        // make a NaN of a block of zeros. A power of two costs no rounding wherever it stands.
        sum[r] += static_cast<float>(dot[r]) * half * E8m0(scales[r]);
      }
    }
    float* out = args.out + i * args.out_stride;
    for (size_t r = 0; r < kTileRows; ++r) out[r] = sum[r];
  }
}

}  // namespace mixline::cpu
