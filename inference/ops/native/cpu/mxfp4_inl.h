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

// Half the value of an e8m0 scale: 2^(exponent - 128), exact; the two smallest are subnormal. 255
// means NaN; layout.py never writes it.
static inline float HalfE8m0(uint8_t exponent) {
  const uint32_t normal = (static_cast<uint32_t>(exponent) - 1) << 23;
  const uint32_t bits = exponent < 2      ? UINT32_C(0x00200000) << exponent
                        : exponent == 255 ? UINT32_C(0x7FC00000)
                                          : normal;
  float value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

}  // namespace mixline::cpu

#endif  // MIXLINE_CPU_MXFP4_INL_H_
