// Single values in double precision, for the few whose rounding f32 cannot decide.
#ifndef MIXLINE_CPU_EXACT_H_
#define MIXLINE_CPU_EXACT_H_

#include "cpu/kernels.h"

namespace mixline::cpu {

// What TileDot computes for row i and output r with quantised weights, but with the exact steps
// of the activations instead of their f32 scales: block sums are exact integers, their sum is in
// double precision. `x` are the row's `count` activations before they were quantised.
double ExactTileDot(WeightFormat format, const TileDotArgs& args, size_t i, size_t r,
                    const float* x, size_t count);

// What Gate computes; gate and up are given here, args.gate and args.up are not read.
double ExactGate(const GateArgs& args, double gate, double up);

}  // namespace mixline::cpu

#endif  // MIXLINE_CPU_EXACT_H_
