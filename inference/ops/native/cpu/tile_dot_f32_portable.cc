#include <string.h>

#include "cpu/kernel_functions.h"

namespace mixline::cpu {

// Even and odd inputs are summed apart, as in the SIMD kernels.
void TileDotF32Portable(const TileDotArgs& args) {
  const size_t columns = args.x.columns;
  for (size_t i = 0; i < args.num_rows; ++i) {
    const float* x = args.x.f32 + static_cast<size_t>(args.row_ids[i]) * columns;
    float sums[2][kTileRows] = {};
    for (size_t k = 0; k < columns; ++k) {
      float weights[kTileRows];
      memcpy(weights, args.tile + k * sizeof(weights), sizeof(weights));
      float* sum = sums[k % 2];
      for (size_t r = 0; r < kTileRows; ++r) sum[r] += weights[r] * x[k];
    }
    float* out = args.out + i * args.out_stride;
    for (size_t r = 0; r < kTileRows; ++r) out[r] = sums[0][r] + sums[1][r];
  }
}

}  // namespace mixline::cpu
