#include "cpu/exact.h"

#include <cmath>

#include "cpu/chunks_inl.h"
#include "cpu/half_inl.h"
#include "cpu/mxfp4_inl.h"

namespace mixline::cpu {
namespace {

// `weights` is the first of the row's bytes in the block; groups are 64 bytes apart.
int32_t BlockDotInt8(const uint8_t* weights, const int8_t* x) {
  int32_t dot = 0;
  for (size_t k = 0; k < kActivationBlock; k += 4) {
    for (size_t j = 0; j < 4; ++j) {
      dot += static_cast<int8_t>(weights[k * kTileRows + j]) * x[k + j];
    }
  }
  return dot;
}

int32_t BlockDotInt4(const uint8_t* weights, const int8_t* x) {
  int32_t dot = 0;
  for (size_t k = 0; k < kActivationBlock; k += 8) {
    for (size_t j = 0; j < 4; ++j) {
      const uint8_t pair = weights[k * kTileRows / 2 + j];
      dot += ((pair & 15) - 8) * x[k + j] + ((pair >> 4) - 8) * x[k + 4 + j];
    }
  }
  return dot;
}

int32_t BlockDotMxfp4(const uint8_t* weights, const int8_t* x) {
  int32_t dot = 0;
  for (size_t k = 0; k < kActivationBlock; k += 8) {
    for (size_t j = 0; j < 4; ++j) {
      const uint8_t pair = weights[k * kTileRows / 2 + j];
      dot += kTwiceE2m1[pair & 15] * x[k + j] + kTwiceE2m1[pair >> 4] * x[k + 4 + j];
    }
  }
  return dot;
}

// The block's sum of integers and what one unit of it is worth.
struct Block {
  int32_t dot;
  double unit;
};

Block BlockDot(WeightFormat format, const uint8_t* weights, const int8_t* x, const uint8_t* scales,
               size_t r) {
  switch (format) {
    case WeightFormat::kInt8:
      return {BlockDotInt8(weights, x), LoadHalf(scales + r * 2)};
    case WeightFormat::kInt4:
      return {BlockDotInt4(weights, x), LoadHalf(scales + r * 2)};
    case WeightFormat::kMxfp4:
      return {BlockDotMxfp4(weights, x), 0.5 * E8m0(scales[r])};
    case WeightFormat::kF32:
      break;
  }
  return {0, NAN};
}

// max|x| / 127 of up to 32 values.
double ExactStep(const float* x, size_t count) {
  float peak = 0;
  for (size_t k = 0; k < count; ++k) peak = std::fmax(peak, std::fabs(x[k]));
  return static_cast<double>(peak) / 127.0;
}

}  // namespace

double ExactTileDot(WeightFormat format, const TileDotArgs& args, size_t i, size_t r,
                    const float* x, size_t count) {
  const size_t columns = args.x.columns;
  const auto row = static_cast<size_t>(args.row_ids[i]);
  const Chunks chunks = ChunksOf(format, args.block);
  double total = 0;
  // Blocks that are all padding add nothing.
  for (size_t b = 0; b * kActivationBlock < count; ++b) {
    const size_t start = b * kActivationBlock;
    const uint8_t* weights = args.tile + ValuesAt(chunks, b) + r * 4;
    const int8_t* q = args.x.q + row * columns + start;
    const Block block = BlockDot(format, weights, q, args.tile + ScalesAt(chunks, b), r);
    const size_t in_block = count - start < kActivationBlock ? count - start : kActivationBlock;
    total += block.dot * block.unit * ExactStep(x + start, in_block);
  }
  return total;
}

double ExactGate(const GateArgs& args, double gate, double up) {
  switch (args.activation) {
    case Activation::kSwiglu:
      return gate / (1 + std::exp(-gate)) * up;
    case Activation::kSwigluOai: {
      const double g = std::fmin(gate, args.limit);
      const double u = std::fmax(std::fmin(up, args.limit), -args.limit);
      return g / (1 + std::exp(-args.alpha * g)) * (u + 1);
    }
    case Activation::kGelu:
      return gate * std::erfc(-gate / std::sqrt(2.0)) / 2 * up;
  }
  return NAN;
}

}  // namespace mixline::cpu
