// Attention over a cache, task cutting included, against sums in double precision.
#include "attention.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "check.h"
#include "cpu/kernel_table.h"
#include "random_tile.h"

namespace mixline {
namespace {

// Threads that take their tasks in descending order: an order that no result may depend on.
constexpr ThreadPool kBackwards{nullptr,
                                [](void*, size_t count, void (*task)(void*, size_t), void* user) {
                                  for (size_t i = count; i > 0; --i) task(user, i - 1);
                                }};

std::vector<float> Normals(test::Random& random, size_t count) {
  std::vector<float> values(count);
  for (float& value : values) value = test::Normal(random);
  return values;
}

// A cache in memory of exactly its size, so that the address sanitizer sees a step beyond it.
struct OwnedCache {
  std::vector<float> f32;
  std::vector<int8_t> q;
  std::vector<float> scale;

  OwnedCache(const AttentionShape& shape, size_t capacity) {
    const size_t rows = shape.kv_heads * capacity;
    if (shape.int8) {
      q.assign(rows * shape.head_dim, 99);
      scale.assign(rows * shape.blocks(), NAN);
    } else {
      f32.assign(rows * shape.head_dim, NAN);
    }
  }

  KvCache View() { return {f32.empty() ? nullptr : f32.data(), q.data(), scale.data()}; }

  double At(const AttentionShape& shape, size_t row, size_t d) const {
    const size_t index = row * shape.head_dim + d;
    if (!shape.int8) return f32[index];
    return static_cast<double>(q[index]) * scale[index / cpu::kActivationBlock];
  }
};

struct Text {
  size_t tokens;
  std::vector<float> query, key, value, sinks;

  Text(const AttentionShape& shape, size_t length, test::Random& random)
      : tokens(length),
        query(Normals(random, length * shape.num_heads * shape.head_dim)),
        key(Normals(random, length * shape.kv_heads * shape.head_dim)),
        value(Normals(random, length * shape.kv_heads * shape.head_dim)),
        sinks(Normals(random, shape.num_heads)) {}
};

// y of one token and head, from what the caches hold.
std::vector<double> Expected(const AttentionShape& shape, const Text& text, const OwnedCache& keys,
                             const OwnedCache& values, size_t capacity, size_t t, size_t head) {
  const size_t begin = shape.window != 0 && t >= shape.window ? t + 1 - shape.window : 0;
  const size_t first_row = head / shape.group() * capacity;
  std::vector<double> scores(t + 1 - begin, 0.0);
  for (size_t p = begin; p <= t; ++p) {
    for (size_t d = 0; d < shape.head_dim; ++d) {
      scores[p - begin] += keys.At(shape, first_row + p, d) *
                           text.query[(t * shape.num_heads + head) * shape.head_dim + d];
    }
    scores[p - begin] *= shape.scale;
  }
  const double sink = text.sinks[head];
  const double max = std::max(sink, *std::max_element(scores.begin(), scores.end()));
  double sum = std::exp(sink - max);
  std::vector<double> y(shape.head_dim, 0.0);
  for (size_t p = begin; p <= t; ++p) {
    const double weight = std::exp(scores[p - begin] - max);
    sum += weight;
    for (size_t d = 0; d < shape.head_dim; ++d) {
      y[d] += weight * values.At(shape, first_row + p, d);
    }
  }
  for (double& value : y) value /= sum;
  return y;
}

// Feeds a text in two steps and checks every token's y.
void CheckText(const cpu::Kernels& kernels, const AttentionShape& shape, size_t first_step,
               size_t tokens, test::Random& random) {
  const Text text(shape, tokens, random);
  OwnedCache keys(shape, tokens);
  OwnedCache values(shape, tokens);
  std::vector<float> y(tokens * shape.num_heads * shape.head_dim, NAN);
  for (const auto& [past, end] : {std::pair{size_t{0}, first_step}, {first_step, tokens}}) {
    if (past == end) continue;
    const size_t wide = past * shape.num_heads * shape.head_dim;
    const size_t narrow = past * shape.kv_heads * shape.head_dim;
    const AttentionCall call{.tokens = end - past,
                             .past = past,
                             .capacity = tokens,
                             .query = text.query.data() + wide,
                             .key = text.key.data() + narrow,
                             .value = text.value.data() + narrow,
                             .cosines = nullptr,
                             .sines = nullptr,
                             .rotary_pairs = 0,
                             .sinks = text.sinks.data(),
                             .keys = keys.View(),
                             .values = values.View(),
                             .y = y.data() + wide};
    std::vector<std::byte> scratch(AttentionScratchBytes(shape, call.tokens, past));
    RunAttention(kernels, shape, call, scratch.data(), kBackwards);
  }
  for (size_t t = 0; t < tokens; ++t) {
    for (size_t head = 0; head < shape.num_heads; ++head) {
      const std::vector<double> expected = Expected(shape, text, keys, values, tokens, t, head);
      const float* got = y.data() + (t * shape.num_heads + head) * shape.head_dim;
      double error = 0;
      double norm = 0;
      for (size_t d = 0; d < shape.head_dim; ++d) {
        error += (got[d] - expected[d]) * (got[d] - expected[d]);
        norm += expected[d] * expected[d];
      }
      CHECK(error <= 1e-10 * norm)
          << kernels.name << (shape.int8 ? " int8" : " f32") << " heads " << shape.num_heads << '/'
          << shape.kv_heads << " x " << shape.head_dim << " window " << shape.window << " steps "
          << first_step << ',' << tokens << ": token " << t << " head " << head << " error "
          << std::sqrt(error) << " norm " << std::sqrt(norm);
    }
  }
}

void CheckShapes(bool int8) {
  test::Random random(1);
  for (const cpu::Kernels* kernels : cpu::AvailableKernels()) {
    for (const size_t group : {1, 3, 8, 16}) {
      for (const size_t head_dim : {32, 96, 256}) {
        const size_t tokens = 30 + random() % 20;
        const size_t window = random() % 2 == 0 ? 0 : 1 + random() % 50;
        const AttentionShape shape{2 * group, 2, head_dim, 0.2F, window, int8};
        CheckText(*kernels, shape, random() % tokens, tokens, random);
      }
    }
    CheckText(*kernels, {70, 1, 32, 0.2F, 0, int8}, 1, 3, random);
    CheckText(*kernels, {4, 2, 32, 0.2F, 0, int8}, 1030, 1034, random);
    CheckText(*kernels, {4, 2, 32, 0.2F, 600, int8}, 1030, 1034, random);
  }
}

TEST(attention_f32) { CheckShapes(false); }
TEST(attention_int8) { CheckShapes(true); }

TEST(attention_with_the_least_head_dim) {
  test::Random random(2);
  for (const cpu::Kernels* kernels : cpu::AvailableKernels()) {
    CheckText(*kernels, {3, 1, 16, 0.3F, 0, false}, 5, 70, random);
  }
}

}  // namespace
}  // namespace mixline
