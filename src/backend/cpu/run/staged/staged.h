// StagedKernel: a kernel around a core that wants its operands dense, in an order of its own.
//
// Tile programs bring the operands, whatever their layout and index map, into temporaries (or straight into an output); the
// core works on those; tile programs bring results to where they belong. Places are numbered: buffers of the kernel first, then
// temporaries. Each kind of kernel ("sort", "scan", "scatter", "compact", "suppress") is one core, in its own file.
//
// Invariant: whatever the blob and the parameters say, a core touches only its places: its prepare() compares sizes.
//
//   const RegisterKernel kSort{"sort", &decode_staged<SortCore>};   // SortCore::decode(ByteReader&), prepare, ...
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "backend/cpu/run/kernel.h"
#include "backend/cpu/run/tile/program.h"

namespace temper::cpu {

class CoreLaunch {
 public:
  virtual ~CoreLaunch() = default;
  virtual int64_t workspace_bytes(int workers) const { return 0; }
  virtual Status run(std::span<std::byte* const> places, std::byte* workspace, Executor& executor) = 0;
};

class Core {
 public:
  virtual ~Core() = default;
  virtual int place_count() const = 0;      // places that it names are below this
  virtual int parameter_count() const = 0;  // likewise
  virtual bool writes(int place) const = 0;
  virtual Expected<std::unique_ptr<CoreLaunch>> prepare(std::span<const int64_t> parameters,
                                                        std::span<const int64_t> place_bytes) const = 0;
};

// One tile program: its parameters are a run of the kernel's, its buffers are places.
struct StagedProgram {
  tile::Program program;
  int32_t first_parameter = 0;
  std::vector<int32_t> places;
};
struct Temporary {
  DType dtype = DType::kF32;
  int32_t elements = 0;  // parameter
};

struct StagedFrame {
  int32_t buffers = 0, parameters = 0;
  std::vector<Temporary> temporaries;
  std::vector<StagedProgram> before, after;
};
// The frame, in the form that decode_staged reads; the core's own record follows it.
void encode_frame(const StagedFrame& frame, ByteWriter& out);
Expected<StagedFrame> decode_frame(ByteReader& in);

Expected<std::unique_ptr<Kernel>> make_staged(StagedFrame frame, std::unique_ptr<Core> core);

template <class CoreType>
Expected<std::unique_ptr<Kernel>> decode_staged(ByteReader& blob) {
  StagedFrame frame = TEMPER_TRY(decode_frame(blob));
  std::unique_ptr<Core> core = TEMPER_TRY(CoreType::decode(blob));
  return make_staged(std::move(frame), std::move(core));
}

inline constexpr int32_t kMaxNumber = 1 << 20;  // of places and parameters in a core's record

// Whether `elements` of that type fit into `bytes`; for what cores check.
bool fits(int64_t elements, DType dtype, int64_t bytes);
// a * b when both are counts and the product is one; else -1.
int64_t count_product(int64_t a, int64_t b);

}  // namespace temper::cpu
