// Scratch memory on the device, one block for each stream: a stream's layers run one after another.
#ifndef MIXLINE_CUDA_WORKSPACES_H_
#define MIXLINE_CUDA_WORKSPACES_H_

#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "cuda/gpu.h"

namespace mixline::cuda {

class Workspaces {
 public:
  // Those of the process, freed with the last operator that holds them.
  static std::shared_ptr<Workspaces> OfProcess();

  // At least so many bytes, at a multiple of 256, until the stream's next call. Memory is allocated
  // for the largest call so far. What a CUDA graph was given stays; while one is captured nothing
  // can be allocated: throws std::runtime_error where a call like it has not run before.
  void* Get(Stream stream, size_t bytes);

 private:
  struct Block {
    DeviceMemory memory;
    size_t bytes = 0;
    bool captured = false;
  };
  std::mutex mutex_;
  std::unordered_map<Stream, Block> blocks_;
  std::vector<DeviceMemory> of_graphs_;
};

}  // namespace mixline::cuda

#endif  // MIXLINE_CUDA_WORKSPACES_H_
