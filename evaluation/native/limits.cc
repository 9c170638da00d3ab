// What this machine can do at best: reading memory, and int8 dot products. Called from
// evaluation/operators/limits.py, one call per thread.

#include <cstddef>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define MIXLINE_EXPORT extern "C" __attribute__((visibility("default")))

namespace {

using Lanes = uint64_t __attribute__((vector_size(16)));
constexpr size_t kStreams = 8;

// Enough independent sums to hide the latency of a product: 5 cycles, 2 a cycle.
constexpr size_t kSums = 12;

// Keeps a value from being optimised away without storing it.
template <typename T>
void Keep(T& value) {
#if defined(__x86_64__)
  asm volatile("" : "+v"(value));
#else
  asm volatile("" : "+w"(value));
#endif
}

#if defined(__x86_64__)

__attribute__((target("avx512f,avx512bw,avx512vnni"))) double DotAvx512(size_t rounds) {
  __m512i a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(5);
  Keep(a);
  Keep(b);
  __m512i sum[kSums] = {};
  for (size_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (size_t i = 0; i < kSums; ++i) {
      sum[i] = _mm512_dpbusd_epi32(sum[i], a, b);
      Keep(sum[i]);
    }
  }
  return 2.0 * 64 * kSums * static_cast<double>(rounds);
}

__attribute__((target("avx2,avxvnni"))) double DotAvxVnni(size_t rounds) {
  __m256i a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(5);
  Keep(a);
  Keep(b);
  __m256i sum[kSums] = {};
  for (size_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (size_t i = 0; i < kSums; ++i) {
      sum[i] = _mm256_dpbusd_avx_epi32(sum[i], a, b);
      Keep(sum[i]);
    }
  }
  return 2.0 * 32 * kSums * static_cast<double>(rounds);
}

__attribute__((target("avx2"))) double DotAvx2(size_t rounds) {
  __m256i a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(5);
  const __m256i ones = _mm256_set1_epi16(1);
  Keep(a);
  Keep(b);
  __m256i sum[kSums] = {};
  for (size_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (size_t i = 0; i < kSums; ++i) {
      __m256i pairs = _mm256_maddubs_epi16(a, b);
      Keep(pairs);
      sum[i] = _mm256_add_epi32(sum[i], _mm256_madd_epi16(pairs, ones));
      Keep(sum[i]);
    }
  }
  return 2.0 * 32 * kSums * static_cast<double>(rounds);
}

double Dot(size_t rounds) {
  if (__builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw")) {
    return DotAvx512(rounds);
  }
  if (__builtin_cpu_supports("avxvnni")) return DotAvxVnni(rounds);
  if (__builtin_cpu_supports("avx2")) return DotAvx2(rounds);
  return 0;
}

#elif defined(__aarch64__)

__attribute__((target("+dotprod"))) double Dot(size_t rounds) {
  int8x16_t a = vdupq_n_s8(3), b = vdupq_n_s8(5);
  Keep(a);
  Keep(b);
  int32x4_t sum[kSums] = {};
  for (size_t r = 0; r < rounds; ++r) {
    for (size_t i = 0; i < kSums; ++i) {
      sum[i] = vdotq_s32(sum[i], a, b);
      Keep(sum[i]);
    }
  }
  return 2.0 * 16 * kSums * static_cast<double>(rounds);
}

#else

double Dot(size_t) { return 0; }

#endif

}  // namespace

// Reads memory once. The result depends on every byte and means nothing.
// bytes is a multiple of 128, data a multiple of 16.
MIXLINE_EXPORT uint64_t mixline_read(const void* data, size_t bytes) {
  const Lanes* lanes = static_cast<const Lanes*>(data);
  Lanes sums[kStreams] = {};
  for (size_t i = 0; i < bytes / sizeof(Lanes); i += kStreams) {
    for (size_t s = 0; s < kStreams; ++s) sums[s] += lanes[i + s];
  }
  Lanes sum = {};
  for (const Lanes& one : sums) sum += one;
  return sum[0] + sum[1];
}

// Multiplies and adds int8 values in registers with the widest instruction that the processor has
// for it. Returns how many operations that were, a multiplication and an addition counted as two; 0
// where it has none.
MIXLINE_EXPORT double mixline_dot(size_t rounds) { return Dot(rounds); }
