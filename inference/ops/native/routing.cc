#include "routing.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

namespace mixline {
namespace {

using std::to_string;

void SoftmaxInPlace(std::vector<double>& values) {
  const double peak = *std::max_element(values.begin(), values.end());
  double sum = 0;
  for (double& v : values) sum += v = std::exp(v - peak);
  for (double& v : values) v /= sum;
}

// Removes the experts of all but the best groups from `candidates`. A group's score is its best
// expert's (softmax scoring) or the sum of its best two (sigmoid scoring).
void KeepBestGroups(const RouterConfig& config, RouterScratch& scratch) {
  const std::vector<double>& choice = scratch.choice;
  const size_t size = choice.size() / config.n_group;
  scratch.group.resize(config.n_group);
  for (size_t g = 0; g < config.n_group; ++g) {
    double first = -std::numeric_limits<double>::infinity();
    double second = first;
    for (size_t e = g * size; e < (g + 1) * size; ++e) {
      if (choice[e] > first) {
        second = first;
        first = choice[e];
      } else {
        second = std::max(second, choice[e]);
      }
    }
    const bool both = config.scoring == Scoring::kSigmoid && size > 1;
    scratch.group[g] = both ? first + second : first;
  }
  std::vector<int32_t>& groups = scratch.group_order;
  groups.resize(config.n_group);
  std::iota(groups.begin(), groups.end(), 0);
  std::stable_sort(groups.begin(), groups.end(),
                   [&](int32_t a, int32_t b) { return scratch.group[a] > scratch.group[b]; });
  groups.resize(config.topk_group);
  std::erase_if(scratch.order, [&](int32_t expert) {
    const auto group = static_cast<int32_t>(static_cast<size_t>(expert) / size);
    return std::find(groups.begin(), groups.end(), group) == groups.end();
  });
}

// The fewest leading experts whose weights reach the share `mass` of all.
size_t CountForMass(const std::vector<double>& weights, double mass) {
  if (mass >= 1) return weights.size();  // also those that rounding loses in the sum
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  double reached = 0;
  for (size_t n = 0; n < weights.size(); ++n) {
    reached += weights[n];
    if (reached >= mass * total) return n + 1;
  }
  return weights.size();
}

}  // namespace

Effort DecodeEffort(float effort, size_t k) {
  if (effort > 0 && effort <= 1) {
    // 0.1f * 10 is a little more than 1 and must still mean one expert.
    const double experts = std::ceil(static_cast<double>(effort) * static_cast<double>(k) - 1e-5);
    return {std::clamp<size_t>(static_cast<size_t>(experts), 1, k), 0.0};
  }
  if (effort >= -1 && effort < 0) return {k, -static_cast<double>(effort)};
  throw std::invalid_argument(
      "effort: expected 0 < e <= 1 (share of the experts) or -1 <= e < 0 (share of the mass), "
      "got " +
      to_string(effort));
}

void CheckRouter(const RouterConfig& config, size_t num_experts) {
  if (config.k < 1 || config.k > num_experts) {
    throw std::invalid_argument("k: expected 1 to " + to_string(num_experts) + " experts, got " +
                                to_string(config.k));
  }
  if (config.n_group == 0) return;
  if (num_experts % config.n_group != 0) {
    throw std::invalid_argument("n_group: expected a divisor of " + to_string(num_experts) +
                                " experts, got " + to_string(config.n_group));
  }
  const size_t reachable = config.topk_group * (num_experts / config.n_group);
  if (config.topk_group < 1 || config.topk_group > config.n_group || reachable < config.k) {
    throw std::invalid_argument("topk_group: expected 1 to " + to_string(config.n_group) +
                                " groups that hold k = " + to_string(config.k) + " experts, got " +
                                to_string(config.topk_group));
  }
}

void RouteToken(const RouterConfig& config, const Effort& effort, const float* logits,
                const float* bias, RouterScratch& scratch, int32_t* ids, float* weights) {
  const size_t num_experts = scratch.score.size();
  std::vector<double>& score = scratch.score;
  std::copy(logits, logits + num_experts, score.begin());
  if (config.scoring == Scoring::kSigmoid) {
    for (double& s : score) s = 1.0 / (1.0 + std::exp(-s));
  } else if (!config.softmax_after_topk) {
    SoftmaxInPlace(score);
  }

  std::vector<double>& choice = scratch.choice;
  choice = score;
  if (bias != nullptr) {
    for (size_t e = 0; e < num_experts; ++e) choice[e] += bias[e];
  }
  scratch.order.resize(num_experts);
  std::iota(scratch.order.begin(), scratch.order.end(), 0);
  if (config.n_group > 0) KeepBestGroups(config, scratch);
  const auto chosen_end = scratch.order.begin() + static_cast<std::ptrdiff_t>(config.k);
  std::partial_sort(scratch.order.begin(), chosen_end, scratch.order.end(),
                    [&](int32_t a, int32_t b) {
                      return choice[a] > choice[b] || (choice[a] == choice[b] && a < b);
                    });
  // With a bias the best chosen expert need not have the largest weight; "the fewest" needs that.
  if (effort.mass > 0) {
    std::stable_sort(scratch.order.begin(), chosen_end,
                     [&](int32_t a, int32_t b) { return score[a] > score[b]; });
  }

  std::vector<double>& chosen = scratch.chosen;
  chosen.resize(config.k);
  for (size_t i = 0; i < config.k; ++i) chosen[i] = score[scratch.order[i]];
  if (config.softmax_after_topk) SoftmaxInPlace(chosen);
  const size_t kept = effort.mass > 0 ? CountForMass(chosen, effort.mass) : effort.max_experts;
  double divisor = 1.0;
  if (config.normalize) {
    divisor =
        std::accumulate(chosen.begin(), chosen.begin() + static_cast<std::ptrdiff_t>(kept), 0.0);
    if (divisor == 0.0) divisor = 1.0;  // every sigmoid underflowed: the weights stay zero
  }
  for (size_t i = 0; i < config.k; ++i) {
    ids[i] = i < kept ? scratch.order[i] : -1;
    weights[i] = i < kept ? static_cast<float>(chosen[i] / divisor * config.scale) : 0.0F;
  }
}

}  // namespace mixline
