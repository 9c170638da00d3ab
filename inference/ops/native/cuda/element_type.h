// ONNX Runtime's names of the types that the kernels take, and the provider that they run on.
#ifndef MIXLINE_CUDA_ELEMENT_TYPE_H_
#define MIXLINE_CUDA_ELEMENT_TYPE_H_

#include "cuda/expert_kernels.h"
#include "ort_op.h"

// The tests' library runs on the processor.
#ifndef MIXLINE_CUDA_PROVIDER
#define MIXLINE_CUDA_PROVIDER "CUDAExecutionProvider"
#endif

namespace mixline::cuda {

inline constexpr const char* kCudaProvider = MIXLINE_CUDA_PROVIDER;

// `type`: one of these three.
constexpr Element ElementOf(int type) {
  if (type == ort::kFloat16) return Element::kFloat16;
  return type == ort::kBfloat16 ? Element::kBfloat16 : Element::kFloat32;
}

}  // namespace mixline::cuda

#endif  // MIXLINE_CUDA_ELEMENT_TYPE_H_
