// What lets nvcc compile a function for the device while g++ compiles the same text for the tests.
#ifndef MIXLINE_CUDA_HOST_DEVICE_H_
#define MIXLINE_CUDA_HOST_DEVICE_H_

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __CUDACC__
#include <cuda_fp16.h>
#define MIXLINE_HD __host__ __device__ inline
#else
#define MIXLINE_HD inline
#endif

#include "cpu/half_inl.h"

namespace mixline::cuda {

MIXLINE_HD float FloatOfBits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

// What is at `source`, which a GPU reads at once: an address that T may have.
template <typename T>
MIXLINE_HD T LoadAligned(const void* source) {
#ifdef __CUDA_ARCH__
  return *static_cast<const T*>(source);
#else
  T value;
  memcpy(&value, source, sizeof(value));
  return value;
#endif
}

MIXLINE_HD float FloatOfHalf(uint16_t half) {
#ifdef __CUDA_ARCH__
  return __half2float(__ushort_as_half(half));
#else
  return cpu::HalfToFloat(half);
#endif
}

// Returns what was there before; atomic where threads run beside each other.
MIXLINE_HD int32_t CountMore(int32_t* counter, int32_t times) {
#ifdef __CUDA_ARCH__
  return atomicAdd(counter, times);
#else
  const int32_t before = *counter;
  *counter += times;
  return before;
#endif
}

MIXLINE_HD int32_t CountOne(int32_t* counter) { return CountMore(counter, 1); }

}  // namespace mixline::cuda

#endif  // MIXLINE_CUDA_HOST_DEVICE_H_
