// The scratch memory of one call: tokens grouped by expert, rounded activations, hidden vectors.
#ifndef MIXLINE_EXPERT_WORKSPACE_H_
#define MIXLINE_EXPERT_WORKSPACE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "carver.h"
#include "expert_dispatch.h"
#include "packed_layout.h"

namespace mixline {

// The (token, slot) pairs that one expert computes: a range of the sorted pairs.
struct Group {
  int32_t expert;
  int32_t first;
  int32_t count;
};

// Rows of activations in scratch memory, before they are read only.
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

  size_t blocks() const { return columns / cpu::kActivationBlock; }

  // The rows from `first` on.
  cpu::ActivationRows From(size_t first) const {
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
    if (shape.format == cpu::WeightFormat::kF32) {
      hidden.CarveF32(carver, pairs, shape.down().padded_columns());
    } else {
      x.CarveQuantised(carver, tokens, shape.gate().padded_columns());
      hidden.CarveQuantised(carver, pairs, shape.down().padded_columns());
    }
  }
};

}  // namespace mixline

#endif  // MIXLINE_EXPERT_WORKSPACE_H_
