// MXFP4 as OCP Microscaling Formats (MX) v1.0 defines it: e2m1 elements, one e8m0 scale per 32.
// `static`: each file that includes it has its own copy.
#ifndef MIXLINE_CPU_MXFP4_INL_H_
#define MIXLINE_CPU_MXFP4_INL_H_

#include <stdint.h>
#include <string.h>

namespace mixline::cpu {

// Twice the value of each e2m1 code: sign, two bits of exponent (bias 1), one of mantissa. Doubled,
// all of them are integers, so that products with int8 activations are summed exactly.
inline constexpr int8_t kTwiceE2m1[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

inline constexpr uint32_t kSmallestE8m0 = 0x00400000;  // the bits of 2^-127

// The value of an e8m0 scale, 2^(exponent - 127), exact; the smallest is subnormal. 255, which
// means NaN and which layout.py never writes, gives infinity: no result with it is finite.
static inline float E8m0(uint8_t exponent) {
  const uint32_t shifted = static_cast<uint32_t>(exponent) << 23;
  const uint32_t bits = shifted > kSmallestE8m0 ? shifted : kSmallestE8m0;
  float value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

}  // namespace mixline::cpu

#endif  // MIXLINE_CPU_MXFP4_INL_H_
