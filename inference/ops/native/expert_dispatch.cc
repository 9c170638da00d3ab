#include "expert_dispatch.h"

#include <algorithm>
#include <cstring>

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

// The (token, slot) pairs that one expert computes: a range of the sorted pairs.
struct Group {
  int32_t expert;
  int32_t first;
  int32_t count;
};

// Hands out consecutive, aligned parts of the scratch memory; with a NULL base it only counts.
class Carver {
 public:
  explicit Carver(std::byte* base) : base_(base) {}

  template <typename T>
  T* Take(size_t count) {
    const size_t start = used_;
    used_ += RoundUp(count * sizeof(T), 64);
    return base_ == nullptr ? nullptr : reinterpret_cast<T*>(base_ + start);
  }

  size_t used() const { return used_; }

 private:
  std::byte* base_;
  size_t used_ = 0;
};

// Rows of activations in scratch memory: ActivationRows before it is read only.
struct OwnedRows {
  float* f32 = nullptr;
  int8_t* q = nullptr;
  float* scale = nullptr;
  int32_t* sum = nullptr;
  size_t columns = 0;

  void CarveQuantised(Carver& carver, size_t rows, size_t padded_columns) {
    columns = padded_columns;
    q = carver.Take<int8_t>(rows * columns);
    scale = carver.Take<float>(rows * blocks());
    sum = carver.Take<int32_t>(rows * blocks());
  }

  void CarveF32(Carver& carver, size_t rows, size_t num_columns) {
    columns = num_columns;
    f32 = carver.Take<float>(rows * columns);
  }

  size_t blocks() const { return columns / kActivationBlock; }

  // The rows from `first` on.
  ActivationRows From(size_t first) const {
    if (f32 != nullptr) return {f32 + first * columns, nullptr, nullptr, nullptr, columns};
    return {nullptr, q + first * columns, scale + first * blocks(), sum + first * blocks(),
            columns};
  }
};

struct Workspace {
  int32_t* group_of;    // [experts] index of the expert's group, or -1; first its token count
  Group* groups;        // [active experts]
  int32_t* pair_token;  // [pairs] sorted by expert, then by token
  float* pair_weight;   // [pairs]
  OwnedRows x;          // [tokens]; unused with f32 weights, which read the input in place
  OwnedRows hidden;     // [pairs]

  Workspace(const ExpertShape& shape, size_t tokens, size_t slots, Carver& carver) {
    const size_t pairs = tokens * slots;
    group_of = carver.Take<int32_t>(shape.num_experts);
    groups = carver.Take<Group>(std::min(pairs, shape.num_experts));
    pair_token = carver.Take<int32_t>(pairs);
    pair_weight = carver.Take<float>(pairs);
    if (shape.format == WeightFormat::kF32) {
      hidden.CarveF32(carver, pairs, shape.down().padded_columns());
    } else {
      x.CarveQuantised(carver, tokens, shape.gate().padded_columns());
      hidden.CarveQuantised(carver, pairs, shape.down().padded_columns());
    }
  }
};

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
      QuantizeInto(work_.x, t, call_.x + t * shape_.hidden, shape_.hidden, 0, work_.x.columns);
    }
  }

  // Quantises `count` values into columns [start, start + padded) of a row.
  void QuantizeInto(const OwnedRows& rows, size_t row, const float* values, size_t count,
                    size_t start, size_t padded) {
    const size_t block = row * rows.blocks() + start / kActivationBlock;
    kernels_.quantize_row({values, count, padded, rows.q + row * rows.columns + start,
                           rows.scale + block, rows.sum + block});
  }

  // 32 hidden values of all tokens of one expert: two gate tiles, two up tiles.
  void HiddenBlock(size_t index) {
    const Group& group = work_.groups[index / hidden_blocks_];
    const size_t start = index % hidden_blocks_ * kActivationBlock;  // first hidden value
    const size_t valid =
        start < shape_.expert_hidden ? std::min(kActivationBlock, shape_.expert_hidden - start) : 0;
    const PackedMatrix matrix = shape_.gate();
    const uint8_t* expert = call_.gate_up + static_cast<size_t>(group.expert) * 2 * matrix.bytes();
    const ActivationRows x = shape_.format == WeightFormat::kF32
                                 ? ActivationRows{call_.x, nullptr, nullptr, nullptr, shape_.hidden}
                                 : work_.x.From(0);
    float gate[kChunk][kActivationBlock];
    float up[kChunk][kActivationBlock];
    for (size_t done = 0; done < static_cast<size_t>(group.count); done += kChunk) {
      const size_t first = static_cast<size_t>(group.first) + done;
      const size_t count = std::min(kChunk, static_cast<size_t>(group.count) - done);
      for (size_t r = 0; r < valid; r += kTileRows) {
        const uint8_t* pair = expert + (start + r) / kTileRows * 2 * matrix.tile_bytes();
        cpu::TileDotArgs args{pair,        shape_.block,    x, work_.pair_token + first, count,
                              &gate[0][r], kActivationBlock};
        dot_(args);
        args.tile += matrix.tile_bytes();
        args.out = &up[0][r];
        dot_(args);
      }
      for (size_t i = 0; i < count; ++i) {
        AddGateUpBias(group.expert, start, valid, gate[i], up[i]);
        kernels_.gate(
            {shape_.activation, shape_.alpha, shape_.limit, gate[i], up[i], valid, gate[i]});
        StoreHidden(first + i, start, valid, gate[i]);
      }
    }
  }

  void AddGateUpBias(int32_t expert, size_t start, size_t valid, float* gate, float* up) const {
    if (call_.gate_up_bias == nullptr) return;
    const float* bias =
        call_.gate_up_bias + static_cast<size_t>(expert) * 2 * shape_.expert_hidden + start;
    for (size_t r = 0; r < valid; ++r) {
      gate[r] += bias[r];
      up[r] += bias[shape_.expert_hidden + r];
    }
  }

  void StoreHidden(size_t pair, size_t start, size_t valid, const float* values) {
    if (shape_.format == WeightFormat::kF32) {
      std::memcpy(work_.hidden.f32 + pair * work_.hidden.columns + start, values,
                  valid * sizeof(float));
    } else {
      QuantizeInto(work_.hidden, pair, values, valid, start, kActivationBlock);
    }
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
