// What kernels found wrong with their inputs, told to the host without its waiting for them.
//
// A kernel sets a word in pinned host memory. The host looks at it when the node is next computed,
// and whenever somebody asks for all faults: after a run that was waited for, nothing is missed.
#ifndef MIXLINE_CUDA_FAULTS_H_
#define MIXLINE_CUDA_FAULTS_H_

#include <string>

#include "cuda/gpu.h"

namespace mixline::cuda {

// The word of one node.
class Fault {
 public:
  explicit Fault(std::string message);
  ~Fault();
  Fault(const Fault&) = delete;
  Fault& operator=(const Fault&) = delete;

  // For a launch. The first call allocates it.
  int32_t* Word();

  // Throws std::invalid_argument with the message if an earlier run set it, and clears it.
  void ThrowIfSet();

  // The messages of all nodes whose word is set, one a line; clears them.
  static std::string TakeAll();

 private:
  bool Take();

  std::string message_;
  PinnedMemory word_;
};

}  // namespace mixline::cuda

#endif  // MIXLINE_CUDA_FAULTS_H_
