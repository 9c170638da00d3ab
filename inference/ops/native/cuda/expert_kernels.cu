// ExpertFFN on a GPU: a few tokens as matrix-vector products, many grouped by expert on tensor
// cores.
#include <cuda_bf16.h>
#include <mma.h>

#include "cuda/device_workspace.h"
#include "cuda/gate.h"
#include "cuda/launch.h"
#include "cuda/packed_units.h"

namespace mixline::cuda {
namespace {

constexpr unsigned kAllLanes = 0xFFFFFFFFU;
constexpr size_t kWarps = 8;  // of a block of the few-token kernels
constexpr size_t kHalfWarps = kWarps / 2;
static_assert(kMostHidden * sizeof(float) + kWarps * cpu::kTileRows * sizeof(float) <= kSharedBytes,
              "HiddenOfFew keeps x and the warps' parts");

__device__ float LoadElement(const void* x, Element element, size_t i) {
  if (element == Element::kFloat16) return __half2float(static_cast<const __half*>(x)[i]);
  if (element == Element::kBfloat16) {
    return __bfloat162float(static_cast<const __nv_bfloat16*>(x)[i]);
  }
  return static_cast<const float*>(x)[i];
}

__device__ void StoreElement(void* y, Element element, size_t i, float value) {
  if (element == Element::kFloat16) {
    static_cast<__half*>(y)[i] = __float2half(value);
  } else if (element == Element::kBfloat16) {
    static_cast<__nv_bfloat16*>(y)[i] = __float2bfloat16(value);
  } else {
    static_cast<float*>(y)[i] = value;
  }
}

__device__ __nv_bfloat16* Hidden16(const Workspace& work) {
  return reinterpret_cast<__nv_bfloat16*>(work.hidden16);
}

// Adds up the lanes that have the same rows; afterwards lanes 0 .. 3 hold 4 rows each.
__device__ void AddLanes(float* sum) {
  for (int step = 16; step >= 4; step /= 2) {
    for (unsigned r = 0; r < kUnitRows; ++r) sum[r] += __shfl_xor_sync(kAllLanes, sum[r], step);
  }
}

// One tile of 16 hidden values of one slot: half of the warps take the gate's weights, half up's.
template <WeightFormat format>
__global__ void __launch_bounds__(kWarps * 32)
    HiddenOfFew(ExpertLaunch launch, PackedMatrix matrix, size_t wide, float* hidden) {
  MIXLINE_DYNAMIC_SHARED(float, x);  // [padded hidden]
  __shared__ float parts[kWarps][cpu::kTileRows];
  const size_t slot = blockIdx.y;
  const size_t tile = blockIdx.x;
  const int32_t expert =
      ExpertOfSlot(launch.expert_ids, slot, launch.shape.num_experts, launch.flag);
  if (expert < 0) return;
  if (tile == 0 && threadIdx.x == 0) launch.CountUses(expert, 1);
  const size_t padded = matrix.padded_columns();
  const size_t token = slot / launch.slots;
  for (size_t i = threadIdx.x; i < padded; i += blockDim.x) {
    x[i] = i < matrix.columns ? LoadElement(launch.x, launch.element, token * matrix.columns + i)
                              : 0.0F;
  }
  __syncthreads();
  const size_t warp = threadIdx.x / 32;
  const size_t lane = threadIdx.x % 32;
  const bool exists = tile < matrix.tiles();  // the rest fills up the last block with zeros
  float sum[kUnitRows] = {};
  if (exists) {
    const uint8_t* const weights = launch.GateUp(expert, 2 * matrix.bytes()) +
                                   (2 * tile + warp / kHalfWarps) * matrix.tile_bytes();
    DotUnits<format>(weights, matrix.block, padded, x, warp % kHalfWarps * 32 + lane,
                     kHalfWarps * 32, sum);
  }
  AddLanes(sum);
  if (lane < kUnitsPerGroup) {
    for (unsigned r = 0; r < kUnitRows; ++r) parts[warp][lane * kUnitRows + r] = sum[r];
  }
  __syncthreads();
  if (threadIdx.x >= cpu::kTileRows) return;
  const size_t row = tile * cpu::kTileRows + threadIdx.x;
  float value = 0;
  if (row < matrix.rows) {
    float gate = 0;
    float up = 0;
    for (size_t w = 0; w < kHalfWarps; ++w) {
      gate += parts[w][threadIdx.x];
      up += parts[w + kHalfWarps][threadIdx.x];
    }
    if (launch.gate_up_bias != nullptr) {
      const float* const bias = launch.gate_up_bias + expert * (2 * matrix.rows);
      gate += bias[row];
      up += bias[matrix.rows + row];
    }
    value = HiddenValue(launch.shape.activation, launch.shape.alpha, launch.shape.limit, gate, up);
  }
  hidden[slot * wide + row] = value;
}

// One tile of 16 outputs of one token: its slots are shared out among the warps.
template <WeightFormat format>
__global__ void __launch_bounds__(kWarps * 32)
    OutputOfFew(ExpertLaunch launch, PackedMatrix matrix, const float* hidden) {
  __shared__ float parts[kWarps][cpu::kTileRows];
  const size_t token = blockIdx.y;
  const size_t tile = blockIdx.x;
  const size_t warp = threadIdx.x / 32;
  const size_t lane = threadIdx.x % 32;
  const size_t padded = matrix.padded_columns();
  const size_t split = launch.slots < kWarps ? kWarps / launch.slots : 1;  // warps of a slot
  float total[kUnitRows] = {};
  for (size_t item = warp; item < launch.slots * split; item += kWarps) {
    const size_t slot = token * launch.slots + item / split;
    const int32_t expert =
        ExpertOfSlot(launch.expert_ids, slot, launch.shape.num_experts, launch.flag);
    if (expert < 0) continue;
    const uint8_t* const weights = launch.Down(expert, matrix.bytes()) + tile * matrix.tile_bytes();
    float sum[kUnitRows] = {};
    DotUnits<format>(weights, matrix.block, padded, hidden + slot * padded,
                     item % split * 32 + lane, split * 32, sum);
    const float share = launch.weights[slot];
    for (unsigned r = 0; r < kUnitRows; ++r) total[r] += share * sum[r];
  }
  AddLanes(total);
  if (lane < kUnitsPerGroup) {
    for (unsigned r = 0; r < kUnitRows; ++r) parts[warp][lane * kUnitRows + r] = total[r];
  }
  __syncthreads();
  const size_t row = tile * cpu::kTileRows + threadIdx.x;
  if (threadIdx.x >= cpu::kTileRows || row >= matrix.rows) return;
  float value = 0;
  for (size_t w = 0; w < kWarps; ++w) value += parts[w][threadIdx.x];
  for (size_t s = 0; launch.down_bias != nullptr && s < launch.slots; ++s) {
    const size_t slot = token * launch.slots + s;
    const int32_t expert =
        ExpertOfSlot(launch.expert_ids, slot, launch.shape.num_experts, launch.flag);
    if (expert >= 0) value += launch.weights[slot] * launch.down_bias[expert * matrix.rows + row];
  }
  StoreElement(launch.y, launch.element, token * matrix.rows + row, value);
}

// One block groups all slots.
__global__ void Group(ExpertLaunch launch, Workspace work) {
  MIXLINE_DYNAMIC_SHARED(int32_t, counts);  // [experts]
  const size_t experts = launch.shape.num_experts;
  const size_t slots = launch.tokens * launch.slots;
  for (size_t e = threadIdx.x; e < experts; e += blockDim.x) counts[e] = 0;
  __syncthreads();
  CountSlots(launch.expert_ids, slots, experts, threadIdx.x, blockDim.x, counts, launch.flag);
  __syncthreads();
  for (size_t e = threadIdx.x; e < experts; e += blockDim.x) {
    launch.CountUses(static_cast<int32_t>(e), counts[e]);
  }
  __syncthreads();
  if (threadIdx.x == 0) *work.num_tiles = ListTiles(experts, kRows, counts, work.tiles);
  __syncthreads();
  PlaceSlots(launch.expert_ids, slots, experts, threadIdx.x, blockDim.x, counts, work.grouped,
             launch.flag);
}

constexpr size_t kStep = 32;          // inputs of a step: one scale per row
constexpr size_t kColumns = 64;       // outputs of a tensor-core tile: 4 packed tiles
constexpr size_t kPitch = kStep + 8;  // of rows in shared memory, against bank conflicts
constexpr size_t kOutPitch = kColumns + 4;
constexpr size_t kMatrixThreads = 128;  // 4 warps, 16 rows each

// Rows x columns of one expert's product. `gated`: columns 0 .. 31 are gate, 32 .. 63 up of the
// same 32 hidden values; else 64 outputs.
template <WeightFormat format, bool gated>
__global__ void __launch_bounds__(kMatrixThreads)
    ProductOfMany(ExpertLaunch launch, PackedMatrix matrix, Workspace work, size_t wide) {
  namespace wmma = nvcuda::wmma;
  __shared__ __align__(32) __nv_bfloat16 rows[kRows][kPitch];
  __shared__ __align__(32) __nv_bfloat16 columns[kColumns][kPitch];
  __shared__ __align__(32) float out[kRows][kOutPitch];
  __shared__ int32_t slot_of[kRows];
  __shared__ size_t x_of[kRows];  // where the slot's token begins
  if (static_cast<int32_t>(blockIdx.y) >= *work.num_tiles) return;
  const RowTile tile = work.tiles[blockIdx.y];
  const int32_t expert = tile.expert;
  if (threadIdx.x < kRows) {
    slot_of[threadIdx.x] = static_cast<int32_t>(threadIdx.x) < tile.count
                               ? work.grouped[tile.first + static_cast<int32_t>(threadIdx.x)]
                               : -1;
    x_of[threadIdx.x] = static_cast<size_t>(slot_of[threadIdx.x]) / launch.slots * matrix.columns;
  }
  __syncthreads();

  const size_t warp = threadIdx.x / 32;
  const size_t padded = matrix.padded_columns();
  const uint8_t* const base =
      gated ? launch.GateUp(expert, 2 * matrix.bytes()) : launch.Down(expert, matrix.bytes());
  wmma::fragment<wmma::accumulator, 16, 16, 16, float> sums[kColumns / 16];
  for (auto& sum : sums) wmma::fill_fragment(sum, 0.0F);
  for (size_t start = 0; start < padded; start += kStep) {
    for (size_t i = threadIdx.x; i < kRows * kStep; i += kMatrixThreads) {
      const int32_t slot = slot_of[i / kStep];
      const size_t input = start + i % kStep;
      __nv_bfloat16 value = __float2bfloat16(0.0F);
      if (slot >= 0 && gated && input < matrix.columns) {
        value = __float2bfloat16(LoadElement(launch.x, launch.element, x_of[i / kStep] + input));
      } else if (slot >= 0 && !gated) {
        value = Hidden16(work)[static_cast<size_t>(slot) * wide + input];
      }
      rows[i / kStep][i % kStep] = value;
    }
    constexpr size_t kUnits = kStep / kUnitInputs<format> * kUnitsPerGroup;  // of a packed tile
    for (size_t i = threadIdx.x; i < kColumns / cpu::kTileRows * kUnits; i += kMatrixThreads) {
      const size_t part = i / kUnits;
      // Gate and up tiles take turns: two of each are 32 hidden values.
      const size_t logical = gated ? blockIdx.x * 2 + part % 2 : blockIdx.x * 4 + part;
      const size_t packed = gated ? 2 * logical + part / 2 : logical;
      const UnitPlace place = PlaceOfUnit<format>(
          start / kUnitInputs<format> * kUnitsPerGroup + i % kUnits, matrix.block);
      const bool exists = logical < matrix.tiles();
      const uint8_t* const weights = base + packed * matrix.tile_bytes();
      uint4 loaded = make_uint4(0, 0, 0, 0);
      if (exists) loaded = *reinterpret_cast<const uint4*>(weights + place.values);
      const uint32_t words[kUnitRows] = {loaded.x, loaded.y, loaded.z, loaded.w};
      float scales[kUnitRows] = {};
      if (exists) LoadScales<format>(weights + place.scales, scales);
      for (unsigned r = 0; r < kUnitRows; ++r) {
        for (unsigned j = 0; j < kUnitInputs<format>; ++j) {
          columns[part * cpu::kTileRows + place.row + r][place.input - start + j] =
              __float2bfloat16(ValueOf<format>(words[r], j) * scales[r]);
        }
      }
    }
    __syncthreads();
    for (size_t k = 0; k < kStep; k += 16) {
      wmma::fragment<wmma::matrix_a, 16, 16, 16, __nv_bfloat16, wmma::row_major> a;
      wmma::load_matrix_sync(a, &rows[warp * 16][k], kPitch);
      for (size_t n = 0; n < kColumns / 16; ++n) {
        wmma::fragment<wmma::matrix_b, 16, 16, 16, __nv_bfloat16, wmma::col_major> b;
        wmma::load_matrix_sync(b, &columns[n * 16][k], kPitch);
        wmma::mma_sync(sums[n], a, b, sums[n]);
      }
    }
    __syncthreads();
  }
  for (size_t n = 0; n < kColumns / 16; ++n) {
    wmma::store_matrix_sync(&out[warp * 16][n * 16], sums[n], kOutPitch, wmma::mem_row_major);
  }
  __syncthreads();

  constexpr size_t kOutputs = gated ? kColumns / 2 : kColumns;
  for (size_t i = threadIdx.x; i < kRows * kOutputs; i += kMatrixThreads) {
    const size_t row = i / kOutputs;
    const size_t column = i % kOutputs;
    const size_t output = blockIdx.x * kOutputs + column;
    if (slot_of[row] < 0) continue;
    const size_t slot = static_cast<size_t>(slot_of[row]);
    float value = out[row][column];
    if (gated) {
      float up = out[row][column + kOutputs];
      if (output < matrix.rows && launch.gate_up_bias != nullptr) {
        const float* const bias = launch.gate_up_bias + expert * (2 * matrix.rows);
        value += bias[output];
        up += bias[matrix.rows + output];
      }
      value = output < matrix.rows ? HiddenValue(launch.shape.activation, launch.shape.alpha,
                                                 launch.shape.limit, value, up)
                                   : 0.0F;
      if (output < wide) Hidden16(work)[slot * wide + output] = __float2bfloat16(value);
    } else if (output < matrix.rows) {
      if (launch.down_bias != nullptr) value += launch.down_bias[expert * matrix.rows + output];
      work.outputs[slot * matrix.rows + output] = value;
    }
  }
}

// The weighted sum of each token's slots, in their order.
__global__ void AddSlots(ExpertLaunch launch, const float* outputs) {
  const size_t hidden = launch.shape.hidden;
  const size_t column = blockIdx.x * size_t{blockDim.x} + threadIdx.x;
  const size_t token = blockIdx.y;
  if (column >= hidden) return;
  float sum = 0;
  for (size_t s = 0; s < launch.slots; ++s) {
    const size_t slot = token * launch.slots + s;
    const int32_t expert =
        ExpertOfSlot(launch.expert_ids, slot, launch.shape.num_experts, launch.flag);
    if (expert >= 0) sum += launch.weights[slot] * outputs[slot * hidden + column];
  }
  StoreElement(launch.y, launch.element, token * hidden + column, sum);
}

dim3 Grid(size_t x, size_t y) { return {static_cast<unsigned>(x), static_cast<unsigned>(y), 1}; }

template <WeightFormat format>
cudaError_t Run(const ExpertLaunch& launch, cudaStream_t stream) {
  const ExpertShape& shape = launch.shape;
  const PackedMatrix gate = shape.gate();
  const PackedMatrix down = shape.down();
  const size_t wide = down.padded_columns();
  const size_t slots = launch.tokens * launch.slots;
  const Workspace work = Carve(launch.workspace, shape, launch.tokens, launch.slots);
  if (launch.tokens <= kFewTokens) {
    Launch(HiddenOfFew<format>, Grid(wide / cpu::kTileRows, slots), kWarps * 32,
           gate.padded_columns() * sizeof(float), stream, launch, gate, wide, work.hidden);
    Launch(OutputOfFew<format>, Grid(down.tiles(), launch.tokens), kWarps * 32, 0, stream, launch,
           down, work.hidden);
    return cudaGetLastError();
  }
  const size_t most = MostRowTiles(slots, shape.num_experts, kRows);
  Launch(Group, Grid(1, 1), 1024, shape.num_experts * sizeof(int32_t), stream, launch, work);
  Launch(ProductOfMany<format, true>, Grid(wide / (kColumns / 2), most), kMatrixThreads, 0, stream,
         launch, gate, work, wide);
  Launch(ProductOfMany<format, false>, Grid(CeilDiv(shape.hidden, kColumns), most), kMatrixThreads,
         0, stream, launch, down, work, wide);
  Launch(AddSlots, Grid(CeilDiv(shape.hidden, 256), launch.tokens), 256, 0, stream, launch,
         work.outputs);
  return cudaGetLastError();
}

}  // namespace

int RunExperts(const ExpertLaunch& launch, Stream stream) {
  if (launch.tokens == 0) return cudaSuccess;
  switch (launch.shape.format) {
    case WeightFormat::kInt8:
      return Run<WeightFormat::kInt8>(launch, stream);
    case WeightFormat::kInt4:
      return Run<WeightFormat::kInt4>(launch, stream);
    case WeightFormat::kMxfp4:
      return Run<WeightFormat::kMxfp4>(launch, stream);
    case WeightFormat::kF32:
      break;
  }
  return cudaErrorInvalidValue;
}

}  // namespace mixline::cuda
