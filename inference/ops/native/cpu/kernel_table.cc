#include "cpu/kernel_table.h"

#include <cstdlib>
#include <stdexcept>
#include <string_view>

#include "cpu/cpu_features.h"
#include "cpu/kernel_functions.h"

namespace mixline::cpu {
namespace {

// In order of preference. A later entry reuses an earlier one's function where a wider instruction
// set has nothing to add.
constexpr Kernels kKernels[] = {
#if defined(__x86_64__)
    {"avx512",
     HasAvx512Vnni,
     {TileDotF32Avx512, TileDotInt8Avx512, TileDotInt4Avx512, TileDotMxfp4Avx512},
     QuantizeRowAvx512,
     GateAvx512,
     AttendAvx512,
     MergeAttendedAvx512},
    {"avxvnni",
     HasAvxVnni,
     {TileDotF32Avx2, TileDotInt8AvxVnni, TileDotInt4AvxVnni, TileDotMxfp4AvxVnni},
     QuantizeRowAvx2,
     GateAvx2,
     AttendAvx2,
     MergeAttendedAvx2},
    {"avx2",
     HasAvx2,
     {TileDotF32Avx2, TileDotInt8Avx2, TileDotInt4Avx2, TileDotMxfp4Avx2},
     QuantizeRowAvx2,
     GateAvx2,
     AttendAvx2,
     MergeAttendedAvx2},
#elif defined(__aarch64__)
    {"neon",
     HasNeonDotProduct,
     {TileDotF32Neon, TileDotInt8Neon, TileDotInt4Neon, TileDotMxfp4Neon},
     QuantizeRowNeon,
     GateNeon,
     AttendNeon,
     MergeAttendedNeon},
#endif
    {"portable",
     HasAlways,
     {TileDotF32Portable, TileDotInt8Portable, TileDotInt4Portable, TileDotMxfp4Portable},
     QuantizeRowPortable,
     GatePortable,
     AttendPortable,
     MergeAttendedPortable},
};

constexpr std::string_view kKnownNames[] = {"avx512", "avxvnni", "avx2", "neon", "portable"};

}  // namespace

std::vector<const Kernels*> AvailableKernels() {
  std::vector<const Kernels*> available;
  for (const Kernels& kernels : kKernels) {
    if (kernels.supported()) available.push_back(&kernels);
  }
  return available;
}

std::string AvailableNames(const char* separator) {
  std::string names;
  for (const Kernels* kernels : AvailableKernels()) {
    if (!names.empty()) names += separator;
    names += kernels->name;
  }
  return names;
}

const Kernels& ChooseKernels() {
  const std::vector<const Kernels*> available = AvailableKernels();
  const char* forced = std::getenv("MIXLINE_ISA");
  if (forced == nullptr || *forced == '\0') return *available.front();
  for (const Kernels* kernels : available) {
    if (std::string_view(kernels->name) == forced) return *kernels;
  }
  bool known = false;
  for (const std::string_view name : kKnownNames) known = known || name == forced;
  throw std::invalid_argument(
      "MIXLINE_ISA: expected one of the kernels of this machine (" + AvailableNames(", ") +
      "), got '" + forced + "', which is " +
      (known ? "not built in or not supported by this processor" : "no kernel's name"));
}

}  // namespace mixline::cpu
