// The stages in which order matters: scan, sort, scatter, compact. Plain ways to do them; each keeps the order of
// the elements.
#include <string>
#include <utility>

#include "backend/cuda/gen/kernel_writer.h"
#include "backend/cuda/gen/prelude.h"

namespace temper::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kMostBlocks = int64_t{1} << 20;
constexpr int64_t kShortScan = 256;   // elements, up to which a warp goes through a row
constexpr int64_t kLongRow = 1024;    // to sort, from which a row is shared by blocks
constexpr int kBlocksTogether = 128;  // that do so
// A scatter's updates are shared out among so many threads by where they go; each does its own in order.
constexpr int kOwnerBlocks = 32;

SymInt rows_of(const Dims& dims, int axis) {
  SymInt rows = 1;
  for (size_t k = 0; k < dims.size(); ++k) {
    if (static_cast<int>(k) != axis) rows *= dims[k];
  }
  return rows;
}

}  // namespace

void KernelWriter::write(const Scan& s) {
  const SymInt rows = rows_of(s.domain, s.axis), extent = s.domain[static_cast<size_t>(s.axis)];
  const DType element = types_[static_cast<size_t>(s.operand.value)].dtype;
  const bool wide = element == DType::kF64 || s.dtype == DType::kF64;
  const std::string accumulator = is_float(element) ? (wide ? "double" : "float") : compute_type_text(element);
  const std::string monoid =
      "monoid_" + std::string(monoid_info(s.monoid).name) + "<" + compute_type_text(element) + ", " + accumulator + ">";
  const std::string axis =
      "const I d" + std::to_string(s.axis) + " = " + (s.reverse ? "extent - 1 - (I)step" : "(I)step") + ";";
  line("const I extent = " + expression(extent) + ";");
  line("for (s64 item = blockIdx.x; item < (s64)" + expression(rows) + "; item += gridDim.x) {");
  line("const I i = (I)item;");
  point(variables_but(s.domain, s.axis), "i");
  line("auto at = [&](s64 step) {");
  line(axis);
  read(s.operand, "x");
  line("return x;");
  line("};");
  line("auto put = [&](s64 step, const " + monoid + "& m) {");
  line(axis);
  store(value_, s.domain, "cast_" + std::string(dtype_name(s.dtype)) + "(m.result0())");
  line("};");
  const bool is_long = !extent.is_const() || extent.value() > kShortScan;
  const int threads = is_long ? kThreads : 32;
  line("scan_row<" + std::to_string(threads) + ", " + (s.exclusive ? "true" : "false") + ", " + monoid +
       ">((s64)extent, at, put);");
  line("}");
  end_entry("scan", threads, min(rows, kMostBlocks));
}

void KernelWriter::write(const Sort& s) {
  const SymInt rows = rows_of(s.domain, s.axis), extent = s.domain[static_cast<size_t>(s.axis)];
  Dims results = s.domain;
  results[static_cast<size_t>(s.axis)] = s.count;
  const std::string axis = "d" + std::to_string(s.axis);
  const std::string one = "a.b[" + std::to_string(temporary(rows * extent * 8)) + "]";
  const std::string other = "a.b[" + std::to_string(temporary(rows * extent * 8)) + "]";
  if (!extent.is_const() || extent.value() > kLongRow) return write_long_sort(s, one, other);
  line("for (s64 item = blockIdx.x; item < (s64)" + expression(rows) + "; item += gridDim.x) {");
  line("const I i = (I)item;");
  point(variables_but(s.domain, s.axis), "i");
  line("auto at = [&](s64 p) {");
  line("const I " + axis + " = (I)p;");
  read(s.operand, "x");
  line("return x;");
  line("};");
  line("const s64 extent = " + expression(extent) + ";");
  line("const s64* order = merge_sort<" + compute_type_text(s.dtype) + ">(extent, (s64*)" + one + " + item * extent, (s64*)" +
       other + " + item * extent, " + (s.descending ? "true" : "false") + ", at);");
  line("for (s64 k = threadIdx.x; k < (s64)" + expression(s.count) + "; k += blockDim.x) {");
  line("const I " + axis + " = (I)k;");
  store(value_, results, "at(order[k])");
  store(value_ + 1, results, "Int<s64>{order[k]}");
  line("}");
  line("__syncthreads();");
  line("}");
  end_entry("sort", kThreads, min(rows, kMostBlocks));
}

// All of the device merges, and meets after each pass.
void KernelWriter::write_long_sort(const Sort& s, const std::string& one, const std::string& other) {
  const SymInt extent = s.domain[static_cast<size_t>(s.axis)], rows = rows_of(s.domain, s.axis), count = rows * extent;
  Dims results = s.domain;
  results[static_cast<size_t>(s.axis)] = s.count;
  const std::string axis = "d" + std::to_string(s.axis), arrived = "(u32*)a.b[" + std::to_string(temporary(4)) + "]";
  auto begin = [&](SymInt items, const std::string& row) {
    begin_items(items);
    line("const s64 row = item / (" + row + "), at_row = item % (" + row + ");");
    point(variables_but(s.domain, s.axis), "(I)row");
    line("auto at = [&](s64 p) {");
    line("const I " + axis + " = (I)p;");
    read(s.operand, "x");
    line("return x;");
    line("};");
  };
  line("const s64 extent = " + expression(extent) + ";");
  line("if (blockIdx.x == 0 && threadIdx.x == 0) *" + arrived + " = 0;");
  begin_items(count);
  line("((s64*)" + one + ")[item] = item % extent;");
  line("}");
  end_entry("sort_start", kThreads, min(ceil_div(count, kThreads), kMostBlocks));
  line("const s64 extent = " + expression(extent) + ";");
  line("s64 *from = (s64*)" + one + ", *to = (s64*)" + other + ";");
  line("u32 meetings = 0;");
  line("for (s64 width = 1; width < extent; width *= 2) {");
  begin(count, "extent");
  line("to[row * extent + merged_place<" + compute_type_text(s.dtype) + ">(at_row, extent, width, from + row * extent, " +
       (s.descending ? "true" : "false") + ", at)] = from[item];");
  line("}");
  line("meet_all_blocks(" + arrived + ", ++meetings);");
  line("s64* t = from; from = to; to = t;");
  line("}");
  begin(rows * s.count, expression(s.count));
  line("const s64 position = from[row * extent + at_row];");
  line("const I " + axis + " = (I)at_row;");
  store(value_, results, "at(position)");
  store(value_ + 1, results, "Int<s64>{position}");
  line("}");
  end_entry("sort", kThreads, min(ceil_div(count, kThreads), kBlocksTogether), {.together = true});
}

void KernelWriter::write(const Scatter& s) {
  const Dims& updates = s.update.map.domain;
  const SymInt count = product(updates);
  const Variables update_variables = variables_of(updates, 0, static_cast<int>(updates.size()));
  const int offsets = temporary(count * 8);
  const std::string offset = "((s64*)a.b[" + std::to_string(offsets) + "])";
  for (const Place& place : places_[static_cast<size_t>(value_)]) {
    begin_items(product(s.dims));
    point(in_order_of(s.dims), "i");
    read(s.base, "x");
    line(store_text(place, s.dtype, index_vars(context_, s.dims), "x"));
    line("}");
    end_entry("scatter_base", kThreads, min(ceil_div(product(s.dims), kThreads), kMostBlocks));

    begin_items(count);
    point(update_variables, "i");
    line(offset + "[item] = -1;");
    locate(s.target, s.dims, offset + "[item] = " + address(place, s.target.map.results) + ";");
    line("}");
    end_entry("scatter_offsets", kThreads, min(ceil_div(count, kThreads), kMostBlocks));

    line("const s64 self = blockIdx.x * (s64)blockDim.x + threadIdx.x, owners = (s64)gridDim.x * blockDim.x;");
    line("for (s64 item = 0; item < (s64)" + expression(count) + "; ++item) {");
    line("const s64 to = " + offset + "[item];");
    line("if (to < 0 || to % owners != self) continue;");
    line("const I i = (I)item;");
    point(update_variables, "i");
    read(s.update, "x");
    const std::string target = pointer(place.buffer, s.dtype);
    const std::string value =
        s.combine ? "op_" + std::string(scalar_info(*s.combine).name) + "(load(" + target + ", to), x)" : "x";
    line("store(" + target + ", to, " + value + ");");
    line("}");
    end_entry("scatter", kThreads, kOwnerBlocks);
  }
}

void KernelWriter::write(const Compact& s) {
  constexpr int kBlock = 1024;
  line("__shared__ int ends[" + std::to_string(kBlock) + "];");
  line("s64 found = 0;");
  line("const s64 extent = " + expression(s.extent) + ";");
  line("for (s64 base = 0; base < extent; base += blockDim.x) {");
  line("const s64 item = base + threadIdx.x;");
  line("bool holds = false;");
  line("if (item < extent) {");
  line("const I d0 = (I)item;");
  read(s.mask, "x");
  line("holds = x;");
  line("}");
  line("ends[threadIdx.x] = holds;");
  line("__syncthreads();");
  line("for (int step = 1; step < blockDim.x; step *= 2) {");
  line("const int before = threadIdx.x >= step ? ends[threadIdx.x - step] : 0;");
  line("__syncthreads();");
  line("ends[threadIdx.x] += before;");
  line("__syncthreads();");
  line("}");
  line("if (holds) {");
  line("const s64 k = found + ends[threadIdx.x] - 1;");
  for (const Place& place : places_[static_cast<size_t>(value_)]) {
    line("store(" + pointer(place.buffer, DType::kI64) + ", " + expression(place.layout.offset) + " + k * " +
         expression(place.layout.strides[0]) + ", Int<s64>{item});");
  }
  line("}");
  line("found += ends[blockDim.x - 1];");
  line("__syncthreads();");
  line("}");
  line("if (threadIdx.x == 0) *(s64*)a.b[" + std::to_string(buffers_ - 1) + "] = found;");
  end_entry("compact", kBlock, 1);
}

}  // namespace temper::cuda
