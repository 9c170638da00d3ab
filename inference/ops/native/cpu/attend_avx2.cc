#include <immintrin.h>

#include "cpu/attend_inl.h"
#include "cpu/kernel_functions.h"

namespace mixline::cpu {
namespace {

struct Vector {
  using Reg = __m256;
  static constexpr size_t kWidth = 8;
  static constexpr size_t kRows = 4;

  static Reg Load(const float* from) { return _mm256_loadu_ps(from); }
  static void Store(float* to, Reg x) { _mm256_storeu_ps(to, x); }
  static Reg Set1(float x) { return _mm256_set1_ps(x); }
  static Reg Add(Reg a, Reg b) { return _mm256_add_ps(a, b); }
  static Reg Sub(Reg a, Reg b) { return _mm256_sub_ps(a, b); }
  static Reg Mul(Reg a, Reg b) { return _mm256_mul_ps(a, b); }
  static Reg Fma(Reg a, Reg b, Reg c) { return _mm256_fmadd_ps(a, b, c); }
  static Reg Max(Reg a, Reg b) { return _mm256_max_ps(a, b); }
  static Reg Round(Reg x) {
    return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  static Reg TimesPow2(Reg x, Reg n) {
    const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
    return _mm256_mul_ps(x, _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23)));
  }
  static Reg Widen(const int8_t* from) {
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes));
  }
  static float ReduceMax(Reg x) {
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    four = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(four, _mm_movehdup_ps(four)));
  }
  static float ReduceAdd(Reg x) {
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    four = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
  }

  // Pairs of rows, pairs of pairs, then halves of registers change places.
  static void Transpose(Reg (&x)[8]) {
    Reg pairs[8];
    for (int i = 0; i < 8; i += 2) {
      pairs[i] = _mm256_unpacklo_ps(x[i], x[i + 1]);
      pairs[i + 1] = _mm256_unpackhi_ps(x[i], x[i + 1]);
    }
    Reg fours[8];  // fours[4 b + j], half h: column 4 h + j of rows 4 b .. 4 b + 3
    for (int b = 0; b < 8; b += 4) {
      fours[b] = _mm256_shuffle_ps(pairs[b], pairs[b + 2], 0x44);
      fours[b + 1] = _mm256_shuffle_ps(pairs[b], pairs[b + 2], 0xEE);
      fours[b + 2] = _mm256_shuffle_ps(pairs[b + 1], pairs[b + 3], 0x44);
      fours[b + 3] = _mm256_shuffle_ps(pairs[b + 1], pairs[b + 3], 0xEE);
    }
    for (int j = 0; j < 4; ++j) {
      x[j] = _mm256_permute2f128_ps(fours[j], fours[4 + j], 0x20);
      x[4 + j] = _mm256_permute2f128_ps(fours[j], fours[4 + j], 0x31);
    }
  }
};

}  // namespace

void AttendAvx2(const AttendArgs& args) { Attention<Vector>::Attend(args); }

void MergeAttendedAvx2(const MergeArgs& args) { Attention<Vector>::Merge(args); }

}  // namespace mixline::cpu
