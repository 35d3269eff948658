// Contractions: on tensor cores where the operands are floats of 32 or 16 bits, else by plain tiles, else as a reduction for
// each result.
#include <algorithm>
#include <utility>

#include "backend/cuda/gen/kernel_writer.h"
#include "backend/cuda/gen/prelude.h"

namespace temper::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kMostBlocks = int64_t{1} << 20;
constexpr int64_t kLeastPlainTile = 16;  // rows and columns, from which a product is done by plain tiles
constexpr int64_t kLeastTile = 8;        // and on tensor cores
constexpr int64_t kDeep = 32, kManyCols = 64, kManyRows = 4096;  // of which fewer of the others are done there too
constexpr int64_t kWorthTrying = 1 << 20;  // products of two numbers, from which it matters how they are cut
constexpr int kWaysToCut = 6;
constexpr int kColumns = 4;     // that a put() is given
constexpr int kCopyBytes = 16;  // at most, of one copy to shared memory

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
  if (depends_on(rest, var) || depends_on(access.map.guard, var)) return way;
  way.elements = kCopyBytes * 8 / dtype_bits(types_[static_cast<size_t>(access.value)].dtype);
  while (!(proves_multiple_of(list.back().second, way.elements) && proves_multiple_of(rest, way.elements))) way.elements /= 2;
  return way;
}

bool KernelWriter::fits_tensor_cores(const Contract& s, const ProductVariables& v) const {
  const DType dtype = types_[static_cast<size_t>(s.lhs.value)].dtype;
  auto fits = [&](const Access& access) {
    return types_[static_cast<size_t>(access.value)].dtype == dtype && access.loads.empty() &&
           (access.map.guard.is_const(1) || access.fill == ScalarValue());
  };
  if (dtype != DType::kF32 && dtype != DType::kF16 && dtype != DType::kBF16) return false;
  if (s.accumulate != DType::kF32 || !fits(s.lhs) || !fits(s.rhs) || v.cols.empty()) return false;
  const int64_t rows = best_(count_of(v.rows)), cols = best_(count_of(v.cols)), depth = best_(count_of(v.depth));
  if (depth < kLeastTile) return false;
  // Few rows or columns leave most of a tile empty, but where there are many of the other, it is bytes that take the time.
  const bool few = dtype != DType::kF32 && depth >= kDeep;
  return (rows >= kLeastTile || (few && cols >= kManyCols)) && (cols >= kLeastTile || (few && rows >= kManyRows));
}

int ways_to_cut(const Region& region, const std::function<int64_t(SymInt)>& best) {
  for (const Stage& stage : region.stages) {
    const auto* contract = std::get_if<Contract>(&stage);
    if (contract && is_float(contract->accumulate) && best(product(contract->domain)) >= kWorthTrying) return kWaysToCut;
  }
  return 1;
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
  const Reduce sums = sum_of_products(s, types_);
  if (is_thin(double(best_(count_of(v.rows))), double(best_(count_of(v.cols))), double(best_(count_of(v.depth))))) {
    if (const auto cut = window_cut(sums)) return write_window(sums, true, *cut);
  }
  if (fits_tensor_cores(s, v)) {
    // A row or a few are bytes of the other side, which lines read with less ado.
    if (best_(count_of(v.rows)) < kLeastTile && write_lines(sums, true)) return;
    if (auto window = products_.cut == 0 ? narrow_window(s, v) : std::nullopt) return write_narrow_window(s, v, *window);
    if (auto cut = wide_cut(s, v)) return write_wide(s, v, *cut);
    return write_on_tensor_cores(s, v);
  }
  if (best_(count_of(v.rows)) < kLeastPlainTile || best_(count_of(v.cols)) < kLeastPlainTile) {
    if (const auto cut = window_cut(sums)) return write_window(sums, true, *cut);
    if (!write_lines(sums, true)) write(sums);
    return;
  }
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
  write_own(name, v.batches, own);
  const TensorType& type = types_[static_cast<size_t>(access.value)];
  line("auto at_" + name + " = [&](const Own_" + name + "& own, I k, const " + storage_type_text(type.dtype) + "*& p) {");
  take_own(v.batches, own);
  point(v.depth, "k");
  const Place& place = places_[static_cast<size_t>(access.value)][0];
  line("bool any = false;");
  locate(access, type.dims,
         "p = " + pointer(place.buffer, type.dtype) + " + " + address(place, access.map.results) + "; any = true;");
  line("return any;");
  line("};");
  line("const Side<decltype(own_" + name + "), decltype(at_" + name + ")> " + name + "{own_" + name + ", at_" + name + "};");
}

// What is done with the sums `v` of kColumns results from column `column` on. reads_ahead: what is read besides lies in members
// of a struct `e`, and `loads` puts it there; nothing is stored if they are not `inside`.
KernelWriter::Ahead KernelWriter::write_sums(const Contract& s, const ProductVariables& v, const std::string& column,
                                             bool reads_ahead) {
  const Dims kept(s.domain.begin(), s.domain.end() - s.reduced);
  const std::string result = "cast_" + std::string(dtype_name(s.dtype)) + "(v[j])";
  if (proves_multiple_of(v.cols.back().second, kColumns)) {
    point(v.cols, column);
    begin_strip(v.cols.back().first, v.cols.back().second, kColumns);
    strip_->reads_ahead = reads_ahead;
    finish_point(kept, {result});
    Ahead ahead{std::move(strip_->members), std::move(strip_->loads)};
    end_strip();
    return ahead;
  }
  if (reads_ahead) line("if (!inside) return;");
  line("#pragma unroll");
  line("for (int j = 0; j < " + std::to_string(kColumns) + "; ++j) {");
  line("if (" + column + " + j >= " + expression(count_of(v.cols)) + ") break;");
  point(v.cols, "(" + column + " + j)");
  finish_point(kept, {result});
  line("}");
  return {};
}

// Declares a struct of this name with the values of variables, and a function own_<name> from a batch and a row to one.
void KernelWriter::write_own(const std::string& name, const Variables& batches, const Variables& rows) {
  std::string fields, values;
  for (const Variables* list : {&batches, &rows}) {
    for (const auto& var : *list) {
      fields += "d" + std::to_string(var.first) + ", ";
      values += "d" + std::to_string(var.first) + ", ";
    }
  }
  line("struct Own_" + name + " { I " + fields + "batch, row; };");
  line("auto own_" + name + " = [&](I b, I r) {");
  point(batches, "b");
  point(rows, "r");
  line("return Own_" + name + "{" + values + "b, r};");
  line("};");
}

void KernelWriter::take_own(const Variables& batches, const Variables& rows) {
  for (const Variables* list : {&batches, &rows}) {
    for (const auto& var : *list) line("const I d" + std::to_string(var.first) + " = own.d" + std::to_string(var.first) + ";");
  }
}

// Declares a Put. partial: where the sums of pieces go, if there are any.
void KernelWriter::write_put(const Contract& s, const ProductVariables& v, const std::string& partial) {
  write_own("put", v.batches, v.rows);
  const std::string outer = std::exchange(body_, "");
  Ahead ahead;
  if (partial.empty()) {
    take_own(v.batches, v.rows);
    ahead = write_sums(s, v, "c", true);
  } else {
    const std::string cols = expression(count_of(v.cols));
    line("if (!inside) return;");
    line("const s64 at = (((s64)piece * " + expression(count_of(v.batches)) + " + own.batch) * " +
         expression(count_of(v.rows)) + " + own.row) * " + cols + " + c;");
    if (proves_multiple_of(count_of(v.cols), kColumns))
      line("store_pack(" + partial + ", at, v);");
    else
      line("for (int j = 0; j < " + std::to_string(kColumns) + "; ++j) if (c + j < " + cols + ") " + partial +
           "[at + j] = v[j];");
  }
  const std::string finish = std::exchange(body_, outer);
  line("struct Ahead {\n" + ahead.members + "};");
  line("auto ahead = [&](const Own_put& own, I c) {");
  line("Ahead e;");
  if (!ahead.loads.empty()) {
    take_own(v.batches, v.rows);
    point(v.cols, "c");
    body_ += ahead.loads;
  }
  line("return e;");
  line("};");
  line("auto finish = [&](I piece, const Own_put& own, I c, const float (&v)[" + std::to_string(kColumns) +
       "], const Ahead& e, bool inside) {");
  body_ += finish;
  line("};");
  line("const Put<decltype(own_put), decltype(ahead), decltype(finish)> put{own_put, ahead, finish};");
}

void KernelWriter::write_on_tensor_cores(const Contract& s, const ProductVariables& v) {
  const SymInt rows = count_of(v.rows), cols = count_of(v.cols), batches = count_of(v.batches), depth = count_of(v.depth);
  const DType dtype = types_[static_cast<size_t>(s.lhs.value)].dtype;
  const bool is_half = dtype != DType::kF32;
  const Cut cut = choose_cut(double(best_(rows)), double(best_(cols)), double(best_(batches)), double(best_(depth)),
                             is_half           ? Multiplier::kHalf
                             : products_.exact ? Multiplier::kExact
                                               : Multiplier::kTf32,
                             products_.cut);
  const Tile& tile = *cut.tile;
  const Way left = way_of(s.lhs, v.rows, v.depth), right = way_of(s.rhs, v.cols, v.depth);
  uses_products_ = true;
  write_side("left", s.lhs, v, v.rows);
  write_side("right", s.rhs, v, v.cols);
  const SymInt count = rows * cols * batches;
  expression(count);  // the items of all blocks are counted too
  const std::string partial =
      cut.pieces > 1 ? "((float*)a.b[" + std::to_string(temporary(count * (4 * cut.pieces))) + "])" : "";
  write_put(s, v, partial);
  auto bytes = [&](const Way& way, int own) {
    const int pad = is_half || way.by_depth ? 16 : 32;
    return way.by_depth ? own * (tile.depth * dtype_bits(dtype) / 8 + pad) : tile.depth * (own * dtype_bits(dtype) / 8 + pad);
  };
  auto buffer = [&](const Access& access) {
    return "(const " + storage_type_text(dtype) + "*)a.b[" +
           std::to_string(places_[static_cast<size_t>(access.value)][0].buffer) + "]";
  };
  line("extern __shared__ __align__(16) unsigned char memory[];");
  std::string numbers;
  for (int n : {tile.rows, tile.cols, tile.depth, tile.warps_m, tile.warps_n, tile.stages}) numbers += std::to_string(n) + ", ";
  line("mma_product<" +
       (is_half ? "HalfAtom<" + storage_type_text(dtype) + ">" : "FloatAtom<" + text_of(products_.exact) + ">") + ", " +
       numbers + std::to_string(left.elements) + ", " + text_of(left.by_depth) + ", " + std::to_string(right.elements) + ", " +
       text_of(right.by_depth) + ", I>((I)" + expression(batches) + ", (I)" + expression(rows) + ", (I)" + expression(cols) +
       ", (I)" + expression(depth) + ", (I)" + std::to_string(cut.pieces) + ", left, " + buffer(s.lhs) + ", right, " +
       buffer(s.rhs) + ", put, memory);");
  end_entry("product", tile.threads(),
            min(ceil_div(rows, tile.rows) * ceil_div(cols, tile.cols) * batches * cut.pieces, kMostBlocks),
            {.shared_bytes = (bytes(left, tile.rows) + bytes(right, tile.cols)) * tile.stages});
  if (cut.pieces == 1) return;
  // The pieces are summed in their order.
  Variables outer = v.batches;
  outer.insert(outer.end(), v.rows.begin(), v.rows.end());
  const SymInt strips = ceil_div(cols, kColumns), items = batches * rows * strips;
  begin_items(items);
  line("const I c = i % " + expression(strips) + " * " + std::to_string(kColumns) + ", row = i / " + expression(strips) + ";");
  point(outer, "row");
  line("const s64 at = (s64)row * " + expression(cols) + " + c;");
  line("float v[" + std::to_string(kColumns) + "] = {};");
  line("for (int piece = 0; piece < " + std::to_string(cut.pieces) + "; ++piece) {");
  const std::string from = "(s64)piece * " + expression(count) + " + at";
  if (proves_multiple_of(cols, kColumns)) {
    line("float x[" + std::to_string(kColumns) + "];");
    line("load_pack(x, " + partial + ", " + from + ");");
    line("for (int j = 0; j < " + std::to_string(kColumns) + "; ++j) v[j] = v[j] + x[j];");
  } else {
    line("for (int j = 0; j < " + std::to_string(kColumns) + "; ++j) if (c + j < " + expression(cols) + ") v[j] = v[j] + " +
         partial + "[" + from + " + j];");
  }
  line("}");
  write_sums(s, v, "c", false);
  line("}");
  end_entry("sum_pieces", kThreads, min(ceil_div(items, kThreads), kMostBlocks));
}

}  // namespace temper::cuda
