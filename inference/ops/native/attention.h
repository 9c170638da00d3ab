// Attention over a cache of keys and values: appends the new tokens, then lets all query heads of
// a key/value head go over its cache together.
//
// Knows neither ONNX Runtime nor instruction sets: threads come in as a callback, kernels as a
// table.
#ifndef MIXLINE_ATTENTION_H_
#define MIXLINE_ATTENTION_H_

#include <cstddef>
#include <cstdint>

#include "cpu/kernels.h"
#include "thread_pool.h"

namespace mixline {

struct AttentionShape {
  size_t num_heads;  // a multiple of kv_heads
  size_t kv_heads;
  size_t head_dim;  // a multiple of cpu::kHeadDimStep, of 32 with int8; at most cpu::kMaxHeadDim
  float scale;
  size_t window;  // positions that a token sees, itself included; 0: all
  bool int8;      // the cache's format

  size_t group() const { return num_heads / kv_heads; }
  size_t blocks() const { return head_dim / cpu::kActivationBlock; }  // scales per head, int8
};

// Keys or values of all heads, [kv_heads, capacity, head_dim]: either f32, or q and scale.
struct KvCache {
  float* f32;
  int8_t* q;
  float* scale;  // [kv_heads, capacity, head_dim / 32]
};

// One call. The caches hold `past` positions; the new tokens' are written behind them, and what
// stood there before is not read. y is overwritten.
struct AttentionCall {
  size_t tokens;
  size_t past;
  size_t capacity;       // at least past + tokens
  const float* query;    // [tokens, num_heads * head_dim]
  const float* key;      // [tokens, kv_heads * head_dim]
  const float* value;    // [tokens, kv_heads * head_dim]
  const float* cosines;  // [at least past + tokens, rotary_pairs], or NULL: nothing is rotated
  const float* sines;    // likewise
  size_t rotary_pairs;   // dimension i turns with dimension i + rotary_pairs
  const float* sinks;    // [num_heads], or NULL
  KvCache keys;
  KvCache values;
  float* y;  // [tokens, num_heads * head_dim]
};

// Bytes of scratch memory, aligned to 64, that RunAttention needs for such a call.
size_t AttentionScratchBytes(const AttentionShape& shape, size_t tokens, size_t past);

// A token's result depends neither on the number of threads nor on the tokens that come with it:
// one call or several give equal bits.
void RunAttention(const cpu::Kernels& kernels, const AttentionShape& shape,
                  const AttentionCall& call, std::byte* scratch, const ThreadPool& threads);

}  // namespace mixline

#endif  // MIXLINE_ATTENTION_H_
