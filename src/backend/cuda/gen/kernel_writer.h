// KernelWriter: from a Region in concrete layouts to a KernelProgram: a kernel entry (or a few) for each stage, in plain CUDA
// C++.
//
// Index maps, guards, addresses and bodies are printed from their SymInts. An expression over dimensions alone is a number: a
// parameter that the plan's shape programs compute, unless it is constant. Results that only later stages read lie in
// temporaries, row-major. Invariants: a work item is a point of the problem, never of the machine, and every order of reduction
// is fixed by the text, so the bits are the same each time; no kernel reads or writes outside of a tensor because of an index
// that it has loaded.
//
//   entry "map4": for each point of [b, 56, 56, 64], x0 = load(%3 at d0, d1, d2, d3) ... store(%4)
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backend/cuda/gen/product_plan.h"
#include "backend/cuda/run/program.h"
#include "kernel/chain.h"
#include "kernel/layout.h"
#include "kernel/region.h"

namespace temper::cuda {

// How matrix products are done.
struct ProductChoice {
  bool exact = true;  // those of f32 keep its precision; else they may take operands of 11 bits
  int cut = 0;        // 0: in the way that is expected to be the best, 1: in the next best, ...
};

struct GeneratedKernel {
  KernelProgram program;
  std::vector<SymInt> numbers;
};

// Why there is no kernel for a region, or nothing.
std::optional<std::string> generation_refusal(const Region& region);
// layouts: of inputs, then outputs. best: values of expressions at the shapes to be fast for. A compaction gets one buffer
// more, the last, for the number of elements found. architecture: of the device, 90 for sm_90.
Expected<GeneratedKernel> generate_kernel(SymContext& context, const Region& region, std::span<const Layout> layouts,
                                          const std::function<int64_t(SymInt)>& best, const ProductChoice& products,
                                          int architecture);
// How many ways there are to cut the products of a region, one of them if it has none.
int ways_to_cut(const Region& region, const std::function<int64_t(SymInt)>& best);

// How the blocks of an entry are kept on the device.
struct Residence {
  int shared_bytes = 0;
  int resident = 0;       // so many blocks find room on a multiprocessor, as far as registers go; 0: as it comes
  int cluster = 1;        // of so many blocks
  bool together = false;  // blocks wait for each other
};

class KernelWriter {
 public:
  KernelWriter(SymContext& context, const Region& region, std::span<const Layout> layouts,
               const std::function<int64_t(SymInt)>& best, const ProductChoice& products, int architecture);
  Expected<GeneratedKernel> write();

 private:
  // Where a value lies: a buffer or temporary of Args, and how.
  struct Place {
    int buffer;
    Layout layout;
  };
  // How one side of a product travels to shared memory.
  struct Way {
    bool by_depth = true;
    int elements = 1;
  };
  // A side that the copy engine can fetch.
  struct FetchedSide {
    std::vector<SymInt> dims, strides;  // as KernelProgram::Map has them, but strides in elements
    SymInt offset;
    std::vector<int32_t> window;
    std::vector<SymInt> places;  // of a window: channel, x, y, image, and the steps in it
  };

  // Points that an item stands for, by ordinal of a variable that has more than one.
  using Blocks = std::map<int, int>;
  // Note [Windows]: a thread does `strip` points along the innermost variable and `reach` along `along`; taps of the reduced
  // variable `unrolled` are written out.
  struct WindowCut {
    int strip, along, reach, unrolled;
  };
  struct Tap {
    int operand;
    SymInt address, guard;
    bool operator==(const Tap&) const = default;
  };

  void write(const Map& s);
  void write(const Reduce& s);
  void write(const Contract& s);
  void write(const Scan& s);
  void write(const Sort& s);
  void write(const Scatter& s);
  void write(const Compact& s);
  void write(const Opaque& s);
  void write_copy(int from, const Place& to);
  void write_long_sort(const Sort& s, const std::string& one, const std::string& other);
  bool fits_tensor_cores(const Contract& s, const ProductVariables& v) const;
  void write_on_tensor_cores(const Contract& s, const ProductVariables& v);
  void write_own(const std::string& name, const Variables& batches, const Variables& rows);
  void take_own(const Variables& batches, const Variables& rows);
  void write_put(const Contract& s, const ProductVariables& v, const std::string& partial);
  struct Ahead {
    std::string members, loads;
  };
  Ahead write_sums(const Contract& s, const ProductVariables& v, const std::string& column, bool reads_ahead);
  void write_side(const std::string& name, const Access& access, const ProductVariables& v, const Variables& own);
  Way way_of(const Access& access, const Variables& own, const Variables& depth);
  std::optional<WideCut> wide_cut(const Contract& s, const ProductVariables& v);
  std::optional<FetchedSide> matrix_of(const Access& access, const ProductVariables& v, const Variables& own);
  std::optional<FetchedSide> window_of(const Access& access, const ProductVariables& v, const Variables& own);
  std::optional<FetchedSide> fetched_side(const Access& access, const ProductVariables& v, const Variables& own);
  std::string add_map(const Access& access, const FetchedSide& side, int lines);
  void write_wide(const Contract& s, const ProductVariables& v, const WideCut& cut);
  // A convolution over few channels (kernel_narrow.cc): dims of the picture, variables of the window, and how it moves.
  struct NarrowWindow {
    int image = -1, y = -1, x = -1, channel = -1;
    int channel_var = -1, y_var = -1, x_var = -1;
    int64_t channels = 1, kernel_y = 1, kernel_x = 1, step_y = 1, step_x = 1, first_y = 0, first_x = 0;
    int64_t cols = 0;  // that a block does at once
    bool shift = false;
    int shared_bytes() const;
  };
  std::optional<NarrowWindow> narrow_window(const Contract& s, const ProductVariables& v);
  void write_narrow_window(const Contract& s, const ProductVariables& v, const NarrowWindow& window);
  // Two products with rows between them as one kernel (kernel_chain.cc).
  struct WideChain {
    ChainParts parts;
    ProductVariables scores, values;
    FetchedSide queries, keys, lines;  // of the first product, and the right side of the second
    int chunk, out_cols, teams, slots;
    int pieces, line_pieces;  // of 64 elements, that queries and keys, or lines of the second, are wide
    int shared_bytes() const;
  };
  std::optional<WideChain> plan_chain();
  void write_chain(const WideChain& chain);
  std::string write_rows_of_chain(const WideChain& chain, int first_value);

  // Text of expressions (kernel_expression.cc).
  double magnitude(SymInt e, double& most) const;
  std::string expression(SymInt e);
  std::string term(SymInt e);
  int number(SymInt e);
  std::string count_text(const Dims& dims) { return expression(product(dims)); }

  // Text at a point of a stage (kernel_point.cc). Lines go to body_.
  void line(const std::string& text) { body_.append(text).append("\n"); }
  void point(const Variables& variables, const std::string& linear, const Blocks& blocks = {});
  void locate(const Access& access, const Dims& dims, const std::string& action);
  std::string read(const Access& access, const std::string& name);
  std::vector<std::string> evaluate(const ScalarBody& body, const std::function<void(int, const std::string&)>& declare);
  std::vector<std::string> evaluate(const ScalarBody& body, const std::vector<Access>& operands) {
    return evaluate(body, [&](int operand, const std::string& name) { read(operands[static_cast<size_t>(operand)], name); });
  }
  void store(int value, const Dims& dims, const std::string& x);
  std::string address(const Place& place, std::span<const SymInt> index) { return expression(place.layout.address(index)); }
  std::string pointer(int buffer, DType dtype) const;
  // Stores what the first stage of the group has computed at this point, and does the maps that follow it.
  void finish_point(const Dims& dims, const std::vector<std::string>& results);
  std::string store_text(const Place& place, DType dtype, std::span<const SymInt> index, const std::string& x);

  // Reductions along with neighbours (kernel_window.cc).
  int strip_of_operands(const Variables& kept, const std::vector<const Access*>& operands, int most) const;
  std::vector<Tap> taps_of(const Reduce& s, const WindowCut& cut) const;
  std::optional<WindowCut> window_cut(const Reduce& s) const;
  void write_window(const Reduce& s, bool contracts, const WindowCut& cut);
  bool write_columns(const Reduce& s);
  bool write_lines(const Reduce& s, bool contracts);  // kernel_lines.cc

  // Strips (kernel_strip.cc).
  int strip_of(const Variables& variables) const;
  bool lies_along_strip(SymInt address, SymInt guard, DType dtype) const;
  void begin_strip(int ordinal, SymInt extent, int count);
  void end_strip();
  std::string read_strip(const Access& access);
  void store_strip(const Place& place, DType dtype, std::span<const SymInt> index, const std::string& x);

  void begin_items(SymInt count);
  void end_entry(const std::string& name, int threads, SymInt blocks, const Residence& residence = {});
  int temporary(SymInt bytes);
  size_t end_of_group(size_t first) const;
  size_t end_of_row_group(size_t first) const;
  int strip_of_row(const std::pair<int, SymInt>& last, int64_t length) const;
  void write_row_group();
  std::string monoid_text(const Reduce& s) const;
  std::vector<std::string> results_text(const Reduce& s, const std::string& monoid) const;
  SymInt position_of(const Reduce& s) const;  // of a point, row-major among the reduced ones
  // Of a contraction as a reduction: x times y is added to the sum in one rounding.
  void add_product(const Reduce& s, const std::string& sum, const std::string& x, const std::string& y);
  Variables variables_but(const Dims& dims, int axis) const;
  Variables in_order_of(const Dims& dims) const;

  SymContext& context_;
  const Region& region_;
  std::vector<Layout> layouts_;
  const std::function<int64_t(SymInt)>& best_;
  std::vector<TensorType> types_;
  std::vector<std::vector<Place>> places_;  // by value
  int buffers_ = 0;
  int value_ = 0;                     // first result of the stage that is being written
  size_t stage_ = 0, group_end_ = 0;  // that stage, and the first one after its group
  std::map<int, std::string> held_;   // values of the group at this point
  // What is written for a strip: once before its points, for each of them, and once after them.
  struct Strip {
    int ordinal, count;
    SymInt var;
    std::string outside, before, after;
    int packs = 0;
    // What is read may be asked for earlier, into members of a struct `e`; then nothing is stored unless `inside`.
    bool reads_ahead = false;
    std::string members, loads;
  };
  std::optional<Strip> strip_;
  GeneratedKernel result_;
  std::vector<SymInt> temporary_bytes_;
  std::string text_, body_;
  const ProductChoice products_;
  const int architecture_;
  const bool rounds_to_half_;  // whatever is computed is rounded to 16-bit floats
  bool uses_products_ = false, uses_narrow_windows_ = false;
  std::string wide_atoms_;  // text of those that wide products use
  std::string atoms_;       // and of what other stages use beside the prelude
  std::optional<WideChain> chain_;
  bool wide_ = false;  // an expression may leave 32 bits
};

// Whether a guard says nothing but that these indices are inside of these dims.
bool guards_range(SymInt guard, const std::vector<SymInt>& indices, const Dims& dims);
// "f16", "s64": how elements lie in memory.
std::string storage_type_text(DType dtype);
std::string literal_text(ScalarValue value, DType dtype);

}  // namespace temper::cuda
