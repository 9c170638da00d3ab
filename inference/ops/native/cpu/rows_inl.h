// Quantisation of a row and the gate activation, in plain C++ that compilers vectorise.
//
// Included by one .cc per instruction set. Everything is `static`, so that each of them keeps its
// own copy; without contraction to fused operations (-ffp-contract=off) all copies give equal bits.
#ifndef MIXLINE_CPU_ROWS_INL_H_
#define MIXLINE_CPU_ROWS_INL_H_

#include <math.h>
#include <string.h>

#include "cpu/kernels.h"

namespace mixline::cpu {

// Adding and taking away 1.5 * 2^23 rounds |x| < 2^22 to an integer, ties to even.
static inline float RoundToEven(float x) {
  constexpr float kMagic = 12582912.0F;
  return (x + kMagic) - kMagic;
}

// exp(x) to about one unit in the last place: 2^n * p(r), n = rint(x / ln 2), |r| <= ln 2 / 2.
// Clamped to the range where 2^n is a normal number; NaN gives the lower end, so callers multiply
// by an argument that is NaN itself.
static inline float Exp(float x) {
  constexpr float kLog2E = 1.44269504F;
  constexpr float kLn2High = 0.693359375F;  // few bits: n * kLn2High is exact
  constexpr float kLn2Low = -2.12194440e-4F;
  x = x > -87.0F ? x : -87.0F;
  x = x < 88.0F ? x : 88.0F;
  const float n = RoundToEven(x * kLog2E);
  const float r = (x - n * kLn2High) - n * kLn2Low;
  // Taylor's series up to r^7 / 7!; the rest is below 2^-26 of the result.
  float p = 1.98412698e-4F;
  p = p * r + 1.38888889e-3F;
  p = p * r + 8.33333333e-3F;
  p = p * r + 4.16666667e-2F;
  p = p * r + 1.66666667e-1F;
  p = p * r + 0.5F;
  p = (p * r * r + r) + 1.0F;
  const int32_t bits = (static_cast<int32_t>(n) + 127) << 23;
  float power;
  memcpy(&power, &bits, sizeof(power));
  return p * power;
}

static inline float Sigmoid(float x) { return 1.0F / (1.0F + Exp(-x)); }

// Values that GateRow works on at a time: copies, so that hidden may be gate and compilers, which
// need not fear that, still vectorise.
inline constexpr size_t kGateStep = 32;

static inline void GateStep(const GateArgs& args, const float* gate, const float* up,
                            float* hidden) {
  switch (args.activation) {
    case Activation::kSwiglu:
      for (size_t i = 0; i < kGateStep; ++i) hidden[i] = gate[i] * Sigmoid(gate[i]) * up[i];
      break;
    case Activation::kSwigluOai: {
      const float alpha = args.alpha;
      const float limit = args.limit;
      for (size_t i = 0; i < kGateStep; ++i) {
        const float g = gate[i] > limit ? limit : gate[i];
        float u = up[i] > limit ? limit : up[i];
        u = u < -limit ? -limit : u;
        hidden[i] = g * Sigmoid(alpha * g) * (u + 1.0F);
      }
      break;
    }
    case Activation::kGelu:
      for (size_t i = 0; i < kGateStep; ++i) {
        hidden[i] = 0.5F * gate[i] * (1.0F + erff(gate[i] * 0.707106781F)) * up[i];
      }
      break;
  }
}

static void GateRow(const GateArgs& args) {
  float gate[kGateStep];
  float up[kGateStep];
  float hidden[kGateStep];
  size_t done = 0;
  for (; done + kGateStep <= args.count; done += kGateStep) {
    memcpy(gate, args.gate + done, sizeof(gate));
    memcpy(up, args.up + done, sizeof(up));
    GateStep(args, gate, up, hidden);
    memcpy(args.hidden + done, hidden, sizeof(hidden));
  }
  if (done == args.count) return;
  const size_t left = (args.count - done) * sizeof(float);
  memset(gate, 0, sizeof(gate));
  memset(up, 0, sizeof(up));
  memcpy(gate, args.gate + done, left);
  memcpy(up, args.up + done, left);
  GateStep(args, gate, up, hidden);
  memcpy(args.hidden + done, hidden, left);
}

// Quantises 32 values; see QuantizeArgs.
static inline void QuantizeBlock(const float* x, int8_t* q, float* scale, int32_t* sum) {
  constexpr uint32_t kInfinity = 0x7F800000;
  constexpr float kSmallest = 7.88860905e-31F;  // 2^-100
  uint32_t bits[kActivationBlock];
  memcpy(bits, x, sizeof(bits));
  // As integers, magnitudes of floats have the floats' order, and infinity and NaN come last.
  uint32_t peak_bits = 0;
  for (size_t i = 0; i < kActivationBlock; ++i) {
    const uint32_t magnitude = bits[i] & 0x7FFFFFFFU;
    peak_bits = magnitude > peak_bits ? magnitude : peak_bits;
  }
  float peak;
  memcpy(&peak, &peak_bits, sizeof(peak));
  if (peak_bits >= kInfinity || peak < kSmallest) {
    memset(q, 0, kActivationBlock);
    *scale = peak_bits >= kInfinity ? NAN : 0.0F;
    *sum = 0;
    return;
  }
  const float step = peak / 127.0F;
  int32_t total = 0;
  for (size_t i = 0; i < kActivationBlock; ++i) {
    const auto value = static_cast<int32_t>(RoundToEven(x[i] / step));
    q[i] = static_cast<int8_t>(value);
    total += value;
  }
  *scale = step;
  *sum = total;
}

static void QuantizeOneRow(const QuantizeArgs& args) {
  const size_t full = args.columns / kActivationBlock;
  const size_t blocks = args.padded_columns / kActivationBlock;
  for (size_t b = 0; b < full; ++b) {
    QuantizeBlock(args.x + b * kActivationBlock, args.q + b * kActivationBlock, args.scale + b,
                  args.sum + b);
  }
  for (size_t b = full; b < blocks; ++b) {
    float padded[kActivationBlock] = {};
    const size_t start = b * kActivationBlock;
    if (start < args.columns) {
      memcpy(padded, args.x + start, (args.columns - start) * sizeof(float));
    }
    QuantizeBlock(padded, args.q + start, args.scale + b, args.sum + b);
  }
}

}  // namespace mixline::cpu

#endif  // MIXLINE_CPU_ROWS_INL_H_
