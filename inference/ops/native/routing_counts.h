// How often each expert was chosen, counted on request: no ONNX Runtime, any thread.
#ifndef MIXLINE_ROUTING_COUNTS_H_
#define MIXLINE_ROUTING_COUNTS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace mixline {

// Counts of all routers of a process, by node name. Off, it costs its callers one relaxed load.
class RoutingCounts {
 public:
  // The one that the operators and the exported functions share.
  static RoutingCounts& OfProcess();

  bool on() const { return on_.load(std::memory_order_relaxed); }

  // Forgets everything and begins to count.
  void Start();
  void Stop() { on_.store(false, std::memory_order_relaxed); }

  // Counts chosen experts; ids are below num_experts, -1 is an unused slot.
  void Add(const std::string& node, size_t num_experts, const int32_t* ids, size_t num_ids);

  // One line for each node, in the order of their first tokens: the counts of experts 0, 1, ...
  // separated by blanks, a tab, the name. Control characters in a name become '?'.
  std::string Text() const;

 private:
  std::atomic<bool> on_{false};
  mutable std::mutex mutex_;
  std::vector<std::pair<std::string, std::vector<uint64_t>>> nodes_;
};

}  // namespace mixline

#endif  // MIXLINE_ROUTING_COUNTS_H_
