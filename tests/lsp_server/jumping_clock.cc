// A calendar's clock that a test moves: loaded before a program (LD_PRELOAD), it adds to
// CLOCK_REALTIME what the file named by MIXLINE_TEST_CLOCK holds, one int64_t of seconds.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

namespace {

int64_t MovedBySeconds() {
  static const volatile int64_t* const moved = [] {
    const char* name = getenv("MIXLINE_TEST_CLOCK");
    const int file = name == nullptr ? -1 : open(name, O_RDONLY | O_CLOEXEC);
    void* mapped =
        file < 0 ? MAP_FAILED : mmap(nullptr, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    return mapped == MAP_FAILED ? nullptr : static_cast<const volatile int64_t*>(mapped);
  }();
  return moved == nullptr ? 0 : *moved;
}

}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* now) noexcept {
  const long failed = syscall(SYS_clock_gettime, clock, now);
  if (failed == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    now->tv_sec += MovedBySeconds();
  }
  return static_cast<int>(failed);
}

extern "C" int gettimeofday(timeval* now, void* /*zone*/) noexcept {
  timespec exact{};
  if (clock_gettime(CLOCK_REALTIME, &exact) != 0) return -1;
  *now = {exact.tv_sec, exact.tv_nsec / 1000};
  return 0;
}

extern "C" time_t time(time_t* seconds) noexcept {
  timespec exact{};
  clock_gettime(CLOCK_REALTIME, &exact);
  if (seconds != nullptr) *seconds = exact.tv_sec;
  return exact.tv_sec;
}
