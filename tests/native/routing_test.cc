// Memory safety of routing at its edges; its values are held against numpy in tests/inference/ops.
#include "routing.h"

#include <cmath>
#include <random>
#include <set>
#include <stdexcept>
#include <thread>

#include "check.h"
#include "routing_counts.h"

namespace mixline {
namespace {

TEST(routing_gives_k_distinct_experts_in_range) {
  std::mt19937 random(19);
  for (int trial = 0; trial < 20000; ++trial) {
    RouterConfig config;
    const size_t experts = 1 + random() % 40;
    config.k = 1 + random() % experts;
    config.scoring = random() % 2 ? Scoring::kSoftmax : Scoring::kSigmoid;
    config.normalize = random() % 2;
    config.n_group = random() % 5;
    config.topk_group = random() % 5;
    try {
      CheckRouter(config, experts);
    } catch (const std::invalid_argument&) {
      continue;
    }
    std::vector<float> logits(experts), bias(experts);
    for (float& value : logits) value = std::normal_distribution<float>(0, 20)(random);
    for (float& value : bias) value = std::normal_distribution<float>()(random);
    std::vector<int32_t> ids(config.k);
    std::vector<float> weights(config.k);
    RouterScratch scratch(experts);
    const Effort effort = DecodeEffort(random() % 2 ? 1.0F : -0.7F, config.k);

    RouteToken(config, effort, logits.data(), random() % 2 ? bias.data() : nullptr, scratch,
               ids.data(), weights.data());

    std::set<int32_t> seen;
    for (size_t i = 0; i < config.k; ++i) {
      CHECK(ids[i] >= -1 && ids[i] < static_cast<int32_t>(experts)) << ids[i];
      CHECK(ids[i] == -1 || seen.insert(ids[i]).second) << "twice " << ids[i];
      CHECK(std::isfinite(weights[i]) && weights[i] >= 0) << weights[i];
      CHECK(ids[i] >= 0 || weights[i] == 0) << weights[i];
    }
    CHECK(ids[0] >= 0) << "no expert at all";
  }
}

TEST(effort_is_refused_outside_its_ranges) {
  for (const float effort : {0.0F, 1.5F, -1.5F, INFINITY, -INFINITY, NAN}) {
    bool refused = false;
    try {
      DecodeEffort(effort, 4);
    } catch (const std::invalid_argument&) {
      refused = true;
    }
    CHECK(refused) << effort;
  }
}

TEST(counts_of_threads_add_up) {
  RoutingCounts counts;
  counts.Start();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&counts, t] {
      const int32_t ids[] = {2, -1, 0, 2};
      for (int i = 0; i < 1000; ++i) counts.Add(t % 2 ? "odd" : "even", 3, ids, 4);
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::string text = counts.Text();
  CHECK(text == "2000 0 4000\teven\n2000 0 4000\todd\n" ||
        text == "2000 0 4000\todd\n2000 0 4000\teven\n")
      << text;
  counts.Stop();
  CHECK(!counts.on());
}

}  // namespace
}  // namespace mixline
