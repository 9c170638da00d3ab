// Quantisation of activations, and the gate, of every kernel of this machine.
#include <algorithm>
#include <cfloat>

#include "check.h"
#include "cpu/exact.h"
#include "cpu/kernel_table.h"
#include "random_tile.h"

namespace mixline {
namespace {

using cpu::Activation;
using cpu::kActivationBlock;

struct Quantised {
  std::vector<int8_t> q;
  std::vector<float> scale;
  std::vector<int32_t> sum;
  std::vector<float> margin;

  Quantised(const cpu::Kernels& kernels, const std::vector<float>& x, size_t padded)
      : q(padded, 99),
        scale(padded / kActivationBlock),
        sum(padded / kActivationBlock),
        margin(padded / kActivationBlock) {
    kernels.quantize_row(
        {x.data(), x.size(), padded, q.data(), scale.data(), sum.data(), margin.data()});
  }
};

TEST(quantize_row_is_rint_of_x_over_scale) {
  test::Random random(3);
  for (const cpu::Kernels* kernels : cpu::AvailableKernels()) {
    for (const size_t columns : {1, 31, 32, 33, 64, 100, 255}) {
      std::vector<float> x(columns);
      for (float& value : x) value = test::Normal(random) * 10;
      const size_t padded = RoundUp(columns, kActivationBlock) + kActivationBlock;
      const Quantised got(*kernels, x, padded);
      for (size_t b = 0; b < padded / kActivationBlock; ++b) {
        float peak = 0;
        for (size_t i = b * 32; i < std::min(columns, b * 32 + 32); ++i) {
          peak = std::max(peak, std::abs(x[i]));
        }
        const float scale = peak / 127.0F;
        CHECK(got.scale[b] == scale) << kernels->name << " columns " << columns << " block " << b;
        int32_t sum = 0;
        double furthest = 0;
        for (size_t i = b * 32; i < b * 32 + 32; ++i) {
          const double steps = i < columns && peak > 0 ? x[i] / (peak / 127.0) : 0;
          const int expected = static_cast<int>(std::nearbyint(steps));
          furthest = std::max(furthest, std::abs(steps - expected));
          CHECK(got.q[i] == expected) << kernels->name << " columns " << columns << " at " << i
                                      << ": " << int{got.q[i]} << ", expected " << expected;
          sum += expected;
        }
        CHECK(got.sum[b] == sum) << kernels->name << " block " << b;
        CHECK(std::abs(got.margin[b] - (0.5 - furthest)) < 2e-5) << kernels->name << got.margin[b];
      }
    }
  }
}

// Quotients that f32 would put on the wrong side of the middle, or exactly on it.
TEST(quantize_row_rounds_like_exact_arithmetic_near_ties) {
  test::Random random(4);
  for (const cpu::Kernels* kernels : cpu::AvailableKernels()) {
    for (int trial = 0; trial < 2000; ++trial) {
      std::vector<float> x(32);
      x[0] = std::abs(test::Normal(random)) + 0.1F;
      for (size_t i = 1; i < 32; ++i) {
        const double middle = static_cast<double>(random() % 127) + 0.5;
        x[i] = static_cast<float>(x[0] / 127.0 * middle);
      }
      const Quantised got(*kernels, x, 32);
      for (size_t i = 0; i < 32; ++i) {
        const int expected = static_cast<int>(std::nearbyint(x[i] / (x[0] / 127.0)));
        CHECK(got.q[i] == expected) << kernels->name << ' ' << int{got.q[i]} << ' ' << expected;
      }
      CHECK(got.margin[0] < 1e-4F) << kernels->name << ' ' << got.margin[0];
    }
  }
}

TEST(quantize_row_rounds_ties_to_even) {
  std::vector<float> x(32, 0.0F);
  x[0] = 127.0F;  // scale 1
  for (size_t i = 1; i < 32; ++i) x[i] = static_cast<float>(i) - 16.5F;
  for (const cpu::Kernels* kernels : cpu::AvailableKernels()) {
    const Quantised got(*kernels, x, 32);
    for (size_t i = 1; i < 32; ++i) {
      CHECK(got.q[i] % 2 == 0) << kernels->name << ' ' << x[i] << " became " << int{got.q[i]};
    }
  }
}

TEST(quantize_row_handles_special_values) {
  for (const cpu::Kernels* kernels : cpu::AvailableKernels()) {
    for (const float special : {0.0F, 1e-44F, FLT_MIN, 7e-31F}) {
      std::vector<float> x(32, special);
      const Quantised got(*kernels, x, 32);
      CHECK(got.scale[0] == 0 && got.sum[0] == 0 && got.q[5] == 0) << kernels->name << special;
    }
    for (const float special : {INFINITY, -INFINITY, NAN, -NAN}) {
      std::vector<float> x(64, 1.0F);
      x[40] = special;
      const Quantised got(*kernels, x, 64);
      CHECK(std::isnan(got.scale[1])) << kernels->name << ' ' << special;
      CHECK(got.scale[0] == 1.0F / 127.0F) << kernels->name << " the other block is untouched";
    }
    for (const float large : {FLT_MAX, -FLT_MAX}) {
      const Quantised got(*kernels, std::vector<float>(32, large), 32);
      CHECK(std::abs(got.q[0]) == 127 && std::isfinite(got.scale[0])) << kernels->name;
    }
  }
}

TEST(gate_is_accurate_to_a_few_units_in_the_last_place) {
  test::Random random(5);
  for (const cpu::Kernels* kernels : cpu::AvailableKernels()) {
    for (const Activation activation :
         {Activation::kSwiglu, Activation::kSwigluOai, Activation::kGelu}) {
      for (const size_t count : {1, 7, 16, 31, 32, 1000}) {
        std::vector<float> gate(count), up(count), hidden(count);
        for (size_t i = 0; i < count; ++i) {
          gate[i] = test::Normal(random) * static_cast<float>(i % 20);
          up[i] = test::Normal(random) * 5;
        }
        const cpu::GateArgs args{activation, 1.702F, 7.0F,         gate.data(),
                                 up.data(),  count,  hidden.data()};
        kernels->gate(args);
        for (size_t i = 0; i < count; ++i) {
          const double expected = cpu::ExactGate(args, gate[i], up[i]);
          // Rounding alpha * gate moves the exponential by that product's share; with gelu, the
          // exponent is gate^2 / 2.
          const double exponent = activation == Activation::kGelu
                                      ? static_cast<double>(gate[i]) * gate[i]
                                      : args.alpha * gate[i];
          const double units = 8 + std::abs(exponent);
          CHECK(std::abs(hidden[i] - expected) <= units * FLT_EPSILON * std::abs(expected) + 1e-34)
              << kernels->name << " activation " << static_cast<int>(activation) << " gate "
              << gate[i] << " up " << up[i] << ": " << hidden[i] << ", expected " << expected;
        }
        // In place, as the dispatch calls it.
        kernels->gate({activation, 1.702F, 7.0F, gate.data(), up.data(), count, gate.data()});
        CHECK(gate == hidden) << kernels->name;
      }
    }
  }
}

TEST(gate_passes_nan_on_and_saturates) {
  for (const cpu::Kernels* kernels : cpu::AvailableKernels()) {
    for (const Activation activation : {Activation::kSwiglu, Activation::kSwigluOai}) {
      float gate[] = {NAN, 1000.0F, -1000.0F, 1.0F};
      const float up[] = {1.0F, 1.0F, 1.0F, NAN};
      kernels->gate({activation, 1.0F, 7.0F, gate, up, 4, gate});
      CHECK(std::isnan(gate[0]) && std::isnan(gate[3])) << kernels->name;
      CHECK(gate[1] > 0 && std::isfinite(gate[1])) << kernels->name << ' ' << gate[1];
      CHECK(std::abs(gate[2]) < 1e-30F) << kernels->name << ' ' << gate[2];
    }
  }
}

}  // namespace
}  // namespace mixline
