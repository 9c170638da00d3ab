// How a kernel is launched, in words that g++ reads too: tests/native/emulator runs the kernels.
#ifndef MIXLINE_CUDA_LAUNCH_H_
#define MIXLINE_CUDA_LAUNCH_H_

#ifdef __CUDACC__

// Memory of a block, as much of it as the launch asks for.
#define MIXLINE_DYNAMIC_SHARED(type, name) extern __shared__ __align__(16) type name[]

namespace mixline::cuda {

template <typename... Parameters, typename... Arguments>
void Launch(void (*kernel)(Parameters...), dim3 grid, size_t threads, size_t shared,
            cudaStream_t stream, const Arguments&... arguments) {
  kernel<<<grid, static_cast<unsigned>(threads), shared, stream>>>(arguments...);
}

}  // namespace mixline::cuda

#else

#include "cuda_emulator.h"

#endif

#endif  // MIXLINE_CUDA_LAUNCH_H_
