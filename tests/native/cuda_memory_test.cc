// Which experts the GPU keeps, how much memory the layers get, and what they need besides.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <stdexcept>

#include "check.h"
#include "cuda/device_workspace.h"
#include "cuda/hot_experts.h"
#include "cuda/memory_plan.h"
#include "random_tile.h"

namespace mixline {
namespace {

using cuda::HotExperts;
using test::Random;

constexpr size_t kMoves = 2;

// Every slot holds one expert, and no expert is in two.
void CheckSlots(const HotExperts& hot, size_t experts, size_t slots) {
  std::vector<int> held(slots);
  for (size_t e = 0; e < experts; ++e) {
    if (hot.SlotOf(e) != HotExperts::kNone) ++held.at(static_cast<size_t>(hot.SlotOf(e)));
  }
  CHECK(std::all_of(held.begin(), held.end(), [](int n) { return n == 1; }));
}

// Experts that are drawn by their weights, and what a cache of them makes of it.
class Trace {
 public:
  Trace(size_t experts, size_t slots) : hot_(experts, slots), slots_(slots), uses_(experts) {}

  // The share of hits of `looks` times 32 calls of 4 experts each.
  double HitRate(const std::vector<double>& weights, size_t looks);

 private:
  HotExperts hot_;
  size_t slots_;
  std::vector<int32_t> uses_;
  Random random_{9};
};

double Trace::HitRate(const std::vector<double>& weights, size_t looks) {
  std::discrete_distribution<size_t> draw(weights.begin(), weights.end());
  size_t hits = 0;
  constexpr size_t kUses = 32 * 4;
  for (size_t look = 0; look < looks; ++look) {
    for (size_t i = 0; i < kUses; ++i) {
      const size_t expert = draw(random_);
      ++uses_[expert];
      hits += hot_.SlotOf(expert) != HotExperts::kNone;
    }
    CHECK(hot_.Update(uses_, kMoves).size() <= kMoves);
    CheckSlots(hot_, weights.size(), slots_);
  }
  return static_cast<double>(hits) / static_cast<double>(kUses * looks);
}

TEST(cuda_cache_finds_the_most_used_experts) {
  constexpr size_t kExperts = 64;
  constexpr size_t kSlots = 16;
  std::vector<double> weights(kExperts);
  for (size_t e = 0; e < kExperts; ++e) {
    weights[e] = 1.0 / static_cast<double>(kExperts - e);  // those that are not there at first
  }
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  const double best = std::accumulate(weights.end() - kSlots, weights.end(), 0.0) / total;
  Trace trace(kExperts, kSlots);
  trace.HitRate(weights, 30);
  const double found = trace.HitRate(weights, 100);
  CHECK(found > 0.95 * best) << found << ' ' << best;
}

TEST(cuda_cache_follows_when_other_experts_are_used) {
  std::vector<double> weights(32, 0.01);
  std::fill_n(weights.begin(), 8, 1.0);
  Trace trace(32, 8);
  trace.HitRate(weights, 20);
  std::rotate(weights.begin(), weights.begin() + 16, weights.end());  // now experts 16 .. 23
  trace.HitRate(weights, 12);
  CHECK(trace.HitRate(weights, 20) > 0.9);
}

TEST(cuda_cache_does_not_exchange_experts_of_equal_use) {
  HotExperts hot(8, 4);
  std::vector<int32_t> uses(8);
  for (int look = 0; look < 50; ++look) {
    for (size_t e = 0; e < 8; ++e) uses[e] += look % 2 == 0 && e >= 4 ? 11 : 10;
    CHECK(hot.Update(uses, kMoves).empty());
  }
}

TEST(cuda_cache_survives_counters_that_wrap_around) {
  HotExperts hot(3, 1);
  std::vector<int32_t> uses = {INT32_MAX - 5, 0, 0};
  hot.Update(uses, kMoves);
  uses = {INT32_MIN + 4, 3, 0};  // 10 more
  CHECK(hot.Update(uses, kMoves).empty());
  CHECK(hot.SlotOf(0) == 0);
}

TEST(cuda_cache_without_slots_keeps_nothing) {
  HotExperts hot(4, 0);
  CHECK(hot.Update(std::vector<int32_t>{9, 9, 9, 9}, kMoves).empty());
  CHECK(hot.SlotOf(0) == HotExperts::kNone);
}

TEST(cuda_layers_get_their_share_of_the_memory) {
  CHECK(cuda::ResidentExperts(0, 1000, 8) == 8) << "0 is no limit";
  CHECK(cuda::ResidentExperts(1000, 1000, 8) == 8);
  CHECK(cuda::ResidentExperts(999, 1000, 8) == 7);
  CHECK(cuda::ResidentExperts(1, 1000, 8) == 0);
  for (size_t bytes = 1; bytes < 5000; ++bytes) {  // two layers of 5 experts of 500 bytes
    CHECK(2 * cuda::ResidentExperts(bytes, 5000, 5) * 500 <= bytes) << bytes;
  }
  const int one_session = 0;
  const int another = 0;
  const cuda::SessionShare first(&one_session, 100);
  const cuda::SessionShare other(&another, 7);
  {
    const cuda::SessionShare second(&one_session, 50);
    CHECK(first.SessionBytes() == 150) << first.SessionBytes();
  }
  CHECK(first.SessionBytes() == 100) << first.SessionBytes();
  CHECK(other.SessionBytes() == 7) << other.SessionBytes();
}

TEST(cuda_workspace_is_a_small_part_of_the_experts) {
  struct Model {
    ExpertShape shape;
    size_t layers;
    size_t slots;
  };
  const ExpertShape gpt_oss{
      2880, 2880, 32, cpu::WeightFormat::kMxfp4, 32, cpu::Activation::kSwigluOai, 1.702F, 7.0F};
  const ExpertShape qwen3_coder{
      2048, 768, 128, cpu::WeightFormat::kInt4, 32, cpu::Activation::kSwiglu, 1.702F, 7.0F};
  for (const Model& model : {Model{gpt_oss, 24, 4}, Model{qwen3_coder, 48, 8}}) {
    const size_t expert = 2 * model.shape.gate().bytes() + model.shape.down().bytes();
    const size_t experts = model.layers * model.shape.num_experts * expert;
    for (const size_t tokens : {1, 4, 5, 512, 2048}) {
      const size_t bytes = cuda::WorkspaceBytes(model.shape, tokens, model.slots);
      CHECK(10 * bytes < experts) << tokens << " tokens: " << bytes << " of " << experts;
    }
  }
}

TEST(cuda_workspace_holds_arrays_one_behind_the_other) {
  const ExpertShape shape{100, 45, 5, cpu::WeightFormat::kInt4, 32, cpu::Activation::kGelu, 0, 0};
  std::vector<uint8_t> memory(cuda::WorkspaceBytes(shape, 7, 3));
  const cuda::Workspace work = cuda::Carve(memory.data(), shape, 7, 3);
  const auto at = [&](const void* array) {
    return static_cast<const uint8_t*>(array) - memory.data();
  };
  CHECK(at(work.hidden16) == 0);
  CHECK(at(work.outputs) >= 21 * 64 * 2) << at(work.outputs);  // slots, padded inputs, bytes
  CHECK(at(work.grouped) - at(work.outputs) >= 21 * 100 * 4);
  CHECK(at(work.tiles) - at(work.grouped) >= 21 * 4);
  CHECK(at(work.num_tiles) - at(work.tiles) >= 5 * 12);  // each expert has its tile
  CHECK(at(work.num_tiles) + 4 <= static_cast<ptrdiff_t>(memory.size()));
}

TEST(cuda_sizes_beyond_the_kernels_are_refused) {
  const auto why = [](size_t tokens, size_t slots, size_t hidden, size_t experts) {
    cuda::ExpertLaunch launch{};
    launch.shape = {hidden, 64, experts, cpu::WeightFormat::kInt4, 32, cpu::Activation::kGelu,
                    0,      0};
    launch.tokens = tokens;
    launch.slots = slots;
    return cuda::Unsupported(launch) != nullptr;
  };
  CHECK(!why(65535, 4, 12160, 128));
  CHECK(why(65536, 4, 64, 8));
  CHECK(why(1, 0, 64, 8));
  CHECK(why(1, 1, 12161, 8));
  CHECK(why(1, 1, 64, 2049));
  cuda::RouterLaunch router{};
  router.tokens = 1;
  router.experts = 2048;
  router.config.k = 8;
  CHECK(cuda::Unsupported(router) == nullptr);
  router.config.k = 2048;
  CHECK(cuda::Unsupported(router) != nullptr);
}

}  // namespace
}  // namespace mixline
