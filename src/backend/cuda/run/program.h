// KernelProgram: one launch step of a plan for GPUs: CUDA C++ text, and how its entries are launched, in order.
//
// Every entry takes one parameter: `Args`, which is the addresses of the step's buffers and then of the temporaries, the
// numbers (SymInts that the shape programs compute), the address of the word in which trouble is noted, and what to note there.
// The text is the kernel; `code` is machine code for `architecture`, a cache that may be empty and can be made again. A
// buffer's layout is printed into the text: nothing here depends on it.
//
//   entry "map0", 256 threads, as many blocks as number 3 says
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace temper::cuda {

struct KernelProgram {
  struct Entry {
    std::string name;
    int32_t threads = 0;       // of a block
    int32_t blocks = 0;        // number that says how many; none are launched for 0
    int32_t shared_bytes = 0;  // of dynamic shared memory
  };
  std::string source;
  int32_t buffers = 0, numbers = 0;
  bool narrow = false;               // indices are computed in 32 bits
  std::vector<int32_t> temporaries;  // numbers with their sizes in bytes
  std::vector<Entry> entries;
  int32_t architecture = 0;
  std::vector<std::byte> code;

  // Whether there is machine code that such a device takes: that of its own major architecture, from its own minor one on.
  bool runs_on(int device) const { return !code.empty() && architecture / 10 == device / 10 && architecture <= device; }
};

inline constexpr std::string_view kKernelName = "cuda";  // in plans
inline constexpr int kMostSharedBytes = 99 << 10;        // that a block can have on every device
inline constexpr int kMostWords = 3900 / 8;              // of Args: 4 KB of parameters work with every driver

// 90 of "sm_90".
Expected<int> architecture_of(std::string_view target);

void encode(const KernelProgram& program, ByteWriter& out);
// Untrusted bytes: every index is within bounds in what it returns.
Expected<KernelProgram> decode_program(ByteReader& in);

}  // namespace temper::cuda
