// What the operators need of a GPU besides their kernels; the tests bring one of plain memory.
#ifndef MIXLINE_CUDA_GPU_H_
#define MIXLINE_CUDA_GPU_H_

#include <cstddef>
#include <memory>

#include "cuda/expert_kernels.h"

namespace mixline::cuda {

const char* ErrorText(int error);

// Returns 0 or CUDA's error, with which there are none.
int CountDevices(int* count);

// Throws std::runtime_error with what CUDA says, unless `error` is 0.
void ThrowIfFailed(int error, const char* what);

struct FreeDevice {
  void operator()(std::byte* memory) const;
};
struct FreePinned {
  void operator()(std::byte* memory) const;
};
using DeviceMemory = std::unique_ptr<std::byte[], FreeDevice>;
using PinnedMemory = std::unique_ptr<std::byte[], FreePinned>;

// Throw std::runtime_error where there is no memory left, saying how much was wanted.
DeviceMemory AllocateDevice(size_t bytes);
PinnedMemory AllocatePinned(size_t bytes);  // the host's, and the GPU's under the same address

// Between the device and pinned memory, in the stream's order.
void Copy(void* to, const void* from, size_t bytes, Stream stream);
void Clear(void* memory, size_t bytes, Stream stream);

// A place in a stream.
class Mark {
 public:
  Mark();
  ~Mark();
  Mark(const Mark&) = delete;
  Mark& operator=(const Mark&) = delete;

  void Set(Stream stream);
  bool Passed() const;  // true before the first Set
  void Wait() const;

 private:
  void* event_;
};

// Whether the stream's work is being recorded into a CUDA graph, not done.
bool IsCapturing(Stream stream);

}  // namespace mixline::cuda

#endif  // MIXLINE_CUDA_GPU_H_
