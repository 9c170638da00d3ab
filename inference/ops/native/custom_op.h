// Fills an OrtCustomOp from a kernel class.
#ifndef MIXLINE_CUSTOM_OP_H_
#define MIXLINE_CUSTOM_OP_H_

#include <iterator>
#include <string>

#include "ort_op.h"

namespace mixline::ort {

struct Port {
  ElementType type;
  Characteristic characteristic;
  MemoryType memory = kDefaultMemory;
};

// `Kernel` has: kName; perhaps kProvider, by default the processor's; kInputs, kOutputs (arrays of
// Port); a constructor from const Attributes&; void Compute(const Context&) const, called
// concurrently; static void InferShapes(OrtShapeInferContext*).
template <typename Kernel>
OrtCustomOp MakeCustomOp() {
  OrtCustomOp op{};
  op.version = kApiVersion;
  op.GetName = [](const OrtCustomOp*) { return Kernel::kName; };
  op.GetExecutionProviderType = [](const OrtCustomOp*) {
    if constexpr (requires { Kernel::kProvider; }) {
      return Kernel::kProvider;
    } else {
      return "CPUExecutionProvider";
    }
  };
  op.GetInputTypeCount = [](const OrtCustomOp*) { return std::size(Kernel::kInputs); };
  op.GetOutputTypeCount = [](const OrtCustomOp*) { return std::size(Kernel::kOutputs); };
  op.GetInputType = [](const OrtCustomOp*, size_t i) -> int { return Kernel::kInputs[i].type; };
  op.GetOutputType = [](const OrtCustomOp*, size_t i) -> int { return Kernel::kOutputs[i].type; };
  op.GetInputCharacteristic = [](const OrtCustomOp*, size_t i) -> int {
    return Kernel::kInputs[i].characteristic;
  };
  op.GetOutputCharacteristic = [](const OrtCustomOp*, size_t i) -> int {
    return Kernel::kOutputs[i].characteristic;
  };
  op.GetInputMemoryType = [](const OrtCustomOp*, size_t i) -> int {
    return Kernel::kInputs[i].memory;
  };
  op.GetVariadicInputMinArity = [](const OrtCustomOp*) { return 0; };
  op.GetVariadicInputHomogeneity = [](const OrtCustomOp*) { return 0; };
  op.GetVariadicOutputMinArity = [](const OrtCustomOp*) { return 0; };
  op.GetVariadicOutputHomogeneity = [](const OrtCustomOp*) { return 0; };
  op.GetStartVersion = [](const OrtCustomOp*) { return 1; };
  op.GetEndVersion = [](const OrtCustomOp*) { return 1; };
  op.CreateKernelV2 = [](const OrtCustomOp*, const OrtApi*, const OrtKernelInfo* info,
                         void** kernel) {
    return Guard([&] {
      const Attributes attributes(info);
      try {
        *kernel = new Kernel(attributes);
      } catch (const std::exception& error) {
        throw InvalidArgument(std::string(Kernel::kName) + " '" + attributes.NodeName() +
                              "': " + error.what());
      }
    });
  };
  op.KernelComputeV2 = [](void* kernel, OrtKernelContext* context) {
    return Guard([&] { static_cast<const Kernel*>(kernel)->Compute(Context(context)); });
  };
  op.KernelDestroy = [](void* kernel) { delete static_cast<Kernel*>(kernel); };
  op.InferOutputShapeFn = [](const OrtCustomOp*, OrtShapeInferContext* context) {
    return Guard([&] { Kernel::InferShapes(context); });
  };
  return op;
}

}  // namespace mixline::ort

#endif  // MIXLINE_CUSTOM_OP_H_
