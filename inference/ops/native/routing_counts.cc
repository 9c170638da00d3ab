#include "routing_counts.h"

#include <algorithm>

namespace mixline {

RoutingCounts& RoutingCounts::OfProcess() {
  static RoutingCounts counts;
  return counts;
}

void RoutingCounts::Start() {
  const std::lock_guard<std::mutex> lock(mutex_);
  nodes_.clear();
  on_.store(true, std::memory_order_relaxed);
}

void RoutingCounts::Add(const std::string& node, size_t num_experts, const int32_t* ids,
                        size_t num_ids) {
  const std::lock_guard<std::mutex> lock(mutex_);
  auto found = std::find_if(nodes_.begin(), nodes_.end(),
                            [&](const auto& entry) { return entry.first == node; });
  if (found == nodes_.end()) found = nodes_.insert(found, {node, {}});
  std::vector<uint64_t>& counts = found->second;
  counts.resize(std::max(counts.size(), num_experts));
  for (size_t i = 0; i < num_ids; ++i) {
    if (ids[i] >= 0) ++counts[static_cast<size_t>(ids[i])];
  }
}

std::string RoutingCounts::Text() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::string text;
  for (const auto& [name, counts] : nodes_) {
    for (size_t e = 0; e < counts.size(); ++e) {
      if (e > 0) text += ' ';
      text += std::to_string(counts[e]);
    }
    text += '\t';
    for (const char c : name) text += static_cast<unsigned char>(c) < ' ' ? '?' : c;
    text += '\n';
  }
  return text;
}

}  // namespace mixline
