#include "ort_op.h"

#include <atomic>
#include <cstdio>
#include <string_view>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

namespace mixline::ort {
namespace {

std::atomic<const OrtApi*> g_api{nullptr};
std::atomic<bool> g_has_config{false};

const char* TypeName(int type) {
  switch (type) {
    case kFloat:
      return "float";
    case kUint8:
      return "uint8";
    case kInt8:
      return "int8";
    case kInt32:
      return "int32";
    case kFloat16:
      return "float16";
    case kBfloat16:
      return "bfloat16";
    default:
      return "another type";
  }
}

std::string Join(const int64_t* dims, size_t rank) {
  std::string text = "[";
  for (size_t i = 0; i < rank; ++i) {
    if (i > 0) text += ", ";
    text += dims[i] < 0 ? "any" : std::to_string(dims[i]);
  }
  return text + "]";
}

// True if found; false if the node has no such attribute; throws if it has another type.
bool Found(OrtStatus* status, const char* name, const char* type) {
  if (status == nullptr) return true;
  const std::string message = GetErrorMessage::Of(Api())(status);
  ReleaseStatus::Of(Api())(status);
  // The error code is the same for "absent" and "of another type": only the text tells them apart.
  if (message.find("No attribute with name") != std::string::npos) return false;
  throw InvalidArgument(std::string(name) + ": expected an attribute of type " + type +
                        ", got another (" + message + ")");
}

#ifdef __SANITIZE_THREAD__
// ONNX Runtime's threads are not instrumented. This tells the sanitizer what ParallelFor promises:
// tasks see what was written before it, its caller sees afterwards what they wrote. Two tasks are
// left unordered.
struct OrderedTask {
  Task* task;
  void* user;
  char before, after;

  static void Run(void* ordered, size_t index) {
    auto* self = static_cast<OrderedTask*>(ordered);
    __tsan_acquire(&self->before);
    self->task(self->user, index);
    __tsan_release(&self->after);
  }
};

void ParallelForTasks(void* context, size_t count, Task* task, void* user) {
  OrderedTask ordered{task, user, 0, 0};
  __tsan_release(&ordered.before);
  Call<ort::ParallelFor>(static_cast<OrtKernelContext*>(context), &OrderedTask::Run, count, count,
                         static_cast<void*>(&ordered));
  __tsan_acquire(&ordered.after);
}
#else
void ParallelForTasks(void* context, size_t count, Task* task, void* user) {
  // One batch per task: idle threads take the next one, whatever its cost.
  Call<ort::ParallelFor>(static_cast<OrtKernelContext*>(context), task, count, count, user);
}
#endif

// Absent where there is no value. Of one that is on a device, only the address is taken.
Tensor Describe(const OrtValue* value) {
  if (value == nullptr) return {};
  Tensor tensor;
  Info* info = nullptr;
  Call<GetTensorTypeAndShape>(value, &info);
  OrtStatus* status = GetTensorElementType::Of(Api())(info, &tensor.type);
  if (status == nullptr) status = GetDimensionsCount::Of(Api())(info, &tensor.rank);
  if (status == nullptr && tensor.rank <= Tensor::kMaxRank) {
    status = GetDimensions::Of(Api())(info, tensor.dims.data(), tensor.rank);
  }
  ReleaseInfo::Of(Api())(info);
  ThrowIfError(status);
  // GetTensorData came later than API 18; the mutable one returns the same pointer.
  Call<GetTensorMutableData>(const_cast<OrtValue*>(value), &tensor.data);
  return tensor;
}

[[noreturn]] void Missing(const char* name) {
  throw InvalidArgument("expected the attribute '" + std::string(name) + "', found none");
}

}  // namespace

const OrtApi& Api() { return *g_api.load(std::memory_order_acquire); }

bool SetApi(const OrtApiBase* base) {
  // Asked for a version that it does not have, ONNX Runtime prints a complaint.
  int major = 0;
  unsigned minor = 0;
  std::sscanf(base->GetVersionString(), "%d.%u", &major, &minor);
  g_has_config = major > 1 || minor >= kConfigApiVersion;
  const OrtApi* const api = base->GetApi(g_has_config ? kConfigApiVersion : kApiVersion);
  g_api.store(api, std::memory_order_release);
  return api != nullptr;
}

void ThrowIfError(OrtStatus* status) {
  if (status == nullptr) return;
  const std::string message = GetErrorMessage::Of(Api())(status);
  ReleaseStatus::Of(Api())(status);
  throw std::runtime_error(message);
}

OrtStatus* MakeStatus(ErrorCode code, const char* message) {
  return CreateStatus::Of(Api())(code, message);
}

int64_t Attributes::Int(const char* name) const {
  int64_t value = 0;
  if (!Found(GetAttributeInt::Of(Api())(info_, name, &value), name, "int")) Missing(name);
  return value;
}

int64_t Attributes::Int(const char* name, int64_t otherwise) const {
  int64_t value = 0;
  return Found(GetAttributeInt::Of(Api())(info_, name, &value), name, "int") ? value : otherwise;
}

float Attributes::Float(const char* name, float otherwise) const {
  float value = 0;
  return Found(GetAttributeFloat::Of(Api())(info_, name, &value), name, "float") ? value
                                                                                 : otherwise;
}

std::string Attributes::String(const char* name) const {
  size_t size = 0;  // with the terminating zero
  if (!Found(GetAttributeString::Of(Api())(info_, name, nullptr, &size), name, "string"))
    Missing(name);
  std::string value(size, '\0');
  Call<GetAttributeString>(info_, name, value.data(), &size);
  value.resize(size > 0 ? size - 1 : 0);
  return value;
}

std::string Attributes::String(const char* name, const std::string& otherwise) const {
  size_t size = 0;
  return Found(GetAttributeString::Of(Api())(info_, name, nullptr, &size), name, "string")
             ? String(name)
             : otherwise;
}

std::string Attributes::NodeName() const {
  size_t size = 0;
  Call<GetNodeName>(info_, static_cast<char*>(nullptr), &size);
  std::string value(size, '\0');
  Call<GetNodeName>(info_, value.data(), &size);
  value.resize(size > 0 ? size - 1 : 0);
  return value;
}

Tensor Attributes::ConstantInput(size_t index, const char* name) const {
  size_t count = 0;
  Call<GetNodeInputCount>(info_, &count);
  if (index >= count) return {};
  size_t length = 0;
  Call<GetNodeInputName>(info_, index, static_cast<char*>(nullptr), &length);
  if (length <= 1) return {};  // the terminating zero alone
  int constant = 0;
  const OrtValue* value = nullptr;
  Call<GetConstantInput>(info_, index, &constant, &value);
  if (constant == 0) throw InvalidArgument(std::string(name) + ": expected an initializer");
  return Describe(value);
}

std::string Attributes::ConfigEntry(const char* key) const {
  if (!g_has_config) return "";
  OrtKeyValuePairs* entries = nullptr;
  Call<GetConfigEntries>(info_, &entries);
  const char* const found = GetKeyValue::Of(Api())(entries, key);
  const std::string value = found == nullptr ? "" : found;
  ReleaseKeyValuePairs::Of(Api())(entries);
  return value;
}

const void* Attributes::Session() const {
  const OrtLogger* logger = nullptr;
  Call<GetLogger>(info_, &logger);
  return logger;
}

std::string Tensor::Describe() const {
  if (!present()) return "nothing";
  if (rank > kMaxRank) return std::string(TypeName(type)) + " of rank " + std::to_string(rank);
  return std::string(TypeName(type)) + " " + Join(dims.data(), rank);
}

Tensor Context::Input(size_t index) const {
  size_t count = 0;
  Call<GetInputCount>(context_, &count);
  if (index >= count) return {};
  const OrtValue* value = nullptr;
  Call<GetInput>(context_, index, &value);
  return Describe(value);
}

void* Context::Output(size_t index, std::initializer_list<int64_t> dims) const {
  OrtValue* value = nullptr;
  Call<GetOutput>(context_, index, dims.begin(), dims.size(), &value);
  if (value == nullptr) {
    throw InvalidArgument("expected the node to have output " + std::to_string(index) +
                          ", found none");
  }
  void* data = nullptr;
  Call<GetTensorMutableData>(value, &data);
  return data;
}

void* Context::GpuStream() const {
  void* stream = nullptr;
  Call<GetComputeStream>(static_cast<const OrtKernelContext*>(context_), &stream);
  return stream;
}

ThreadPool Context::Threads() const { return {context_, ParallelForTasks}; }

Scratch::Scratch(const Context& context, size_t bytes) : bytes_(bytes) {
  constexpr size_t kAlign = 64;
  Call<CreateCpuMemoryInfo>(int{kArenaAllocator}, int{kDefaultMemory}, &memory_);
  try {
    Call<GetAllocator>(context.get(), memory_, &allocator_);
    Call<AllocatorAlloc>(allocator_, bytes + kAlign, &block_);
  } catch (...) {
    if (allocator_ != nullptr) ReleaseAllocator::Of(Api())(allocator_);
    ReleaseMemoryInfo::Of(Api())(memory_);
    throw;
  }
  const auto address = reinterpret_cast<uintptr_t>(block_);
  aligned_ = static_cast<std::byte*>(block_) + (kAlign - address % kAlign) % kAlign;
#ifdef __SANITIZE_ADDRESS__
  // What lies behind the bytes asked for belongs to the same block, so it is forbidden here.
  rest_ = static_cast<size_t>(static_cast<std::byte*>(block_) + kAlign - aligned_);
  ASAN_POISON_MEMORY_REGION(aligned_ + bytes_, rest_);
#endif
}

Scratch::~Scratch() {
#ifdef __SANITIZE_ADDRESS__
  ASAN_UNPOISON_MEMORY_REGION(aligned_ + bytes_, rest_);
#endif
  OrtStatus* status = AllocatorFree::Of(Api())(allocator_, block_);
  if (status != nullptr) ReleaseStatus::Of(Api())(status);
  ReleaseAllocator::Of(Api())(allocator_);
  ReleaseMemoryInfo::Of(Api())(memory_);
}

void Expect(const Tensor& tensor, const char* name, ElementType type,
            std::initializer_list<int64_t> dims) {
  bool fits = tensor.present() && tensor.type == type && tensor.rank == dims.size() &&
              tensor.rank <= Tensor::kMaxRank;
  for (size_t i = 0; fits && i < dims.size(); ++i) {
    const int64_t expected = dims.begin()[i];
    fits = expected < 0 ? tensor.dims[i] >= 0 : tensor.dims[i] == expected;
  }
  if (fits) return;
  throw InvalidArgument(std::string(name) + ": expected " + TypeName(type) + " " +
                        Join(dims.begin(), dims.size()) + ", got " + tensor.Describe());
}

}  // namespace mixline::ort
