#include "expert_dispatch.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>

#include "cpu/exact.h"
#include "expert_workspace.h"

namespace mixline {
namespace {

using cpu::ActivationRows;
using cpu::kActivationBlock;
using cpu::kTileRows;
using cpu::WeightFormat;

// Tokens whose activations and sums a task keeps in the caches while it goes through its tiles.
constexpr size_t kChunk = 32;

// Tokens that one task rounds.
constexpr size_t kRoundingChunk = 8;

// A call with fewer multiplications stays on the calling thread: waking a sleeping one was measured
// to cost 11 us.
constexpr size_t kSerialWork = 4'000'000;

// What rounding one activation costs, in multiplications.
constexpr size_t kRoundingWork = 50;

// As many threads as take part at most; those that come when no task is left return at once.
constexpr size_t kMaxThreads = 64;

// How often a thread looks whether the phase before is done, before it sleeps: some 10 us, which is
// longer than a task of few tokens takes.
constexpr int kSpins = 10'000;

// f32 knows a hidden value to about 1e-6 steps of its block, seldom worse than 1e-5. One that is so
// close to the middle between two steps is computed again in double precision, so that every kernel
// rounds like exact arithmetic; otherwise one value in a million would come out a step off.
constexpr float kTieMargin = 1e-4F;

// 0, 1, 2, ...: the rows of a chunk that lie one behind the other.
struct Iota {
  int32_t values[kChunk];
  constexpr Iota() : values() {
    for (size_t i = 0; i < kChunk; ++i) values[i] = static_cast<int32_t>(i);
  }
};
constexpr Iota kIota;

class Dispatch {
 public:
  Dispatch(const cpu::Kernels& kernels, const ExpertShape& shape, const ExpertCall& call,
           std::byte* scratch, const ThreadPool& threads)
      : kernels_(kernels),
        dot_(kernels.tile_dot[static_cast<size_t>(shape.format)]),
        shape_(shape),
        call_(call),
        carver_(scratch),
        work_(shape, call.tokens, call.slots, carver_),
        threads_(threads) {}

  void Run() {
    GroupPairs();
    hidden_blocks_ = CeilDiv(work_.hidden.columns, kActivationBlock);
    // Larger tasks read longer stretches of each expert, which memory answers faster, and with many
    // tokens a chunk's hidden vectors once for several tiles; enough tasks remain to keep the
    // threads busy.
    const size_t tiles = shape_.down().tiles();
    tiles_per_task_ = num_pairs_ <= kChunk ? std::clamp<size_t>(tiles / 16, 1, 8)
                                           : std::clamp<size_t>(tiles / 32, 1, 4);
    const bool quantised = shape_.format != WeightFormat::kF32;
    end_[kRound] = quantised ? CeilDiv(call_.tokens, kRoundingChunk) : 0;
    end_[kHidden] = end_[kRound] + num_groups_ * hidden_blocks_;
    end_[kOutput] = end_[kHidden] + CeilDiv(tiles, tiles_per_task_);
    const size_t work = 3 * num_pairs_ * shape_.hidden * shape_.expert_hidden +
                        (quantised ? call_.tokens * shape_.hidden * kRoundingWork : 0);
    if (work < kSerialWork) {
      Work();
      return;
    }
    threads_.run(
        threads_.context, std::min(end_[kOutput], kMaxThreads),
        [](void* self, size_t) { static_cast<Dispatch*>(self)->Work(); }, this);
  }

 private:
  // The phases, in order: each reads what the one before has written.
  enum Phase : size_t { kRound, kHidden, kOutput };

  // A thread takes tasks until none is left, always one ahead, so that it can fetch the next one's
  // weights while it computes. Tasks are taken in order: whoever waits, waits for threads at work.
  void Work() {
    size_t task = Take();
    while (task < end_[kOutput]) {
      const size_t next = Take();
      if (task < end_[kRound]) {
        RoundTokens(task);
      } else if (task < end_[kHidden]) {
        WaitFor(end_[kRound]);
        HiddenBlock(task - end_[kRound], FirstTile(next));
      } else {
        WaitFor(end_[kHidden]);
        OutputTiles(task - end_[kHidden], FirstTile(next));
      }
      Finish();
      task = next;
    }
  }

  size_t Take() { return taken_.fetch_add(1, std::memory_order_relaxed); }

  // Until as many tasks are done; all tasks of a phase are before the first of the next one.
  void WaitFor(size_t count) {
    for (int i = 0; i < kSpins; ++i) {
      if (done_.load(std::memory_order_acquire) >= count) return;
    }
    for (size_t done = done_.load(std::memory_order_acquire); done < count;
         done = done_.load(std::memory_order_acquire)) {
      done_.wait(done, std::memory_order_acquire);
    }
  }

  void Finish() {
    const size_t done = done_.fetch_add(1, std::memory_order_acq_rel) + 1;
    if (done == end_[kRound] || done == end_[kHidden]) done_.notify_all();
  }

  // The first weights that a task reads; NULL: none.
  const uint8_t* FirstTile(size_t task) const {
    if (task < end_[kRound] || task >= end_[kOutput] || num_groups_ == 0) return nullptr;
    if (task >= end_[kHidden]) {
      return OutputTile(work_.groups[0], (task - end_[kHidden]) * tiles_per_task_);
    }
    const Block block = BlockOf(task - end_[kRound]);
    return block.valid == 0 ? nullptr : GateTile(block, 0);
  }

  // Counting sort of the used slots by expert.
  void GroupPairs() {
    int32_t* group_of = work_.group_of;
    std::fill_n(group_of, shape_.num_experts, 0);
    const size_t slots = call_.tokens * call_.slots;
    for (size_t s = 0; s < slots; ++s) {
      if (call_.expert_ids[s] >= 0) ++group_of[call_.expert_ids[s]];
    }
    int32_t first = 0;
    for (size_t e = 0; e < shape_.num_experts; ++e) {
      const int32_t count = group_of[e];
      group_of[e] = static_cast<int32_t>(num_groups_);
      if (count == 0) continue;
      work_.groups[num_groups_++] = {static_cast<int32_t>(e), first, 0};
      first += count;
    }
    num_pairs_ = static_cast<size_t>(first);
    for (size_t s = 0; s < slots; ++s) {
      if (call_.expert_ids[s] < 0) continue;
      Group& group = work_.groups[group_of[call_.expert_ids[s]]];
      const int32_t pair = group.first + group.count++;
      work_.pair_token[pair] = static_cast<int32_t>(s / call_.slots);
      work_.pair_weight[pair] = call_.weights[s];
    }
  }

  void RoundTokens(size_t task) {
    const size_t end = std::min(call_.tokens, (task + 1) * kRoundingChunk);
    for (size_t t = task * kRoundingChunk; t < end; ++t) {
      const OwnedRows& x = work_.x;
      kernels_.quantize_row({call_.x + t * shape_.hidden, shape_.hidden, x.columns,
                             x.q + t * x.columns, x.scale + t * x.blocks(), x.sum + t * x.blocks(),
                             nullptr});
    }
  }

  // 32 hidden values of an expert: two gate tiles, two up tiles.
  struct Block {
    int32_t expert;
    size_t start;  // first hidden value
    size_t valid;  // hidden values; the rest of the block is padding
  };

  Block BlockOf(size_t index) const {
    const size_t start = index % hidden_blocks_ * kActivationBlock;
    const size_t end = std::min(start + kActivationBlock, shape_.expert_hidden);
    return {work_.groups[index / hidden_blocks_].expert, start, end > start ? end - start : 0};
  }

  // One such block, for all tokens of the expert.
  void HiddenBlock(size_t index, const uint8_t* next) {
    const Group& group = work_.groups[index / hidden_blocks_];
    const Block block = BlockOf(index);
    float gate[kChunk][kActivationBlock];
    float up[kChunk][kActivationBlock];
    for (size_t done = 0; done < static_cast<size_t>(group.count); done += kChunk) {
      const size_t first = static_cast<size_t>(group.first) + done;
      const size_t count = std::min(kChunk, static_cast<size_t>(group.count) - done);
      const bool last = done + count == static_cast<size_t>(group.count);
      for (size_t r = 0; r < block.valid; r += kTileRows) {
        cpu::TileDotArgs args = GateArgs(block, r, first, count, &gate[0][r]);
        args.next = args.tile + shape_.gate().tile_bytes();
        dot_(args);
        args = UpArgs(block, r, first, count, &up[0][r]);
        const bool more = r + kTileRows < block.valid;
        args.next = more ? args.tile + shape_.gate().tile_bytes() : last ? next : nullptr;
        dot_(args);
      }
      for (size_t i = 0; i < count; ++i) {
        AddGateUpBias(block, gate[i], up[i]);
        kernels_.gate(
            {shape_.activation, shape_.alpha, shape_.limit, gate[i], up[i], block.valid, gate[i]});
        StoreHidden(block, first + i, gate[i]);
      }
    }
  }

  // The gate tile with the block's row r; up's follows it.
  const uint8_t* GateTile(const Block& block, size_t r) const {
    const PackedMatrix matrix = shape_.gate();
    return call_.gate_up + static_cast<size_t>(block.expert) * 2 * matrix.bytes() +
           (block.start + r) / kTileRows * 2 * matrix.tile_bytes();
  }

  // Its product, for pairs from `first` on.
  cpu::TileDotArgs GateArgs(const Block& block, size_t r, size_t first, size_t count,
                            float* out) const {
    const ActivationRows x = shape_.format == WeightFormat::kF32
                                 ? ActivationRows{call_.x, nullptr, nullptr, nullptr, shape_.hidden}
                                 : work_.x.From(0);
    return {GateTile(block, r), shape_.block, x, work_.pair_token + first, count, out,
            kActivationBlock};
  }

  cpu::TileDotArgs UpArgs(const Block& block, size_t r, size_t first, size_t count,
                          float* out) const {
    cpu::TileDotArgs args = GateArgs(block, r, first, count, out);
    args.tile += shape_.gate().tile_bytes();
    return args;
  }

  // The gate's biases of a block; up's are expert_hidden further on.
  const float* GateBias(const Block& block) const {
    return call_.gate_up_bias + static_cast<size_t>(block.expert) * 2 * shape_.expert_hidden +
           block.start;
  }

  void AddGateUpBias(const Block& block, float* gate, float* up) const {
    if (call_.gate_up_bias == nullptr) return;
    const float* bias = GateBias(block);
    for (size_t r = 0; r < block.valid; ++r) {
      gate[r] += bias[r];
      up[r] += bias[shape_.expert_hidden + r];
    }
  }

  void StoreHidden(const Block& block, size_t pair, const float* values) const {
    const OwnedRows& rows = work_.hidden;
    if (shape_.format == WeightFormat::kF32) {
      std::memcpy(rows.f32 + pair * rows.columns + block.start, values,
                  block.valid * sizeof(float));
      return;
    }
    int8_t* q = rows.q + pair * rows.columns + block.start;
    const size_t index = pair * rows.blocks() + block.start / kActivationBlock;
    float margin;
    kernels_.quantize_row(
        {values, block.valid, kActivationBlock, q, rows.scale + index, rows.sum + index, &margin});
    if (margin < kTieMargin) rows.sum[index] += SettleTies(block, pair, values, q);
  }

  // Rounds again the values near the middle between two steps; returns by how much q's sum grew.
  int32_t SettleTies(const Block& block, size_t pair, const float* values, int8_t* q) const {
    float peak = 0;
    for (size_t r = 0; r < block.valid; ++r) peak = std::max(peak, std::abs(values[r]));
    // The step depends on the largest value, and f32 may not know which of two that is.
    double exact_peak = 0;
    for (size_t r = 0; r < block.valid; ++r) {
      if (std::abs(values[r]) < peak * 0.99999F) continue;
      exact_peak = std::max(exact_peak, std::abs(ExactHidden(block, pair, r)));
    }
    int32_t change = 0;
    for (size_t r = 0; r < block.valid; ++r) {
      const double steps = std::abs(values[r]) * (127.0 / peak);
      if (std::abs(steps - std::floor(steps) - 0.5) > 2 * kTieMargin) continue;
      const double exact = ExactHidden(block, pair, r) * (127.0 / exact_peak);
      const auto rounded = static_cast<int8_t>(std::clamp(std::nearbyint(exact), -127.0, 127.0));
      change += rounded - q[r];
      q[r] = rounded;
    }
    return change;
  }

  double ExactHidden(const Block& block, size_t pair, size_t r) const {
    const float* x = call_.x + static_cast<size_t>(work_.pair_token[pair]) * shape_.hidden;
    double gate = cpu::ExactTileDot(shape_.format, GateArgs(block, r, pair, 1, nullptr), 0,
                                    r % kTileRows, x, shape_.hidden);
    double up = cpu::ExactTileDot(shape_.format, UpArgs(block, r, pair, 1, nullptr), 0,
                                  r % kTileRows, x, shape_.hidden);
    if (call_.gate_up_bias != nullptr) {
      gate += GateBias(block)[r];
      up += GateBias(block)[shape_.expert_hidden + r];
    }
    return cpu::ExactGate(
        {shape_.activation, shape_.alpha, shape_.limit, nullptr, nullptr, 1, nullptr}, gate, up);
  }

  // Some columns of y, for all tokens: no other task writes them, so they need no lock and no copy.
  void OutputTiles(size_t task, const uint8_t* next) {
    const size_t begin = task * tiles_per_task_ * kTileRows;
    const size_t end = std::min(shape_.hidden, begin + tiles_per_task_ * kTileRows);
    for (size_t t = 0; t < call_.tokens; ++t) {
      std::fill(call_.y + t * shape_.hidden + begin, call_.y + t * shape_.hidden + end, 0.0F);
    }
    for (size_t g = 0; g < num_groups_; ++g) {
      const Group& group = work_.groups[g];
      const uint8_t* after =
          g + 1 < num_groups_ ? OutputTile(work_.groups[g + 1], begin / kTileRows) : next;
      for (size_t done = 0; done < static_cast<size_t>(group.count); done += kChunk) {
        const size_t first = static_cast<size_t>(group.first) + done;
        const size_t count = std::min(kChunk, static_cast<size_t>(group.count) - done);
        const bool last = done + count == static_cast<size_t>(group.count);
        for (size_t r = begin; r < end; r += kTileRows) {
          const uint8_t* tile = OutputTile(group, r / kTileRows);
          const bool more = r + kTileRows < end;
          float sums[kChunk][kTileRows];
          dot_({tile, shape_.block, work_.hidden.From(first), kIota.values, count, &sums[0][0],
                kTileRows,
                more   ? tile + shape_.down().tile_bytes()
                : last ? after
                       : nullptr});
          Accumulate(group.expert, first, count, r, std::min(kTileRows, end - r), sums);
        }
      }
    }
  }

  const uint8_t* OutputTile(const Group& group, size_t tile) const {
    const PackedMatrix matrix = shape_.down();
    return call_.down + static_cast<size_t>(group.expert) * matrix.bytes() +
           tile * matrix.tile_bytes();
  }

  // y[token, r ...] += weight * (sums + bias). Experts come in ascending order: one sum per thread
  // count.
  void Accumulate(int32_t expert, size_t first, size_t count, size_t r, size_t valid,
                  const float (*sums)[kTileRows]) const {
    static constexpr float kNoBias[kTileRows] = {};
    const float* bias = call_.down_bias == nullptr
                            ? kNoBias
                            : call_.down_bias + static_cast<size_t>(expert) * shape_.hidden + r;
    for (size_t i = 0; i < count; ++i) {
      const float weight = work_.pair_weight[first + i];
      float* y = call_.y + static_cast<size_t>(work_.pair_token[first + i]) * shape_.hidden + r;
      for (size_t j = 0; j < valid; ++j) y[j] += weight * (sums[i][j] + bias[j]);
    }
  }

  const cpu::Kernels& kernels_;
  cpu::TileDot* dot_;
  const ExpertShape& shape_;
  const ExpertCall& call_;
  Carver carver_;
  Workspace work_;
  const ThreadPool& threads_;
  size_t num_groups_ = 0;
  size_t num_pairs_ = 0;
  size_t hidden_blocks_ = 0;
  size_t tiles_per_task_ = 1;
  size_t end_[3] = {};  // of each phase's tasks, which are numbered through
  std::atomic<size_t> taken_{0};
  std::atomic<size_t> done_{0};
};

}  // namespace

size_t ScratchBytes(const ExpertShape& shape, size_t tokens, size_t slots) {
  Carver carver(nullptr);
  const Workspace counted(shape, tokens, slots, carver);
  return carver.used();
}

void RunExperts(const cpu::Kernels& kernels, const ExpertShape& shape, const ExpertCall& call,
                std::byte* scratch, const ThreadPool& threads) {
  Dispatch(kernels, shape, call, scratch, threads).Run();
}

}  // namespace mixline
