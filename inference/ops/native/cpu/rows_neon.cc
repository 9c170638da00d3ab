#include <arm_neon.h>

#include "cpu/kernel_functions.h"
#include "cpu/rows_inl.h"

namespace mixline::cpu {
namespace {

// The largest of 32 magnitudes, compared as integers, as LargestMagnitude does.
inline float Largest(const float32x4_t* x) {
  uint32x4_t largest = vdupq_n_u32(0);
  for (size_t i = 0; i < 8; ++i) {
    largest = vmaxq_u32(largest, vreinterpretq_u32_f32(vabsq_f32(x[i])));
  }
  const uint32_t bits = vmaxvq_u32(largest);
  float value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

// QuantizeBlock with 128-bit registers, and bit for bit its result.
float QuantizeBlockNeon(const float* x, int8_t* q, float* scale, int32_t* sum) {
  float32x4_t values[8];
  for (size_t i = 0; i < 8; ++i) values[i] = vld1q_f32(x + 4 * i);
  const float peak = Largest(values);
  if (!(peak < INFINITY) || peak < kSmallestPeak) return QuantizeBlock(x, q, scale, sum);
  const float step = peak / 127.0F;
  float32x4_t rests[8];
  int32x4_t rounded[8];
  int32x4_t total = vdupq_n_s32(0);
  for (size_t i = 0; i < 8; ++i) {
    const float32x4_t quotient = vdivq_f32(values[i], vdupq_n_f32(step));
    const float32x4_t nearest = vrndnq_f32(quotient);
    rests[i] = vsubq_f32(quotient, nearest);
    rounded[i] = vcvtq_s32_f32(nearest);
    total = vaddq_s32(total, rounded[i]);
  }
  const float margin = 0.5F - Largest(rests);
  if (margin < kSafeMargin) return QuantizeBlock(x, q, scale, sum);
  for (size_t i = 0; i < 8; i += 4) {
    const int16x8_t low = vcombine_s16(vmovn_s32(rounded[i]), vmovn_s32(rounded[i + 1]));
    const int16x8_t high = vcombine_s16(vmovn_s32(rounded[i + 2]), vmovn_s32(rounded[i + 3]));
    vst1q_s8(q + 4 * i, vcombine_s8(vmovn_s16(low), vmovn_s16(high)));
  }
  *scale = step;
  *sum = vaddvq_s32(total);
  return margin;
}

}  // namespace

void QuantizeRowNeon(const QuantizeArgs& args) { QuantizeOneRow(args, QuantizeBlockNeon); }

void GateNeon(const GateArgs& args) { GateRow<4>(args); }

}  // namespace mixline::cpu
