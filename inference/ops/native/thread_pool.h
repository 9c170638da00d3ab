// Threads, as the code that cuts work into tasks sees them.
#ifndef MIXLINE_THREAD_POOL_H_
#define MIXLINE_THREAD_POOL_H_

#include <cstddef>

namespace mixline {

// Calls task(user, 0 .. count - 1), each once, on any threads, and returns when all are done.
struct ThreadPool {
  void* context;
  void (*run)(void* context, size_t count, void (*task)(void* user, size_t index), void* user);
};

}  // namespace mixline

#endif  // MIXLINE_THREAD_POOL_H_
