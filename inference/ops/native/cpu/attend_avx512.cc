#include <immintrin.h>

#include "cpu/attend_inl.h"
#include "cpu/kernel_functions.h"

namespace mixline::cpu {
namespace {

struct Vector {
  using Reg = __m512;
  static constexpr size_t kWidth = 16;
  static constexpr size_t kRows = 8;

  static Reg Load(const float* from) { return _mm512_loadu_ps(from); }
  static void Store(float* to, Reg x) { _mm512_storeu_ps(to, x); }
  static Reg Set1(float x) { return _mm512_set1_ps(x); }
  static Reg Add(Reg a, Reg b) { return _mm512_add_ps(a, b); }
  static Reg Sub(Reg a, Reg b) { return _mm512_sub_ps(a, b); }
  static Reg Mul(Reg a, Reg b) { return _mm512_mul_ps(a, b); }
  static Reg Fma(Reg a, Reg b, Reg c) { return _mm512_fmadd_ps(a, b, c); }
  static Reg Max(Reg a, Reg b) { return _mm512_max_ps(a, b); }
  static Reg Round(Reg x) {
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  static Reg TimesPow2(Reg x, Reg n) { return _mm512_scalef_ps(x, n); }
  static Reg Widen(const int8_t* from) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));
  }
  static float ReduceMax(Reg x) { return _mm512_reduce_max_ps(x); }
  static float ReduceAdd(Reg x) { return _mm512_reduce_add_ps(x); }

  // Pairs of rows, pairs of pairs, then quarters of registers change places.
  static void Transpose(Reg (&x)[16]) {
    Reg pairs[16];
    for (int i = 0; i < 16; i += 2) {
      pairs[i] = _mm512_unpacklo_ps(x[i], x[i + 1]);
      pairs[i + 1] = _mm512_unpackhi_ps(x[i], x[i + 1]);
    }
    Reg fours[16];  // fours[4 b + j], quarter q: column 4 q + j of rows 4 b .. 4 b + 3
    for (int b = 0; b < 16; b += 4) {
      fours[b] = _mm512_shuffle_ps(pairs[b], pairs[b + 2], 0x44);
      fours[b + 1] = _mm512_shuffle_ps(pairs[b], pairs[b + 2], 0xEE);
      fours[b + 2] = _mm512_shuffle_ps(pairs[b + 1], pairs[b + 3], 0x44);
      fours[b + 3] = _mm512_shuffle_ps(pairs[b + 1], pairs[b + 3], 0xEE);
    }
    for (int j = 0; j < 4; ++j) {
      const Reg even_low = _mm512_shuffle_f32x4(fours[j], fours[4 + j], 0x88);
      const Reg odd_low = _mm512_shuffle_f32x4(fours[j], fours[4 + j], 0xDD);
      const Reg even_high = _mm512_shuffle_f32x4(fours[8 + j], fours[12 + j], 0x88);
      const Reg odd_high = _mm512_shuffle_f32x4(fours[8 + j], fours[12 + j], 0xDD);
      x[j] = _mm512_shuffle_f32x4(even_low, even_high, 0x88);
      x[4 + j] = _mm512_shuffle_f32x4(odd_low, odd_high, 0x88);
      x[8 + j] = _mm512_shuffle_f32x4(even_low, even_high, 0xDD);
      x[12 + j] = _mm512_shuffle_f32x4(odd_low, odd_high, 0xDD);
    }
  }
};

}  // namespace

void AttendAvx512(const AttendArgs& args) { Attention<Vector>::Attend(args); }

void MergeAttendedAvx512(const MergeArgs& args) { Attention<Vector>::Merge(args); }

}  // namespace mixline::cpu
