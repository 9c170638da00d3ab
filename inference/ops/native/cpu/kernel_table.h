// The kernels of this build, and the choice among them.
#ifndef MIXLINE_CPU_KERNEL_TABLE_H_
#define MIXLINE_CPU_KERNEL_TABLE_H_

#include <string>
#include <vector>

#include "cpu/kernels.h"

namespace mixline::cpu {

// Kernels that are built and that this processor runs, the fastest first; portable is the last.
std::vector<const Kernels*> AvailableKernels();

// The first available kernel, or the one that the environment variable MIXLINE_ISA names.
// Throws std::invalid_argument, naming the choices, if that one is unknown or not available.
const Kernels& ChooseKernels();

std::string AvailableNames(const char* separator);

}  // namespace mixline::cpu

#endif  // MIXLINE_CPU_KERNEL_TABLE_H_
