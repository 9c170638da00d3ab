#include "cuda/expert_store.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>

namespace mixline::cuda {
namespace {

// Copies memory that is not pinned to the device, through two pinned buffers in turn.
class Uploader {
 public:
  explicit Uploader(size_t most_bytes) : size_(std::min(most_bytes, kBufferBytes)) {
    for (Buffer& buffer : buffers_) buffer.memory = AllocatePinned(size_);
  }

  void Upload(std::byte* to, const void* from, size_t bytes, Stream stream) {
    const auto* source = static_cast<const std::byte*>(from);
    for (size_t done = 0; done < bytes; done += size_) {
      Buffer& buffer = buffers_[next_++ % buffers_.size()];
      const size_t part = std::min(size_, bytes - done);
      buffer.copied.Wait();
      std::memcpy(buffer.memory.get(), source + done, part);
      Copy(to + done, buffer.memory.get(), part, stream);
      buffer.copied.Set(stream);
    }
  }

  void Wait() const {
    for (const Buffer& buffer : buffers_) buffer.copied.Wait();
  }

 private:
  static constexpr size_t kBufferBytes = size_t{8} << 20;

  struct Buffer {
    PinnedMemory memory;
    Mark copied;
  };
  size_t size_;
  std::array<Buffer, 2> buffers_;
  size_t next_ = 0;
};

}  // namespace

ExpertStore::ExpertStore(const ExpertFile& file, size_t resident, Stream stream)
    : experts_(file.num_experts),
      gate_up_bytes_(file.gate_up_bytes),
      expert_bytes_(file.expert_bytes()),
      resident_bytes_(std::min(resident, experts_) * expert_bytes_) {
  Uploader uploader(file.bytes());
  const auto upload = [&](const void* from, size_t bytes) {
    DeviceMemory memory = Allocate(bytes);
    uploader.Upload(memory.get(), from, bytes, stream);
    return memory;
  };
  if (file.gate_up_bias != nullptr) {
    gate_up_bias_ = upload(file.gate_up_bias, file.gate_up_bias_length * sizeof(float));
  }
  if (file.down_bias != nullptr) {
    down_bias_ = upload(file.down_bias, file.down_bias_length * sizeof(float));
  }
  if (resident >= experts_) {
    gate_up_ = upload(file.gate_up, experts_ * file.gate_up_bytes);
    down_ = upload(file.down, experts_ * file.down_bytes);
  } else {
    PinAll(file, resident, stream);
  }
  uploader.Wait();
  if (mark_.has_value()) mark_->Wait();
}

DeviceMemory ExpertStore::Allocate(size_t bytes) {
  DeviceMemory memory = AllocateDevice(std::max(bytes, size_t{1}));
  device_bytes_ += bytes;
  return memory;
}

void ExpertStore::PinAll(const ExpertFile& file, size_t resident, Stream stream) {
  pinned_ = AllocatePinned(file.bytes());
  for (size_t e = 0; e < experts_; ++e) {
    std::byte* const expert = pinned_.get() + e * expert_bytes_;
    std::memcpy(expert, file.gate_up + e * file.gate_up_bytes, file.gate_up_bytes);
    std::memcpy(expert + gate_up_bytes_, file.down + e * file.down_bytes, file.down_bytes);
  }
  hot_.emplace(experts_, resident);
  slots_ = Allocate(resident * expert_bytes_);
  if (resident > 0) Copy(slots_.get(), pinned_.get(), resident * expert_bytes_, stream);
  addresses_ = Allocate(experts_ * sizeof(ExpertAddress));
  addresses_to_write_ = AllocatePinned(experts_ * sizeof(ExpertAddress));
  WriteAddresses(stream);
  const size_t uses_bytes = (experts_ + 1) * sizeof(int32_t);
  uses_ = Allocate(uses_bytes);
  Clear(uses_.get(), uses_bytes, stream);
  uses_seen_ = AllocatePinned(uses_bytes);
  last_uses_.resize(experts_ + 1);
  mark_.emplace();
  mark_->Set(stream);
}

ExpertAddress ExpertStore::AddressOf(size_t expert) const {
  const int32_t slot = hot_->SlotOf(expert);
  const bool resident = slot != HotExperts::kNone;
  const auto* const start = reinterpret_cast<const uint8_t*>(
      resident ? slots_.get() + static_cast<size_t>(slot) * expert_bytes_
               : pinned_.get() + expert * expert_bytes_);
  return {start, start + gate_up_bytes_, resident ? size_t{1} : 0};
}

void ExpertStore::WriteAddresses(Stream stream) {
  auto* const table = reinterpret_cast<ExpertAddress*>(addresses_to_write_.get());
  for (size_t e = 0; e < experts_; ++e) table[e] = AddressOf(e);
  Copy(addresses_.get(), table, experts_ * sizeof(ExpertAddress), stream);
}

void ExpertStore::Refresh(Stream stream) {
  if (all_resident() || ++calls_ % kCallsPerLook != 0) return;
  if (!mark_->Passed()) return;  // the pinned tables are still in use: at the next look
  if (looking_) Move(stream);
  looking_ = true;
  Copy(uses_seen_.get(), uses_.get(), last_uses_.size() * sizeof(int32_t), stream);
  mark_->Set(stream);
}

void ExpertStore::Move(Stream stream) {
  const auto* const seen = reinterpret_cast<const int32_t*>(uses_seen_.get());
  // The device's counters wrap around, and so do these differences.
  const auto since = [&](size_t i) {
    return static_cast<uint32_t>(seen[i]) - static_cast<uint32_t>(last_uses_[i]);
  };
  for (size_t e = 0; e < experts_; ++e) counts_.uses += since(e);
  counts_.hits += since(experts_);
  std::copy_n(seen, last_uses_.size(), last_uses_.begin());
  const auto moves = hot_->Update({seen, experts_}, kMovesPerLook);
  if (moves.empty()) return;
  for (const HotExperts::Exchange& move : moves) {
    Copy(slots_.get() + move.slot * expert_bytes_,
         pinned_.get() + static_cast<size_t>(move.in) * expert_bytes_, expert_bytes_, stream);
  }
  WriteAddresses(stream);
}

void ExpertStore::Describe(ExpertLaunch* launch) const {
  launch->gate_up = reinterpret_cast<const uint8_t*>(gate_up_.get());
  launch->down = reinterpret_cast<const uint8_t*>(down_.get());
  launch->gate_up_bias = reinterpret_cast<const float*>(gate_up_bias_.get());
  launch->down_bias = reinterpret_cast<const float*>(down_bias_.get());
  launch->addresses = reinterpret_cast<const ExpertAddress*>(addresses_.get());
  launch->uses = reinterpret_cast<int32_t*>(uses_.get());
}

}  // namespace mixline::cuda
