#include "cpu/kernel_functions.h"
#include "cpu/rows_inl.h"

namespace mixline::cpu {

void QuantizeRowPortable(const QuantizeArgs& args) { QuantizeOneRow(args, QuantizeBlock); }

void GatePortable(const GateArgs& args) { GateRow<4>(args); }

}  // namespace mixline::cpu
