// Running the experts of a batch of tokens: groups the tokens by expert and cuts the work into
// tasks.
//
// Knows neither ONNX Runtime nor instruction sets: threads come in as a callback, kernels as a
// table.
#ifndef MIXLINE_EXPERT_DISPATCH_H_
#define MIXLINE_EXPERT_DISPATCH_H_

#include <cstddef>
#include <cstdint>

#include "cpu/kernels.h"
#include "packed_layout.h"
#include "thread_pool.h"

namespace mixline {

struct ExpertShape {
  size_t hidden;         // width of x and y
  size_t expert_hidden;  // width between the two products
  size_t num_experts;
  cpu::WeightFormat format;
  size_t block;
  cpu::Activation activation;
  float alpha;
  float limit;

  PackedMatrix gate() const { return {format, block, expert_hidden, hidden}; }  // up likewise
  PackedMatrix down() const { return {format, block, hidden, expert_hidden}; }
};

// One call. Ids are in [-1, num_experts); -1 marks an unused slot. y is overwritten.
struct ExpertCall {
  size_t tokens;
  size_t slots;               // experts per token
  const float* x;             // [tokens, hidden]
  const int32_t* expert_ids;  // [tokens, slots]
  const float* weights;       // [tokens, slots]
  const uint8_t* gate_up;     // [num_experts, 2 * gate().bytes()]
  const uint8_t* down;        // [num_experts, down().bytes()]
  const float* gate_up_bias;  // [num_experts, 2 * expert_hidden] gate then up, or NULL
  const float* down_bias;     // [num_experts, hidden], or NULL
  float* y;                   // [tokens, hidden]
};

// Bytes of scratch memory, aligned to 64, that RunExperts needs for such a call.
size_t ScratchBytes(const ExpertShape& shape, size_t tokens, size_t slots);

// The result does not depend on the number of threads, nor a token's on the tokens beside it.
void RunExperts(const cpu::Kernels& kernels, const ExpertShape& shape, const ExpertCall& call,
                std::byte* scratch, const ThreadPool& threads);

}  // namespace mixline

#endif  // MIXLINE_EXPERT_DISPATCH_H_
