// RunExperts with real threads and guarded buffers, against a naive evaluation of the same bytes.
#include <algorithm>
#include <atomic>
#include <thread>

#include "check.h"
#include "cpu/exact.h"
#include "cpu/kernel_table.h"
#include "cpu/reference.h"
#include "expert_dispatch.h"
#include "random_tile.h"

namespace mixline {
namespace {

using cpu::WeightFormat;

ThreadPool Threads(size_t* count) {
  return {count, [](void* context, size_t total, void (*task)(void*, size_t), void* user) {
            std::atomic<size_t> next{0};
            std::vector<std::thread> threads;
            for (size_t t = 0; t < *static_cast<size_t*>(context); ++t) {
              threads.emplace_back([&] {
                for (size_t i = next++; i < total; i = next++) task(user, i);
              });
            }
            for (std::thread& thread : threads) thread.join();
          }};
}

struct Problem {
  ExpertShape shape;
  size_t tokens, slots;
  std::vector<float> x, weights;
  std::vector<int32_t> ids;
  std::vector<uint8_t> gate_up, down;

  Problem(test::Random& random, ExpertShape s, size_t num_tokens, size_t num_slots)
      : shape(s), tokens(num_tokens), slots(num_slots) {
    for (size_t i = 0; i < tokens * shape.hidden; ++i) x.push_back(test::Normal(random));
    for (size_t i = 0; i < tokens * slots; ++i) {
      ids.push_back(static_cast<int32_t>(random() % (shape.num_experts + 1)) - 1);
      weights.push_back(test::Normal(random));
    }
    Fill(random, shape.gate(), 2 * shape.num_experts, gate_up);
    Fill(random, shape.down(), shape.num_experts, down);
  }

  static void Fill(test::Random& random, const PackedMatrix& matrix, size_t count,
                   std::vector<uint8_t>& out) {
    for (size_t i = 0; i < count * matrix.tiles(); ++i) {
      const std::vector<uint8_t> tile = test::RandomTile(random, matrix);
      out.insert(out.end(), tile.begin(), tile.end());
    }
  }

  std::vector<float> Run(const cpu::Kernels& kernels, size_t threads) const {
    std::vector<float> y(tokens * shape.hidden, NAN);
    const ExpertCall call{tokens,         slots,       x.data(), ids.data(), weights.data(),
                          gate_up.data(), down.data(), nullptr,  nullptr,    y.data()};
    // Exactly as large as asked for, and full of NaN: nothing is read before it is written.
    std::vector<std::byte> scratch(ScratchBytes(shape, tokens, slots), std::byte{0xFF});
    RunExperts(kernels, shape, call, scratch.data(), Threads(&threads));
    return y;
  }

  // y of one token; activations are rounded by the portable kernel's own row functions, which
  // rows_test.cc checks.
  std::vector<double> Expected(size_t token) const {
    std::vector<double> y(shape.hidden);
    for (size_t slot = 0; slot < slots; ++slot) {
      const int32_t expert = ids[token * slots + slot];
      if (expert < 0) continue;
      const std::vector<float> input(x.begin() + token * shape.hidden,
                                     x.begin() + (token + 1) * shape.hidden);
      const uint8_t* gate_tiles = &gate_up[expert * 2 * shape.gate().bytes()];
      std::vector<float> hidden(shape.expert_hidden);
      for (size_t i = 0; i < shape.expert_hidden; ++i) {
        const uint8_t* tile = gate_tiles + i / 16 * 2 * shape.gate().tile_bytes();
        const float gate = static_cast<float>(Dot(shape.gate(), tile, i % 16, input));
        const float up =
            static_cast<float>(Dot(shape.gate(), tile + shape.gate().tile_bytes(), i % 16, input));
        cpu::GateArgs args{shape.activation, shape.alpha, shape.limit, &gate, &up, 1, nullptr};
        hidden[i] = static_cast<float>(cpu::ExactGate(args, gate, up));
      }
      for (size_t i = 0; i < shape.hidden; ++i) {
        const uint8_t* tile =
            &down[expert * shape.down().bytes() + i / 16 * shape.down().tile_bytes()];
        y[i] += weights[token * slots + slot] * Dot(shape.down(), tile, i % 16, hidden);
      }
    }
    return y;
  }

  static double Dot(const PackedMatrix& matrix, const uint8_t* tile, size_t row,
                    const std::vector<float>& values) {
    const size_t columns = matrix.padded_columns();
    std::vector<float> padded(values);
    padded.resize(columns);
    cpu::TileDotArgs args{};
    const int32_t id = 0;
    args.tile = tile;
    args.block = matrix.block;
    args.row_ids = &id;
    args.x = {padded.data(), nullptr, nullptr, nullptr, columns};
    std::vector<int8_t> q(columns);
    std::vector<float> scale(columns / 32 + 1);
    std::vector<int32_t> sum(columns / 32 + 1);
    if (matrix.format != WeightFormat::kF32) {
      cpu::AvailableKernels().back()->quantize_row(
          {padded.data(), columns, columns, q.data(), scale.data(), sum.data(), nullptr});
      args.x = {nullptr, q.data(), scale.data(), sum.data(), columns};
    }
    double magnitude = 0;
    return cpu::ReferenceTileDot(matrix.format, args, 0, row, &magnitude);
  }
};

double Norm(const float* values, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; ++i) sum += static_cast<double>(values[i]) * values[i];
  return std::sqrt(sum);
}

// Every kernel rounds activations alike, so that what is left is f32 rounding.
void CheckAgreement(const Problem& problem) {
  const std::vector<float> portable = problem.Run(*cpu::AvailableKernels().back(), 1);
  for (const cpu::Kernels* kernels : cpu::AvailableKernels()) {
    std::vector<float> difference = problem.Run(*kernels, 1);
    for (size_t i = 0; i < difference.size(); ++i) difference[i] -= portable[i];
    const size_t width = problem.shape.hidden;
    for (size_t t = 0; t < problem.tokens; ++t) {
      const double error = Norm(&difference[t * width], width);
      const double norm = Norm(&portable[t * width], width);
      CHECK(error <= 2e-6 * norm) << kernels->name << " token " << t << " differs by "
                                  << error / norm << " from portable";
    }
  }
}

void CheckProblem(const Problem& problem) {
  for (const cpu::Kernels* kernels : cpu::AvailableKernels()) {
    const std::vector<float> y = problem.Run(*kernels, 1);
    for (size_t t = 0; t < problem.tokens; ++t) {
      const std::vector<double> expected = problem.Expected(t);
      double error = 0;
      double norm = 0;
      for (size_t i = 0; i < expected.size(); ++i) {
        const double difference = y[t * expected.size() + i] - expected[i];
        error += difference * difference;
        norm += expected[i] * expected[i];
      }
      // A hidden value on a rounding border may go either way: one step of one value.
      CHECK(std::sqrt(error) <= 5e-3 * std::sqrt(norm))
          << kernels->name << " token " << t << " error " << std::sqrt(error) << " norm "
          << std::sqrt(norm);
    }
    for (const size_t threads : {2, 3}) {
      CHECK(problem.Run(*kernels, threads) == y) << kernels->name << ' ' << threads << " threads";
    }
  }
}

ExpertShape Shape(size_t hidden, size_t expert_hidden, size_t experts, WeightFormat format,
                  size_t block) {
  return {hidden, expert_hidden, experts, format, block, cpu::Activation::kSwiglu, 1.702F, 7.0F};
}

TEST(experts_of_every_format_and_shape) {
  test::Random random(11);
  for (const WeightFormat format :
       {WeightFormat::kF32, WeightFormat::kInt8, WeightFormat::kInt4, WeightFormat::kMxfp4}) {
    CheckProblem({random, Shape(64, 32, 4, format, 32), 1, 2});
    CheckProblem({random, Shape(77, 45, 5, format, 32), 9, 3});
    CheckProblem({random, Shape(1, 1, 1, format, 32), 3, 1});
    if (format == WeightFormat::kMxfp4) continue;  // has blocks of 32 only
    CheckProblem({random, Shape(130, 33, 3, format, 128), 5, 2});
  }
}

TEST(kernels_differ_in_f32_rounding_only) {
  test::Random random(19);
  // One slot: two of the same expert could cancel out, and leave rounding.
  for (const WeightFormat format :
       {WeightFormat::kF32, WeightFormat::kInt8, WeightFormat::kInt4, WeightFormat::kMxfp4}) {
    CheckAgreement({random, Shape(128, 96, 4, format, 32), 1024, 1});
    CheckAgreement({random, Shape(77, 45, 3, format, 32), 64, 1});
  }
}

TEST(experts_of_many_tokens_run_in_parallel) {
  test::Random random(13);
  // Large enough for several tasks and chunks; the quantised result needs no reference here.
  for (const WeightFormat format :
       {WeightFormat::kF32, WeightFormat::kInt4, WeightFormat::kMxfp4}) {
    const Problem problem(random, Shape(640, 96, 3, format, 32), 100, 2);
    for (const cpu::Kernels* kernels : cpu::AvailableKernels()) {
      const std::vector<float> y = problem.Run(*kernels, 1);
      CHECK(problem.Run(*kernels, 4) == y) << kernels->name;
      CHECK(std::none_of(y.begin(), y.end(), [](float v) { return std::isnan(v); }));
    }
  }
}

TEST(experts_without_tokens_or_slots) {
  test::Random random(17);
  Problem problem(random, Shape(64, 32, 4, WeightFormat::kInt4, 32), 3, 2);
  std::fill(problem.ids.begin(), problem.ids.end(), -1);
  for (const cpu::Kernels* kernels : cpu::AvailableKernels()) {
    for (const float value : problem.Run(*kernels, 2)) CHECK(value == 0) << kernels->name;
    CHECK(Problem(random, problem.shape, 0, 2).Run(*kernels, 2).empty());
    for (const float value : Problem(random, problem.shape, 2, 0).Run(*kernels, 2)) {
      CHECK(value == 0) << kernels->name;
    }
  }
}

}  // namespace
}  // namespace mixline
