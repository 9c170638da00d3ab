// The kernels as plain loops over the same arithmetic, where only what is around them counts.
#include <algorithm>
#include <cstring>
#include <vector>

#include "cuda/device_workspace.h"
#include "cuda/gate.h"
#include "cuda/packed_units.h"
#include "cuda/route_lanes.h"
#include "fake_gpu.h"
#include "one_lane.h"

namespace mixline::cuda {
namespace {

float Load(const void* x, Element element, size_t i) {
  if (element == Element::kFloat32) return static_cast<const float*>(x)[i];
  const uint16_t bits = static_cast<const uint16_t*>(x)[i];
  return element == Element::kFloat16 ? FloatOfHalf(bits) : FloatOfBits(uint32_t{bits} << 16);
}

void Store(void* y, Element element, size_t i, float value) {
  if (element == Element::kFloat32) {
    static_cast<float*>(y)[i] = value;
  } else if (element == Element::kFloat16) {
    static_cast<_Float16*>(y)[i] = static_cast<_Float16>(value);
  } else {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof(bits));
    static_cast<uint16_t*>(y)[i] = static_cast<uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
  }
}

// Row `row` of a packed matrix with `tile` as that row's tile, times x.
template <WeightFormat format>
void DotTile(const PackedMatrix& matrix, const uint8_t* tile, const float* x, float* out) {
  std::fill_n(out, cpu::kTileRows, 0.0F);
  for (size_t lane = 0; lane < 32; ++lane) {
    float sum[kUnitRows] = {};
    DotUnits<format>(tile, matrix.block, matrix.padded_columns(), x, lane, 32, sum);
    for (size_t r = 0; r < kUnitRows; ++r) out[lane % 4 * kUnitRows + r] += sum[r];
  }
}

template <WeightFormat format>
void Experts(const ExpertLaunch& launch) {
  const ExpertShape& shape = launch.shape;
  const PackedMatrix gate = shape.gate();
  const PackedMatrix down = shape.down();
  const size_t wide = down.padded_columns();
  // Written to its end, so that one that is too small is noticed.
  std::memset(launch.workspace, 0, WorkspaceBytes(shape, launch.tokens, launch.slots));
  std::vector<float> x(gate.padded_columns());
  std::vector<float> hidden(RoundUp(wide, cpu::kTileRows));
  std::vector<float> y(RoundUp(shape.hidden, cpu::kTileRows));
  for (size_t t = 0; t < launch.tokens; ++t) {
    for (size_t i = 0; i < shape.hidden; ++i)
      x[i] = Load(launch.x, launch.element, t * shape.hidden + i);
    std::fill(y.begin(), y.end(), 0.0F);
    for (size_t slot = t * launch.slots; slot < (t + 1) * launch.slots; ++slot) {
      const int32_t expert = ExpertOfSlot(launch.expert_ids, slot, shape.num_experts, launch.flag);
      if (expert < 0) continue;
      launch.CountUses(expert, 1);
      std::fill(hidden.begin(), hidden.end(), 0.0F);
      for (size_t tile = 0; tile < gate.tiles(); ++tile) {
        const uint8_t* const weights =
            launch.GateUp(expert, 2 * gate.bytes()) + 2 * tile * gate.tile_bytes();
        float gates[cpu::kTileRows];
        float ups[cpu::kTileRows];
        DotTile<format>(gate, weights, x.data(), gates);
        DotTile<format>(gate, weights + gate.tile_bytes(), x.data(), ups);
        for (size_t r = 0; r < cpu::kTileRows; ++r) {
          const size_t row = tile * cpu::kTileRows + r;
          if (row >= gate.rows) continue;
          if (launch.gate_up_bias != nullptr) {
            const float* const bias =
                launch.gate_up_bias + static_cast<size_t>(expert) * 2 * gate.rows;
            gates[r] += bias[row];
            ups[r] += bias[gate.rows + row];
          }
          hidden[row] = HiddenValue(shape.activation, shape.alpha, shape.limit, gates[r], ups[r]);
        }
      }
      for (size_t tile = 0; tile < down.tiles(); ++tile) {
        float out[cpu::kTileRows];
        DotTile<format>(down, launch.Down(expert, down.bytes()) + tile * down.tile_bytes(),
                        hidden.data(), out);
        for (size_t r = 0; r < cpu::kTileRows; ++r) {
          const size_t row = tile * cpu::kTileRows + r;
          if (row >= shape.hidden) continue;
          if (launch.down_bias != nullptr) {
            out[r] += launch.down_bias[static_cast<size_t>(expert) * shape.hidden + row];
          }
          y[row] += launch.weights[slot] * out[r];
        }
      }
    }
    for (size_t i = 0; i < shape.hidden; ++i)
      Store(launch.y, launch.element, t * shape.hidden + i, y[i]);
  }
}

}  // namespace

int RunExperts(const ExpertLaunch& launch, Stream) {
  BeforeLaunch();
  switch (launch.shape.format) {
    case WeightFormat::kInt8:
      Experts<WeightFormat::kInt8>(launch);
      return 0;
    case WeightFormat::kInt4:
      Experts<WeightFormat::kInt4>(launch);
      return 0;
    case WeightFormat::kMxfp4:
      Experts<WeightFormat::kMxfp4>(launch);
      return 0;
    case WeightFormat::kF32:
      break;
  }
  return 1;
}

int RunRouter(const RouterLaunch& launch, Stream) {
  BeforeLaunch();
  const size_t k = launch.config.k;
  std::vector<double> memory(
      RouteMemory::Bytes(launch.experts, k, launch.config.n_group) / sizeof(double) + 1);
  const RouteMemory shared(memory.data(), launch.experts, k, launch.config.n_group);
  for (size_t t = 0; t < launch.tokens; ++t) {
    const LogitRow logits{launch.logits, launch.element, t * launch.experts};
    if (!RouteOnLanes(test::OneLane{}, launch.config, launch.effort, logits, launch.bias,
                      launch.experts, shared, launch.expert_ids + t * k,
                      launch.expert_weights + t * k)) {
      *launch.flag = 1;
    }
  }
  return 0;
}

}  // namespace mixline::cuda
