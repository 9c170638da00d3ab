// A GPU's memory made of plain memory: copies are done late, as a GPU's would be. It keeps count of
// what the operators ask of it.
#include "fake_gpu.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "cuda/gpu.h"

namespace mixline::cuda {
namespace {

// Read and written by the tests.
struct FakeGpu {
  int64_t device_bytes = 0;
  int64_t most_device_bytes = 0;
  int64_t free_bytes = int64_t{1} << 40;
  int64_t pinned_bytes = 0;
  int64_t allocations = 0;
  int64_t copied_bytes = 0;
  int64_t waits = 0;
  int64_t launches = 0;
  int64_t capturing = 0;
  int64_t overruns = 0;  // bytes written behind blocks, seen when those were freed
};
FakeGpu gpu;

std::vector<std::function<void()>> queue;  // what the device has not done yet
size_t queued = 0;                         // ever
size_t done = 0;

void Enqueue(std::function<void()> work) {
  queue.push_back(std::move(work));
  ++queued;
}

void DoQueued() {
  for (const auto& work : queue) work();
  queue.clear();
  done = queued;
}

// Behind each block, bytes that must stay what they are.
constexpr size_t kGuard = 64;
constexpr std::byte kGuardByte{0xA5};
struct Header {
  int64_t bytes;
  std::byte rest[kGuard - sizeof(int64_t)];
};

std::byte* Allocate(size_t bytes, int64_t* total) {
  ++gpu.allocations;
  *total += static_cast<int64_t>(bytes);
  auto* const block =
      static_cast<std::byte*>(std::aligned_alloc(256, RoundUp(256 + bytes + kGuard, 256)));
  reinterpret_cast<Header*>(block)->bytes = static_cast<int64_t>(bytes);
  std::byte* const memory = block + 256;
  std::fill_n(memory, bytes + kGuard, kGuardByte);
  return memory;
}

void Free(std::byte* memory, int64_t* total) {
  std::byte* const block = memory - 256;
  const int64_t bytes = reinterpret_cast<Header*>(block)->bytes;
  *total -= bytes;
  for (size_t i = 0; i < kGuard; ++i)
    gpu.overruns += memory[bytes + static_cast<int64_t>(i)] != kGuardByte;
  std::free(block);
}

}  // namespace

void BeforeLaunch() {
  DoQueued();
  ++gpu.launches;
}

const char* ErrorText(int) { return "a format without a kernel"; }

int CountDevices(int* count) {
  *count = 1;
  return 0;
}

void ThrowIfFailed(int error, const char* what) {
  if (error != 0) throw std::runtime_error(std::string(what) + ": " + ErrorText(error));
}

void FreeDevice::operator()(std::byte* memory) const {
  DoQueued();  // as cudaFree waits
  Free(memory, &gpu.device_bytes);
}
void FreePinned::operator()(std::byte* memory) const {
  DoQueued();
  Free(memory, &gpu.pinned_bytes);
}

DeviceMemory AllocateDevice(size_t bytes) {
  if (gpu.device_bytes + static_cast<int64_t>(bytes) > gpu.free_bytes) {
    throw std::runtime_error("expected " + std::to_string(bytes) + " free bytes of GPU memory");
  }
  DeviceMemory memory(Allocate(bytes, &gpu.device_bytes));
  gpu.most_device_bytes = std::max(gpu.most_device_bytes, gpu.device_bytes);
  return memory;
}

PinnedMemory AllocatePinned(size_t bytes) {
  return PinnedMemory(Allocate(bytes, &gpu.pinned_bytes));
}

void Copy(void* to, const void* from, size_t bytes, Stream) {
  gpu.copied_bytes += static_cast<int64_t>(bytes);
  Enqueue([=] { std::memcpy(to, from, bytes); });
}

void Clear(void* memory, size_t bytes, Stream) {
  Enqueue([=] { std::memset(memory, 0, bytes); });
}

Mark::Mark() : event_(new size_t(0)) {}
Mark::~Mark() { delete static_cast<size_t*>(event_); }
void Mark::Set(Stream) { *static_cast<size_t*>(event_) = queued; }
bool Mark::Passed() const { return done >= *static_cast<size_t*>(event_); }
void Mark::Wait() const {
  ++gpu.waits;
  DoQueued();
}

bool IsCapturing(Stream) { return gpu.capturing != 0; }

}  // namespace mixline::cuda

extern "C" __attribute__((visibility("default"))) void* mixline_fake_gpu() {
  return &mixline::cuda::gpu;
}
