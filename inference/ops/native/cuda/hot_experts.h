// Which experts of a layer are kept in device memory when not all fit: the most used. Plain
// arithmetic on counts, no GPU.
#ifndef MIXLINE_CUDA_HOT_EXPERTS_H_
#define MIXLINE_CUDA_HOT_EXPERTS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace mixline::cuda {

class HotExperts {
 public:
  static constexpr int32_t kNone = -1;

  // Nothing is known at first: slots 0, 1, ... hold experts 0, 1, ...
  HotExperts(size_t experts, size_t slots);

  struct Exchange {
    size_t slot;
    int32_t in;
    int32_t out;
  };

  // Takes the experts' uses since the device started to count, and returns the few exchanges that
  // are worth a copy over the bus. Uses count half as much with every call that comes after them.
  std::vector<Exchange> Update(std::span<const int32_t> uses, size_t most_moves);

  // The slot of an expert, or kNone.
  int32_t SlotOf(size_t expert) const { return slot_of_[expert]; }

 private:
  std::vector<double> score_;       // [experts] uses, older ones less
  std::vector<int32_t> last_uses_;  // [experts]
  std::vector<int32_t> slot_of_;    // [experts]
};

}  // namespace mixline::cuda

#endif  // MIXLINE_CUDA_HOT_EXPERTS_H_
