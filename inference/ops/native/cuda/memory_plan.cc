#include "cuda/memory_plan.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <mutex>
#include <stdexcept>

namespace mixline::cuda {
namespace {

std::mutex mutex;

std::map<const void*, size_t>& BytesOfSessions() {
  static auto& bytes = *new std::map<const void*, size_t>;  // sessions may outlive statics
  return bytes;
}

}  // namespace

size_t ParseResidentBytes(const std::string& text) {
  if (text.empty()) return 0;
  size_t bytes = 0;
  const char* const end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, bytes);
  if (error == std::errc() && parsed == end) return bytes;
  throw std::invalid_argument(std::string(kResidentBytes) + ": expected a number of bytes, got '" +
                              text + "'");
}

size_t ResidentExperts(size_t resident_bytes, size_t session_bytes, size_t experts) {
  if (resident_bytes == 0 || resident_bytes >= session_bytes) return experts;
  const double share = static_cast<double>(resident_bytes) / static_cast<double>(session_bytes);
  return std::min(experts, static_cast<size_t>(share * static_cast<double>(experts)));
}

SessionShare::SessionShare(const void* session, size_t bytes) : session_(session), bytes_(bytes) {
  const std::lock_guard lock(mutex);
  BytesOfSessions()[session_] += bytes_;
}

SessionShare::~SessionShare() {
  const std::lock_guard lock(mutex);
  const auto found = BytesOfSessions().find(session_);
  found->second -= bytes_;
  if (found->second == 0) BytesOfSessions().erase(found);
}

size_t SessionShare::SessionBytes() const {
  const std::lock_guard lock(mutex);
  return BytesOfSessions().at(session_);
}

}  // namespace mixline::cuda
