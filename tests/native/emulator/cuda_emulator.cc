#include "cuda_emulator.h"

#include <setjmp.h>
#include <ucontext.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "../fake_gpu.h"

dim3 threadIdx, blockIdx, blockDim;

namespace emulator {
namespace {

constexpr size_t kStackBytes = 64 << 10;
constexpr size_t kWarp = 32;

enum class State { kReady, kAtBlock, kAtWarp, kDone };

struct Fiber {
  std::unique_ptr<char[]> stack = std::make_unique<char[]>(kStackBytes);
  jmp_buf place;
  bool started = false;
  State state = State::kReady;
  uint64_t brought = 0;
};

std::vector<std::unique_ptr<Fiber>> fibers;  // kept: stacks are used again
size_t num_threads = 0;
size_t current = 0;
jmp_buf scheduler;
ucontext_t scheduler_context;
const std::function<void()>* body = nullptr;
std::vector<double> dynamic_shared;

void Enter() {
  (*body)();
  fibers[current]->state = State::kDone;
  _longjmp(scheduler, 1);
}

// Lets a fiber go on to its next barrier or its end.
void Resume(size_t index) {
  Fiber& fiber = *fibers[index];
  current = index;
  threadIdx = {static_cast<unsigned>(index), 0, 0};
  if (_setjmp(scheduler) != 0) return;
  if (fiber.started) _longjmp(fiber.place, 1);
  fiber.started = true;
  ucontext_t context;
  getcontext(&context);
  context.uc_stack.ss_sp = fiber.stack.get();
  context.uc_stack.ss_size = kStackBytes;
  context.uc_link = nullptr;
  makecontext(&context, Enter, 0);
  swapcontext(&scheduler_context, &context);
}

void WaitAt(State state) {
  Fiber& fiber = *fibers[current];
  fiber.state = state;
  if (_setjmp(fiber.place) == 0) _longjmp(scheduler, 1);
}

// Opens the barrier of threads first .. last - 1 if all that are left stand there.
bool Open(size_t first, size_t last, State barrier) {
  bool any = false;
  for (size_t i = first; i < last; ++i) {
    const State state = fibers[i]->state;
    if (state != barrier && state != State::kDone) return false;
    any = any || state == barrier;
  }
  for (size_t i = first; any && i < last; ++i) {
    if (fibers[i]->state == barrier) fibers[i]->state = State::kReady;
  }
  return any;
}

void RunBlock() {
  for (size_t i = 0; i < num_threads; ++i) {
    fibers[i]->started = false;
    fibers[i]->state = State::kReady;
  }
  while (true) {
    bool done = true;
    for (size_t i = 0; i < num_threads; ++i) {
      if (fibers[i]->state == State::kReady) Resume(i);
      done = done && fibers[i]->state == State::kDone;
    }
    if (done) return;
    bool opened = Open(0, num_threads, State::kAtBlock);
    for (size_t warp = 0; warp < num_threads; warp += kWarp) {
      const size_t last = warp + kWarp < num_threads ? warp + kWarp : num_threads;
      opened = Open(warp, last, State::kAtWarp) || opened;
    }
    if (!opened) {
      std::fputs("a barrier that not all threads reach\n", stderr);
      std::abort();
    }
  }
}

}  // namespace

void* DynamicShared() { return dynamic_shared.data(); }

void Run(dim3 grid, unsigned threads, size_t shared, const std::function<void()>& thread) {
  mixline::cuda::BeforeLaunch();
  num_threads = threads;
  while (fibers.size() < threads) fibers.push_back(std::make_unique<Fiber>());
  blockDim = {threads, 1, 1};
  body = &thread;
  for (unsigned y = 0; y < grid.y; ++y) {
    for (unsigned x = 0; x < grid.x; ++x) {
      blockIdx = {x, y, 0};
      // No kernel may count on what shared memory holds at first.
      dynamic_shared.assign(shared / sizeof(double) + 1, NAN);
      RunBlock();
    }
  }
}

void WaitForBlock() { WaitAt(State::kAtBlock); }
void WaitForWarp() { WaitAt(State::kAtWarp); }

uint64_t Exchange(uint64_t bits, unsigned step) {
  fibers[current]->brought = bits;
  WaitAt(State::kAtWarp);
  const uint64_t found = fibers[current ^ step]->brought;
  WaitAt(State::kAtWarp);
  return found;
}

}  // namespace emulator
