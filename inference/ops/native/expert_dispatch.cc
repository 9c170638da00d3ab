#include "expert_dispatch.h"

#include <algorithm>
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

// A phase with fewer multiplications runs on the calling thread: some 25 us of an AVX-512 kernel,
// and waking a sleeping thread was measured to cost 11 us.
constexpr size_t kSerialWork = 2'000'000;

// What rounding one activation costs, in multiplications.
constexpr size_t kRoundingWork = 50;

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
    const size_t product = num_pairs_ * shape_.hidden * shape_.expert_hidden;
    if (shape_.format != WeightFormat::kF32) {
      ForEach<&Dispatch::QuantizeChunk>(CeilDiv(call_.tokens, kChunk),
                                        call_.tokens * shape_.hidden * kRoundingWork);
    }
    hidden_blocks_ = CeilDiv(work_.hidden.columns, kActivationBlock);
    ForEach<&Dispatch::HiddenBlock>(num_groups_ * hidden_blocks_, 2 * product);
    // Larger tasks read a chunk's hidden vectors once for several tiles, while enough tasks remain
    // to keep the threads busy.
    const size_t tiles = shape_.down().tiles();
    tiles_per_task_ = std::clamp<size_t>(tiles / 32, 1, 4);
    ForEach<&Dispatch::OutputTiles>(CeilDiv(tiles, tiles_per_task_), product);
  }

 private:
  template <void (Dispatch::*method)(size_t)>
  void ForEach(size_t count, size_t work) {
    if (count < 2 || work < kSerialWork) {
      for (size_t i = 0; i < count; ++i) (this->*method)(i);
      return;
    }
    threads_.run(
        threads_.context, count,
        [](void* self, size_t index) { (static_cast<Dispatch*>(self)->*method)(index); }, this);
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

  void QuantizeChunk(size_t chunk) {
    const size_t end = std::min(call_.tokens, (chunk + 1) * kChunk);
    for (size_t t = chunk * kChunk; t < end; ++t) {
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

  // One such block, for all tokens of the expert.
  void HiddenBlock(size_t index) {
    const Group& group = work_.groups[index / hidden_blocks_];
    const size_t start = index % hidden_blocks_ * kActivationBlock;
    const size_t end = std::min(start + kActivationBlock, shape_.expert_hidden);
    const Block block{group.expert, start, end > start ? end - start : 0};
    float gate[kChunk][kActivationBlock];
    float up[kChunk][kActivationBlock];
    for (size_t done = 0; done < static_cast<size_t>(group.count); done += kChunk) {
      const size_t first = static_cast<size_t>(group.first) + done;
      const size_t count = std::min(kChunk, static_cast<size_t>(group.count) - done);
      for (size_t r = 0; r < block.valid; r += kTileRows) {
        dot_(GateArgs(block, r, first, count, &gate[0][r]));
        dot_(UpArgs(block, r, first, count, &up[0][r]));
      }
      for (size_t i = 0; i < count; ++i) {
        AddGateUpBias(block, gate[i], up[i]);
        kernels_.gate(
            {shape_.activation, shape_.alpha, shape_.limit, gate[i], up[i], block.valid, gate[i]});
        StoreHidden(block, first + i, gate[i]);
      }
    }
  }

  // The gate tile with the block's row r, for pairs from `first` on.
  cpu::TileDotArgs GateArgs(const Block& block, size_t r, size_t first, size_t count,
                            float* out) const {
    const PackedMatrix matrix = shape_.gate();
    const size_t tile = (block.start + r) / kTileRows * 2;
    const ActivationRows x = shape_.format == WeightFormat::kF32
                                 ? ActivationRows{call_.x, nullptr, nullptr, nullptr, shape_.hidden}
                                 : work_.x.From(0);
    return {call_.gate_up + static_cast<size_t>(block.expert) * 2 * matrix.bytes() +
                tile * matrix.tile_bytes(),
            shape_.block,
            x,
            work_.pair_token + first,
            count,
            out,
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
  void OutputTiles(size_t task) {
    const PackedMatrix matrix = shape_.down();
    const size_t begin = task * tiles_per_task_ * kTileRows;
    const size_t end = std::min(shape_.hidden, begin + tiles_per_task_ * kTileRows);
    for (size_t t = 0; t < call_.tokens; ++t) {
      std::fill(call_.y + t * shape_.hidden + begin, call_.y + t * shape_.hidden + end, 0.0F);
    }
    for (size_t g = 0; g < num_groups_; ++g) {
      const Group& group = work_.groups[g];
      const uint8_t* expert = call_.down + static_cast<size_t>(group.expert) * matrix.bytes();
      for (size_t done = 0; done < static_cast<size_t>(group.count); done += kChunk) {
        const size_t first = static_cast<size_t>(group.first) + done;
        const size_t count = std::min(kChunk, static_cast<size_t>(group.count) - done);
        for (size_t r = begin; r < end; r += kTileRows) {
          float sums[kChunk][kTileRows];
          dot_({expert + r / kTileRows * matrix.tile_bytes(), shape_.block,
                work_.hidden.From(first), kIota.values, count, &sums[0][0], kTileRows});
          Accumulate(group.expert, first, count, r, std::min(kTileRows, end - r), sums);
        }
      }
    }
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
