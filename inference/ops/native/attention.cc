#include "attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "carver.h"

namespace mixline {
namespace {

using cpu::AttendedRows;
using cpu::kAttendRows;
using cpu::KvRange;
using cpu::KvRows;

// A row's softmax is taken over spans of this many positions, and the spans are merged in order,
// whether one task goes over all of them or a task over each.
constexpr size_t kSpan = 512;
static_assert(kSpan % cpu::kKeyTile == 0);

// With fewer blocks of rows than this, every span of a block is a task of its own.
constexpr size_t kEnoughTasks = 16;

// Values that a task sums at most: on the stack, and small enough for the caches.
constexpr size_t kMixedValues = 8192;

// Tokens that one task appends to the cache.
constexpr size_t kAppendTokens = 16;

// A phase with fewer multiplications runs on the calling thread; see expert_dispatch.cc.
constexpr size_t kSerialWork = 2'000'000;

// What rotating, rounding and storing one value costs, in multiplications of the kernels.
constexpr size_t kAppendWork = 10;

constexpr float kLog2E = 1.44269504F;

size_t FirstSeen(const AttentionShape& shape, size_t position) {
  return shape.window != 0 && position >= shape.window ? position + 1 - shape.window : 0;
}

// Query rows of a key/value head, row t * group + g being head g of the group for token t, in
// blocks; and the memory in which they are prepared and summed.
struct Plan {
  size_t rows;        // of one key/value head
  size_t block_rows;  // of one block
  size_t blocks;      // of one key/value head
  size_t first_span;  // the first that any row sees
  size_t spans;       // from there on
  bool split;         // a task per span

  float* query = nullptr;   // [kv_heads, rows, head_dim] rotated and scaled
  KvRange* seen = nullptr;  // [rows]
  AttendedRows parts{};     // split: [kv_heads, blocks, spans, block_rows]

  Plan(const AttentionShape& shape, size_t tokens, size_t past, Carver& carver)
      : rows(tokens * shape.group()),
        block_rows(std::min({rows, kAttendRows, kMixedValues / shape.head_dim})),
        blocks(CeilDiv(rows, block_rows)),
        first_span(FirstSeen(shape, past) / kSpan),
        spans(CeilDiv(past + tokens, kSpan) - first_span),
        split(spans > 1 && shape.kv_heads * blocks < kEnoughTasks) {
    query = carver.Take<float>(shape.kv_heads * rows * shape.head_dim);
    seen = carver.Take<KvRange>(rows);
    if (!split) return;
    const size_t part_rows = shape.kv_heads * blocks * spans * block_rows;
    parts.max = carver.Take<float>(part_rows);
    parts.sum = carver.Take<float>(part_rows);
    parts.mixed = carver.Take<float>(part_rows * shape.head_dim);
  }
};

class Runner {
 public:
  Runner(const cpu::Kernels& kernels, const AttentionShape& shape, const AttentionCall& call,
         std::byte* scratch, const ThreadPool& threads)
      : kernels_(kernels),
        shape_(shape),
        call_(call),
        carver_(scratch),
        plan_(shape, call.tokens, call.past, carver_),
        threads_(threads) {}

  void Run() {
    const size_t heads = shape_.num_heads + 2 * shape_.kv_heads;
    ForEach<&Runner::Append>(CeilDiv(call_.tokens, kAppendTokens),
                             call_.tokens * heads * shape_.head_dim * kAppendWork);
    const size_t all = call_.past + call_.tokens;
    const size_t most_seen = shape_.window == 0 ? all : std::min(all, shape_.window);
    const size_t work = 2 * shape_.kv_heads * plan_.rows * shape_.head_dim * most_seen;
    const size_t blocks = shape_.kv_heads * plan_.blocks;
    if (plan_.split) {
      ForEach<&Runner::AttendSpan>(blocks * plan_.spans, work);
      for (size_t block = 0; block < blocks; ++block) MergeSpans(block);
    } else {
      ForEach<&Runner::AttendBlock>(blocks, work);
    }
  }

 private:
  // Some rows of one key/value head.
  struct RowBlock {
    size_t kv_head;
    size_t first;  // row
    size_t count;
    KvRange seen;  // by any of the rows
  };

  template <void (Runner::*method)(size_t)>
  void ForEach(size_t count, size_t work) {
    if (count < 2 || work < kSerialWork) {
      for (size_t i = 0; i < count; ++i) (this->*method)(i);
      return;
    }
    threads_.run(
        threads_.context, count,
        [](void* self, size_t index) { (static_cast<Runner*>(self)->*method)(index); }, this);
  }

  // Writes keys and values of some tokens to the cache, and their queries to scratch memory.
  void Append(size_t task) {
    const size_t end = std::min(call_.tokens, (task + 1) * kAppendTokens);
    for (size_t t = task * kAppendTokens; t < end; ++t) {
      const size_t dim = shape_.head_dim;
      const size_t group = shape_.group();
      const size_t position = call_.past + t;
      std::fill_n(plan_.seen + t * group, group,
                  KvRange{FirstSeen(shape_, position), position + 1});
      float key[cpu::kMaxHeadDim];
      for (size_t h = 0; h < shape_.kv_heads; ++h) {
        const size_t source = (t * shape_.kv_heads + h) * dim;
        Rotate(call_.key + source, position, 1.0F, key);
        Store(key, call_.keys, h, position);
        Store(call_.value + source, call_.values, h, position);
      }
      for (size_t h = 0; h < shape_.num_heads; ++h) {
        const size_t row = h / group * plan_.rows + t * group + h % group;
        Rotate(call_.query + (t * shape_.num_heads + h) * dim, position, shape_.scale * kLog2E,
               plan_.query + row * dim);
      }
    }
  }

  // out = RoPE(x) * factor
  void Rotate(const float* x, size_t position, float factor, float* out) const {
    size_t turned = 0;
    if (call_.cosines != nullptr) {
      const size_t pairs = call_.rotary_pairs;
      const float* cosines = call_.cosines + position * pairs;
      const float* sines = call_.sines + position * pairs;
      for (size_t i = 0; i < pairs; ++i) {
        out[i] = (x[i] * cosines[i] - x[pairs + i] * sines[i]) * factor;
        out[pairs + i] = (x[pairs + i] * cosines[i] + x[i] * sines[i]) * factor;
      }
      turned = 2 * pairs;
    }
    for (size_t i = turned; i < shape_.head_dim; ++i) out[i] = x[i] * factor;
  }

  void Store(const float* x, const KvCache& cache, size_t kv_head, size_t position) const {
    const size_t row = kv_head * call_.capacity + position;
    const size_t dim = shape_.head_dim;
    if (!shape_.int8) {
      std::memcpy(cache.f32 + row * dim, x, dim * sizeof(float));
      return;
    }
    int32_t sums[cpu::kMaxHeadDim / cpu::kActivationBlock];
    kernels_.quantize_row(
        {x, dim, dim, cache.q + row * dim, cache.scale + row * shape_.blocks(), sums, nullptr});
  }

  KvRows Rows(const KvCache& cache, size_t kv_head) const {
    const size_t row = kv_head * call_.capacity;
    if (!shape_.int8) return {cache.f32 + row * shape_.head_dim, nullptr, nullptr};
    return {nullptr, cache.q + row * shape_.head_dim, cache.scale + row * shape_.blocks()};
  }

  RowBlock BlockAt(size_t index) const {
    const size_t first = index % plan_.blocks * plan_.block_rows;
    const size_t count = std::min(plan_.block_rows, plan_.rows - first);
    return {index / plan_.blocks, first, count,
            KvRange{plan_.seen[first].begin, plan_.seen[first + count - 1].end}};
  }

  // Attends to what the block's rows see of a span. False: they see nothing of it.
  bool Attend(const RowBlock& block, size_t span, const AttendedRows& out) const {
    const size_t tile = block.seen.begin / cpu::kKeyTile * cpu::kKeyTile;
    const KvRange range{std::max(span * kSpan, tile), std::min((span + 1) * kSpan, block.seen.end)};
    if (range.begin >= range.end) return false;
    kernels_.attend({QueryRow(block, 0), plan_.seen + block.first, block.count, shape_.head_dim,
                     Rows(call_.keys, block.kv_head), Rows(call_.values, block.kv_head), range,
                     out});
    return true;
  }

  const float* QueryRow(const RowBlock& block, size_t row) const {
    return plan_.query + (block.kv_head * plan_.rows + block.first + row) * shape_.head_dim;
  }

  // All spans of a block, one after the other.
  void AttendBlock(size_t index) {
    // The last tokens see most: they go first, so that no thread ends with a long task.
    const size_t block_of_head = plan_.blocks - 1 - index / shape_.kv_heads;
    const RowBlock block = BlockAt(index % shape_.kv_heads * plan_.blocks + block_of_head);
    float max[2][kAttendRows];
    float sum[2][kAttendRows];
    alignas(64) float mixed[2][kMixedValues];
    const AttendedRows total{max[0], sum[0], mixed[0]};
    const AttendedRows part{max[1], sum[1], mixed[1]};
    bool first = true;
    for (size_t span = block.seen.begin / kSpan; span * kSpan < block.seen.end; ++span) {
      if (!Attend(block, span, first ? total : part)) continue;
      if (!first) Merge(block, total, part);
      first = false;
    }
    Finish(block, total);
  }

  // One span of a block, kept until all are done.
  void AttendSpan(size_t index) {
    const RowBlock block = BlockAt(index / plan_.spans);
    const AttendedRows part = Part(index);
    if (!Attend(block, plan_.first_span + index % plan_.spans, part)) {
      std::fill_n(part.sum, block.count, 0.0F);
    }
  }

  AttendedRows Part(size_t index) const {
    const size_t row = index * plan_.block_rows;
    return {plan_.parts.max + row, plan_.parts.sum + row,
            plan_.parts.mixed + row * shape_.head_dim};
  }

  void MergeSpans(size_t index) {
    const RowBlock block = BlockAt(index);
    const size_t first = block.seen.begin / kSpan - plan_.first_span;
    const AttendedRows total = Part(index * plan_.spans + first);
    for (size_t i = first + 1; i < plan_.spans; ++i) {
      Merge(block, total, Part(index * plan_.spans + i));
    }
    Finish(block, total);
  }

  void Merge(const RowBlock& block, const AttendedRows& into, const AttendedRows& from) const {
    kernels_.merge_attended({into, from, block.count, shape_.head_dim});
  }

  // y = mixed / sum, the sink being one more position without a value.
  void Finish(const RowBlock& block, const AttendedRows& total) const {
    for (size_t r = 0; r < block.count; ++r) {
      const size_t row = block.first + r;
      const size_t head = block.kv_head * shape_.group() + row % shape_.group();
      float factor = 1.0F;
      float sum = total.sum[r];
      if (call_.sinks != nullptr) {
        const float sink = call_.sinks[head] * kLog2E;
        const float max = std::max(total.max[r], sink);
        factor = std::exp2(total.max[r] - max);
        sum = sum * factor + std::exp2(sink - max);
      }
      factor /= sum;
      const float* mixed = total.mixed + r * shape_.head_dim;
      float* y = call_.y + (row / shape_.group() * shape_.num_heads + head) * shape_.head_dim;
      for (size_t d = 0; d < shape_.head_dim; ++d) y[d] = mixed[d] * factor;
    }
  }

  const cpu::Kernels& kernels_;
  const AttentionShape& shape_;
  const AttentionCall& call_;
  Carver carver_;
  Plan plan_;
  const ThreadPool& threads_;
};

}  // namespace

size_t AttentionScratchBytes(const AttentionShape& shape, size_t tokens, size_t past) {
  Carver carver(nullptr);
  const Plan counted(shape, tokens, past, carver);
  return carver.used();
}

void RunAttention(const cpu::Kernels& kernels, const AttentionShape& shape,
                  const AttentionCall& call, std::byte* scratch, const ThreadPool& threads) {
  Runner(kernels, shape, call, scratch, threads).Run();
}

}  // namespace mixline
