// ExpertRouter on a GPU: one warp per token.
#include "cuda/launch.h"
#include "cuda/route_lanes.h"

namespace mixline::cuda {
namespace {

constexpr unsigned kAllLanes = 0xFFFFFFFFU;

// The 32 lanes of a warp, as route_lanes.h wants them.
struct Warp {
  unsigned lane;

  template <typename F>
  __device__ void Each(size_t count, F f) const {
    for (size_t i = lane; i < count; i += 32) f(i);
    __syncwarp();
  }
  template <typename F>
  __device__ void One(F f) const {
    __syncwarp();
    if (lane == 0) f();
    __syncwarp();
  }
  template <typename F>
  __device__ double Max(size_t count, F f) const {
    double max = -HUGE_VAL;
    for (size_t i = lane; i < count; i += 32) max = fmax(max, f(i));
    for (int step = 16; step > 0; step /= 2) {
      max = fmax(max, __shfl_xor_sync(kAllLanes, max, step));
    }
    return max;
  }
  template <typename F>
  __device__ double Sum(size_t count, F f) const {
    double sum = 0;
    for (size_t i = lane; i < count; i += 32) sum += f(i);
    for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(kAllLanes, sum, step);
    return sum;
  }
  template <typename F>
  __device__ size_t Best(size_t count, F f) const {
    unsigned best = ~0U;
    double value = 0;
    for (size_t i = lane; i < count; i += 32) {
      const double mine = f(i);
      if (!isnan(mine) && (best == ~0U || mine > value)) {
        best = static_cast<unsigned>(i);
        value = mine;
      }
    }
    for (int step = 16; step > 0; step /= 2) {
      const unsigned other = __shfl_xor_sync(kAllLanes, best, step);
      const double theirs = __shfl_xor_sync(kAllLanes, value, step);
      const bool better = best == ~0U || theirs > value || (theirs == value && other < best);
      if (other != ~0U && better) {
        best = other;
        value = theirs;
      }
    }
    return best;
  }
};

__global__ void Route(RouterLaunch launch) {
  MIXLINE_DYNAMIC_SHARED(double, memory);
  const RouteMemory shared(memory, launch.experts, launch.config.k, launch.config.n_group);
  const size_t token = blockIdx.x;
  const LogitRow logits{launch.logits, launch.element, token * launch.experts};
  const bool finite = RouteOnLanes(
      Warp{threadIdx.x}, launch.config, launch.effort, logits, launch.bias, launch.experts, shared,
      launch.expert_ids + token * launch.config.k, launch.expert_weights + token * launch.config.k);
  if (!finite && threadIdx.x == 0) *launch.flag = 1;
}

}  // namespace

int RunRouter(const RouterLaunch& launch, Stream stream) {
  if (launch.tokens == 0) return cudaSuccess;
  const size_t bytes = RouteMemory::Bytes(launch.experts, launch.config.k, launch.config.n_group);
  Launch(Route, dim3{static_cast<unsigned>(launch.tokens), 1, 1}, 32, bytes, stream, launch);
  return cudaGetLastError();
}

}  // namespace mixline::cuda
