// What the processor and the operating system support.
#ifndef MIXLINE_CPU_CPU_FEATURES_H_
#define MIXLINE_CPU_CPU_FEATURES_H_

namespace mixline::cpu {

bool HasAlways();
#if defined(__x86_64__)
bool HasAvx2();        // with FMA and F16C
bool HasAvxVnni();     // HasAvx2, and the 256-bit dot product in its AVX encoding
bool HasAvx512Vnni();  // HasAvx2, and AVX-512 F, BW, DQ, VL, VNNI
#elif defined(__aarch64__)
bool HasNeonDotProduct();  // Armv8.2's optional sdot
#endif

}  // namespace mixline::cpu

#endif  // MIXLINE_CPU_CPU_FEATURES_H_
