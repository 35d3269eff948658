// KernelProgram: one launch step of a plan for GPUs: CUDA C++ text, and how its entries are launched, in order.
//
// Every entry takes one parameter: `Args`, which is the addresses of the step's buffers and then of the temporaries, the
// numbers (SymInts that the shape programs compute), the address of the word in which trouble is noted, what to note there,
// and, from a multiple of 64 bytes on, the tensor maps: what the copy engine of Hopper has to know of a matrix, made by the
// driver. The text is the kernel; `code` is machine code for `architecture`, a cache that may be empty and can be made again. A
// buffer's layout is printed into the text: nothing here depends on it.
//
//   entry "map0", 256 threads, as many blocks as number 3 says
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/dtype.h"
#include "base/error.h"

namespace temper::cuda {

struct KernelProgram {
  struct Entry {
    std::string name;
    int32_t threads = 0;       // of a block
    int32_t blocks = 0;        // number that says how many; none are launched for 0
    int32_t shared_bytes = 0;  // of dynamic shared memory
    bool waits = false;        // it may be started early: it waits for the kernel before it by itself
    bool together = false;     // its blocks wait for each other: no more are launched than the device has at once
  };
  // What the copy engine has to know of a tensor of 16-bit elements, of which it fetches `lines` lines of 128 bytes at once.
  // Without a window, dims are those of a line, lines, and two sorts of batches.
  // Its dims and strides (in bytes; of all dims but the innermost, whose elements are neighbours) are numbers, innermost first;
  // its first element is at number `offset`, in bytes, of the buffer. With a window, dims are channels, width, height and
  // images, and lines are pixels: from window[0], window[1] on, window[4], window[5] apart, up to window[2], window[3] beyond
  // the last column and row (x before y; these are no numbers, but stand here).
  struct Map {
    int32_t buffer = 0;
    int32_t dtype = 0;  // of a DType: kF16 or kBF16
    int32_t lines = 0;
    int32_t offset = 0;
    std::vector<int32_t> dims, strides;
    std::vector<int32_t> window;
  };
  std::string source;
  int32_t buffers = 0, numbers = 0;
  bool narrow = false;               // indices are computed in 32 bits
  std::vector<int32_t> temporaries;  // numbers with their sizes in bytes
  std::vector<Entry> entries;
  std::vector<Map> maps;
  int32_t architecture = 0;
  bool only_there = false;  // the text is for this architecture alone
  std::vector<std::byte> code;

  // Whether there is machine code that such a device takes: that of its own major architecture, from its own minor one on.
  bool runs_on(int device) const { return !code.empty() && architecture / 10 == device / 10 && architecture <= device; }
};

inline constexpr std::string_view kKernelName = "cuda";  // in plans
inline constexpr int kMostSharedBytes = 227 << 10;       // that a block can have on the device that has most
inline constexpr size_t kRankOfMaps = 4;
inline constexpr int kWordsOfMap = 16;       // a tensor map in Args, of 8 bytes each
inline constexpr int kMostWords = 3900 / 8;  // of Args: 4 KB of parameters work with every driver

// 90 of "sm_90".
Expected<int> architecture_of(std::string_view target);

// How many words Args has, and which is the first of its tensor maps.
int args_words(const KernelProgram& program);
int first_map_word(const KernelProgram& program);

void encode(const KernelProgram& program, ByteWriter& out);
// Untrusted bytes: every index is within bounds in what it returns.
Expected<KernelProgram> decode_program(ByteReader& in);

}  // namespace temper::cuda
