// Attention of some query rows to a range of keys and values, over a vector type V.
//
// Included by one .cc per instruction set, which defines V in an anonymous namespace, so that each
// of them keeps its own copy:
//   V::Reg                  kWidth floats
//   V::kWidth               16 is a multiple of it
//   V::kRows                query rows per block: kRows * 2 sums stay in registers
//   Load Store Set1 Add Sub Mul, Fma(a, b, c) = a * b + c
//   Max(a, b)               b if either is NaN
//   Round                   to the nearest integer, |x| < 2^22
//   TimesPow2(x, n)         x * 2^n for integers n in -126 .. 0; NaN if x is
//   Widen(const int8_t*)    kWidth integers
//   ReduceMax ReduceAdd     over the lanes
//   Transpose(Reg (&)[kWidth])
#ifndef MIXLINE_CPU_ATTEND_INL_H_
#define MIXLINE_CPU_ATTEND_INL_H_

#include <math.h>
#include <string.h>

#include "cpu/kernels.h"

namespace mixline::cpu {

template <typename V>
class Attention {
 public:
  static void Attend(const AttendArgs& args) {
    alignas(64) float keys[kMaxHeadDim * kKeyTile];    // [head_dim, kKeyTile]
    alignas(64) float values[kKeyTile * kMaxHeadDim];  // [kKeyTile, head_dim], for int8
    alignas(64) float scores[kAttendRows * kKeyTile];  // [rows, kKeyTile], then weights
    float correction[kAttendRows];                     // of what was mixed before
    for (size_t r = 0; r < args.rows; ++r) {
      args.out.max[r] = -INFINITY;
      args.out.sum[r] = 0.0F;
    }
    memset(args.out.mixed, 0, args.rows * args.head_dim * sizeof(float));
    for (size_t start = args.range.begin; start < args.range.end; start += kKeyTile) {
      const size_t left = args.range.end - start;
      const Tile tile{start, left < kKeyTile ? left : kKeyTile};
      if (args.keys.f32 != nullptr) {
        TransposeKeys<false>(args, tile, keys);
      } else {
        TransposeKeys<true>(args, tile, keys);
      }
      const float* f32_values = values;
      if (args.values.f32 != nullptr) {
        f32_values = args.values.f32 + start * args.head_dim;
      } else {
        WidenValues(args, tile, values);
      }
      InBlocks<V::kRows>(0, args.rows, [&](auto block, size_t r) {
        ScoreRows<block.kRows>(args.query + r * args.head_dim, args.head_dim, keys,
                               scores + r * kKeyTile);
      });
      for (size_t r = 0; r < args.rows; ++r) {
        correction[r] = Weigh(tile.Clip(args.seen[r]), scores + r * kKeyTile, args.out.max + r,
                              args.out.sum + r);
      }
      MixTile(args, tile, scores, correction, f32_values);
    }
  }

  static void Merge(const MergeArgs& args) {
    for (size_t r = 0; r < args.rows; ++r) {
      if (args.from.sum[r] == 0.0F) continue;  // saw nothing; a NaN goes on
      const float former = args.into.max[r];
      const float added = args.from.max[r];
      const float max = added > former ? added : former;
      const float keep = Exp2Of(former - max);
      const float take = Exp2Of(added - max);
      args.into.max[r] = max;
      args.into.sum[r] = args.into.sum[r] * keep + args.from.sum[r] * take;
      float* into = args.into.mixed + r * args.head_dim;
      const float* from = args.from.mixed + r * args.head_dim;
      for (size_t d = 0; d < args.head_dim; d += V::kWidth) {
        const Reg kept = V::Mul(V::Load(into + d), V::Set1(keep));
        V::Store(into + d, V::Fma(V::Load(from + d), V::Set1(take), kept));
      }
    }
  }

 private:
  using Reg = typename V::Reg;
  static constexpr size_t kVectors = 2;  // registers per row of a block
  static constexpr size_t kSpan = kVectors * V::kWidth;
  static_assert(kKeyTile % kSpan == 0 && kHeadDimStep % V::kWidth == 0);

  struct Tile {
    size_t start;
    size_t count;  // positions that exist; fewer than kKeyTile at the end

    // The part of a range inside the tile, counted from its start; empty: begin >= end.
    KvRange Clip(KvRange seen) const {
      const size_t begin = seen.begin > start ? seen.begin - start : 0;
      const size_t end = seen.end > start ? seen.end - start : 0;
      return {begin, end < count ? end : count};
    }
  };

  template <size_t rows>
  struct Block {
    static constexpr size_t kRows = rows;
  };

  // Calls body(Block<n>, first row) for n rows at a time, n = rows while that many are left, then
  // half as many, and so on.
  template <size_t rows, typename Body>
  static void InBlocks(size_t first, size_t end, const Body& body) {
    for (; first + rows <= end; first += rows) body(Block<rows>{}, first);
    if constexpr (rows > 1) {
      if (first < end) InBlocks<rows / 2>(first, end, body);
    }
  }

  // 2^x for x <= 0; below -126 as at -126, NaN if x is.
  static Reg Exp2(Reg x) {
    x = V::Max(V::Set1(-126.0F), x);
    const Reg n = V::Round(x);
    const Reg r = V::Sub(x, n);
    // Taylor's series of 2^r, |r| <= 1/2, up to (r ln 2)^7 / 7!; the rest is below 2^-27.
    Reg p = V::Set1(1.52527338e-5F);
    p = V::Fma(p, r, V::Set1(1.54035304e-4F));
    p = V::Fma(p, r, V::Set1(1.33335581e-3F));
    p = V::Fma(p, r, V::Set1(9.61812911e-3F));
    p = V::Fma(p, r, V::Set1(5.55041087e-2F));
    p = V::Fma(p, r, V::Set1(2.40226507e-1F));
    p = V::Fma(p, r, V::Set1(6.93147181e-1F));
    p = V::Fma(p, r, V::Set1(1.0F));
    return V::TimesPow2(p, n);
  }

  static float Exp2Of(float x) {
    float lanes[V::kWidth];
    V::Store(lanes, Exp2(V::Set1(x)));
    return lanes[0];
  }

  // kWidth values from dimension d of `position` on.
  template <bool int8>
  static Reg LoadRow(const KvRows& rows, size_t head_dim, size_t position, size_t d) {
    const size_t index = position * head_dim + d;
    if constexpr (!int8) return V::Load(rows.f32 + index);
    return V::Mul(V::Widen(rows.q + index), V::Set1(rows.scale[index / kActivationBlock]));
  }

  // Asks for what stands where this does in the next tile. Beyond the end that is harmless.
  template <bool int8>
  static void PrefetchNext(const KvRows& rows, size_t head_dim, size_t position, size_t d) {
    const size_t index = (position + kKeyTile) * head_dim + d;
    if constexpr (int8) {
      __builtin_prefetch(rows.q + index);
    } else {
      __builtin_prefetch(rows.f32 + index);
    }
  }

  // keys[d][t] = key of position start + t; behind the last position, anything finite or not.
  template <bool int8>
  static void TransposeKeys(const AttendArgs& args, const Tile& tile, float* keys) {
    for (size_t t = 0; t < tile.count; t += V::kWidth) {
      const size_t last = tile.start + tile.count - 1;
      for (size_t d = 0; d < args.head_dim; d += V::kWidth) {
        Reg square[V::kWidth];
#pragma GCC unroll 16
        for (size_t i = 0; i < V::kWidth; ++i) {
          size_t position = tile.start + t + i;
          if (position > last) position = last;  // repeated: nobody looks at its scores
          PrefetchNext<int8>(args.keys, args.head_dim, position, d);
          PrefetchNext<int8>(args.values, args.head_dim, position, d);
          square[i] = LoadRow<int8>(args.keys, args.head_dim, position, d);
        }
        V::Transpose(square);
#pragma GCC unroll 16
        for (size_t i = 0; i < V::kWidth; ++i) V::Store(keys + (d + i) * kKeyTile + t, square[i]);
      }
    }
  }

  static void WidenValues(const AttendArgs& args, const Tile& tile, float* values) {
    for (size_t t = 0; t < tile.count; ++t) {
      for (size_t d = 0; d < args.head_dim; d += V::kWidth) {
        PrefetchNext<true>(args.values, args.head_dim, tile.start + t, d);
        V::Store(values + t * args.head_dim + d,
                 LoadRow<true>(args.values, args.head_dim, tile.start + t, d));
      }
    }
  }

  // scores[r][t] = query[r] . key[t]. Not inlined, as MixColumns: inside a large function GCC 12
  // keeps arrays of registers in memory.
  template <size_t rows>
  [[gnu::noinline]] static void ScoreRows(const float* query, size_t head_dim, const float* keys,
                                          float* scores) {
    for (size_t t = 0; t < kKeyTile; t += kSpan) {
      Reg sums[rows][kVectors];
      for (size_t r = 0; r < rows; ++r) {
        for (size_t v = 0; v < kVectors; ++v) sums[r][v] = V::Set1(0.0F);
      }
      for (size_t d = 0; d < head_dim; ++d) {
        Reg key[kVectors];
        for (size_t v = 0; v < kVectors; ++v) {
          key[v] = V::Load(keys + d * kKeyTile + t + v * V::kWidth);
        }
        for (size_t r = 0; r < rows; ++r) {
          const Reg x = V::Set1(query[r * head_dim + d]);
          for (size_t v = 0; v < kVectors; ++v) sums[r][v] = V::Fma(x, key[v], sums[r][v]);
        }
      }
      for (size_t r = 0; r < rows; ++r) {
        for (size_t v = 0; v < kVectors; ++v) {
          V::Store(scores + r * kKeyTile + t + v * V::kWidth, sums[r][v]);
        }
      }
    }
  }

  // Makes weights of one row's scores, 0 outside of `seen`, and brings its max and sum up to date.
  // Returns the factor of what was summed before.
  static float Weigh(KvRange seen, float* scores, float* max, float* sum) {
    if (seen.begin >= seen.end) return 1.0F;
    for (size_t t = 0; t < seen.begin; ++t) scores[t] = -INFINITY;
    for (size_t t = seen.end; t < kKeyTile; ++t) scores[t] = -INFINITY;
    Reg largest = V::Load(scores);
    for (size_t t = V::kWidth; t < kKeyTile; t += V::kWidth) {
      largest = V::Max(largest, V::Load(scores + t));
    }
    const float here = V::ReduceMax(largest);
    const float former = *max;
    const float now = here > former ? here : former;
    for (size_t t = 0; t < kKeyTile; t += V::kWidth) {
      V::Store(scores + t, Exp2(V::Sub(V::Load(scores + t), V::Set1(now))));
    }
    for (size_t t = 0; t < seen.begin; ++t) scores[t] = 0.0F;
    for (size_t t = seen.end; t < kKeyTile; ++t) scores[t] = 0.0F;
    Reg total = V::Load(scores);
    for (size_t t = V::kWidth; t < kKeyTile; t += V::kWidth) {
      total = V::Add(total, V::Load(scores + t));
    }
    const float correction = now == former ? 1.0F : Exp2Of(former - now);
    *max = now;
    *sum = *sum * correction + V::ReduceAdd(total);
    return correction;
  }

  // mixed = mixed * correction + weights . values, for runs of rows that see the same positions of
  // the tile: a weight of 0 would not keep out a value that is NaN.
  static void MixTile(const AttendArgs& args, const Tile& tile, const float* weights,
                      const float* correction, const float* values) {
    size_t first = 0;
    while (first < args.rows) {
      const KvRange seen = tile.Clip(args.seen[first]);
      size_t end = first + 1;
      while (end < args.rows) {
        const KvRange next = tile.Clip(args.seen[end]);
        if (next.begin != seen.begin || next.end != seen.end) break;
        ++end;
      }
      if (seen.begin < seen.end) {
        InBlocks<V::kRows>(first, end, [&](auto block, size_t r) {
          MixRows<block.kRows>(args, seen, weights + r * kKeyTile, correction + r, values,
                               args.out.mixed + r * args.head_dim);
        });
      }
      first = end;
    }
  }

  template <size_t rows>
  static void MixRows(const AttendArgs& args, KvRange seen, const float* weights,
                      const float* correction, const float* values, float* mixed) {
    size_t d = 0;
    for (; d + kSpan <= args.head_dim; d += kSpan) {
      MixColumns<rows, kVectors>(args.head_dim, seen, weights, correction, values + d, mixed + d);
    }
    for (; d < args.head_dim; d += V::kWidth) {
      MixColumns<rows, 1>(args.head_dim, seen, weights, correction, values + d, mixed + d);
    }
  }

  template <size_t rows, size_t vectors>
  [[gnu::noinline]] static void MixColumns(size_t head_dim, KvRange seen, const float* weights,
                                           const float* correction, const float* values,
                                           float* mixed) {
    Reg sums[rows][vectors];
    for (size_t r = 0; r < rows; ++r) {
      for (size_t v = 0; v < vectors; ++v) {
        sums[r][v] = V::Mul(V::Load(mixed + r * head_dim + v * V::kWidth), V::Set1(correction[r]));
      }
    }
    for (size_t t = seen.begin; t < seen.end; ++t) {
      Reg value[vectors];
      for (size_t v = 0; v < vectors; ++v) {
        value[v] = V::Load(values + t * head_dim + v * V::kWidth);
      }
      for (size_t r = 0; r < rows; ++r) {
        const Reg weight = V::Set1(weights[r * kKeyTile + t]);
        for (size_t v = 0; v < vectors; ++v) sums[r][v] = V::Fma(weight, value[v], sums[r][v]);
      }
    }
    for (size_t r = 0; r < rows; ++r) {
      for (size_t v = 0; v < vectors; ++v) {
        V::Store(mixed + r * head_dim + v * V::kWidth, sums[r][v]);
      }
    }
  }
};

}  // namespace mixline::cpu

#endif  // MIXLINE_CPU_ATTEND_INL_H_
