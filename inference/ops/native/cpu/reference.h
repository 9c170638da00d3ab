// The kernels' meaning, naively and in double precision: what the tests hold every kernel against.
#ifndef MIXLINE_CPU_REFERENCE_H_
#define MIXLINE_CPU_REFERENCE_H_

#include "cpu/kernels.h"

namespace mixline::cpu {

// W[r, k] of a packed tile.
double ReferenceWeight(WeightFormat format, const uint8_t* tile, size_t block, size_t r, size_t k);

// x[row, k], dequantised where `rows.f32` is NULL.
double ReferenceActivation(const ActivationRows& rows, size_t row, size_t k);

// One output of TileDot; `magnitude` receives the sum of the terms' absolute values, from which a
// test computes what rounding may cost.
double ReferenceTileDot(WeightFormat format, const TileDotArgs& args, size_t i, size_t r,
                        double* magnitude);

}  // namespace mixline::cpu

#endif  // MIXLINE_CPU_REFERENCE_H_
