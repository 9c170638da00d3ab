// ExpertRouter for a group of lanes that share one token; the same steps as routing.cc, in double.
//
// `Lanes` says how the lanes work together: Each(n, f) calls f(0 .. n - 1), once each, and ends
// with a barrier; Best(n, f) is the i with the largest f(i), the lowest of equal ones; Max and Sum
// reduce f(i); One(f) runs f on one lane and ends with a barrier. A warp is such a group, and for
// the tests a plain loop is.
#ifndef MIXLINE_CUDA_ROUTE_LANES_H_
#define MIXLINE_CUDA_ROUTE_LANES_H_

#include <math.h>

#include "cuda/expert_kernels.h"

namespace mixline::cuda {

// Shared by the lanes of a token. The doubles come first, so that every array is aligned.
struct RouteMemory {
  double* score;   // [experts]
  double* choice;  // [experts]
  double* chosen;  // [k]
  double* group;   // [n_group]
  int32_t* ids;    // [k]

  static constexpr size_t Bytes(size_t experts, size_t k, size_t groups) {
    return (2 * experts + k + groups) * sizeof(double) + k * sizeof(int32_t);
  }
  MIXLINE_HD RouteMemory(void* memory, size_t experts, size_t k, size_t groups)
      : score(static_cast<double*>(memory)),
        choice(score + experts),
        chosen(choice + experts),
        group(chosen + k),
        ids(reinterpret_cast<int32_t*>(group + groups)) {}
};

// A token's logits, as f32 or fp16.
struct LogitRow {
  const void* values;
  Element element;
  size_t first;

  MIXLINE_HD float operator[](size_t expert) const {
    const size_t i = first + expert;
    return element == Element::kFloat16 ? FloatOfHalf(static_cast<const uint16_t*>(values)[i])
                                        : static_cast<const float*>(values)[i];
  }
};

template <typename Lanes>
MIXLINE_HD void SoftmaxOver(const Lanes& lanes, double* values, size_t count) {
  const double peak = lanes.Max(count, [&](size_t i) { return values[i]; });
  lanes.Each(count, [&](size_t i) { values[i] = exp(values[i] - peak); });
  const double sum = lanes.Sum(count, [&](size_t i) { return values[i]; });
  lanes.Each(count, [&](size_t i) { values[i] /= sum; });
}

// Leaves minus infinity as the choice of all experts outside the best groups.
template <typename Lanes>
MIXLINE_HD void KeepGroups(const Lanes& lanes, const RouterConfig& config, size_t experts,
                           const RouteMemory& memory) {
  const size_t size = experts / config.n_group;
  const bool both = config.scoring == Scoring::kSigmoid && size > 1;
  lanes.Each(config.n_group, [&](size_t g) {
    double first = -HUGE_VAL;
    double second = -HUGE_VAL;
    for (size_t e = g * size; e < (g + 1) * size; ++e) {
      const double choice = memory.choice[e];
      if (choice > first) {
        second = first;
        first = choice;
      } else if (choice > second) {
        second = choice;
      }
    }
    memory.group[g] = both ? first + second : first;
  });
  // The choice of a group that stays becomes NaN in `group`, which no comparison finds again.
  for (size_t n = 0; n < config.topk_group; ++n) {
    const size_t best = lanes.Best(config.n_group, [&](size_t g) { return memory.group[g]; });
    lanes.One([&] { memory.group[best] = NAN; });
  }
  lanes.Each(experts, [&](size_t e) {
    if (!isnan(memory.group[e / size])) memory.choice[e] = -HUGE_VAL;
  });
}

// How many of the chosen weights are kept; see CountForMass of routing.cc.
MIXLINE_HD size_t KeptExperts(const Effort& effort, const double* chosen, size_t k) {
  if (effort.mass <= 0) return effort.max_experts;
  if (effort.mass >= 1) return k;
  double total = 0;
  for (size_t i = 0; i < k; ++i) total += chosen[i];
  double reached = 0;
  for (size_t i = 0; i < k; ++i) {
    reached += chosen[i];
    if (reached >= effort.mass * total) return i + 1;
  }
  return k;
}

// Stable, the largest weight first: with a bias the best choice need not have it.
MIXLINE_HD void SortByScore(const double* score, size_t k, int32_t* ids) {
  for (size_t i = 1; i < k; ++i) {
    const int32_t id = ids[i];
    size_t at = i;
    for (; at > 0 && score[ids[at - 1]] < score[id]; --at) ids[at] = ids[at - 1];
    ids[at] = id;
  }
}

// Routes one token; arguments as RouteToken's, logits anything with a float [e]. Returns false if a
// logit or a bias is not finite: then the first slot is expert 0 with the weight NaN, so that
// nothing can come of it unnoticed, and the others are unused.
template <typename Lanes, typename Logits>
MIXLINE_HD bool RouteOnLanes(const Lanes& lanes, const RouterConfig& config, const Effort& effort,
                             const Logits& logits, const float* bias, size_t experts,
                             const RouteMemory& memory, int32_t* ids, float* weights) {
  const double strange = lanes.Max(experts, [&](size_t e) {
    return isfinite(logits[e]) && (bias == nullptr || isfinite(bias[e])) ? 0.0 : 1.0;
  });
  if (strange > 0) {
    lanes.Each(config.k, [&](size_t i) {
      ids[i] = i == 0 ? 0 : -1;
      weights[i] = i == 0 ? NAN : 0.0F;
    });
    return false;
  }
  const bool sigmoid = config.scoring == Scoring::kSigmoid;
  lanes.Each(experts, [&](size_t e) {
    const double logit = logits[e];
    memory.score[e] = sigmoid ? 1.0 / (1.0 + exp(-logit)) : logit;
  });
  if (!sigmoid && !config.softmax_after_topk) SoftmaxOver(lanes, memory.score, experts);
  lanes.Each(experts, [&](size_t e) {
    memory.choice[e] = memory.score[e] + (bias == nullptr ? 0.0 : bias[e]);
  });
  if (config.n_group > 0) KeepGroups(lanes, config, experts, memory);

  for (size_t i = 0; i < config.k; ++i) {
    const size_t best = lanes.Best(experts, [&](size_t e) { return memory.choice[e]; });
    lanes.One([&] {
      memory.ids[i] = static_cast<int32_t>(best);
      memory.choice[best] = NAN;
    });
  }
  lanes.One([&] {
    if (effort.mass > 0) SortByScore(memory.score, config.k, memory.ids);
    for (size_t i = 0; i < config.k; ++i) memory.chosen[i] = memory.score[memory.ids[i]];
  });
  if (config.softmax_after_topk) SoftmaxOver(lanes, memory.chosen, config.k);
  const size_t kept = KeptExperts(effort, memory.chosen, config.k);
  double divisor = 0;
  for (size_t i = 0; i < kept; ++i) divisor += memory.chosen[i];
  if (!config.normalize || divisor == 0.0) divisor = 1.0;
  lanes.Each(config.k, [&](size_t i) {
    ids[i] = i < kept ? memory.ids[i] : -1;
    weights[i] = i < kept ? static_cast<float>(memory.chosen[i] / divisor * config.scale) : 0.0F;
  });
  return true;
}

}  // namespace mixline::cuda

#endif  // MIXLINE_CUDA_ROUTE_LANES_H_
