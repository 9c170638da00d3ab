// Every kernel function by name: <Operation><WeightFormat><Isa>, in <operation>_<format>_<isa>.cc.
#ifndef MIXLINE_CPU_KERNEL_FUNCTIONS_H_
#define MIXLINE_CPU_KERNEL_FUNCTIONS_H_

#include "cpu/kernels.h"

namespace mixline::cpu {

TileDot TileDotF32Portable, TileDotInt8Portable, TileDotInt4Portable, TileDotMxfp4Portable;
QuantizeRow QuantizeRowPortable;
Gate GatePortable;
Attend AttendPortable;
MergeAttended MergeAttendedPortable;

#if defined(__x86_64__)
TileDot TileDotF32Avx2, TileDotInt8Avx2, TileDotInt4Avx2, TileDotMxfp4Avx2;
QuantizeRow QuantizeRowAvx2;
Gate GateAvx2;
Attend AttendAvx2;
MergeAttended MergeAttendedAvx2;

TileDot TileDotInt8AvxVnni, TileDotInt4AvxVnni, TileDotMxfp4AvxVnni;

TileDot TileDotF32Avx512, TileDotInt8Avx512, TileDotInt4Avx512, TileDotMxfp4Avx512;
QuantizeRow QuantizeRowAvx512;
Gate GateAvx512;
Attend AttendAvx512;
MergeAttended MergeAttendedAvx512;
#elif defined(__aarch64__)
TileDot TileDotF32Neon, TileDotInt8Neon, TileDotInt4Neon, TileDotMxfp4Neon;
QuantizeRow QuantizeRowNeon;
Gate GateNeon;
Attend AttendNeon;
MergeAttended MergeAttendedNeon;
#endif

}  // namespace mixline::cpu

#endif  // MIXLINE_CPU_KERNEL_FUNCTIONS_H_
