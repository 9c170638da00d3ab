#include "cpu/cpu_features.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace mixline::cpu {

bool HasAlways() { return true; }

#if defined(__x86_64__)
namespace {

struct Registers {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Registers Cpuid(unsigned leaf, unsigned subleaf) {
  Registers r;
  // Returns 0, and leaves the registers alone, for a leaf that the processor does not have.
  __get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx);
  return r;
}

constexpr bool Bit(unsigned value, int bit) { return ((value >> bit) & 1U) != 0; }

// Register files that the operating system saves on a context switch (XCR0).
unsigned SavedState() {
  if (!Bit(Cpuid(1, 0).ecx, 27)) return 0;  // OSXSAVE: xgetbv is allowed
  unsigned low = 0;
  unsigned high = 0;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

constexpr unsigned kYmmState = 0x06;  // SSE, AVX
constexpr unsigned kZmmState = 0xE6;  // and opmask, both halves of the upper ZMM registers

}  // namespace

bool HasAvx2() {
  const unsigned basic = Cpuid(1, 0).ecx;
  const bool fma = Bit(basic, 12);
  const bool f16c = Bit(basic, 29);
  const bool avx2 = Bit(Cpuid(7, 0).ebx, 5);
  return fma && f16c && avx2 && (SavedState() & kYmmState) == kYmmState;
}

bool HasAvxVnni() {
  const bool avx_vnni = Bit(Cpuid(7, 1).eax, 4);
  return HasAvx2() && avx_vnni;
}

bool HasAvx512Vnni() {
  const Registers r = Cpuid(7, 0);
  const bool f = Bit(r.ebx, 16);
  const bool dq = Bit(r.ebx, 17);
  const bool bw = Bit(r.ebx, 30);
  const bool vl = Bit(r.ebx, 31);
  const bool vnni = Bit(r.ecx, 11);
  return HasAvx2() && f && dq && bw && vl && vnni && (SavedState() & kZmmState) == kZmmState;
}

#elif defined(__aarch64__)

bool HasNeonDotProduct() {
#if defined(__linux__)
  constexpr unsigned long kAsimdDp = 1UL << 20;  // HWCAP_ASIMDDP
  return (getauxval(AT_HWCAP) & kAsimdDp) != 0;
#else
  return false;
#endif
}

#endif

}  // namespace mixline::cpu
