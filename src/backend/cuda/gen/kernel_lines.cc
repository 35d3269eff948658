// Reductions along elements that lie together in memory, as products of a matrix and a vector are: a warp does a result, or a
// block where there are few of them, and each thread reads 16 bytes at once.
#include <algorithm>

#include "backend/cuda/gen/kernel_writer.h"
#include "backend/cuda/gen/prelude.h"

namespace temper::cuda {
namespace {

constexpr int kThreads = 128, kWarp = 32;
constexpr int64_t kMostBlocks = int64_t{1} << 20;
constexpr int kStripBytes = 16;           // that one instruction moves
constexpr int64_t kEnoughResults = 1024;  // that a warp does each
constexpr int64_t kLongestOfWarp = 8192;  // elements of a result
constexpr const char* kUnroll = "#pragma unroll 4";

}  // namespace

// False if it is no such reduction. contracts: what is reduced are products, each added in one rounding.
bool KernelWriter::write_lines(const Reduce& s, bool contracts) {
  const int rank = static_cast<int>(s.domain.size()), first_reduced = rank - s.reduced;
  const Dims kept_dims(s.domain.begin(), s.domain.begin() + first_reduced);
  std::vector<const Access*> operands;
  for (const Access& access : s.operands) operands.push_back(&access);
  Variables reduced = variables_of(s.domain, first_reduced, rank);
  int strip = 1;
  for (size_t k = 0; k < reduced.size() && strip < 2; ++k) {
    std::rotate(reduced.begin(), reduced.begin() + 1, reduced.end());
    strip = strip_of_operands(reduced, operands, kStripBytes / 2);
  }
  if (strip < 2 || best_(count_of(reduced)) < kLongReduction) return false;
  const auto [inner, inner_extent] = reduced.back();
  const SymInt results = product(kept_dims);
  const bool by_warps = best_(results) >= kEnoughResults && best_(count_of(reduced)) <= kLongestOfWarp;
  const std::string team = std::to_string(by_warps ? kWarp : kThreads), teams = std::to_string(by_warps ? kThreads / kWarp : 1);
  line("const int member = (int)threadIdx.x % " + team + ";");
  line("for (s64 item = blockIdx.x * (s64)" + teams + " + threadIdx.x / " + team + "; item < (s64)" + expression(results) +
       "; item += (s64)gridDim.x * " + teams + ") {");
  line("const I i = (I)item;");
  point(in_order_of(kept_dims), "i");
  line(monoid_text(s) + " m;");
  line("m.clear();");
  line(kUnroll);
  line("for (I r = (I)member; r < " + expression(floor_div(count_of(reduced), strip)) + "; r += " + team + ") {");
  point(reduced, "r", {{inner, strip}});
  begin_strip(inner, inner_extent, strip);
  if (contracts) {
    read(s.operands[0], "x");
    read(s.operands[1], "y");
    add_product(s, "m", "x", "y");
  } else {
    line("m.add(" + evaluate(*s.body, s.operands)[0] + ", (s64)" + expression(position_of(s)) + ");");
  }
  end_strip();
  line("}");
  line("m = " + std::string(by_warps ? "over_warp(m);" : "over_block<" + team + ">(m);"));
  line("if (member == 0) {");
  finish_point(kept_dims, results_text(s, "m"));
  line("}");
  line("}");
  end_entry("lines", kThreads, min(ceil_div(results, by_warps ? kThreads / kWarp : 1), kMostBlocks));
  return true;
}

}  // namespace temper::cuda
