// Cuts the scratch memory of one call into arrays.
#ifndef MIXLINE_CARVER_H_
#define MIXLINE_CARVER_H_

#include <cstddef>

#include "packed_layout.h"

namespace mixline {

// Hands out consecutive, aligned parts of the scratch memory; with a NULL base it only counts.
class Carver {
 public:
  explicit Carver(std::byte* base) : base_(base) {}

  template <typename T>
  T* Take(size_t count) {
    const size_t start = used_;
    used_ += RoundUp(count * sizeof(T), 64);
    return base_ == nullptr ? nullptr : reinterpret_cast<T*>(base_ + start);
  }

  size_t used() const { return used_; }

 private:
  std::byte* base_;
  size_t used_ = 0;
};

}  // namespace mixline

#endif  // MIXLINE_CARVER_H_
