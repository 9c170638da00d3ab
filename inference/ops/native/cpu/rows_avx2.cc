#include "cpu/kernel_functions.h"
#include "cpu/rows_inl.h"

namespace mixline::cpu {

void QuantizeRowAvx2(const QuantizeArgs& args) { QuantizeOneRow(args); }

void GateAvx2(const GateArgs& args) { GateRow(args); }

}  // namespace mixline::cpu
