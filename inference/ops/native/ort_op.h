// What an operator sees of ONNX Runtime: attributes, tensors, scratch memory, threads and errors.
//
// Inside, errors are exceptions; Guard turns them into an OrtStatus where ONNX Runtime calls us.
#ifndef MIXLINE_ORT_OP_H_
#define MIXLINE_ORT_OP_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "ort_abi.h"
#include "thread_pool.h"

namespace mixline::ort {

// The API table that RegisterCustomOps was given.
const OrtApi& Api();

// Returns false where ONNX Runtime is too old for the operators.
bool SetApi(const OrtApiBase* base);

// A request or model that contradicts the operator's contract: expected, found.
using InvalidArgument = std::invalid_argument;

// Releases a failed status and throws its message as std::runtime_error.
void ThrowIfError(OrtStatus* status);

template <typename ApiFunction, typename... Args>
void Call(Args... args) {
  ThrowIfError(ApiFunction::Of(Api())(args...));
}

OrtStatus* MakeStatus(ErrorCode code, const char* message);

// Runs `body`; an exception becomes the returned status.
template <typename Body>
OrtStatus* Guard(Body&& body) noexcept {
  try {
    body();
    return nullptr;
  } catch (const InvalidArgument& error) {
    return MakeStatus(kInvalidArgument, error.what());
  } catch (const std::exception& error) {
    return MakeStatus(kFail, error.what());
  }
}

// A dense tensor; `rank` may exceed the dimensions kept, which no operator here accepts.
struct Tensor {
  static constexpr size_t kMaxRank = 4;

  int type = 0;
  size_t rank = 0;
  std::array<int64_t, kMaxRank> dims{};
  void* data = nullptr;  // NULL: an optional input that is absent

  bool present() const { return data != nullptr || rank != 0; }
  std::string Describe() const;  // e.g. "float [3, 8]"
  template <typename T>
  const T* as() const {
    return static_cast<const T*>(data);
  }
};

// Attributes of a node, and what else is known of it before the first call. A missing attribute is
// its default, or InvalidArgument where it has none; one of another type is an error always.
class Attributes {
 public:
  explicit Attributes(const OrtKernelInfo* info) : info_(info) {}

  int64_t Int(const char* name) const;
  int64_t Int(const char* name, int64_t otherwise) const;
  float Float(const char* name, float otherwise) const;
  std::string String(const char* name) const;
  std::string String(const char* name, const std::string& otherwise) const;
  std::string NodeName() const;

  // An initializer, which stays where it is as long as the kernel lives; absent if the node has no
  // such input. Throws InvalidArgument if the input is computed. `name` is for the message.
  Tensor ConstantInput(size_t index, const char* name) const;

  // An entry of the session's options; "" without one, and with an ONNX Runtime older than 1.24.
  std::string ConfigEntry(const char* key) const;

  // The same for all nodes of a session.
  const void* Session() const;

 private:
  const OrtKernelInfo* info_;
};

// One call of an operator.
class Context {
 public:
  explicit Context(OrtKernelContext* context) : context_(context) {}

  Tensor Input(size_t index) const;  // absent if the node has no such input
  // Throws InvalidArgument if the node has no such output.
  void* Output(size_t index, std::initializer_list<int64_t> dims) const;
  ThreadPool Threads() const;
  void* GpuStream() const;  // a cudaStream_t; NULL on the processor
  OrtKernelContext* get() const { return context_; }

 private:
  OrtKernelContext* context_;
};

// Scratch memory for one call, from the session's arena, aligned to 64 bytes.
class Scratch {
 public:
  Scratch(const Context& context, size_t bytes);
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  std::byte* data() const { return aligned_; }

 private:
  OrtMemoryInfo* memory_ = nullptr;
  OrtAllocator* allocator_ = nullptr;
  void* block_ = nullptr;
  std::byte* aligned_ = nullptr;
  size_t bytes_ = 0;  // asked for
  size_t rest_ = 0;   // behind them, in the same block
};

// Throws InvalidArgument unless the tensor has this type and these dimensions (-1: any).
void Expect(const Tensor& tensor, const char* name, ElementType type,
            std::initializer_list<int64_t> dims);

}  // namespace mixline::ort

#endif  // MIXLINE_ORT_OP_H_
