#include <stdexcept>
#include <string>

#include "cuda/gpu.h"

namespace mixline::cuda {
namespace {

cudaEvent_t Event(void* event) { return static_cast<cudaEvent_t>(event); }

void ThrowNoMemory(cudaError_t error, size_t bytes, const char* where) {
  if (error == cudaSuccess) return;
  cudaGetLastError();  // it is reported here, and not once more by the next launch
  throw std::runtime_error("expected " + std::to_string(bytes) + " free bytes of " + where +
                           ", got: " + cudaGetErrorString(error));
}

}  // namespace

const char* ErrorText(int error) { return cudaGetErrorString(static_cast<cudaError_t>(error)); }

int CountDevices(int* count) { return cudaGetDeviceCount(count); }

void ThrowIfFailed(int error, const char* what) {
  if (error != 0) throw std::runtime_error(std::string(what) + ": " + ErrorText(error));
}

void FreeDevice::operator()(std::byte* memory) const { cudaFree(memory); }
void FreePinned::operator()(std::byte* memory) const { cudaFreeHost(memory); }

DeviceMemory AllocateDevice(size_t bytes) {
  void* memory = nullptr;
  ThrowNoMemory(cudaMalloc(&memory, bytes), bytes, "GPU memory");
  return DeviceMemory(static_cast<std::byte*>(memory));
}

PinnedMemory AllocatePinned(size_t bytes) {
  void* memory = nullptr;
  ThrowNoMemory(cudaHostAlloc(&memory, bytes, cudaHostAllocMapped | cudaHostAllocPortable), bytes,
                "pinned host memory");
  return PinnedMemory(static_cast<std::byte*>(memory));
}

void Copy(void* to, const void* from, size_t bytes, Stream stream) {
  ThrowIfFailed(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream), "copy");
}

void Clear(void* memory, size_t bytes, Stream stream) {
  ThrowIfFailed(cudaMemsetAsync(memory, 0, bytes, stream), "clear");
}

Mark::Mark() : event_(nullptr) {
  cudaEvent_t event = nullptr;
  ThrowIfFailed(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "event");
  event_ = event;
}

Mark::~Mark() { cudaEventDestroy(Event(event_)); }

void Mark::Set(Stream stream) { ThrowIfFailed(cudaEventRecord(Event(event_), stream), "event"); }

bool Mark::Passed() const {
  const cudaError_t state = cudaEventQuery(Event(event_));
  if (state == cudaErrorNotReady) {
    cudaGetLastError();
    return false;
  }
  ThrowIfFailed(state, "event");
  return true;
}

void Mark::Wait() const { ThrowIfFailed(cudaEventSynchronize(Event(event_)), "event"); }

bool IsCapturing(Stream stream) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  ThrowIfFailed(cudaStreamIsCapturing(stream, &status), "stream");
  return status != cudaStreamCaptureStatusNone;
}

}  // namespace mixline::cuda
