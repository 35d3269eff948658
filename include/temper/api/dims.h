// The extents of a tensor, in the two widths that programs know, and how methods that carry them are declared.
//
// Note [One library, two widths]
// Extents are 64 bits wide since level 10, and 32 at level 8. The library knows 64 only. Where a method of one of its objects
// carries Dims, the header declares a virtual method with 64-bit extents; at level 8 that one has another name (NAME64), and
// the method that programs call converts. For interfaces that programs implement it is the other way round: the library calls
// the 64-bit method, which at level 8 converts and calls the program's. So the same library serves both.
#pragma once

#include <cstdint>

namespace nvinfer1 {

// The extents of a tensor, outermost first. nbDims is the rank (0: a scalar; -1: invalid or unknown rank). An extent of -1 is
// not known yet: it is set at run time, within the ranges of the optimization profiles if there are any.
class Dims64 {
 public:
  static constexpr int32_t MAX_DIMS{8};
  int32_t nbDims;
  int64_t d[MAX_DIMS];  // only the first nbDims count
};

// The same in 32 bits.
class Dims32 {
 public:
  static constexpr int32_t MAX_DIMS{8};
  int32_t nbDims;
  int32_t d[MAX_DIMS];
};

#if TEMPER_API_LEVEL == 8
using Dims = Dims32;
using DimsExtent = int32_t;
#else
using Dims = Dims64;
using DimsExtent = int64_t;
#endif

namespace impl {

// The same extents in the other width; those that do not fit become -1.
inline Dims64 dims_as(Dims32 const& from) noexcept {
  Dims64 to{};
  to.nbDims = from.nbDims;
  for (int32_t i = 0; i < Dims32::MAX_DIMS; ++i) to.d[i] = from.d[i];
  return to;
}
inline Dims32 dims_as(Dims64 const& from) noexcept {
  Dims32 to{};
  to.nbDims = from.nbDims;
  for (int32_t i = 0; i < from.nbDims && i < Dims64::MAX_DIMS; ++i) {
    auto const narrow = static_cast<int32_t>(from.d[i]);
    to.d[i] = narrow == from.d[i] ? narrow : -1;
  }
  return to;
}

}  // namespace impl
}  // namespace nvinfer1

// A method of a library object that takes extents (and says whether it did), or gives them (those of a tensor), and
// nothing else.
#if TEMPER_API_LEVEL == 8
#define TEMPER_SETS_DIMS(NAME, DIMS)                      \
  virtual void NAME##64(Dims64 const& DIMS) noexcept = 0; \
  void NAME(Dims const& DIMS) noexcept { NAME##64(impl::dims_as(DIMS)); }
#define TEMPER_TRIES_DIMS(NAME, DIMS)                     \
  virtual bool NAME##64(Dims64 const& DIMS) noexcept = 0; \
  bool NAME(Dims const& DIMS) noexcept { return NAME##64(impl::dims_as(DIMS)); }
#define TEMPER_GETS_DIMS(NAME)                  \
  virtual Dims64 NAME##64() const noexcept = 0; \
  Dims NAME() const noexcept { return impl::dims_as(NAME##64()); }
#define TEMPER_GETS_DIMS_OF(NAME)                                     \
  virtual Dims64 NAME##64(char const* tensorName) const noexcept = 0; \
  Dims NAME(char const* tensorName) const noexcept { return impl::dims_as(NAME##64(tensorName)); }
#else
#define TEMPER_SETS_DIMS(NAME, DIMS) virtual void NAME(Dims const& DIMS) noexcept = 0;
#define TEMPER_TRIES_DIMS(NAME, DIMS) virtual bool NAME(Dims const& DIMS) noexcept = 0;
#define TEMPER_GETS_DIMS(NAME) virtual Dims NAME() const noexcept = 0;
#define TEMPER_GETS_DIMS_OF(NAME) virtual Dims NAME(char const* tensorName) const noexcept = 0;
#endif

// How every library object ends: with `delete`, or as at level 8 with destroy().
#define TEMPER_DESTROY \
  void destroy() noexcept { delete this; }
