// The GPU kernels' arithmetic, compiled for the processor: addresses, decoding, grouping, routing.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <stdexcept>

#include "check.h"
#include "cpu/kernel_table.h"
#include "cpu/reference.h"
#include "cuda/gate.h"
#include "cuda/group_slots.h"
#include "cuda/packed_units.h"
#include "cuda/route_lanes.h"
#include "one_lane.h"
#include "random_tile.h"

namespace mixline {
namespace {

using cpu::WeightFormat;
using test::OneLane;
using test::Random;

template <WeightFormat format>
void CheckUnits(size_t block, size_t blocks) {
  Random random(3);
  const PackedMatrix matrix{format, block, 16, block * blocks};
  const std::vector<uint8_t> tile = test::RandomTile(random, matrix);
  std::vector<int> reached(16 * matrix.columns);
  std::vector<int> read(tile.size());
  for (size_t u = 0; u < cuda::UnitsOfTile<format>(matrix.columns); ++u) {
    const cuda::UnitPlace place = cuda::PlaceOfUnit<format>(u, block);
    CHECK(place.values % 16 == 0 && place.values + 16 <= tile.size()) << place.values;
    CHECK(place.scales % (format == WeightFormat::kMxfp4 ? 4 : 8) == 0) << place.scales;
    for (size_t i = 0; i < 16; ++i) ++read[place.values + i];
    float scales[4];
    cuda::LoadScales<format>(&tile[place.scales], scales);
    for (unsigned r = 0; r < 4; ++r) {
      uint32_t word;
      memcpy(&word, &tile[place.values + 4 * r], sizeof(word));
      const double scale = scales[r];
      for (unsigned i = 0; i < cuda::kUnitInputs<format>; ++i) {
        const size_t row = place.row + r;
        const size_t input = place.input + i;
        ++reached[row * matrix.columns + input];
        const double expected = cpu::ReferenceWeight(format, tile.data(), block, row, input);
        const double weight = cuda::ValueOf<format>(word, i) * scale;
        CHECK(weight == expected) << row << ' ' << input << ": " << weight << ' ' << expected;
      }
    }
  }
  CHECK(std::all_of(reached.begin(), reached.end(), [](int n) { return n == 1; }));
  CHECK(*std::max_element(read.begin(), read.end()) == 1);
}

TEST(cuda_units_reach_every_weight_once_and_decode_it_exactly) {
  for (const size_t blocks : {1, 2, 3, 4, 5, 90}) {
    CheckUnits<WeightFormat::kInt4>(32, blocks);
    CheckUnits<WeightFormat::kInt8>(32, blocks);
    CheckUnits<WeightFormat::kMxfp4>(32, blocks);
    CheckUnits<WeightFormat::kInt4>(128, blocks);
    CheckUnits<WeightFormat::kInt8>(128, blocks);
  }
}

TEST(cuda_decodes_every_mxfp4_code_and_scale_but_nan) {
  for (int scale = 0; scale < 255; ++scale) {
    std::vector<uint8_t> tile(64 + 256);
    std::fill_n(tile.begin(), 64, static_cast<uint8_t>(scale));
    for (size_t i = 64; i < tile.size(); ++i) tile[i] = static_cast<uint8_t>(i - 64);
    for (uint32_t code = 0; code < 16; ++code) {
      // Row 0, input 0 is byte 64's low nibble.
      tile[64] = static_cast<uint8_t>(code);
      float scales[4];
      cuda::LoadScales<WeightFormat::kMxfp4>(tile.data(), scales);
      const double power = scales[0];
      const double expected = cpu::ReferenceWeight(WeightFormat::kMxfp4, tile.data(), 32, 0, 0);
      CHECK(cuda::Fp4(code) * power == expected) << code << ' ' << scale;
    }
  }
}

template <WeightFormat format>
void CheckLanes(size_t block, size_t lanes) {
  Random random(4);
  const PackedMatrix matrix{format, block, 16, 3 * block};
  const std::vector<uint8_t> tile = test::RandomTile(random, matrix);
  std::vector<float> x(matrix.columns);
  for (float& value : x) value = test::Normal(random);
  double sums[16] = {};
  for (size_t lane = 0; lane < lanes; ++lane) {
    float sum[4] = {};
    cuda::DotUnits<format>(tile.data(), block, matrix.columns, x.data(), lane, lanes, sum);
    for (size_t r = 0; r < 4; ++r) sums[lane % 4 * 4 + r] += sum[r];
  }
  const int32_t row = 0;
  const cpu::ActivationRows rows{x.data(), nullptr, nullptr, nullptr, x.size()};
  const cpu::TileDotArgs args{tile.data(), block, rows, &row, 1, nullptr, 16};
  for (size_t r = 0; r < 16; ++r) {
    double magnitude;
    const double expected = cpu::ReferenceTileDot(format, args, 0, r, &magnitude);
    const double tolerance = magnitude * 1.2e-7 * static_cast<double>(x.size());
    CHECK(std::abs(sums[r] - expected) <= tolerance) << r << ' ' << sums[r] << ' ' << expected;
  }
}

TEST(cuda_lanes_together_make_the_product_of_a_tile) {
  for (const size_t lanes : {32, 64, 128}) {
    CheckLanes<WeightFormat::kInt4>(32, lanes);
    CheckLanes<WeightFormat::kInt4>(128, lanes);
    CheckLanes<WeightFormat::kInt8>(32, lanes);
    CheckLanes<WeightFormat::kInt8>(128, lanes);
    CheckLanes<WeightFormat::kMxfp4>(32, lanes);
  }
}

TEST(cuda_groups_hold_each_used_slot_once_and_with_its_expert) {
  Random random(5);
  for (int trial = 0; trial < 2000; ++trial) {
    const size_t experts = 1 + random() % 70;
    const size_t slots = random() % 500;
    const size_t threads = 1 + random() % 64;
    const int32_t rows = 1 << random() % 7;
    const bool one_only = random() % 4 == 0;
    std::vector<int32_t> ids(slots);
    for (int32_t& id : ids) {
      id = one_only ? 0 : static_cast<int32_t>(random() % (experts + 1)) - 1;
    }
    std::vector<int32_t> counts(experts), grouped(slots, -1);
    const size_t most = cuda::MostRowTiles(slots, experts, static_cast<size_t>(rows));
    std::vector<cuda::RowTile> tiles(most + 1, {-7, -7, -7});
    int32_t bad = 0;
    for (size_t t = 0; t < threads; ++t) {
      cuda::CountSlots(ids.data(), slots, experts, t, threads, counts.data(), &bad);
    }
    const int32_t listed = cuda::ListTiles(experts, rows, counts.data(), tiles.data());
    for (size_t t = threads; t-- > 0;) {
      cuda::PlaceSlots(ids.data(), slots, experts, t, threads, counts.data(), grouped.data(), &bad);
    }

    CHECK(bad == 0 && listed <= static_cast<int32_t>(most)) << listed << ' ' << most;
    CHECK(tiles[most].expert == -7) << "written beyond the list";
    std::vector<int> seen(slots);
    for (int32_t i = 0; i < listed; ++i) {
      CHECK(tiles[i].count >= 1 && tiles[i].count <= rows) << tiles[i].count;
      for (int32_t r = 0; r < tiles[i].count; ++r) {
        const int32_t slot = grouped[tiles[i].first + r];
        CHECK(slot >= 0 && ids[slot] == tiles[i].expert) << slot;
        if (slot >= 0) ++seen[slot];
      }
    }
    for (size_t s = 0; s < slots; ++s) CHECK(seen[s] == (ids[s] >= 0 ? 1 : 0)) << s;
  }
}

TEST(cuda_grouping_flags_an_id_that_is_no_expert) {
  const int32_t ids[] = {0, 3, -2};
  int32_t counts[3] = {}, bad = 0;
  cuda::CountSlots(ids, 1, 3, 0, 1, counts, &bad);
  CHECK(bad == 0);
  cuda::CountSlots(ids, 2, 3, 0, 1, counts, &bad);
  CHECK(bad == 1);
  bad = 0;
  CHECK(cuda::ExpertOfSlot(ids, 2, 3, &bad) == -1 && bad == 1);
}

TEST(cuda_routing_chooses_what_the_processor_chooses) {
  Random random(6);
  int compared = 0;
  for (int trial = 0; trial < 20000; ++trial) {
    RouterConfig config;
    const size_t experts = 1 + random() % 40;
    config.k = 1 + random() % experts;
    config.scoring = random() % 2 ? Scoring::kSoftmax : Scoring::kSigmoid;
    config.normalize = random() % 2;
    config.softmax_after_topk = config.scoring == Scoring::kSoftmax && random() % 2;
    config.n_group = random() % 5;
    config.topk_group = random() % 5;
    config.scale = 1.0F + static_cast<float>(random() % 3);
    try {
      CheckRouter(config, experts);
    } catch (const std::invalid_argument&) {
      continue;
    }
    ++compared;
    std::vector<float> logits(experts), bias(experts);
    // Whole numbers in a third of the trials: equal scores.
    const bool ties = random() % 3 == 0;
    for (float& value : logits) value = ties ? random() % 3 : 2 * test::Normal(random);
    for (float& value : bias) value = ties ? random() % 2 : test::Normal(random);
    const float* used = random() % 2 ? bias.data() : nullptr;
    const float efforts[] = {1.0F, 0.5F, -0.7F, -1.0F};
    const Effort effort = DecodeEffort(efforts[random() % 4], config.k);
    std::vector<int32_t> ids(config.k), expected_ids(config.k);
    std::vector<float> weights(config.k), expected(config.k);
    RouterScratch scratch(experts);
    RouteToken(config, effort, logits.data(), used, scratch, expected_ids.data(), expected.data());
    std::vector<double> memory(cuda::RouteMemory::Bytes(experts, config.k, config.n_group) / 8 + 1);

    const bool finite =
        cuda::RouteOnLanes(OneLane(), config, effort, logits.data(), used, experts,
                           cuda::RouteMemory(memory.data(), experts, config.k, config.n_group),
                           ids.data(), weights.data());

    CHECK(finite);
    CHECK(ids == expected_ids) << "trial " << trial;
    CHECK(weights == expected) << "trial " << trial;
  }
  CHECK(compared > 5000) << compared;
}

TEST(cuda_routing_of_a_logit_that_is_no_number_gives_no_number) {
  const float logits[] = {1.0F, NAN, 2.0F};
  RouterConfig config;
  config.k = 2;
  double memory[16];
  int32_t ids[2];
  float weights[2];

  const bool finite = cuda::RouteOnLanes(OneLane(), config, Effort{2, 0.0}, logits, nullptr, 3,
                                         cuda::RouteMemory(memory, 3, 2, 0), ids, weights);

  CHECK(!finite && ids[0] == 0 && ids[1] == -1);
  CHECK(std::isnan(weights[0]) && weights[1] == 0);
}

TEST(cuda_gates_agree_with_the_processors) {
  using cpu::Activation;
  const cpu::Kernels& kernels = cpu::ChooseKernels();
  for (const Activation activation :
       {Activation::kSwiglu, Activation::kSwigluOai, Activation::kGelu}) {
    for (float gate = -12; gate <= 12; gate += 0.37F) {
      for (float up = -9; up <= 9; up += 0.9F) {
        float expected;
        kernels.gate({activation, 1.702F, 7.0F, &gate, &up, 1, &expected});
        const float hidden = cuda::HiddenValue(activation, 1.702F, 7.0F, gate, up);
        CHECK(std::abs(hidden - expected) <= 2e-5F * std::abs(expected) + 1e-9F)
            << gate << ' ' << up << ": " << hidden << ' ' << expected;
      }
    }
    CHECK(std::isnan(cuda::HiddenValue(activation, 1.702F, 7.0F, NAN, 1)));
    CHECK(std::isnan(cuda::HiddenValue(activation, 1.702F, 7.0F, 1, NAN)));
  }
}

}  // namespace
}  // namespace mixline
