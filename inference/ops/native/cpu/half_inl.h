// fp16 to f32 without hardware support. `static`: each file that includes it has its own copy.
#ifndef MIXLINE_CPU_HALF_INL_H_
#define MIXLINE_CPU_HALF_INL_H_

#include <stdint.h>
#include <string.h>

namespace mixline::cpu {

static inline float HalfToFloat(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000U) << 16;
  const uint32_t magnitude = half & 0x7FFFU;
  // Shifted into place, the exponent is too small by 127 - 15; a multiplication by 2^112 puts that
  // right for subnormal halves too. Infinity and NaN need the largest exponent instead.
  uint32_t bits = magnitude << 13;
  if (magnitude >= 0x7C00U) {
    bits |= 0x7F800000U;
  } else {
    float value;
    memcpy(&value, &bits, sizeof(value));
    value *= 5.19229686e33F;  // 2^112
    memcpy(&bits, &value, sizeof(bits));
  }
  bits |= sign;
  float value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

// The value at `source`, which need not be aligned.
static inline float LoadHalf(const uint8_t* source) {
  uint16_t half;
  memcpy(&half, source, sizeof(half));
  return HalfToFloat(half);
}

}  // namespace mixline::cpu

#endif  // MIXLINE_CPU_HALF_INL_H_
