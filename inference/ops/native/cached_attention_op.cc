#include "cached_attention_op.h"

#include <cmath>
#include <cstring>

#include "attention.h"
#include "cpu/kernel_table.h"
#include "custom_op.h"

namespace mixline {
namespace {

using ort::InvalidArgument;
using std::to_string;

// Sizes beyond these are mistakes, and products of them still fit into 64 bits.
constexpr int64_t kMaxHeads = 1 << 12;
constexpr int64_t kMaxPositions = 1 << 30;

int64_t ReadInt(const char* name, int64_t value, int64_t least, int64_t most) {
  if (value >= least && value <= most) return value;
  throw InvalidArgument(std::string(name) + ": expected " + to_string(least) + " to " +
                        to_string(most) + ", got " + to_string(value));
}

bool ReadInt8(const ort::Attributes& attributes) {
  const std::string name = attributes.String("kv_format", "f32");
  if (name == "f32" || name == "int8") return name == "int8";
  throw InvalidArgument("kv_format: expected f32 or int8, got '" + name + "'");
}

AttentionShape ReadShape(const ort::Attributes& attributes) {
  const int64_t num_heads = ReadInt("num_heads", attributes.Int("num_heads"), 1, kMaxHeads);
  const int64_t kv_heads = ReadInt("kv_heads", attributes.Int("kv_heads"), 1, kMaxHeads);
  if (num_heads % kv_heads != 0) {
    throw InvalidArgument("kv_heads: expected a divisor of num_heads, " + to_string(num_heads) +
                          ", got " + to_string(kv_heads));
  }
  const bool int8 = ReadInt8(attributes);
  const int64_t step = int8 ? cpu::kActivationBlock : cpu::kHeadDimStep;
  const int64_t head_dim = attributes.Int("head_dim");
  if (head_dim < step || head_dim > int64_t{cpu::kMaxHeadDim} || head_dim % step != 0) {
    throw InvalidArgument("head_dim: expected a multiple of " + to_string(step) + " up to " +
                          to_string(cpu::kMaxHeadDim) + ", got " + to_string(head_dim));
  }
  const float usual = 1.0F / std::sqrt(static_cast<float>(head_dim));
  const float scale = attributes.Float("scale", usual);
  if (!std::isfinite(scale)) {
    throw InvalidArgument("scale: expected a finite number, got " + to_string(scale));
  }
  const int64_t window = ReadInt("window", attributes.Int("window", 0), 0, kMaxPositions);
  return {static_cast<size_t>(num_heads), static_cast<size_t>(kv_heads),
          static_cast<size_t>(head_dim),  scale,
          static_cast<size_t>(window),    int8};
}

class CachedAttention {
 public:
  static constexpr const char* kName = "CachedAttention";
  enum InputIndex : size_t {
    kQuery,
    kKey,
    kValue,
    kPastKey,
    kPastValue,
    kPastLen,
    kCosines,
    kSines,
    kSinks,
    kPastKeyScale,
    kPastValueScale
  };
  enum OutputIndex : size_t { kY, kPresentKey, kPresentValue, kKeyScale, kValueScale };
  static constexpr ort::Port kInputs[] = {
      {ort::kFloat, ort::kRequired},    // query [tokens, num_heads * head_dim]
      {ort::kFloat, ort::kRequired},    // key [tokens, kv_heads * head_dim]
      {ort::kFloat, ort::kRequired},    // value [tokens, kv_heads * head_dim]
      {ort::kAnyType, ort::kRequired},  // past_key [1, kv_heads, capacity, head_dim]
      {ort::kAnyType, ort::kRequired},  // past_value, likewise
      {ort::kInt32, ort::kRequired},    // past_len, a scalar
      {ort::kFloat, ort::kOptional},    // cosines [positions, rotary_pairs]
      {ort::kFloat, ort::kOptional},    // sines, likewise
      {ort::kFloat, ort::kOptional},    // sinks [num_heads]
      {ort::kFloat, ort::kOptional},    // past_key_scale [1, kv_heads, capacity, head_dim / 32]
      {ort::kFloat, ort::kOptional},    // past_value_scale, likewise
  };
  static constexpr ort::Port kOutputs[] = {
      {ort::kFloat, ort::kRequired},    // y [tokens, num_heads * head_dim]
      {ort::kAnyType, ort::kRequired},  // present_key
      {ort::kAnyType, ort::kRequired},  // present_value
      {ort::kFloat, ort::kOptional},    // present_key_scale
      {ort::kFloat, ort::kOptional},    // present_value_scale
  };

  explicit CachedAttention(const ort::Attributes& attributes)
      : shape_(ReadShape(attributes)), kernels_(cpu::ChooseKernels()) {}

  void Compute(const ort::Context& context) const {
    AttentionCall call{};
    ReadTokens(context, call);
    const Past past = ReadPast(context, call);
    ReadRotary(context, call);
    ReadSinks(context, call);

    const auto tokens = static_cast<int64_t>(call.tokens);
    call.y = static_cast<float*>(context.Output(kY, {tokens, Width(shape_.num_heads)}));
    call.keys = Present(context, past.key, past.key_scale, kPresentKey, kKeyScale, call);
    call.values = Present(context, past.value, past.value_scale, kPresentValue, kValueScale, call);
    if (call.tokens == 0) return;
    const size_t bytes = AttentionScratchBytes(shape_, call.tokens, call.past);
    const ort::Scratch scratch(context, bytes);
    RunAttention(kernels_, shape_, call, scratch.data(), context.Threads());
  }

  // y has the type and shape of query, every present that of its past.
  static void InferShapes(OrtShapeInferContext* context) {
    Forward(context, kQuery, kY);
    Forward(context, kPastKey, kPresentKey);
    Forward(context, kPastValue, kPresentValue);
    size_t inputs = 0;
    ort::Call<ort::GetInferredInputCount>(context, &inputs);
    if (inputs <= kPastValueScale) return;
    Forward(context, kPastKeyScale, kKeyScale);
    Forward(context, kPastValueScale, kValueScale);
  }

 private:
  struct Past {
    ort::Tensor key, value, key_scale, value_scale;
  };

  static void Forward(OrtShapeInferContext* context, size_t input, size_t output) {
    ort::Info* info = nullptr;  // belongs to the context
    ort::Call<ort::GetInferredInput>(context, input, &info);
    ort::Call<ort::SetInferredOutput>(context, output, info);
  }

  int64_t Width(size_t heads) const { return static_cast<int64_t>(heads * shape_.head_dim); }

  void ReadTokens(const ort::Context& context, AttentionCall& call) const {
    const ort::Tensor query = context.Input(kQuery);
    ort::Expect(query, "query", ort::kFloat, {-1, Width(shape_.num_heads)});
    const int64_t tokens = ReadInt("query: tokens", query.dims[0], 0, kMaxPositions);
    const ort::Tensor key = context.Input(kKey);
    ort::Expect(key, "key", ort::kFloat, {tokens, Width(shape_.kv_heads)});
    const ort::Tensor value = context.Input(kValue);
    ort::Expect(value, "value", ort::kFloat, {tokens, Width(shape_.kv_heads)});
    call.tokens = static_cast<size_t>(tokens);
    call.query = query.as<float>();
    call.key = key.as<float>();
    call.value = value.as<float>();
  }

  Past ReadPast(const ort::Context& context, AttentionCall& call) const {
    const auto kv_heads = static_cast<int64_t>(shape_.kv_heads);
    const auto head_dim = static_cast<int64_t>(shape_.head_dim);
    const ort::ElementType type = shape_.int8 ? ort::kInt8 : ort::kFloat;
    Past past{context.Input(kPastKey), context.Input(kPastValue), {}, {}};
    ort::Expect(past.key, "past_key", type, {1, kv_heads, -1, head_dim});
    const int64_t capacity = past.key.dims[2];
    ort::Expect(past.value, "past_value", type, {1, kv_heads, capacity, head_dim});
    past.key_scale = context.Input(kPastKeyScale);
    past.value_scale = context.Input(kPastValueScale);
    if (shape_.int8) {
      const int64_t blocks = static_cast<int64_t>(shape_.blocks());
      ort::Expect(past.key_scale, "past_key_scale", ort::kFloat, {1, kv_heads, capacity, blocks});
      ort::Expect(past.value_scale, "past_value_scale", ort::kFloat,
                  {1, kv_heads, capacity, blocks});
    } else {
      ExpectAbsent(past.key_scale, "past_key_scale");
      ExpectAbsent(past.value_scale, "past_value_scale");
    }

    const ort::Tensor past_len = context.Input(kPastLen);
    const bool scalar = past_len.rank == 0 || (past_len.rank == 1 && past_len.dims[0] == 1);
    if (past_len.type != ort::kInt32 || !scalar) {
      throw InvalidArgument("past_len: expected int32 [], got " + past_len.Describe());
    }
    const int64_t length = *past_len.as<int32_t>();
    const auto tokens = static_cast<int64_t>(call.tokens);
    if (length < 0 || length + tokens > capacity) {
      throw InvalidArgument("past_len: expected 0 to " + to_string(capacity - tokens) + " (" +
                            to_string(tokens) + " tokens, a capacity of " + to_string(capacity) +
                            "), got " + to_string(length));
    }
    call.past = static_cast<size_t>(length);
    call.capacity = static_cast<size_t>(capacity);
    return past;
  }

  static void ExpectAbsent(const ort::Tensor& tensor, const char* name) {
    if (!tensor.present()) return;
    throw InvalidArgument(std::string(name) + ": expected nothing with kv_format f32, got " +
                          tensor.Describe());
  }

  void ReadRotary(const ort::Context& context, AttentionCall& call) const {
    const ort::Tensor cosines = context.Input(kCosines);
    const ort::Tensor sines = context.Input(kSines);
    if (!cosines.present() && !sines.present()) return;
    ort::Expect(cosines, "cosines", ort::kFloat, {-1, -1});
    ort::Expect(sines, "sines", ort::kFloat, {cosines.dims[0], cosines.dims[1]});
    const auto most_pairs = static_cast<int64_t>(shape_.head_dim / 2);
    const auto end = static_cast<int64_t>(call.past + call.tokens);
    if (cosines.dims[0] < end || cosines.dims[1] < 1 || cosines.dims[1] > most_pairs) {
      throw InvalidArgument("cosines: expected at least " + to_string(end) +
                            " positions and 1 to " + to_string(most_pairs) + " pairs, got " +
                            cosines.Describe());
    }
    call.cosines = cosines.as<float>();
    call.sines = sines.as<float>();
    call.rotary_pairs = static_cast<size_t>(cosines.dims[1]);
  }

  void ReadSinks(const ort::Context& context, AttentionCall& call) const {
    const ort::Tensor sinks = context.Input(kSinks);
    if (!sinks.present()) return;
    ort::Expect(sinks, "sinks", ort::kFloat, {static_cast<int64_t>(shape_.num_heads)});
    call.sinks = sinks.as<float>();
  }

  // The cache that continues `past`, with its first past_len positions in it.
  KvCache Present(const ort::Context& context, const ort::Tensor& past, const ort::Tensor& scale,
                  size_t output, size_t scale_output, const AttentionCall& call) const {
    KvCache cache{};
    void* present = Continue(context, past, output, shape_.int8 ? 1 : sizeof(float), call);
    if (!shape_.int8) {
      cache.f32 = static_cast<float*>(present);
      return cache;
    }
    cache.q = static_cast<int8_t*>(present);
    cache.scale = static_cast<float*>(Continue(context, scale, scale_output, sizeof(float), call));
    return cache;
  }

  void* Continue(const ort::Context& context, const ort::Tensor& past, size_t output,
                 size_t element_bytes, const AttentionCall& call) const {
    void* present =
        context.Output(output, {past.dims[0], past.dims[1], past.dims[2], past.dims[3]});
    // Without past positions there may be no memory to copy from.
    if (present == past.data || call.past == 0) return present;
    const size_t row = static_cast<size_t>(past.dims[3]) * element_bytes;
    for (size_t head = 0; head < shape_.kv_heads; ++head) {
      const size_t start = head * call.capacity * row;
      std::memcpy(static_cast<std::byte*>(present) + start,
                  static_cast<const std::byte*>(past.data) + start, call.past * row);
    }
    return present;
  }

  AttentionShape shape_;
  const cpu::Kernels& kernels_;
};

}  // namespace

const OrtCustomOp& CachedAttentionOp() {
  static const OrtCustomOp op = ort::MakeCustomOp<CachedAttention>();
  return op;
}

}  // namespace mixline
