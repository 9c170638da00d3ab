#include "cpu/chunks_inl.h"
#include "cpu/half_inl.h"
#include "cpu/kernel_functions.h"

namespace mixline::cpu {

void TileDotInt8Portable(const TileDotArgs& args) {
  const size_t columns = args.x.columns;
  const size_t blocks = columns / kActivationBlock;
  const Chunks chunks = ChunksOf(WeightFormat::kInt8, args.block);
  for (size_t i = 0; i < args.num_rows; ++i) {
    const auto row = static_cast<size_t>(args.row_ids[i]);
    float sum[kTileRows] = {};
    for (size_t b = 0; b < blocks; ++b) {
      const int8_t* x = args.x.q + row * columns + b * kActivationBlock;
      const uint8_t* weights = args.tile + ValuesAt(chunks, b);
      const uint8_t* scales = args.tile + ScalesAt(chunks, b);
      int32_t dot[kTileRows] = {};
      for (size_t k = 0; k < kActivationBlock; k += 4) {
        for (size_t r = 0; r < kTileRows; ++r) {
          for (size_t j = 0; j < 4; ++j) {
            dot[r] += static_cast<int8_t>(weights[k * kTileRows + r * 4 + j]) * x[k + j];
          }
        }
      }
      const float x_scale = args.x.scale[row * blocks + b];
      for (size_t r = 0; r < kTileRows; ++r) {
        sum[r] += static_cast<float>(dot[r]) * (LoadHalf(scales + r * 2) * x_scale);
      }
    }
    float* out = args.out + i * args.out_stride;
    for (size_t r = 0; r < kTileRows; ++r) out[r] = sum[r];
  }
}

}  // namespace mixline::cpu
