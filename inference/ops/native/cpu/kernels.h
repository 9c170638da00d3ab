// The interface of the CPU kernels. Plain data and function types only: this header is compiled
// with different instruction sets, and an inline function in it could end up with any of them.
#ifndef MIXLINE_CPU_KERNELS_H_
#define MIXLINE_CPU_KERNELS_H_

#include <cstddef>
#include <cstdint>

namespace mixline::cpu {

inline constexpr size_t kTileRows = 16;         // output rows of a weight tile
inline constexpr size_t kActivationBlock = 32;  // activations that share one scale

// How far ahead of its loads a SIMD kernel asks for weights: the processor's own prefetcher stops
// at every 4 KiB page, and what is asked for much earlier takes the place of what is in use. A
// prefetch beyond the last tile is harmless.
inline constexpr size_t kPrefetchBytes = 4096;

enum class WeightFormat { kF32, kInt8, kInt4, kMxfp4 };
inline constexpr size_t kNumWeightFormats = 4;

enum class Activation { kSwiglu, kSwigluOai, kGelu };

// Rows of activations, as f32 or quantised to int8 with one scale per block of 32 (a multiple of 32
// columns, padded with zeros). Owned by the caller, read only.
struct ActivationRows {
  const float* f32;    // [rows, columns], with f32 weights; else NULL
  const int8_t* q;     // [rows, columns] in [-127, 127]
  const float* scale;  // [rows, columns / 32]
  const int32_t* sum;  // [rows, columns / 32] sum of the block's q: undoes the +8 of int4 nibbles
  size_t columns;      // row length: the tile's inputs, padding included
};

// out[i * out_stride + r] = sum over k of W[r, k] * x[row_ids[i], k], r < 16; overwritten.
// Every kernel adds a row's blocks in ascending order, whatever num_rows is, so that a token's
// result does not depend on the tokens beside it.
struct TileDotArgs {
  const uint8_t* tile;            // packed tile (layout.py), no alignment needed
  size_t block;                   // weights per scale: 32 or, with int8 and int4, 128
  ActivationRows x;               //
  const int32_t* row_ids;         // [num_rows] rows of x
  size_t num_rows;                //
  float* out;                     // [num_rows, out_stride]
  size_t out_stride;              // >= 16
  const uint8_t* next = nullptr;  // tile that the thread will want next, to be fetched meanwhile
};
using TileDot = void(const TileDotArgs& args);

// Quantises one row to int8: per block of 32, q = x / (max|x| / 127) rounded as in exact
// arithmetic, ties to even; the scale max|x| / 127 is stored in f32. A block whose max|x| is below
// 2^-100 becomes zeros; one with a NaN or an infinity gets the scale NaN, which makes every result
// of the row NaN.
struct QuantizeArgs {
  const float* x;         // [columns]
  size_t columns;         //
  size_t padded_columns;  // multiple of 32, >= columns; the rest is zeros
  int8_t* q;              // [padded_columns] overwritten
  float* scale;           // [padded_columns / 32] overwritten
  int32_t* sum;           // [padded_columns / 32] overwritten
  float* margin;          // [padded_columns / 32] overwritten: the least distance, in steps, of a
                          // value from the middle between two steps; may be NULL
};
using QuantizeRow = void(const QuantizeArgs& args);

// hidden[i] = activation(gate[i]) * up[i]; `hidden` may be `gate`.
//   swiglu      gate * sigmoid(gate) * up
//   swiglu_oai  g * sigmoid(alpha * g) * (u + 1), g = min(gate, limit), u = clamp(up, +-limit)
//   gelu        gate * (1 + erf(gate / sqrt(2))) / 2 * up
struct GateArgs {
  Activation activation;
  float alpha;        // swiglu_oai
  float limit;        // swiglu_oai
  const float* gate;  // [count]
  const float* up;    // [count]
  size_t count;
  float* hidden;  // [count] overwritten
};
using Gate = void(const GateArgs& args);

// Attention. Scores are kept in units of log2: softmax(x) is 2^(x log2 e - max) over its sum.

inline constexpr size_t kMaxHeadDim = 256;
inline constexpr size_t kHeadDimStep = 16;  // head dims are multiples of it
inline constexpr size_t kAttendRows = 64;   // most query rows of one Attend call
inline constexpr size_t kKeyTile = 32;      // positions that are scored together

// Keys or values of one head, [positions, head_dim]: f32, or int8 with a scale per block of 32.
struct KvRows {
  const float* f32;    // NULL: int8
  const int8_t* q;     //
  const float* scale;  // [positions, head_dim / 32]
};

// Positions begin .. end - 1.
struct KvRange {
  size_t begin;
  size_t end;
};

// Softmax sums of some query rows over some positions: with weights w = 2^(score - max),
// sum = total of w, mixed = total of w * value. A row that saw no position has the sum 0.
struct AttendedRows {
  float* max;    // [rows] the largest score
  float* sum;    // [rows]
  float* mixed;  // [rows, head_dim]
};

// Scores query rows against the keys of a range and mixes its values, all rows in one pass. Tiles
// start at multiples of kKeyTile, and a row's sums run in ascending order of positions: its result
// does not depend on the rows beside it.
struct AttendArgs {
  const float* query;   // [rows, head_dim] times scale * log2(e)
  const KvRange* seen;  // [rows] what each row may see, ascending; nothing else is mixed into it
  size_t rows;          // 1 to kAttendRows
  size_t head_dim;      //
  KvRows keys;          //
  KvRows values;        //
  KvRange range;        // begins at a multiple of kKeyTile; nothing outside is read
  AttendedRows out;     // overwritten
};
using Attend = void(const AttendArgs& args);

// Adds the sums over further positions to those of earlier ones, row by row.
struct MergeArgs {
  AttendedRows into;
  AttendedRows from;  // read only
  size_t rows;
  size_t head_dim;
};
using MergeAttended = void(const MergeArgs& args);

// The kernels of one instruction set.
struct Kernels {
  const char* name;
  bool (*supported)();                   // by the processor and the operating system
  TileDot* tile_dot[kNumWeightFormats];  // by WeightFormat
  QuantizeRow* quantize_row;
  Gate* gate;
  Attend* attend;
  MergeAttended* merge_attended;
};

}  // namespace mixline::cpu

#endif  // MIXLINE_CPU_KERNELS_H_
