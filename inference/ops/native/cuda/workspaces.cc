#include "cuda/workspaces.h"

#include <stdexcept>
#include <utility>

namespace mixline::cuda {

std::shared_ptr<Workspaces> Workspaces::OfProcess() {
  static std::mutex mutex;
  static std::weak_ptr<Workspaces> of_process;
  const std::lock_guard lock(mutex);
  std::shared_ptr<Workspaces> workspaces = of_process.lock();
  if (workspaces == nullptr) {
    workspaces = std::make_shared<Workspaces>();
    of_process = workspaces;
  }
  return workspaces;
}

void* Workspaces::Get(Stream stream, size_t bytes) {
  const std::lock_guard lock(mutex_);
  Block& block = blocks_[stream];
  const bool capturing = IsCapturing(stream);
  if (bytes > block.bytes) {
    if (capturing) {
      throw std::runtime_error(
          "expected a run of as many tokens before the one that a CUDA graph is captured from, as"
          " memory cannot be allocated in it; found none");
    }
    if (block.captured) of_graphs_.push_back(std::move(block.memory));
    block = {};  // freed first, so that both are never there at once
    block.memory = AllocateDevice(bytes);
    block.bytes = bytes;
  }
  block.captured = block.captured || capturing;
  return block.memory.get();
}

}  // namespace mixline::cuda
