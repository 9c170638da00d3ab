// Every micro-kernel of this machine against cpu/reference.cc.
#include <algorithm>
#include <cfloat>

#include "check.h"
#include "cpu/kernel_table.h"
#include "cpu/reference.h"
#include "random_tile.h"

namespace mixline {
namespace {

using cpu::kTileRows;
using cpu::WeightFormat;

constexpr const char* kFormatNames[] = {"f32", "int8", "int4", "mxfp4"};

// The rounding errors of a sum of n products stay below n units in the last place of the sum of
// their magnitudes; quantised products are summed exactly within a block.
void CheckTileDot(const cpu::Kernels& kernels, WeightFormat format, size_t columns, size_t block,
                  size_t num_rows, size_t out_stride, test::Random& random) {
  const PackedMatrix matrix{format, block, kTileRows, columns};
  const std::vector<uint8_t> tile = test::RandomTile(random, matrix);
  const bool quantised = format != WeightFormat::kF32;
  const size_t stored_rows = num_rows + 3;
  const test::RandomRows x(random, stored_rows, matrix.padded_columns(), quantised);
  std::vector<int32_t> ids(num_rows);
  for (int32_t& id : ids) id = static_cast<int32_t>(random() % stored_rows);
  std::vector<float> out(num_rows * out_stride - (out_stride - kTileRows), -1.0F);
  const cpu::TileDotArgs args{tile.data(), block,      x.rows,    ids.data(),
                              num_rows,    out.data(), out_stride};

  kernels.tile_dot[static_cast<size_t>(format)](args);

  const size_t steps = quantised ? matrix.padded_columns() / cpu::kActivationBlock : columns;
  for (size_t i = 0; i < num_rows; ++i) {
    for (size_t r = 0; r < kTileRows; ++r) {
      double magnitude = 0;
      const double expected = cpu::ReferenceTileDot(format, args, i, r, &magnitude);
      const double allowed = static_cast<double>(steps + 4) * FLT_EPSILON * magnitude;
      const float got = out[i * out_stride + r];
      CHECK(std::abs(got - expected) <= allowed)
          << kernels.name << ' ' << kFormatNames[static_cast<int>(format)] << " columns " << columns
          << " block " << block << " rows " << num_rows << ": row " << i << " output " << r
          << " expected " << expected << " got " << got << " allowed " << allowed;
    }
    for (size_t r = kTileRows; r < out_stride && i + 1 < num_rows; ++r) {
      CHECK(out[i * out_stride + r] == -1.0F) << kernels.name << " wrote between two rows";
    }
  }
}

void CheckShapes(WeightFormat format, const std::vector<size_t>& blocks) {
  test::Random random(1);
  for (const cpu::Kernels* kernels : cpu::AvailableKernels()) {
    for (const size_t columns : {1, 2, 31, 32, 33, 64, 100, 128, 129, 257, 512}) {
      for (const size_t block : blocks) {
        for (const size_t num_rows : {1, 2, 3, 4, 5, 7, 8, 9, 15, 17, 32}) {
          CheckTileDot(*kernels, format, columns, block, num_rows, num_rows % 2 ? 16 : 32, random);
        }
      }
    }
  }
}

TEST(tile_dot_f32) { CheckShapes(WeightFormat::kF32, {32}); }
TEST(tile_dot_int8) { CheckShapes(WeightFormat::kInt8, {32, 128}); }
TEST(tile_dot_int4) { CheckShapes(WeightFormat::kInt4, {32, 128}); }
TEST(tile_dot_mxfp4) { CheckShapes(WeightFormat::kMxfp4, {32}); }

// Weights that are all the same, of scale 1, and their value.
struct Extreme {
  WeightFormat format;
  uint8_t byte;
  int weight;
};
constexpr Extreme kExtremes[] = {
    {WeightFormat::kInt8, 127, 127}, {WeightFormat::kInt8, 129, -127},
    {WeightFormat::kInt4, 0xFF, 7},  {WeightFormat::kInt4, 0x00, -8},
    {WeightFormat::kMxfp4, 0x77, 6}, {WeightFormat::kMxfp4, 0xFF, -6},
};

// The largest magnitudes everywhere: a 16-bit intermediate sum that does not fit would show.
TEST(tile_dot_extremes_do_not_overflow) {
  constexpr size_t kColumns = 256;
  for (const cpu::Kernels* kernels : cpu::AvailableKernels()) {
    for (const Extreme& extreme : kExtremes) {
      const PackedMatrix matrix{extreme.format, 32, kTileRows, kColumns};
      std::vector<uint8_t> tile(matrix.tile_bytes(), extreme.byte);
      const bool mxfp4 = extreme.format == WeightFormat::kMxfp4;
      const size_t value_bytes = extreme.format == WeightFormat::kInt4 ? 512 : 1024;
      for (size_t chunk = 0; chunk < tile.size(); chunk += 64 + value_bytes) {
        for (size_t i = chunk; i < chunk + 64; i += 2) {
          tile[i] = mxfp4 ? 127 : 0;         // e8m0 1.0
          tile[i + 1] = mxfp4 ? 127 : 0x3C;  // fp16 1.0
        }
      }
      const std::vector<int8_t> q(kColumns, -127);
      const std::vector<float> scale(kColumns / 32, 1.0F);
      const std::vector<int32_t> sum(kColumns / 32, -127 * 32);
      const int32_t id = 0;
      float out[kTileRows];

      kernels->tile_dot[static_cast<size_t>(extreme.format)](
          {tile.data(),
           32,
           {nullptr, q.data(), scale.data(), sum.data(), kColumns},
           &id,
           1,
           out,
           kTileRows});

      for (const float value : out) {
        CHECK(value == static_cast<float>(-127 * extreme.weight * static_cast<int>(kColumns)))
            << kernels->name << ' ' << kFormatNames[static_cast<int>(extreme.format)] << ' '
            << value;
      }
    }
  }
}

// Subnormal, negative, infinite and NaN scales mean the same to every kernel.
TEST(every_half_scale_is_decoded_alike) {
  const std::vector<int8_t> q(32, 1);
  const float scale = 1.0F;
  const int32_t sum = 32;
  const int32_t id = 0;
  for (const cpu::Kernels* kernels : cpu::AvailableKernels()) {
    for (uint32_t first = 0; first < 0x10000; first += kTileRows) {
      std::vector<uint8_t> tile(PackedMatrix{WeightFormat::kInt8, 32, 16, 32}.tile_bytes(), 0);
      for (size_t r = 0; r < kTileRows; ++r) {
        tile[64 + r * 4] = 1;  // W[r, 0] = 1 * scale, the rest 0
        const auto half = static_cast<uint16_t>(first + r);
        std::memcpy(&tile[r * 2], &half, sizeof(half));
      }
      float out[kTileRows];
      kernels->tile_dot[static_cast<size_t>(WeightFormat::kInt8)](
          {tile.data(), 32, {nullptr, q.data(), &scale, &sum, 32}, &id, 1, out, kTileRows});
      for (size_t r = 0; r < kTileRows; ++r) {
        const uint32_t half = first + static_cast<uint32_t>(r);
        const uint32_t exponent = half >> 10 & 31;
        const double fraction = half & 1023;
        double expected = exponent == 0
                              ? std::ldexp(fraction, -24)
                              : std::ldexp(1024 + fraction, static_cast<int>(exponent) - 25);
        if (exponent == 31) expected = fraction == 0 ? INFINITY : NAN;
        if ((half & 0x8000) != 0) expected = -expected;
        const bool same = std::isnan(expected) ? std::isnan(out[r]) : out[r] == expected;
        CHECK(same) << kernels->name << " half " << half << " is " << out[r] << ", expected "
                    << expected;
      }
    }
  }
}

// The published format, written down once more: the value of a code, and of a scale below 255.
constexpr double kE2m1[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6};

TEST(every_mxfp4_weight_is_decoded_exactly) {
  const float x_scale = 1.0F;
  const int32_t id = 0;
  std::vector<int8_t> q(32, 0);
  q[0] = 1;
  const int32_t sum = 1;
  for (const cpu::Kernels* kernels : cpu::AvailableKernels()) {
    for (int scale = 0; scale < 256; ++scale) {
      std::vector<uint8_t> tile(PackedMatrix{WeightFormat::kMxfp4, 32, 16, 32}.tile_bytes(), 0);
      for (size_t r = 0; r < kTileRows; ++r) {
        tile[64 + r * 4] = static_cast<uint8_t>(r);  // W[r, 0] is code r, the rest 0
        tile[r] = static_cast<uint8_t>(scale);
      }
      float out[kTileRows];
      kernels->tile_dot[static_cast<size_t>(WeightFormat::kMxfp4)](
          {tile.data(), 32, {nullptr, q.data(), &x_scale, &sum, 32}, &id, 1, out, kTileRows});
      for (size_t r = 0; r < kTileRows; ++r) {
        // What f32 cannot hold becomes infinite.
        const auto expected = static_cast<float>(std::ldexp(kE2m1[r], scale - 127));
        const bool same = scale == 255 ? !std::isfinite(out[r]) : out[r] == expected;
        CHECK(same) << kernels->name << " code " << r << " scale " << scale << " is " << out[r]
                    << ", expected " << expected;
      }
    }
  }
}

// A block of zeros may have any scale; its product with a large activation is still 0.
TEST(mxfp4_zeros_of_the_largest_scale_stay_zeros) {
  const std::vector<int8_t> q(32, 127);
  const float x_scale = 1e30F;
  const int32_t sum = 127 * 32;
  const int32_t id = 0;
  std::vector<uint8_t> tile(PackedMatrix{WeightFormat::kMxfp4, 32, 16, 32}.tile_bytes(), 0);
  std::fill_n(tile.begin(), kTileRows, uint8_t{254});
  for (const cpu::Kernels* kernels : cpu::AvailableKernels()) {
    float out[kTileRows];
    kernels->tile_dot[static_cast<size_t>(WeightFormat::kMxfp4)](
        {tile.data(), 32, {nullptr, q.data(), &x_scale, &sum, 32}, &id, 1, out, kTileRows});
    for (const float value : out) CHECK(value == 0) << kernels->name << ' ' << value;
  }
}

}  // namespace
}  // namespace mixline
