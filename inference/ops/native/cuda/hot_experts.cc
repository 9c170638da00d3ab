#include "cuda/hot_experts.h"

#include <algorithm>
#include <numeric>

namespace mixline::cuda {
namespace {

// An exchange costs one reading of the expert over the bus and saves one per use: it has to be used
// by this many more than the one that goes, or two of equal use would take turns.
constexpr double kMargin = 2;

}  // namespace

HotExperts::HotExperts(size_t experts, size_t slots)
    : score_(experts), last_uses_(experts), slot_of_(experts, kNone) {
  std::iota(slot_of_.begin(), slot_of_.begin() + static_cast<ptrdiff_t>(slots), 0);
}

std::vector<HotExperts::Exchange> HotExperts::Update(std::span<const int32_t> uses,
                                                     size_t most_moves) {
  for (size_t e = 0; e < score_.size(); ++e) {
    // The device's counters wrap around, and so does this difference.
    const auto now = static_cast<uint32_t>(uses[e]);
    score_[e] = score_[e] / 2 + static_cast<double>(now - static_cast<uint32_t>(last_uses_[e]));
    last_uses_[e] = uses[e];
  }
  std::vector<int32_t> order(score_.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, [&](int32_t a, int32_t b) {
    return score_[static_cast<size_t>(a)] > score_[static_cast<size_t>(b)];
  });
  std::vector<Exchange> moves;
  size_t coldest = order.size();
  for (const int32_t in : order) {
    if (moves.size() == most_moves) break;
    if (SlotOf(static_cast<size_t>(in)) != kNone) continue;
    while (coldest > 0 && SlotOf(static_cast<size_t>(order[coldest - 1])) == kNone) --coldest;
    if (coldest == 0) break;  // no slots
    const int32_t out = order[--coldest];
    if (score_[static_cast<size_t>(in)] < score_[static_cast<size_t>(out)] + kMargin) break;
    const auto slot = static_cast<size_t>(slot_of_[static_cast<size_t>(out)]);
    moves.push_back({slot, in, out});
    slot_of_[static_cast<size_t>(out)] = kNone;
    slot_of_[static_cast<size_t>(in)] = static_cast<int32_t>(slot);
  }
  return moves;
}

}  // namespace mixline::cuda
