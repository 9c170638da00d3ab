// Enough of CUDA C++ to run the kernels themselves on the processor, one block after another.
//
// A block's threads are fibers of one thread. They change at barriers and shuffles only, so shared
// memory is static memory, and a barrier that not all threads reach is found: it ends the program.
#ifndef MIXLINE_TESTS_CUDA_EMULATOR_H_
#define MIXLINE_TESTS_CUDA_EMULATOR_H_

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>

struct CUstream_st;

#define __CUDA_ARCH__ 900
#define __global__
#define __device__
#define __shared__ static
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __launch_bounds__(threads)
#define MIXLINE_DYNAMIC_SHARED(type, name) \
  type* const name = static_cast<type*>(::emulator::DynamicShared())

using cudaError_t = int;
using cudaStream_t = CUstream_st*;
inline constexpr cudaError_t cudaSuccess = 0;
inline constexpr cudaError_t cudaErrorInvalidValue = 1;
inline cudaError_t cudaGetLastError() { return cudaSuccess; }

struct dim3 {
  unsigned x, y, z;
};
struct uint4 {
  uint32_t x, y, z, w;
};
inline uint4 make_uint4(uint32_t x, uint32_t y, uint32_t z, uint32_t w) { return {x, y, z, w}; }

extern dim3 threadIdx, blockIdx, blockDim;

namespace emulator {

void* DynamicShared();

// Runs `thread` once for each thread of each block.
void Run(dim3 grid, unsigned threads, size_t shared, const std::function<void()>& thread);

// Waits for the other threads of the block, or of the warp.
void WaitForBlock();
void WaitForWarp();

// What the lane that differs in the bits of `step` brings; all lanes of the warp take part.
uint64_t Exchange(uint64_t bits, unsigned step);

}  // namespace emulator

inline void __syncthreads() { emulator::WaitForBlock(); }
inline void __syncwarp() { emulator::WaitForWarp(); }

template <typename T>
T __shfl_xor_sync(unsigned, T value, int step) {
  uint64_t bits = 0;
  memcpy(&bits, &value, sizeof(value));
  bits = emulator::Exchange(bits, static_cast<unsigned>(step));
  memcpy(&value, &bits, sizeof(value));
  return value;
}

inline int32_t atomicAdd(int32_t* counter, int32_t times) {
  const int32_t before = *counter;
  *counter += times;
  return before;
}

// A GPU traps where such an address is not a multiple of 16.
inline uint4 __ldcs(const uint4* source) {
  if (reinterpret_cast<uintptr_t>(source) % 16 != 0) __builtin_trap();
  return *source;
}

using __half = _Float16;
inline __half __ushort_as_half(uint16_t bits) {
  __half half;
  memcpy(&half, &bits, sizeof(half));
  return half;
}
inline float __half2float(__half half) { return static_cast<float>(half); }
inline __half __float2half(float value) { return static_cast<__half>(value); }

struct __nv_bfloat16 {
  uint16_t bits;
};
inline float __bfloat162float(__nv_bfloat16 value) {
  const uint32_t bits = uint32_t{value.bits} << 16;
  float wide;
  memcpy(&wide, &bits, sizeof(wide));
  return wide;
}
inline __nv_bfloat16 __float2bfloat16(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof(bits));
  if (value != value) return {0x7FFF};
  return {static_cast<uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16)};
}

// Matrices of 16 x 16; every lane holds all of each, and computes it.
namespace nvcuda::wmma {

struct matrix_a;
struct matrix_b;
struct accumulator;
struct row_major;
struct col_major;
enum layout_t { mem_row_major };

template <typename Use, int m, int n, int k, typename T, typename Layout = void>
struct fragment {
  float value[16][16];
};

template <typename Fragment>
void fill_fragment(Fragment& fragment, float value) {
  for (auto& row : fragment.value) {
    for (float& element : row) element = value;
  }
}

template <typename T>
void load_matrix_sync(fragment<matrix_a, 16, 16, 16, T, row_major>& a, const T* from,
                      size_t pitch) {
  for (size_t i = 0; i < 16; ++i) {
    for (size_t k = 0; k < 16; ++k) a.value[i][k] = __bfloat162float(from[i * pitch + k]);
  }
}

template <typename T>
void load_matrix_sync(fragment<matrix_b, 16, 16, 16, T, col_major>& b, const T* from,
                      size_t pitch) {
  for (size_t n = 0; n < 16; ++n) {
    for (size_t k = 0; k < 16; ++k) b.value[k][n] = __bfloat162float(from[n * pitch + k]);
  }
}

template <typename Sum, typename A, typename B>
void mma_sync(Sum& to, const A& a, const B& b, const Sum& from) {
  Sum sum = from;
  for (size_t i = 0; i < 16; ++i) {
    for (size_t k = 0; k < 16; ++k) {
      for (size_t n = 0; n < 16; ++n) sum.value[i][n] += a.value[i][k] * b.value[k][n];
    }
  }
  to = sum;
}

template <typename Sum>
void store_matrix_sync(float* to, const Sum& sum, size_t pitch, layout_t) {
  for (size_t i = 0; i < 16; ++i) {
    for (size_t n = 0; n < 16; ++n) to[i * pitch + n] = sum.value[i][n];
  }
}

}  // namespace nvcuda::wmma

namespace mixline::cuda {

template <typename... Parameters, typename... Arguments>
void Launch(void (*kernel)(Parameters...), dim3 grid, size_t threads, size_t shared, cudaStream_t,
            const Arguments&... arguments) {
  emulator::Run(grid, static_cast<unsigned>(threads), shared, [&] { kernel(arguments...); });
}

}  // namespace mixline::cuda

#endif  // MIXLINE_TESTS_CUDA_EMULATOR_H_
