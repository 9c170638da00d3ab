// Quantisation of a row in plain C++ that compilers vectorise, and the gate activation in vectors
// of a chosen length.
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
template <typename T>
static inline T RoundToEven(T x) {
  constexpr float kMagic = 12582912.0F;
  return (x + kMagic) - kMagic;
}

// kLanes values in a register. GCC's and Clang's vectors have the operators of their elements; a
// cast between two of them keeps the bits.
template <size_t kLanes>
struct Vectors {
  typedef float Floats __attribute__((vector_size(kLanes * sizeof(float))));
  typedef int32_t Ints __attribute__((vector_size(kLanes * sizeof(int32_t))));
};

// exp(x) to about one unit in the last place: 2^n * p(r), n = rint(x / ln 2), |r| <= ln 2 / 2.
// Clamped to the range where 2^n is a normal number; NaN gives the lower end, so callers multiply
// by an argument that is NaN itself.
template <size_t kLanes, typename Floats = typename Vectors<kLanes>::Floats>
static inline Floats Exp(Floats x) {
  using Ints = typename Vectors<kLanes>::Ints;
  constexpr float kLog2E = 1.44269504F;
  constexpr float kLn2High = 0.693359375F;  // few bits: n * kLn2High is exact
  constexpr float kLn2Low = -2.12194440e-4F;
  const Floats lowest = Floats{} - 87.0F;
  const Floats highest = Floats{} + 88.0F;
  x = x > lowest ? x : lowest;
  x = x < highest ? x : highest;
  const Floats n = RoundToEven(x * kLog2E);
  const Floats r = (x - n * kLn2High) - n * kLn2Low;
  // Taylor's series up to r^7 / 7!; the rest is below 2^-26 of the result.
  Floats p = 1.98412698e-4F * r + 1.38888889e-3F;
  p = p * r + 8.33333333e-3F;
  p = p * r + 4.16666667e-2F;
  p = p * r + 1.66666667e-1F;
  p = p * r + 0.5F;
  p = (p * r * r + r) + 1.0F;
  const Ints bits = (__builtin_convertvector(n, Ints) + 127) << 23;
  return p * (Floats)bits;
}

template <size_t kLanes, typename Floats = typename Vectors<kLanes>::Floats>
static inline Floats Sigmoid(Floats x) {
  return 1.0F / (1.0F + Exp<kLanes>(-x));
}

template <size_t kLanes, typename Floats = typename Vectors<kLanes>::Floats>
static inline Floats GateValues(const GateArgs& args, Floats gate, Floats up) {
  switch (args.activation) {
    case Activation::kSwiglu:
      return gate * Sigmoid<kLanes>(gate) * up;
    case Activation::kSwigluOai: {
      const Floats limit = Floats{} + args.limit;
      const Floats g = gate > limit ? limit : gate;
      Floats u = up > limit ? limit : up;
      u = u < -limit ? -limit : u;
      return g * Sigmoid<kLanes>(args.alpha * g) * (u + 1.0F);
    }
    case Activation::kGelu: {
      Floats hidden;
      for (size_t i = 0; i < kLanes; ++i) {
        // The same as 1 + erf(x), without what that cancels below zero.
        hidden[i] = 0.5F * gate[i] * erfcf(gate[i] * -0.707106781F) * up[i];
      }
      return hidden;
    }
  }
  return gate;
}

// kLanes values at a time; the last ones are filled up with zeros.
template <size_t kLanes>
static inline void GateRow(const GateArgs& args) {
  for (size_t done = 0; done < args.count; done += kLanes) {
    const size_t left = args.count - done < kLanes ? args.count - done : kLanes;
    typename Vectors<kLanes>::Floats gate{};
    typename Vectors<kLanes>::Floats up{};
    if (left == kLanes) {
      memcpy(&gate, args.gate + done, sizeof(gate));
      memcpy(&up, args.up + done, sizeof(up));
    } else {
      memcpy(&gate, args.gate + done, left * sizeof(float));
      memcpy(&up, args.up + done, left * sizeof(float));
    }
    const auto hidden = GateValues<kLanes>(args, gate, up);
    if (left == kLanes) {
      memcpy(args.hidden + done, &hidden, sizeof(hidden));
    } else {
      memcpy(args.hidden + done, &hidden, left * sizeof(float));
    }
  }
}

// Blocks without a larger value become zeros: 2^-100.
inline constexpr float kSmallestPeak = 7.88860905e-31F;

// Two roundings of a quotient of at most 127 cost 1.5e-5.
inline constexpr float kSafeMargin = 2e-5F;

// The largest |x| of a block; a NaN counts as the largest.
static inline float LargestMagnitude(const float* x) {
  // As integers, magnitudes of floats have the floats' order, and infinity and NaN come last.
  uint32_t bits[kActivationBlock];
  memcpy(bits, x, sizeof(bits));
  uint32_t largest = 0;
  for (size_t i = 0; i < kActivationBlock; ++i) {
    const uint32_t magnitude = bits[i] & 0x7FFFFFFFU;
    largest = magnitude > largest ? magnitude : largest;
  }
  float value;
  memcpy(&value, &largest, sizeof(value));
  return value;
}

// Rounds again, in double precision, the values of a block in which f32 quotients are too close to
// the middle between two steps.
static inline int32_t RoundExactly(const float* x, float peak, int8_t* q) {
  const double step = static_cast<double>(peak) / 127.0;
  int32_t total = 0;
  for (size_t i = 0; i < kActivationBlock; ++i) {
    const auto value = static_cast<int32_t>(nearbyint(static_cast<double>(x[i]) / step));
    q[i] = static_cast<int8_t>(value);
    total += value;
  }
  return total;
}

// Quantises 32 values and returns their margin; see QuantizeArgs.
static inline float QuantizeBlock(const float* x, int8_t* q, float* scale, int32_t* sum) {
  const float peak = LargestMagnitude(x);
  if (!(peak < INFINITY) || peak < kSmallestPeak) {
    memset(q, 0, kActivationBlock);
    *scale = peak < kSmallestPeak ? 0.0F : NAN;
    *sum = 0;
    return 0.5F;
  }
  const float step = peak / 127.0F;
  int32_t total = 0;
  float rests[kActivationBlock];
  for (size_t i = 0; i < kActivationBlock; ++i) {
    const float quotient = x[i] / step;
    const float rounded = RoundToEven(quotient);
    const auto value = static_cast<int32_t>(rounded);
    rests[i] = quotient - rounded;
    q[i] = static_cast<int8_t>(value);
    total += value;
  }
  const float margin = 0.5F - LargestMagnitude(rests);
  if (margin < kSafeMargin) total = RoundExactly(x, peak, q);
  *scale = step;
  *sum = total;
  return margin;
}

// `quantize_block` is QuantizeBlock or its equal.
template <typename BlockFunction>
static void QuantizeOneRow(const QuantizeArgs& args, BlockFunction quantize_block) {
  const size_t blocks = args.padded_columns / kActivationBlock;
  for (size_t b = 0; b < blocks; ++b) {
    const size_t start = b * kActivationBlock;
    const float* x = args.x + start;
    float padded[kActivationBlock] = {};
    if (start + kActivationBlock > args.columns) {
      if (start < args.columns) memcpy(padded, x, (args.columns - start) * sizeof(float));
      x = padded;
    }
    const float margin = quantize_block(x, args.q + start, args.scale + b, args.sum + b);
    if (args.margin != nullptr) args.margin[b] = margin;
  }
}

}  // namespace mixline::cpu

#endif  // MIXLINE_CPU_ROWS_INL_H_
