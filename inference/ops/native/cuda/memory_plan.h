// How the device memory that a session may use for experts is shared out among its layers.
#ifndef MIXLINE_CUDA_MEMORY_PLAN_H_
#define MIXLINE_CUDA_MEMORY_PLAN_H_

#include <cstddef>
#include <string>

namespace mixline::cuda {

// The session option with the bytes of device memory for experts; 0 or no entry: for all of them.
inline constexpr const char* kResidentBytes = "mixline.resident_bytes";

// Throws std::invalid_argument unless it is a number of bytes; "" is 0.
size_t ParseResidentBytes(const std::string& text);

// How many experts of a layer stay in device memory: of all layers the same share.
size_t ResidentExperts(size_t resident_bytes, size_t session_bytes, size_t experts);

// A layer's experts, counted for their session as long as this lives. Every layer of a session is
// there before the first call.
class SessionShare {
 public:
  SessionShare(const void* session, size_t bytes);
  ~SessionShare();
  SessionShare(const SessionShare&) = delete;
  SessionShare& operator=(const SessionShare&) = delete;

  size_t SessionBytes() const;  // of all its layers

 private:
  const void* session_;
  size_t bytes_;
};

}  // namespace mixline::cuda

#endif  // MIXLINE_CUDA_MEMORY_PLAN_H_
