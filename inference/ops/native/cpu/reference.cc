#include "cpu/reference.h"

#include <cmath>

#include "cpu/half_inl.h"

namespace mixline::cpu {

double ReferenceWeight(WeightFormat format, const uint8_t* tile, size_t block, size_t r, size_t k) {
  if (format == WeightFormat::kF32) {
    float weight;
    memcpy(&weight, tile + (k * kTileRows + r) * 4, sizeof(weight));
    return weight;
  }
  // A chunk: 64 bytes of scales, and the values that they belong to.
  const size_t scale_bytes = format == WeightFormat::kMxfp4 ? 1 : 2;
  const size_t chunk_inputs = 4 / scale_bytes * block;
  const size_t row_bytes = format == WeightFormat::kInt8 ? chunk_inputs : chunk_inputs / 2;
  const uint8_t* chunk = tile + k / chunk_inputs * (64 + row_bytes * kTileRows);
  const size_t in_chunk = k % chunk_inputs;
  const uint8_t* scale = chunk + (in_chunk / block * kTileRows + r) * scale_bytes;
  const uint8_t* values = chunk + 64;
  if (format == WeightFormat::kInt8) {
    const auto q = static_cast<int8_t>(values[in_chunk / 4 * 64 + r * 4 + k % 4]);
    return static_cast<double>(q) * LoadHalf(scale);
  }
  const uint8_t pair = values[in_chunk / 8 * 64 + r * 4 + k % 4];
  const int nibble = k % 8 < 4 ? pair & 15 : pair >> 4;
  if (format == WeightFormat::kInt4) return static_cast<double>(nibble - 8) * LoadHalf(scale);
  const int exponent = nibble >> 1 & 3;
  const int mantissa = nibble & 1;
  // Exponent bias 1; exponent 0 is subnormal.
  const double magnitude = exponent == 0 ? mantissa * 0.5 : std::ldexp(2 + mantissa, exponent - 2);
  const double power = *scale == 255 ? NAN : std::ldexp(1.0, *scale - 127);
  return (nibble < 8 ? magnitude : -magnitude) * power;
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
    const double term =
        ReferenceWeight(format, args.tile, args.block, r, k) * ReferenceActivation(args.x, row, k);
    sum += term;
    *magnitude += std::abs(term);
  }
  return sum;
}

}  // namespace mixline::cpu
