// Sizes of the packed expert weights; inference/ops/layout.py writes them, docs/operators.md draws
// them, tests/inference/ops holds the two together.
#ifndef MIXLINE_PACKED_LAYOUT_H_
#define MIXLINE_PACKED_LAYOUT_H_

#include <cstddef>

#include "cpu/kernels.h"

namespace mixline {

// The order that the kernels read, LAYOUT of layout.py; a change of it is a new number.
inline constexpr int kPackedLayout = 2;

constexpr size_t CeilDiv(size_t length, size_t step) { return (length + step - 1) / step; }
constexpr size_t RoundUp(size_t length, size_t step) { return CeilDiv(length, step) * step; }

// One packed [rows, columns] matrix of one expert.
struct PackedMatrix {
  cpu::WeightFormat format;
  size_t block;    // inputs per scale: 32 or, with int8 and int4, 128; f32 has none
  size_t rows;     // outputs
  size_t columns;  // inputs

  constexpr size_t tiles() const { return CeilDiv(rows, cpu::kTileRows); }

  // Inputs as stored: whole blocks, except for f32.
  constexpr size_t padded_columns() const {
    return format == cpu::WeightFormat::kF32 ? columns : RoundUp(columns, block);
  }

  // For what is where in a tile, see cpu/chunks_inl.h.
  constexpr size_t tile_bytes() const {
    const size_t values = cpu::kTileRows * padded_columns();
    if (format == cpu::WeightFormat::kF32) return values * 4;
    const size_t value_bytes = format == cpu::WeightFormat::kInt8 ? values : values / 2;
    const size_t scale_bytes = format == cpu::WeightFormat::kMxfp4 ? 1 : 2;  // e8m0 or fp16
    return RoundUp(value_bytes + values / block * scale_bytes, 64);
  }

  constexpr size_t bytes() const { return tiles() * tile_bytes(); }
};

static_assert(PackedMatrix{cpu::WeightFormat::kInt4, 32, 17, 33}.bytes() == 2 * 576);
static_assert(PackedMatrix{cpu::WeightFormat::kInt8, 128, 16, 128}.bytes() == 2048 + 64);
static_assert(PackedMatrix{cpu::WeightFormat::kMxfp4, 32, 16, 128}.bytes() == 1024 + 64);
static_assert(PackedMatrix{cpu::WeightFormat::kF32, 32, 1, 3}.bytes() == 192);

}  // namespace mixline

#endif  // MIXLINE_PACKED_LAYOUT_H_
