#include <arm_neon.h>

#include "cpu/attend_inl.h"
#include "cpu/kernel_functions.h"

namespace mixline::cpu {
namespace {

struct Vector {
  using Reg = float32x4_t;
  static constexpr size_t kWidth = 4;
  static constexpr size_t kRows = 8;

  static Reg Load(const float* from) { return vld1q_f32(from); }
  static void Store(float* to, Reg x) { vst1q_f32(to, x); }
  static Reg Set1(float x) { return vdupq_n_f32(x); }
  static Reg Add(Reg a, Reg b) { return vaddq_f32(a, b); }
  static Reg Sub(Reg a, Reg b) { return vsubq_f32(a, b); }
  static Reg Mul(Reg a, Reg b) { return vmulq_f32(a, b); }
  static Reg Fma(Reg a, Reg b, Reg c) { return vfmaq_f32(c, a, b); }
  static Reg Max(Reg a, Reg b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
  static Reg Round(Reg x) { return vrndnq_f32(x); }
  static Reg TimesPow2(Reg x, Reg n) {
    const int32x4_t exponent = vaddq_s32(vcvtq_s32_f32(n), vdupq_n_s32(127));
    return vmulq_f32(x, vreinterpretq_f32_s32(vshlq_n_s32(exponent, 23)));
  }
  static Reg Widen(const int8_t* from) {
    int32_t four;
    memcpy(&four, from, sizeof(four));
    const int16x8_t wide = vmovl_s8(vreinterpret_s8_s32(vdup_n_s32(four)));
    return vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide)));
  }
  static float ReduceMax(Reg x) { return vmaxvq_f32(x); }
  static float ReduceAdd(Reg x) { return vaddvq_f32(x); }
  static void Transpose(Reg (&x)[4]) {
    const float32x4x2_t top = vtrnq_f32(x[0], x[1]);
    const float32x4x2_t bottom = vtrnq_f32(x[2], x[3]);
    x[0] = vcombine_f32(vget_low_f32(top.val[0]), vget_low_f32(bottom.val[0]));
    x[1] = vcombine_f32(vget_low_f32(top.val[1]), vget_low_f32(bottom.val[1]));
    x[2] = vcombine_f32(vget_high_f32(top.val[0]), vget_high_f32(bottom.val[0]));
    x[3] = vcombine_f32(vget_high_f32(top.val[1]), vget_high_f32(bottom.val[1]));
  }
};

}  // namespace

void AttendNeon(const AttendArgs& args) { Attention<Vector>::Attend(args); }

void MergeAttendedNeon(const MergeArgs& args) { Attention<Vector>::Merge(args); }

}  // namespace mixline::cpu
