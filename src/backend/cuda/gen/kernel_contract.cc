// Contractions: on tensor cores where the operands are f32, else by plain tiles, else as a reduction for each result.
#include <algorithm>

#include "backend/cuda/gen/kernel_writer.h"
#include "backend/cuda/gen/prelude.h"

namespace temper::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kMostBlocks = int64_t{1} << 20;
constexpr int64_t kLeastPlainTile = 16;  // rows and columns, from which a product is done by plain tiles
constexpr int64_t kLeastTile = 8;        // and on tensor cores

std::string text_of(bool b) { return b ? "true" : "false"; }

}  // namespace

// How a side travels: along which of its dimensions, and how many elements at once.
KernelWriter::Way KernelWriter::way_of(const Access& access, const Variables& own, const Variables& depth) {
  const SymInt address = places_[static_cast<size_t>(access.value)][0].layout.address(access.map.results);
  auto step = [&](const Variables& list) {
    return list.empty() ? SymInt(0) : step_of(address, context_.index(list.back().first, list.back().second));
  };
  const SymInt step_own = step(own), step_depth = step(depth);
  Way way;
  way.by_depth = step_depth.is_const(1) ||
                 !(step_own.is_const(1) || (step_own.is_const() && !step_own.is_const(0) && !step_depth.is_const()) ||
                   (step_own.is_const() && step_depth.is_const() && !step_own.is_const(0) &&
                    std::abs(step_own.value()) < std::abs(step_depth.value())));
  const Variables& list = way.by_depth ? depth : own;
  if (!(way.by_depth ? step_depth : step_own).is_const(1)) return way;
  const SymInt var = context_.index(list.back().first, list.back().second), rest = address - var;
  const bool together = proves_multiple_of(list.back().second, 4) && !depends_on(rest, var) && proves_multiple_of(rest, 4) &&
                        !depends_on(access.map.guard, var);
  way.elements = together ? 4 : 1;
  return way;
}

bool KernelWriter::fits_tensor_cores(const Contract& s, const ProductVariables& v) const {
  auto fits = [&](const Access& access) {
    return types_[static_cast<size_t>(access.value)].dtype == DType::kF32 && access.loads.empty() &&
           (access.map.guard.is_const(1) || access.fill == ScalarValue());
  };
  return s.accumulate == DType::kF32 && fits(s.lhs) && fits(s.rhs) && best_(count_of(v.rows)) >= kLeastTile &&
         best_(count_of(v.cols)) >= kLeastTile && best_(count_of(v.depth)) >= kLeastTile;
}

void KernelWriter::write(const Contract& s) {
  ProductVariables v = product_variables(context_, s, places_[static_cast<size_t>(s.lhs.value)][0].layout);
  // The column that is innermost in memory runs fastest.
  const Dims kept(s.domain.begin(), s.domain.end() - s.reduced);
  auto in_memory_order = [&](Variables& list) {
    Variables sorted;
    for (const auto& var : in_order_of(kept)) {
      if (std::find(list.begin(), list.end(), var) != list.end()) sorted.push_back(var);
    }
    list = std::move(sorted);
  };
  in_memory_order(v.cols);
  if (fits_tensor_cores(s, v)) return write_on_tensor_cores(s, v);
  if (best_(count_of(v.rows)) < kLeastPlainTile || best_(count_of(v.cols)) < kLeastPlainTile)
    return write(sum_of_products(s, types_));
  const std::string accumulate = "cast_" + std::string(dtype_name(s.accumulate));
  auto side = [&](const char* name, const Access& access, const char* parameters, const Variables& own, const char* own_item) {
    line("auto " + std::string(name) + " = [&](" + parameters + ") {");
    point(v.batches, "b");
    point(own, own_item);
    point(v.depth, "k");
    read(access, "x");
    line("return " + accumulate + "(x);");
    line("};");
  };
  side("lhs", s.lhs, "I b, I r, I k", v.rows, "r");
  side("rhs", s.rhs, "I b, I k, I c", v.cols, "c");
  line("auto put = [&](I b, I r, I c, " + compute_type_text(s.accumulate) + " sum) {");
  point(v.batches, "b");
  point(v.rows, "r");
  point(v.cols, "c");
  finish_point(kept, {"cast_" + std::string(dtype_name(s.dtype)) + "(sum)"});
  line("};");
  const SymInt rows = count_of(v.rows), cols = count_of(v.cols), batches = count_of(v.batches);
  line("tiled_product<" + compute_type_text(s.accumulate) + ", I>((I)" + expression(batches) + ", (I)" + expression(rows) +
       ", (I)" + expression(cols) + ", (I)" + expression(count_of(v.depth)) + ", lhs, rhs, put);");
  expression(rows * cols * batches);  // the items of all blocks are counted too
  end_entry("contract", kThreads, min(ceil_div(rows, 64) * ceil_div(cols, 64) * batches, kMostBlocks));
}

// Declares a Side of a product: what is known of a row is the values of its variables.
void KernelWriter::write_side(const std::string& name, const Access& access, const ProductVariables& v, const Variables& own) {
  Variables known = v.batches;
  known.insert(known.end(), own.begin(), own.end());
  std::string fields, values;
  for (const auto& var : known) {
    fields += "d" + std::to_string(var.first) + ", ";
    values += "d" + std::to_string(var.first) + ", ";
  }
  line("struct Own_" + name + " { I " + fields + "none; };");
  line("auto own_" + name + " = [&](I b, I r) {");
  point(v.batches, "b");
  point(own, "r");
  line("return Own_" + name + "{" + values + "0};");
  line("};");
  line("auto at_" + name + " = [&](const Own_" + name + "& own, I k) {");
  for (const auto& var : known) line("const I d" + std::to_string(var.first) + " = own.d" + std::to_string(var.first) + ";");
  point(v.depth, "k");
  const Place& place = places_[static_cast<size_t>(access.value)][0];
  line("const float* p = nullptr;");
  locate(access, types_[static_cast<size_t>(access.value)].dims,
         "p = " + pointer(place.buffer, DType::kF32) + " + " + address(place, access.map.results) + ";");
  line("return p;");
  line("};");
  line("const Side<decltype(own_" + name + "), decltype(at_" + name + ")> " + name + "{own_" + name + ", at_" + name + "};");
}

void KernelWriter::write_on_tensor_cores(const Contract& s, const ProductVariables& v) {
  const SymInt rows = count_of(v.rows), cols = count_of(v.cols), batches = count_of(v.batches), depth = count_of(v.depth);
  const Cut cut = choose_cut(double(best_(rows)), double(best_(cols)), double(best_(batches)), double(best_(depth)), exact_);
  const Tile& tile = *cut.tile;
  const Way left = way_of(s.lhs, v.rows, v.depth), right = way_of(s.rhs, v.cols, v.depth);
  const Dims kept(s.domain.begin(), s.domain.end() - s.reduced);
  const std::string result = "cast_" + std::string(dtype_name(s.dtype)) + "(sum)";
  uses_products_ = true;
  write_side("left", s.lhs, v, v.rows);
  write_side("right", s.rhs, v, v.cols);
  const std::string row_text = expression(rows), col_text = expression(cols), batch_text = expression(batches);
  std::string partial;
  line("auto put = [&](I piece, I b, I r, I c, float sum) {");
  if (cut.pieces > 1) {
    partial = "((float*)a.b[" + std::to_string(temporary(rows * cols * batches * (4 * cut.pieces))) + "])";
    line(partial + "[(((s64)piece * " + batch_text + " + b) * " + row_text + " + r) * " + col_text + " + c] = sum;");
  } else {
    point(v.batches, "b");
    point(v.rows, "r");
    point(v.cols, "c");
    finish_point(kept, {result});
  }
  line("};");
  auto words = [&](const Way& way, int own) { return way.by_depth ? own * (tile.depth + 4) : tile.depth * (own + 8); };
  auto buffer = [&](const Access& access) {
    return "(const float*)a.b[" + std::to_string(places_[static_cast<size_t>(access.value)][0].buffer) + "]";
  };
  line("extern __shared__ __align__(16) float memory[];");
  std::string numbers;
  for (int n : {tile.rows, tile.cols, tile.depth, tile.warps_m, tile.warps_n, tile.stages}) numbers += std::to_string(n) + ", ";
  line("mma_product<" + numbers + std::to_string(left.elements) + ", " + text_of(left.by_depth) + ", " +
       std::to_string(right.elements) + ", " + text_of(right.by_depth) + ", " + text_of(exact_) + ", I>((I)" + batch_text +
       ", (I)" + row_text + ", (I)" + col_text + ", (I)" + expression(depth) + ", (I)" + std::to_string(cut.pieces) +
       ", left, " + buffer(s.lhs) + ", right, " + buffer(s.rhs) + ", put, memory);");
  expression(rows * cols * batches);
  end_entry("product", tile.threads(),
            min(ceil_div(rows, tile.rows) * ceil_div(cols, tile.cols) * batches * cut.pieces, kMostBlocks),
            (words(left, tile.rows) + words(right, tile.cols)) * tile.stages * 4);
  if (cut.pieces == 1) return;
  // The pieces are summed in their order.
  const SymInt count = rows * cols * batches;
  begin_items(count);
  Variables all = v.batches;
  all.insert(all.end(), v.rows.begin(), v.rows.end());
  all.insert(all.end(), v.cols.begin(), v.cols.end());
  point(all, "i");
  line("float sum = 0.0f;");
  line("for (int piece = 0; piece < " + std::to_string(cut.pieces) + "; ++piece) sum = sum + " + partial + "[(s64)piece * " +
       expression(count) + " + item];");
  finish_point(kept, {result});
  line("}");
  end_entry("sum_pieces", kThreads, min(ceil_div(count, kThreads), kMostBlocks));
}

}  // namespace temper::cuda
