// What every other header stands on: element types, dimensions, versions, error codes and the error recorder.
//
// Conventions of the whole API:
//  - Nothing throws. A method that fails returns nullptr, false or a negative number, writes a line to the ILogger and, if one
//  is
//    set, to the IErrorRecorder of the object or of the object that made it; temper::lastError() (temper/temper.h) has it
//    typed.
//  - Objects are made by a factory or by another object and ended with `delete`. An object must not outlive the one that made
//  it,
//    except that a plan (IHostMemory) and an engine outlive their builder, and a parsed network outlives its parser.
//  - Strings are UTF-8 and zero-terminated; returned ones belong to the object that returned them.
//  - Interfaces that a program implements derive from IVersionedInterface; overrides may be noexcept or not.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "NvInferVersion.h"
#include "temper/api/dims.h"

// Deprecation marks cost nothing unless a program asks for them by defining TEMPER_WARN_DEPRECATED.
#ifdef TEMPER_WARN_DEPRECATED
#define TRT_DEPRECATED [[deprecated]]
#define TRT_DEPRECATED_BECAUSE(REASON) [[deprecated(REASON)]]
#define TRT_DEPRECATED_ENUM [[deprecated]]
#define TRT_DEPRECATED_API [[deprecated]]
#define TRT_NODISCARD [[nodiscard]]
#define TRT_NODISCARD_BECAUSE(REASON) [[nodiscard]]
#else
#define TRT_DEPRECATED
#define TRT_DEPRECATED_BECAUSE(REASON)
#define TRT_DEPRECATED_ENUM
#define TRT_DEPRECATED_API
#define TRT_NODISCARD
#define TRT_NODISCARD_BECAUSE(REASON)
#endif

#define TENSORRTAPI __attribute__((visibility("default")))
#define TRTNOEXCEPT

// A version as one number, which grows with it. Level 8 has another scale: 8601 is 8.6.1, 101600 is 10.16.0.
#define NV_TENSORRT_VERSION_INT(major, minor, patch) ((major)*10000L + (minor)*100L + (patch)*1L)
#if TEMPER_API_LEVEL == 8
#define NV_TENSORRT_VERSION ((NV_TENSORRT_MAJOR)*1000 + (NV_TENSORRT_MINOR)*100 + (NV_TENSORRT_PATCH))
#else
#define NV_TENSORRT_VERSION NV_TENSORRT_VERSION_INT(NV_TENSORRT_MAJOR, NV_TENSORRT_MINOR, NV_TENSORRT_PATCH)
#endif

namespace nvinfer1 {

using char_t = char;
using AsciiChar = char_t;

#if TEMPER_API_LEVEL == 8
static constexpr int32_t kNV_TENSORRT_VERSION_IMPL = NV_TENSORRT_VERSION;
#endif

// How many values an enum has: loops over it run from 0 to EnumMax<T>() - 1. Each enum says its count beside its definition.
namespace impl {
template <typename T>
struct EnumCount;
}  // namespace impl
template <typename T>
constexpr int32_t EnumMax() noexcept {
  return impl::EnumCount<T>::kVALUE;
}
#define TEMPER_ENUM_COUNT(TYPE, COUNT)       \
  namespace impl {                           \
  template <>                                \
  struct EnumCount<TYPE> {                   \
    static constexpr int32_t kVALUE = COUNT; \
  };                                         \
  }

// Element type of a tensor or of weights.
enum class DataType : int32_t {
  kFLOAT = 0,  // IEEE binary32
  kHALF = 1,   // IEEE binary16
  kINT8 = 2,   // two's complement, 8 bits
  kINT32 = 3,  // two's complement, 32 bits
  kBOOL = 4,   // one byte, 0 or 1
  kUINT8 = 5,  // 8 bits, unsigned
  kFP8 = 6,    // E4M3: 4 exponent, 3 mantissa bits, no infinity
  kBF16 = 7,   // upper half of a binary32
  kINT64 = 8,  // two's complement, 64 bits
  kINT4 = 9,   // two's complement, two to a byte, the low four bits first
  kFP4 = 10,   // E2M1, two to a byte
  kE8M0 = 11,  // a power of two, used as a scale
};
TEMPER_ENUM_COUNT(DataType, 12)

// The language that an interface was implemented in.
enum class APILanguage : int32_t { kCPP = 0, kPYTHON = 1 };
TEMPER_ENUM_COUNT(APILanguage, 2)

// Name and version of an interface, by which the library knows what an object of the program can do.
using InterfaceKind = char const*;
class InterfaceInfo {
 public:
  InterfaceKind kind;
  int32_t major;
  int32_t minor;
};

// Base of every interface that a program may implement.
class IVersionedInterface {
 public:
  virtual ~IVersionedInterface() noexcept = default;
  virtual APILanguage getAPILanguage() const noexcept { return APILanguage::kCPP; }
  virtual InterfaceInfo getInterfaceInfo() const noexcept = 0;

 protected:
  IVersionedInterface() = default;
  IVersionedInterface(IVersionedInterface const&) = default;
  IVersionedInterface(IVersionedInterface&&) = default;
  IVersionedInterface& operator=(IVersionedInterface const&) & = default;
  IVersionedInterface& operator=(IVersionedInterface&&) & = default;
};

// What kind of error an IErrorRecorder is told of. temper::lastError() keeps Temper's own finer code.
enum class ErrorCode : int32_t {
  kSUCCESS = 0,
  kUNSPECIFIED_ERROR = 1,
  kINTERNAL_ERROR = 2,         // a fault of the library
  kINVALID_ARGUMENT = 3,       // an argument has no meaning here
  kINVALID_CONFIG = 4,         // options that do not go together
  kFAILED_ALLOCATION = 5,      // out of memory, or over a limit the program set
  kFAILED_INITIALIZATION = 6,  // a device or a library could not be started
  kFAILED_EXECUTION = 7,       // the operating system or the device refused
  kFAILED_COMPUTATION = 8,     // a computation ended with an error
  kINVALID_STATE = 9,          // called too early, or in the wrong order
  kUNSUPPORTED_STATE = 10,     // it has a meaning, and the library cannot do it
};
TEMPER_ENUM_COUNT(ErrorCode, 11)

// Collects errors for a program. Set on an object, it is told of the errors of that object and of those made from it, possibly
// from several threads at once. The library counts references with incRefCount / decRefCount while it holds the recorder.
class IErrorRecorder : public IVersionedInterface {
 public:
  using ErrorDesc = char const*;
  using RefCount = int32_t;
  static constexpr size_t kMAX_DESC_LENGTH{127U};  // longer descriptions may be cut by the recorder

  InterfaceInfo getInterfaceInfo() const noexcept override { return {"IErrorRecorder", 1, 0}; }
  IErrorRecorder() = default;
  ~IErrorRecorder() noexcept override = default;

  virtual int32_t getNbErrors() const = 0;
  virtual ErrorCode getErrorCode(int32_t errorIdx) const = 0;
  virtual ErrorDesc getErrorDesc(int32_t errorIdx) const = 0;
  virtual bool hasOverflowed() const = 0;
  virtual void clear() = 0;
  // Returns true if the error is fatal for the program; the library stops what it does in any case.
  virtual bool reportError(ErrorCode val, ErrorDesc desc) = 0;
  virtual RefCount incRefCount() = 0;
  virtual RefCount decRefCount() = 0;
};

// Is a named tensor read or written by the engine; kNONE: there is no such tensor.
enum class TensorIOMode : int32_t { kNONE = 0, kINPUT = 1, kOUTPUT = 2 };
TEMPER_ENUM_COUNT(TensorIOMode, 3)

namespace v_1_0 {
using nvinfer1::IErrorRecorder;
}  // namespace v_1_0

}  // namespace nvinfer1

// The newest API version that the library implements, as NV_TENSORRT_VERSION_INT.
extern "C" TENSORRTAPI int32_t getInferLibVersion() noexcept;
