// The stages in which order matters: scan, sort, scatter, compact, suppression. Plain ways to do them; each keeps the order of
// the elements.
#include <string>
#include <utility>

#include "backend/cuda/gen/kernel_writer.h"
#include "backend/cuda/gen/prelude.h"

namespace temper::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kMostBlocks = int64_t{1} << 20;
constexpr int64_t kLongRow = 4096;  // to sort, from which a row is shared by blocks
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
  begin_items(rows);
  point(variables_but(s.domain, s.axis), "i");
  line("monoid_" + std::string(monoid_info(s.monoid).name) + "<" + compute_type_text(element) + ", " + accumulator + "> m;");
  line("m.clear();");
  line("const I extent = " + expression(extent) + ";");
  line("for (I step = 0; step < extent; ++step) {");
  line("const I d" + std::to_string(s.axis) + " = " + (s.reverse ? "extent - 1 - step" : "step") + ";");
  read(s.operand, "x");
  const std::string result = "cast_" + std::string(dtype_name(s.dtype)) + "(m.result0())";
  if (s.exclusive) store(value_, s.domain, result);
  line("m.add(x, (s64)step);");
  if (!s.exclusive) store(value_, s.domain, result);
  line("}");
  line("}");
  end_entry("scan", kThreads, min(ceil_div(rows, kThreads), kMostBlocks));
}

void KernelWriter::write(const Sort& s) {
  const SymInt rows = rows_of(s.domain, s.axis), extent = s.domain[static_cast<size_t>(s.axis)];
  Dims results = s.domain;
  results[static_cast<size_t>(s.axis)] = s.count;
  const std::string axis = "d" + std::to_string(s.axis);
  const std::string one = "a.b[" + std::to_string(temporary(rows * extent * 8)) + "]";
  const std::string other = "a.b[" + std::to_string(temporary(rows * extent * 8)) + "]";
  if (extent.is_const() && extent.value() > kLongRow) return write_long_sort(s, one, other);
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

// Every pass of merges is a launch of its own, so that all of the device takes part.
void KernelWriter::write_long_sort(const Sort& s, std::string from, std::string to) {
  const SymInt extent = s.domain[static_cast<size_t>(s.axis)], count = rows_of(s.domain, s.axis) * extent;
  Dims results = s.domain;
  results[static_cast<size_t>(s.axis)] = s.count;
  const std::string axis = "d" + std::to_string(s.axis), length = "(s64)" + expression(extent);
  const SymInt blocks = min(ceil_div(count, kThreads), kMostBlocks);
  auto begin = [&](SymInt items, const std::string& row) {
    begin_items(items);
    line("const I row = i / (I)(" + row + "), at_row = i % (I)(" + row + ");");
    point(variables_but(s.domain, s.axis), "row");
    line("auto at = [&](s64 p) {");
    line("const I " + axis + " = (I)p;");
    read(s.operand, "x");
    line("return x;");
    line("};");
  };
  begin_items(count);
  line("((s64*)" + from + ")[item] = item % " + length + ";");
  line("}");
  end_entry("sort_start", kThreads, blocks);
  for (int64_t width = 1; width < extent.value(); width *= 2) {
    begin(count, length);
    line("const s64* from = (const s64*)" + from + " + row * " + length + ";");
    line("((s64*)" + to + ")[row * " + length + " + merged_place<" + compute_type_text(s.dtype) + ">(at_row, " + length + ", " +
         std::to_string(width) + ", from, " + (s.descending ? "true" : "false") + ", at)] = from[at_row];");
    line("}");
    end_entry("sort_pass", kThreads, blocks);
    std::swap(from, to);
  }
  const SymInt kept = rows_of(s.domain, s.axis) * s.count;
  begin(kept, expression(s.count));
  line("const s64 position = ((const s64*)" + from + ")[row * " + length + " + at_row];");
  line("const I " + axis + " = at_row;");
  store(value_, results, "at(position)");
  store(value_ + 1, results, "Int<s64>{position}");
  line("}");
  end_entry("sort_end", kThreads, min(ceil_div(kept, kThreads), kMostBlocks));
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

// Greedy suppression: boxes [lists, n, 4] in the order in which they are taken; one block a list. A chunk of boxes is held
// against all that are kept so far, each by a thread of its own; then the boxes of the chunk against each other, all pairs at
// once; and last one thread goes through the chunk in order.
void KernelWriter::write(const Opaque& s) {
  const TensorType& boxes = types_[static_cast<size_t>(s.operands[0])];
  const TensorType& threshold = types_[static_cast<size_t>(s.operands[1])];
  const Dims kept{boxes.dims[0], boxes.dims[1]};
  const int order = temporary(product(kept) * 4);  // of the kept boxes
  const Place& place = places_[static_cast<size_t>(s.operands[0])][0];
  const Place& limit_place = places_[static_cast<size_t>(s.operands[1])][0];
  constexpr int kWords = kThreads / 32;
  line("__shared__ float sides[" + std::to_string(kThreads) + "][4];");
  line("__shared__ u32 hits[" + std::to_string(kThreads) + "][" + std::to_string(kWords) + "];");
  line("__shared__ u32 out[" + std::to_string(kWords) + "];");
  line("__shared__ int count;");
  line("const float limit = cast_f32(load(" + pointer(limit_place.buffer, threshold.dtype) + ", " +
       expression(limit_place.layout.offset) + "));");
  line("const s64 n = " + expression(boxes.dims[1]) + ";");
  line("for (s64 list = blockIdx.x; list < (s64)" + expression(boxes.dims[0]) + "; list += gridDim.x) {");
  line("int* taken = (int*)a.b[" + std::to_string(order) + "] + list * n;");
  line("auto side = [&](s64 box, int k) { return cast_f32(load(" + pointer(place.buffer, boxes.dtype) + ", " +
       expression(place.layout.offset) + " + list * " + expression(place.layout.strides[0]) + " + box * " +
       expression(place.layout.strides[1]) + " + k * (s64)" + expression(place.layout.strides[2]) + ")); };");
  line("if (threadIdx.x == 0) count = 0;");
  line("for (s64 base = 0; base < n; base += blockDim.x) {");
  line("const s64 b = base + threadIdx.x;");
  line("const int here = (int)least(n - base, (s64)blockDim.x), self = (int)threadIdx.x;");
  line("if (self < " + std::to_string(kWords) + ") out[self] = 0;");
  line("__syncthreads();");
  line("float x1 = 0, y1 = 0, x2 = 0, y2 = 0;");
  line("if (b < n) { x1 = side(b, 0); y1 = side(b, 1); x2 = side(b, 2); y2 = side(b, 3); }");
  line("const float area = (x2 - x1) * (y2 - y1);");
  line("auto overlaps = [&](float p1, float q1, float p2, float q2) {");
  line("const float w = fminf(x2, p2) - fmaxf(x1, p1), h = fminf(y2, q2) - fmaxf(y1, q1), both = w * h;");
  line("return w > 0 && h > 0 && both / (area + (p2 - p1) * (q2 - q1) - both) > limit;");
  line("};");
  line("sides[self][0] = x1; sides[self][1] = y1; sides[self][2] = x2; sides[self][3] = y2;");
  line("bool hit = b >= n;");
  line(
      "for (int k = 0; k < count && !hit; ++k) { const s64 o = taken[k]; hit = overlaps(side(o, 0), side(o, 1), side(o, 2), "
      "side(o, 3)); }");
  line("if (hit) atomicOr(&out[self / 32], 1u << (self % 32));");
  line("__syncthreads();");
  line("for (int w = 0; w < " + std::to_string(kWords) + "; ++w) {");
  line("u32 bits = 0;");
  line(
      "for (int k = 0; k < 32; ++k) { const int o = w * 32 + k; if (o < self && !hit && overlaps(sides[o][0], sides[o][1], "
      "sides[o][2], sides[o][3])) bits |= 1u << k; }");
  line("hits[self][w] = bits;");
  line("}");
  line("__syncthreads();");
  line("if (self == 0) {");
  line("u32 stays[" + std::to_string(kWords) + "] = {};");
  line("for (int k = 0; k < here; ++k) {");
  line("bool gone = (out[k / 32] >> (k % 32)) & 1;");
  line("for (int w = 0; w < " + std::to_string(kWords) + " && !gone; ++w) gone = (hits[k][w] & stays[w]) != 0;");
  line("if (gone) { out[k / 32] |= 1u << (k % 32); continue; }");
  line("stays[k / 32] |= 1u << (k % 32);");
  line("taken[count++] = (int)(base + k);");
  line("}");
  line("}");
  line("__syncthreads();");
  line("if (b < n) {");
  line("const I d0 = (I)list, d1 = (I)b;");
  store(value_, kept, "((out[self / 32] >> (self % 32)) & 1) == 0");
  line("}");
  line("__syncthreads();");
  line("}");
  line("__syncthreads();");
  line("}");
  end_entry("suppress", kThreads, min(boxes.dims[0], kMostBlocks));
}

}  // namespace temper::cuda
