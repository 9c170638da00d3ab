// The slice of ONNX Runtime's C ABI (API version 18) that the operators use.
//
// ONNX Runtime's own headers come with neither its wheels nor Debian. The ABI is append-only:
// OrtApi is a table of function pointers whose positions never change, so a position and a
// signature are all that is needed. Every function below is exercised by tests/inference/ops.
#ifndef MIXLINE_ORT_ABI_H_
#define MIXLINE_ORT_ABI_H_

#include <cstddef>
#include <cstdint>

extern "C" {
struct OrtStatus;
struct OrtValue;
struct OrtAllocator;
struct OrtMemoryInfo;
struct OrtKernelInfo;
struct OrtKernelContext;
struct OrtShapeInferContext;
struct OrtTensorTypeAndShapeInfo;
struct OrtSessionOptions;
struct OrtCustomOpDomain;
struct OrtOpAttr;
struct OrtLogger;
struct OrtKeyValuePairs;

struct OrtApi {
  void (*slots[392])();  // from 280 on: later than kApiVersion, see kConfigApiVersion
};

struct OrtApiBase {
  const OrtApi* (*GetApi)(uint32_t version);
  const char* (*GetVersionString)();
};

// One operator. ONNX Runtime calls the functions with the struct itself as `op`.
struct OrtCustomOp {
  uint32_t version;  // of this struct and of the API it was written for
  void* (*CreateKernel)(const OrtCustomOp* op, const OrtApi* api, const OrtKernelInfo* info);
  const char* (*GetName)(const OrtCustomOp* op);
  const char* (*GetExecutionProviderType)(const OrtCustomOp* op);
  int (*GetInputType)(const OrtCustomOp* op, size_t index);
  size_t (*GetInputTypeCount)(const OrtCustomOp* op);
  int (*GetOutputType)(const OrtCustomOp* op, size_t index);
  size_t (*GetOutputTypeCount)(const OrtCustomOp* op);
  void (*KernelCompute)(void* kernel, OrtKernelContext* context);
  void (*KernelDestroy)(void* kernel);
  int (*GetInputCharacteristic)(const OrtCustomOp* op, size_t index);
  int (*GetOutputCharacteristic)(const OrtCustomOp* op, size_t index);
  int (*GetInputMemoryType)(const OrtCustomOp* op, size_t index);
  int (*GetVariadicInputMinArity)(const OrtCustomOp* op);
  int (*GetVariadicInputHomogeneity)(const OrtCustomOp* op);
  int (*GetVariadicOutputMinArity)(const OrtCustomOp* op);
  int (*GetVariadicOutputHomogeneity)(const OrtCustomOp* op);
  OrtStatus* (*CreateKernelV2)(const OrtCustomOp* op, const OrtApi* api, const OrtKernelInfo* info,
                               void** kernel);
  OrtStatus* (*KernelComputeV2)(void* kernel, OrtKernelContext* context);
  OrtStatus* (*InferOutputShapeFn)(const OrtCustomOp* op, OrtShapeInferContext* context);
  int (*GetStartVersion)(const OrtCustomOp* op);
  int (*GetEndVersion)(const OrtCustomOp* op);
  size_t (*GetMayInplace)(int** inputs, int** outputs);
  void (*ReleaseMayInplace)(int* inputs, int* outputs);
  size_t (*GetAliasMap)(int** inputs, int** outputs);
  void (*ReleaseAliasMap)(int* inputs, int* outputs);
};
}  // extern "C"

static_assert(sizeof(void*) == 8, "the ABI slice is written down for 64-bit platforms");
static_assert(sizeof(OrtApi) == 392 * 8);
static_assert(sizeof(OrtApiBase) == 2 * 8);
static_assert(sizeof(OrtCustomOp) == 26 * 8, "26 fields, the version padded to 8 bytes");
static_assert(offsetof(OrtCustomOp, CreateKernelV2) == 17 * 8);
static_assert(offsetof(OrtCustomOp, ReleaseAliasMap) == 25 * 8);

namespace mixline::ort {

inline constexpr uint32_t kApiVersion = 18;        // the oldest with every slot below but the last
inline constexpr uint32_t kConfigApiVersion = 24;  // the oldest with all of them

enum ErrorCode : int { kFail = 1, kInvalidArgument = 2 };
// kAnyType in an operator's ports: it checks the tensor itself.
enum ElementType : int {
  kAnyType = 0,
  kFloat = 1,
  kUint8 = 2,
  kInt8 = 3,
  kInt32 = 6,
  kFloat16 = 10,
  kBfloat16 = 16,
};
enum Characteristic : int { kRequired = 0, kOptional = 1 };
enum AttributeType : int { kAttributeInt = 1 };
enum AllocatorType : int { kArenaAllocator = 1 };
// Of a provider's default memory, a GPU's for CUDA, or of the processor for any provider.
enum MemoryType : int { kCpuInput = -2, kDefaultMemory = 0 };

// A function of the table: its position and its signature.
template <size_t slot, typename Signature>
struct Function {
  static_assert(slot < sizeof(OrtApi) / sizeof(void*));
  static Signature* Of(const OrtApi& api) { return reinterpret_cast<Signature*>(api.slots[slot]); }
};

using Task = void(void* user, size_t index);
using Info = OrtTensorTypeAndShapeInfo;

// Functions that return OrtStatus* return NULL on success; the caller owns a status that is not.
using CreateStatus = Function<0, OrtStatus*(int code, const char* message)>;
using GetErrorMessage = Function<2, const char*(const OrtStatus*)>;
using CreateCustomOpDomain = Function<26, OrtStatus*(const char* name, OrtCustomOpDomain** out)>;
using CustomOpDomainAdd = Function<27, OrtStatus*(OrtCustomOpDomain*, const OrtCustomOp*)>;
using AddCustomOpDomain = Function<28, OrtStatus*(OrtSessionOptions*, OrtCustomOpDomain*)>;
using GetTensorMutableData = Function<51, OrtStatus*(OrtValue*, void** out)>;
using CreateTensorTypeAndShapeInfo = Function<57, OrtStatus*(Info** out)>;
using SetTensorElementType = Function<58, OrtStatus*(Info*, int type)>;
using SetDimensions = Function<59, OrtStatus*(Info*, const int64_t* dims, size_t rank)>;
using GetTensorElementType = Function<60, OrtStatus*(const Info*, int* out)>;
using GetDimensionsCount = Function<61, OrtStatus*(const Info*, size_t* out)>;
using GetDimensions = Function<62, OrtStatus*(const Info*, int64_t* dims, size_t rank)>;
using GetSymbolicDimensions =
    Function<63, OrtStatus*(const Info*, const char** names, size_t rank)>;
using GetTensorTypeAndShape = Function<65, OrtStatus*(const OrtValue*, Info** out)>;
using CreateCpuMemoryInfo = Function<69, OrtStatus*(int allocator, int memory, OrtMemoryInfo**)>;
using AllocatorAlloc = Function<75, OrtStatus*(OrtAllocator*, size_t bytes, void** out)>;
using AllocatorFree = Function<76, OrtStatus*(OrtAllocator*, void*)>;
using GetAttributeFloat = Function<85, OrtStatus*(const OrtKernelInfo*, const char*, float* out)>;
using GetAttributeInt = Function<86, OrtStatus*(const OrtKernelInfo*, const char*, int64_t* out)>;
using GetAttributeString =
    Function<87, OrtStatus*(const OrtKernelInfo*, const char*, char* out, size_t* size)>;
using GetInputCount = Function<88, OrtStatus*(const OrtKernelContext*, size_t* out)>;
using GetInput = Function<90, OrtStatus*(const OrtKernelContext*, size_t, const OrtValue** out)>;
using GetOutput = Function<91, OrtStatus*(OrtKernelContext*, size_t, const int64_t* dims,
                                          size_t rank, OrtValue** out)>;
using ReleaseStatus = Function<93, void(OrtStatus*)>;
using ReleaseMemoryInfo = Function<94, void(OrtMemoryInfo*)>;
using ReleaseInfo = Function<99, void(Info*)>;
using ReleaseAllocator = Function<132, void(OrtAllocator*)>;
using GetComputeStream = Function<193, OrtStatus*(const OrtKernelContext*, void** out)>;
using GetNodeInputCount = Function<230, OrtStatus*(const OrtKernelInfo*, size_t* out)>;
using GetNodeInputName =
    Function<232, OrtStatus*(const OrtKernelInfo*, size_t, char* out, size_t* size)>;
using GetNodeName = Function<244, OrtStatus*(const OrtKernelInfo*, char* out, size_t* size)>;
// The logger of the session that the node is in.
using GetLogger = Function<245, OrtStatus*(const OrtKernelInfo*, const OrtLogger** out)>;
using GetConstantInput =
    Function<249, OrtStatus*(const OrtKernelInfo*, size_t, int* constant, const OrtValue** out)>;
using GetAllocator =
    Function<253, OrtStatus*(const OrtKernelContext*, const OrtMemoryInfo*, OrtAllocator** out)>;
using GetInferredInputCount = Function<267, OrtStatus*(const OrtShapeInferContext*, size_t* out)>;
using GetInferredInput = Function<268, OrtStatus*(const OrtShapeInferContext*, size_t, Info** out)>;
using GetInferAttribute =
    Function<269, OrtStatus*(const OrtShapeInferContext*, const char*, const OrtOpAttr** out)>;
using SetInferredOutput =
    Function<270, OrtStatus*(const OrtShapeInferContext*, size_t, const Info*)>;
using SetSymbolicDimensions = Function<271, OrtStatus*(Info*, const char** names, size_t rank)>;
using ReadAttribute =
    Function<272, OrtStatus*(const OrtOpAttr*, int type, void* out, size_t bytes, size_t* read)>;
using ParallelFor =
    Function<274, OrtStatus*(const OrtKernelContext*, Task*, size_t total, size_t batches, void*)>;

// Only where GetApi(kConfigApiVersion) is not NULL.
using GetKeyValue = Function<297, const char*(const OrtKeyValuePairs*, const char* key)>;
using ReleaseKeyValuePairs = Function<300, void(OrtKeyValuePairs*)>;
using GetConfigEntries = Function<391, OrtStatus*(const OrtKernelInfo*, OrtKeyValuePairs** out)>;

}  // namespace mixline::ort

#endif  // MIXLINE_ORT_ABI_H_
