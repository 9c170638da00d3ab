// Where the packed experts of one layer are: all in device memory, or the most used there and all
// in pinned host memory, which the kernels read over the bus.
//
//     all fit          gate_up, down: one block each, as in the file
//     not all fit      pinned: all experts      device: slots, one expert each
//                      device: addresses[expert] -> its slot, or pinned memory
//
// Kernels find their experts by the table, so routing never waits for the host. Which expert is in
// which slot changes between calls, in the stream's order: what is still running sees the old table
// and the old contents.
#ifndef MIXLINE_CUDA_EXPERT_STORE_H_
#define MIXLINE_CUDA_EXPERT_STORE_H_

#include <optional>
#include <vector>

#include "cuda/gpu.h"
#include "cuda/hot_experts.h"

namespace mixline::cuda {

// A layer's weights in the mapped file; they stay there as long as the store lives. Biases may be
// NULL.
struct ExpertFile {
  size_t num_experts;
  const uint8_t* gate_up;
  size_t gate_up_bytes;  // of an expert
  const uint8_t* down;
  size_t down_bytes;  // of an expert
  const float* gate_up_bias;
  size_t gate_up_bias_length;  // of all experts
  const float* down_bias;
  size_t down_bias_length;

  size_t expert_bytes() const { return gate_up_bytes + down_bytes; }
  size_t bytes() const { return num_experts * expert_bytes(); }
};

struct CacheCounts {
  int64_t uses = 0;
  int64_t hits = 0;  // of experts in device memory
};

class ExpertStore {
 public:
  // Uploads, and waits until all of it is there. `resident`: experts in device memory, 0 to all.
  ExpertStore(const ExpertFile& file, size_t resident, Stream stream);

  // Before a call that the stream does not capture: looks what was used and moves a few experts,
  // every kCallsPerLook calls, without waiting.
  void Refresh(Stream stream);

  // Fills in a launch's weights and biases.
  void Describe(ExpertLaunch* launch) const;

  bool all_resident() const { return !hot_.has_value(); }
  size_t device_bytes() const { return device_bytes_; }      // of weights, biases and tables
  size_t resident_bytes() const { return resident_bytes_; }  // of the experts' weights among them
  CacheCounts counts() const { return counts_; }             // as of the last look

  static constexpr size_t kCallsPerLook = 32;
  static constexpr size_t kMovesPerLook = 2;

 private:
  void PinAll(const ExpertFile& file, size_t resident, Stream stream);
  DeviceMemory Allocate(size_t bytes);  // and counts it
  ExpertAddress AddressOf(size_t expert) const;
  void WriteAddresses(Stream stream);
  void Move(Stream stream);

  size_t experts_;
  size_t gate_up_bytes_;  // of an expert, as the next
  size_t expert_bytes_;
  size_t resident_bytes_;
  size_t device_bytes_ = 0;
  DeviceMemory gate_up_bias_, down_bias_;  // or NULL
  DeviceMemory gate_up_, down_;            // if all are resident; else what follows
  std::optional<HotExperts> hot_;
  PinnedMemory pinned_;              // [experts, expert]
  DeviceMemory slots_;               // [resident, expert]
  DeviceMemory addresses_;           // [experts]
  PinnedMemory addresses_to_write_;  // [experts]
  DeviceMemory uses_;                // [experts + 1], see ExpertLaunch
  PinnedMemory uses_seen_;           // [experts + 1]
  std::optional<Mark> mark_;         // behind the last copy
  bool looking_ = false;             // the uses are on their way
  size_t calls_ = 0;
  std::vector<int32_t> last_uses_;  // [experts + 1]
  CacheCounts counts_;
};

}  // namespace mixline::cuda

#endif  // MIXLINE_CUDA_EXPERT_STORE_H_
