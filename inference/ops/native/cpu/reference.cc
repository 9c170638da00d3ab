#include "cpu/reference.h"

#include <cmath>

#include "cpu/half_inl.h"

namespace mixline::cpu {

double ReferenceWeight(WeightFormat format, const uint8_t* tile, size_t block, size_t columns,
                       size_t r, size_t k) {
  const size_t values = kTileRows * columns;
  const size_t scale_index = k / block * kTileRows + r;
  switch (format) {
    case WeightFormat::kF32: {
      float weight;
      memcpy(&weight, tile + (k * kTileRows + r) * 4, sizeof(weight));
      return weight;
    }
    case WeightFormat::kInt8: {
      const auto q = static_cast<int8_t>(tile[k / 4 * 64 + r * 4 + k % 4]);
      return static_cast<double>(q) * LoadHalf(tile + values + scale_index * 2);
    }
    case WeightFormat::kInt4: {
      const uint8_t pair = tile[k / 8 * 64 + r * 4 + k % 4];
      const int q = (k % 8 < 4 ? pair & 15 : pair >> 4) - 8;
      return static_cast<double>(q) * LoadHalf(tile + values / 2 + scale_index * 2);
    }
    case WeightFormat::kMxfp4: {
      const uint8_t pair = tile[k / 8 * 64 + r * 4 + k % 4];
      const int code = k % 8 < 4 ? pair & 15 : pair >> 4;
      const int exponent = code >> 1 & 3;
      const int mantissa = code & 1;
      // Exponent bias 1; exponent 0 is subnormal.
      const double magnitude =
          exponent == 0 ? mantissa * 0.5 : std::ldexp(2 + mantissa, exponent - 2);
      const int scale = tile[values / 2 + scale_index];
      const double power = scale == 255 ? NAN : std::ldexp(1.0, scale - 127);
      return (code < 8 ? magnitude : -magnitude) * power;
    }
  }
  return NAN;
}

double ReferenceActivation(const ActivationRows& rows, size_t row, size_t k) {
  if (rows.f32 != nullptr) return rows.f32[row * rows.columns + k];
  const double scale = rows.scale[row * (rows.columns / kActivationBlock) + k / kActivationBlock];
  return rows.q[row * rows.columns + k] * scale;
}

double ReferenceTileDot(WeightFormat format, const TileDotArgs& args, size_t i, size_t r,
                        double* magnitude) {
  const auto row = static_cast<size_t>(args.row_ids[i]);
  double sum = 0;
  *magnitude = 0;
  for (size_t k = 0; k < args.x.columns; ++k) {
    const double term = ReferenceWeight(format, args.tile, args.block, args.x.columns, r, k) *
                        ReferenceActivation(args.x, row, k);
    sum += term;
    *magnitude += std::abs(term);
  }
  return sum;
}

}  // namespace mixline::cpu
