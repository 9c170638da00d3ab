// Random packed tiles and activations for the kernel tests.
#ifndef MIXLINE_TESTS_RANDOM_TILE_H_
#define MIXLINE_TESTS_RANDOM_TILE_H_

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "packed_layout.h"

namespace mixline::test {

using Random = std::mt19937;

inline float Normal(Random& random) { return std::normal_distribution<float>()(random); }

// Any value bytes that layout.py writes, and scales between 2^-4 and 2^4. The vector ends with the
// tile: a read beyond it is seen by the address sanitizer.
inline std::vector<uint8_t> RandomTile(Random& random, const PackedMatrix& matrix) {
  std::vector<uint8_t> tile(matrix.tile_bytes());
  if (matrix.format == cpu::WeightFormat::kF32) {
    for (size_t i = 0; i < tile.size(); i += 4) {
      const float value = Normal(random);
      std::memcpy(&tile[i], &value, sizeof(value));
    }
    return tile;
  }
  const bool int8 = matrix.format == cpu::WeightFormat::kInt8;
  const bool mxfp4 = matrix.format == cpu::WeightFormat::kMxfp4;
  std::uniform_int_distribution<int> byte(int8 ? -127 : 0, int8 ? 127 : 255);
  std::uniform_int_distribution<uint16_t> half(0x2C00, 0x4C00);
  std::uniform_int_distribution<int> exponent(123, 131);
  // Chunks of 64 bytes of scales, and the values that these belong to.
  const size_t inputs = matrix.block * (mxfp4 ? 4 : 2);
  const size_t value_bytes = cpu::kTileRows * (int8 ? inputs : inputs / 2);
  for (size_t chunk = 0; chunk < tile.size(); chunk += 64 + value_bytes) {
    for (size_t i = chunk; i < chunk + 64; i += mxfp4 ? 1 : 2) {
      if (mxfp4) {
        tile[i] = static_cast<uint8_t>(exponent(random));
        continue;
      }
      const uint16_t scale = half(random);
      std::memcpy(&tile[i], &scale, sizeof(scale));
    }
    const size_t end = std::min(tile.size(), chunk + 64 + value_bytes);
    for (size_t i = chunk + 64; i < end; ++i) tile[i] = static_cast<uint8_t>(byte(random));
  }
  return tile;
}

// Rows of activations with the storage behind them; extreme int8 values are frequent.
struct RandomRows {
  std::vector<float> f32, scale;
  std::vector<int8_t> q;
  std::vector<int32_t> sum;
  cpu::ActivationRows rows{};

  RandomRows(Random& random, size_t count, size_t columns, bool quantised) {
    rows.columns = columns;
    if (!quantised) {
      for (size_t i = 0; i < count * columns; ++i) f32.push_back(Normal(random));
      rows.f32 = f32.data();
      return;
    }
    std::uniform_int_distribution<int> value(-180, 180);
    for (size_t i = 0; i < count * columns; ++i) {
      q.push_back(static_cast<int8_t>(std::clamp(value(random), -127, 127)));
    }
    for (size_t b = 0; b < count * columns / cpu::kActivationBlock; ++b) {
      scale.push_back(std::abs(Normal(random)));
      int32_t total = 0;
      for (size_t i = 0; i < cpu::kActivationBlock; ++i) {
        total += q[b * cpu::kActivationBlock + i];
      }
      sum.push_back(total);
    }
    rows.q = q.data();
    rows.scale = scale.data();
    rows.sum = sum.data();
  }
};

}  // namespace mixline::test

#endif  // MIXLINE_TESTS_RANDOM_TILE_H_
