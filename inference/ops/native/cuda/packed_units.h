// Packed tiles (docs/operators.md, layout 2) as a GPU reads them: in units of 16 bytes.
//
// A unit is 4 rows x 8 inputs (int4, mxfp4) or 4 rows x 4 inputs (int8), 4 bytes a row. Units
// follow one another, 4 to a group of 16 rows, and 32 of them, a warp's load, are 512 consecutive
// bytes: the order in the file serves a GPU as it is, so the weights are copied to it and not
// reordered.
//
//     lane     0         1         2          3           4         ...
//     rows     0 .. 3    4 .. 7    8 .. 11    12 .. 15    0 .. 3
//     inputs   0 .. 7 (int8: 0 .. 3)                      8 .. 15 (int8: 4 .. 7)
#ifndef MIXLINE_CUDA_PACKED_UNITS_H_
#define MIXLINE_CUDA_PACKED_UNITS_H_

#include "cpu/kernels.h"
#include "cuda/host_device.h"

namespace mixline::cuda {

using cpu::WeightFormat;

inline constexpr uint32_t kUnitBytes = 16;
inline constexpr uint32_t kUnitRows = 4;
inline constexpr uint32_t kUnitsPerGroup = cpu::kTileRows / kUnitRows;
inline constexpr uint32_t kScaleBytes = 64;  // of a chunk

template <WeightFormat format>
inline constexpr uint32_t kUnitInputs = format == WeightFormat::kInt8 ? 4 : 8;

// The four words of a unit, one a row.
struct alignas(kUnitBytes) Unit {
  uint32_t row[kUnitRows];
};
static_assert(sizeof(Unit) == kUnitBytes);

struct alignas(16) FourFloats {
  float value[4];
};

// Where a unit is, in bytes from the tile's start, and what it belongs to.
struct UnitPlace {
  uint32_t values;  // the unit itself
  uint32_t scales;  // of its rows: 4 fp16, or with mxfp4 4 bytes
  uint32_t row;     // the first of 4
  uint32_t input;   // the first of kUnitInputs
};

// `block`: inputs per scale, 32 or 128 (a power of two). `padded_columns`: PackedMatrix's.
template <WeightFormat format>
MIXLINE_HD size_t UnitsOfTile(size_t padded_columns) {
  return padded_columns / kUnitInputs<format> * kUnitsPerGroup;
}

template <WeightFormat format>
MIXLINE_HD UnitPlace PlaceOfUnit(size_t unit, size_t block) {
  // In 32 bits, and with a shift in place of a division by `block`: this is done for each unit.
  constexpr uint32_t kRows = cpu::kTileRows;
  constexpr uint32_t kPerScale = format == WeightFormat::kMxfp4 ? 1 : 2;  // bytes
  constexpr uint32_t kBlocks = kScaleBytes / (kRows * kPerScale);         // of a chunk
  const unsigned shift = block == 128 ? 7 : 5;
  const uint32_t chunk_values = (kBlocks * kRows / (format == WeightFormat::kInt8 ? 1 : 2))
                                << shift;
  const auto u = static_cast<uint32_t>(unit);
  const uint32_t row = u % kUnitsPerGroup * kUnitRows;
  const uint32_t input = u / kUnitsPerGroup * kUnitInputs<format>;
  const uint32_t in_block = input >> shift;
  const uint32_t chunk = in_block / kBlocks;
  return {u * kUnitBytes + (chunk + 1) * kScaleBytes,
          chunk * (kScaleBytes + chunk_values) + (in_block % kBlocks * kRows + row) * kPerScale,
          row, input};
}

// The value of a 4-bit float, -6 .. 6: its bits are those of a float whose exponent is 126 too
// small.
MIXLINE_HD float Fp4(uint32_t code) {
  const float magnitude = FloatOfBits((code & 7U) << 22) * FloatOfBits(253U << 23);  // 2^126
  return (code & 8U) != 0 ? -magnitude : magnitude;
}

// Input `i` of a row's word, without its scale.
template <WeightFormat format>
MIXLINE_HD float ValueOf(uint32_t word, unsigned i) {
  if (format == WeightFormat::kInt8) {
    return static_cast<float>(static_cast<int8_t>(word >> (8 * i) & 255U));
  }
  const uint32_t nibble = word >> (8 * (i % 4) + 4 * (i / 4)) & 15U;
  // The last bits of a float of 2^23; conversions are slow on a GPU.
  if (format == WeightFormat::kInt4) return FloatOfBits(0x4B000000U | nibble) - 8388616.0F;
  return Fp4(nibble);
}

// The scales of a unit's rows; `scales` is UnitPlace::scales' address.
template <WeightFormat format>
MIXLINE_HD void LoadScales(const uint8_t* scales, float* out) {
  if (format == WeightFormat::kMxfp4) {
    const auto bytes = LoadAligned<uint32_t>(scales);
    for (unsigned r = 0; r < kUnitRows; ++r) {
      const uint32_t scale = bytes >> (8 * r) & 255U;
      // 2^(s - 127); for s = 0 that is a subnormal float. 255, NaN, is never packed.
      out[r] = FloatOfBits(scale == 0 ? 1U << 22 : scale << 23);
    }
  } else {
    const auto halves = LoadAligned<uint64_t>(scales);
    for (unsigned r = 0; r < kUnitRows; ++r) {
      out[r] = FloatOfHalf(static_cast<uint16_t>(halves >> (16 * r)));
    }
  }
}

// Adds to sum[0 .. 3] what the units lane, lane + lanes, ... of a tile give with x, whose length is
// the padded columns. `lanes` is a multiple of 4: every unit of a lane has the same rows,
// lane % 4 * 4 and the three behind. The tile and x start at multiples of 16 bytes.
template <WeightFormat format>
MIXLINE_HD void DotUnits(const uint8_t* tile, size_t block, size_t padded_columns, const float* x,
                         size_t lane, size_t lanes, float* sum) {
  const size_t units = UnitsOfTile<format>(padded_columns);
#ifdef __CUDA_ARCH__
#pragma unroll 4
#endif
  for (size_t u = lane; u < units; u += lanes) {
    const UnitPlace place = PlaceOfUnit<format>(u, block);
#ifdef __CUDA_ARCH__
    const uint4 loaded = __ldcs(reinterpret_cast<const uint4*>(tile + place.values));
    const Unit unit = {{loaded.x, loaded.y, loaded.z, loaded.w}};
#else
    Unit unit;
    memcpy(&unit, tile + place.values, sizeof(unit));
#endif
    float inputs[kUnitInputs<format>];
    for (unsigned i = 0; i < kUnitInputs<format>; i += 4) {
      const auto four = LoadAligned<FourFloats>(x + place.input + i);
      for (unsigned j = 0; j < 4; ++j) inputs[i + j] = four.value[j];
    }
    float scales[kUnitRows];
    LoadScales<format>(tile + place.scales, scales);
    for (unsigned r = 0; r < kUnitRows; ++r) {
      float dot = 0;
      for (unsigned i = 0; i < kUnitInputs<format>; ++i) {
        dot += ValueOf<format>(unit.row[r], i) * inputs[i];
      }
      sum[r] += dot * scales[r];
    }
  }
}

}  // namespace mixline::cuda

#endif  // MIXLINE_CUDA_PACKED_UNITS_H_
