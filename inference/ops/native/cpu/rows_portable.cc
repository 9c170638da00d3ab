#include "cpu/kernel_functions.h"
#include "cpu/rows_inl.h"

namespace mixline::cpu {

void QuantizeRowPortable(const QuantizeArgs& args) { QuantizeOneRow(args); }

void GatePortable(const GateArgs& args) { GateRow(args); }

}  // namespace mixline::cpu
