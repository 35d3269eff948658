// oneDNN as it is found at run time: no program is linked with it, and each runs without it.
//
// Types come from the library's own headers where the machine that compiles has them; TEMPER_ONEDNN says so. All that is called
// stands in the one table below. Its threads are ours: whoever creates or executes a primitive holds a OneThread, and gets the
// serial form of it.
//
//   const Library* dnnl = TEMPER_TRY(library());
//   OneThread one_thread(*dnnl);
//   TEMPER_TRY(dnnl->check(dnnl->primitive_create(&primitive, description), "create a primitive"));
#pragma once

#include <string>

#include "base/dynlib.h"
#include "base/error.h"

#if __has_include(<oneapi/dnnl/dnnl.h>)
#include <oneapi/dnnl/dnnl.h>
#if DNNL_VERSION_MAJOR == 2
#define TEMPER_ONEDNN 1
#endif
#endif

namespace temper::cpu::onednn {

struct Library;

// Loaded once per process and never unloaded; or why it can't be used.
Expected<const Library*> library();
// "oneDNN 2.6.3 for instruction set 0x27f"; empty where it can't be used.
std::string library_version();

#ifdef TEMPER_ONEDNN

// clang-format off
#define TEMPER_ONEDNN_FUNCTIONS(X)                                                                                            \
  X(version) X(get_effective_cpu_isa) X(engine_create) X(stream_create) X(stream_wait) X(stream_destroy)                      \
  X(memory_desc_init_by_strides) X(memory_desc_get_size) X(memory_create) X(memory_set_data_handle) X(memory_destroy)         \
  X(post_ops_create) X(post_ops_append_eltwise) X(post_ops_append_binary) X(post_ops_destroy)                                 \
  X(primitive_attr_create) X(primitive_attr_set_post_ops) X(primitive_attr_set_scratchpad_mode) X(primitive_attr_destroy)     \
  X(dilated_convolution_forward_desc_init) X(dilated_deconvolution_forward_desc_init) X(matmul_desc_init)                     \
  X(reorder_primitive_desc_create) X(primitive_desc_create) X(primitive_desc_query) X(primitive_desc_query_md)                \
  X(primitive_desc_destroy) X(primitive_create) X(primitive_execute) X(primitive_destroy)
// clang-format on

struct Library {
#define TEMPER_ONEDNN_FUNCTION(name) decltype(&::dnnl_##name) name = nullptr;
  TEMPER_ONEDNN_FUNCTIONS(TEMPER_ONEDNN_FUNCTION)
#undef TEMPER_ONEDNN_FUNCTION
  // Of the OpenMP that it was built with; null where it was built without threads.
  void (*omp_set_num_threads)(int) = nullptr;
  int (*omp_get_max_threads)() = nullptr;
  dnnl_engine_t engine = nullptr;
  std::string text;  // library_version()

  // `action`: "create a convolution".
  Status check(dnnl_status_t status, const char* action) const;
};

// The calling thread is alone in what the library does for it; afterwards it may use as many threads as before.
class OneThread {
 public:
  explicit OneThread(const Library& library) : library_(library) {
    if (library_.omp_get_max_threads) before_ = library_.omp_get_max_threads();
    if (before_ != 1) library_.omp_set_num_threads(1);
  }
  ~OneThread() {
    if (before_ != 1) library_.omp_set_num_threads(before_);
  }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  const Library& library_;
  int before_ = 1;
};

// An object of the library, destroyed by the function of the table that kDestroy names.
template <class T, auto kDestroy>
class Owned {
 public:
  explicit Owned(const Library& library) : library_(&library) {}
  Owned(Owned&& other) noexcept : library_(other.library_), object_(std::exchange(other.object_, nullptr)) {}
  Owned& operator=(Owned&& other) noexcept {
    std::swap(library_, other.library_);
    std::swap(object_, other.object_);
    return *this;
  }
  ~Owned() {
    if (object_) (library_->*kDestroy)(object_);
  }
  T get() const { return object_; }
  T* place() { return &object_; }  // for the function that creates it

 private:
  const Library* library_;
  T object_ = nullptr;
};
using Stream = Owned<dnnl_stream_t, &Library::stream_destroy>;
using Memory = Owned<dnnl_memory_t, &Library::memory_destroy>;
using PostOps = Owned<dnnl_post_ops_t, &Library::post_ops_destroy>;
using Attributes = Owned<dnnl_primitive_attr_t, &Library::primitive_attr_destroy>;
using Description = Owned<dnnl_primitive_desc_t, &Library::primitive_desc_destroy>;
using Primitive = Owned<dnnl_primitive_t, &Library::primitive_destroy>;

#endif

}  // namespace temper::cpu::onednn
