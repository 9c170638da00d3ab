#include "cpu/attend_inl.h"
#include "cpu/kernel_functions.h"

namespace mixline::cpu {
namespace {

// Four floats as GCC and Clang know them on every processor.
struct Vector {
  using Reg = float __attribute__((vector_size(16)));
  static constexpr size_t kWidth = 4;
  static constexpr size_t kRows = 4;

  static Reg Load(const float* from) {
    Reg x;
    memcpy(&x, from, sizeof(x));
    return x;
  }
  static void Store(float* to, Reg x) { memcpy(to, &x, sizeof(x)); }
  static Reg Set1(float x) { return Reg{x, x, x, x}; }
  static Reg Add(Reg a, Reg b) { return a + b; }
  static Reg Sub(Reg a, Reg b) { return a - b; }
  static Reg Mul(Reg a, Reg b) { return a * b; }
  static Reg Fma(Reg a, Reg b, Reg c) { return a * b + c; }
  static Reg Max(Reg a, Reg b) { return a > b ? a : b; }
  static Reg Round(Reg x) {
    const Reg magic = Set1(12582912.0F);  // 1.5 * 2^23: the sum has no room for a fraction
    return (x + magic) - magic;
  }
  static Reg TimesPow2(Reg x, Reg n) {
    for (size_t i = 0; i < kWidth; ++i) x[i] *= Pow2(n[i]);
    return x;
  }
  static Reg Widen(const int8_t* from) {
    return Reg{static_cast<float>(from[0]), static_cast<float>(from[1]),
               static_cast<float>(from[2]), static_cast<float>(from[3])};
  }
  static float ReduceMax(Reg x) {
    const float low = x[0] > x[1] ? x[0] : x[1];
    const float high = x[2] > x[3] ? x[2] : x[3];
    return low > high ? low : high;
  }
  static float ReduceAdd(Reg x) { return (x[0] + x[2]) + (x[1] + x[3]); }
  static void Transpose(Reg (&x)[4]) {
    const Reg a = x[0], b = x[1], c = x[2], d = x[3];
    for (size_t i = 0; i < kWidth; ++i) x[i] = Reg{a[i], b[i], c[i], d[i]};
  }

 private:
  static float Pow2(float n) {
    const bool fits = n >= -126.0F && n <= 0.0F;  // else x is NaN
    const int32_t bits = (fits ? static_cast<int32_t>(n) + 127 : 0) << 23;
    float power;
    memcpy(&power, &bits, sizeof(power));
    return power;
  }
};

}  // namespace

void AttendPortable(const AttendArgs& args) { Attention<Vector>::Attend(args); }

void MergeAttendedPortable(const MergeArgs& args) { Attention<Vector>::Merge(args); }

}  // namespace mixline::cpu
