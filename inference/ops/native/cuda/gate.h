// The hidden value of one gate and one up, in f32, on the device and in its tests.
#ifndef MIXLINE_CUDA_GATE_H_
#define MIXLINE_CUDA_GATE_H_

#include <math.h>

#include "cpu/kernels.h"
#include "cuda/host_device.h"

namespace mixline::cuda {

// Formulas: docs/operators.md, ExpertFFN.
MIXLINE_HD float HiddenValue(cpu::Activation activation, float alpha, float limit, float gate,
                             float up) {
  if (activation == cpu::Activation::kGelu) {
    return gate * (erfcf(gate * -0.707106781F) * 0.5F) * up;
  }
  if (activation == cpu::Activation::kSwigluOai) {
    // Comparisons, as fmin would turn a NaN into the limit.
    gate = gate > limit ? limit : gate;
    up = up > limit ? limit : up < -limit ? -limit : up;
    return gate / (1.0F + expf(-alpha * gate)) * (up + 1.0F);
  }
  return gate / (1.0F + expf(-gate)) * up;
}

}  // namespace mixline::cuda

#endif  // MIXLINE_CUDA_GATE_H_
