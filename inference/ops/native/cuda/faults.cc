#include "cuda/faults.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

namespace mixline::cuda {
namespace {

std::mutex mutex;  // of the list, and of every word's first use

std::vector<Fault*>& All() {
  static auto& all = *new std::vector<Fault*>;  // never destroyed: sessions may outlive statics
  return all;
}

}  // namespace

Fault::Fault(std::string message) : message_(std::move(message)) {
  const std::lock_guard lock(mutex);
  All().push_back(this);
}

Fault::~Fault() {
  const std::lock_guard lock(mutex);
  std::erase(All(), this);
}

int32_t* Fault::Word() {
  const std::lock_guard lock(mutex);
  if (word_ == nullptr) {
    word_ = AllocatePinned(sizeof(int32_t));
    *reinterpret_cast<int32_t*>(word_.get()) = 0;
  }
  return reinterpret_cast<int32_t*>(word_.get());
}

bool Fault::Take() {
  if (word_ == nullptr) return false;
  // The GPU writes beside us; there is nothing to order, as it only ever sets the word.
  std::atomic_ref<int32_t> word(*reinterpret_cast<int32_t*>(word_.get()));
  return word.load(std::memory_order_relaxed) != 0 && word.exchange(0) != 0;
}

void Fault::ThrowIfSet() {
  const std::lock_guard lock(mutex);
  if (Take()) throw std::invalid_argument(message_);
}

std::string Fault::TakeAll() {
  const std::lock_guard lock(mutex);
  std::string messages;
  for (Fault* fault : All()) {
    if (fault->Take()) messages += fault->message_ + "\n";
  }
  return messages;
}

}  // namespace mixline::cuda
