// A group of one lane, as route_lanes.h wants them: plain loops.
#ifndef MIXLINE_TESTS_ONE_LANE_H_
#define MIXLINE_TESTS_ONE_LANE_H_

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace mixline::test {

struct OneLane {
  template <typename F>
  void Each(size_t count, F f) const {
    for (size_t i = 0; i < count; ++i) f(i);
  }
  template <typename F>
  void One(F f) const {
    f();
  }
  template <typename F>
  double Max(size_t count, F f) const {
    double max = -HUGE_VAL;
    for (size_t i = 0; i < count; ++i) max = std::max(max, f(i));
    return max;
  }
  template <typename F>
  double Sum(size_t count, F f) const {
    double sum = 0;
    for (size_t i = 0; i < count; ++i) sum += f(i);
    return sum;
  }
  template <typename F>
  size_t Best(size_t count, F f) const {
    size_t best = count;
    for (size_t i = 0; i < count; ++i) {
      const double value = f(i);
      if (!std::isnan(value) && (best == count || value > f(best))) best = i;
    }
    return best;
  }
};

}  // namespace mixline::test

#endif  // MIXLINE_TESTS_ONE_LANE_H_
