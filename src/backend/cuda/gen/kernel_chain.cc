// Two products with rows between them (kernel/chain.h) as one kernel on Hopper. Note [Wide chains] in prelude_chain.cc.
#include <algorithm>
#include <utility>

#include "backend/cuda/gen/kernel_writer.h"
#include "backend/cuda/gen/prelude.h"

namespace temper::cuda {
namespace {

constexpr int kPiece = 64;           // elements of a line that are fetched at once
constexpr int kStep = 16;            // of the depth, that an instruction takes
constexpr int kMostHead = 256;       // elements that a query or a result is wide
constexpr int kMostRegisters = 320;  // scores of a chunk and sums, two of them to a register of a lane
constexpr int64_t kLongChunk = 128;  // of rows that are more than one
constexpr int kMostSlots = 8, kLeastSlots = 2;
constexpr int kWaysToChain = 2;  // the other number of teams is one too

int64_t round_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

}  // namespace

int KernelWriter::WideChain::shared_bytes() const {
  return 1024 + 2 * pieces * teams * kPiece * 128 + slots * std::max(pieces, line_pieces) * chunk * 128;
}

std::optional<KernelWriter::WideChain> KernelWriter::plan_chain() {
  if (architecture_ != 90 || products_.cut >= kWaysToChain) return std::nullopt;
  const auto parts = chain_parts(context_, region_);
  if (!parts) return std::nullopt;
  const auto& first = std::get<Contract>(region_.stages[0]);
  const auto& second = std::get<Contract>(region_.stages[parts->last]);
  const DType dtype = types_[static_cast<size_t>(first.lhs.value)].dtype;
  if (dtype != DType::kF16 && dtype != DType::kBF16) return std::nullopt;
  for (const Access* access : {&first.lhs, &first.rhs, &second.lhs, &second.rhs}) {
    if (types_[static_cast<size_t>(access->value)].dtype != dtype || !access->loads.empty()) return std::nullopt;
  }
  for (const Contract* c : {&first, &second}) {
    if (c->accumulate != DType::kF32 || (c->dtype != DType::kF32 && c->dtype != dtype)) return std::nullopt;
  }
  // What is known of a row follows from its reductions.
  bool reduces = false;
  for (size_t s = parts->first_row; s < parts->last; ++s) {
    const auto* map = std::get_if<Map>(&region_.stages[s]);
    reduces = reduces || !map;
    if (map && !reduces && map->domain.size() + static_cast<size_t>(first.reduced) < first.domain.size()) return std::nullopt;
  }
  WideChain chain;
  chain.parts = *parts;
  chain.scores = product_variables(context_, first, places_[static_cast<size_t>(first.lhs.value)][0].layout);
  const Dims dims(first.domain.begin(), first.domain.end() - first.reduced);
  chain.values = product_variables(context_, second, Layout::row_major(dims));
  const ProductVariables &scores = chain.scores, &values = chain.values;
  const int last = static_cast<int>(dims.size()) - 1;
  if (scores.rows != values.rows || scores.batches != values.batches || scores.cols.size() != 1 ||
      scores.cols[0].first != last || values.cols.size() != 1 || scores.depth.empty() || values.depth.size() != 1)
    return std::nullopt;
  const SymInt depth = count_of(scores.depth), out = count_of(values.cols);
  if (!depth.is_const() || !out.is_const() || depth.value() > kMostHead || out.value() > kMostHead) return std::nullopt;
  auto queries = fetched_side(first.lhs, scores, scores.rows), keys = fetched_side(first.rhs, scores, scores.cols);
  // Of the second product a line is a step of the depth.
  ProductVariables turned = values;
  std::swap(turned.depth, turned.cols);
  auto lines = fetched_side(second.rhs, turned, turned.cols);
  for (const auto* side : {&queries, &keys, &lines}) {
    if (!*side || !(*side)->window.empty()) return std::nullopt;
  }
  chain.queries = *queries, chain.keys = *keys, chain.lines = *lines;
  chain.out_cols = static_cast<int>(round_up(out.value(), kStep));
  chain.pieces = static_cast<int>((depth.value() + kPiece - 1) / kPiece);
  chain.line_pieces = static_cast<int>((out.value() + kPiece - 1) / kPiece);
  const int64_t cols = best_(count_of(scores.cols)), rows = best_(count_of(scores.rows)),
                batches = best_(count_of(scores.batches));
  const int64_t widest = std::min<int64_t>(256, kMostRegisters - chain.out_cols) / kStep * kStep;
  chain.chunk =
      static_cast<int>(std::min(widest, cols <= widest ? std::max<int64_t>(kStep, round_up(cols, kStep)) : kLongChunk));
  // Two teams share keys and values; one has a multiprocessor for itself where there are enough of them.
  const bool one = rows <= kPiece || batches * ((rows + kPiece - 1) / kPiece) <= kMultiprocessors;
  chain.teams = one == (products_.cut == 0) ? 1 : 2;
  for (chain.slots = kMostSlots; chain.slots >= kLeastSlots; --chain.slots) {
    if (chain.shared_bytes() <= kMostSharedBytes) return chain;
  }
  return std::nullopt;
}

// The struct of a row: what its reductions have found, and what is done with its elements. Its name.
std::string KernelWriter::write_rows_of_chain(const WideChain& chain, int first_value) {
  const auto& scores = std::get<Contract>(region_.stages[0]);
  const Dims dims(scores.domain.begin(), scores.domain.end() - scores.reduced);
  std::string name = "Rows_" + std::to_string(first_value);
  std::string members, clear, add, close, elements;  // elements: maps of elements so far
  auto text_of = [&](auto write) {
    std::string outer = std::exchange(body_, "");
    write();
    return std::exchange(body_, std::move(outer));
  };
  held_.clear();
  held_[first_value - 1] = "x";
  int value = first_value, pass = 0;
  std::string last = "x";
  for (size_t s = chain.parts.first_row; s < chain.parts.last; ++s) {
    const auto* map = std::get_if<Map>(&region_.stages[s]);
    const std::vector<TensorType> types = result_types(region_.stages[s]);
    auto result = [&](size_t r) { return "h" + std::to_string(value + static_cast<int>(r)); };
    if (map && map->domain == dims) {
      std::string declared;
      for (size_t r = 0; r < types.size(); ++r) declared += compute_type_text(types[r].dtype) + " " + result(r) + ";\n";
      elements += declared + "{\n" + text_of([&] {
                    std::vector<std::string> names = evaluate(*map->body, map->operands);
                    // What is multiplied is rounded when it is put in place.
                    const ScalarInstruction& end = map->body->code()[static_cast<size_t>(map->body->results()[0])];
                    if (s + 1 == chain.parts.last && end.op == ScalarOp::kCast && end.dtype == types[0].dtype &&
                        is_float(map->body->code()[static_cast<size_t>(end.args[0])].dtype))
                      names[0] = "t" + std::to_string(end.args[0]);
                    for (size_t r = 0; r < names.size(); ++r) line(result(r) + " = " + names[r] + ";");
                  }) +
                  "}\n";
    } else {
      for (size_t r = 0; r < types.size(); ++r) members += compute_type_text(types[r].dtype) + " " + result(r) + ";\n";
      if (map) {
        close += "if (pass == " + std::to_string(pass - 1) + ") {\n" + text_of([&] {
                   const std::vector<std::string> names = evaluate(*map->body, map->operands);
                   for (size_t r = 0; r < names.size(); ++r) line(result(r) + " = " + names[r] + ";");
                 }) +
                 "}\n";
      } else {
        const auto& reduce = std::get<Reduce>(region_.stages[s]);
        const std::string m = "m" + std::to_string(pass);
        members += monoid_text(reduce) + " " + m + ";\n";
        clear += m + ".clear();\n";
        const std::string when = "(pass == " + std::to_string(pass) + ") {";
        add += text_of([&] {
          line("if constexpr " + when);
          body_ += elements;
          const std::string x = evaluate(*reduce.body, reduce.operands)[0];
          line("if (counts) " + m + ".add(" + x + ", at);");
          line("}");
        });
        close += text_of([&] {
          line("if " + when);
          line(m + " = over_quad(" + m + ");");
          for (size_t r = 0; r < types.size(); ++r)
            line(result(r) + " = cast_" + std::string(dtype_name(types[r].dtype)) + "(" + m + ".result" + std::to_string(r) +
                 "());");
          line("}");
        });
        ++pass;
      }
    }
    last = result(0);
    for (size_t r = 0; r < types.size(); ++r) held_[value + static_cast<int>(r)] = result(r);
    value += static_cast<int>(types.size());
  }
  held_.clear();
  text_ += "struct " + name + " {\n" + members + "__device__ void clear() {\n" + clear +
           "}\ntemplate <int pass> __device__ void add(float x, s64 at, bool counts) {\n" + add +
           "}\n__device__ void close(int pass) {\n" + close + "}\n__device__ float last(float x) const {\n" + elements +
           "return " + last + ";\n}\n" + "static constexpr int passes = " + std::to_string(pass) + ";\n};\n";
  return name;
}

void KernelWriter::write_chain(const WideChain& chain) {
  const auto& first = std::get<Contract>(region_.stages[0]);
  const auto& second = std::get<Contract>(region_.stages[chain.parts.last]);
  const ProductVariables& v = chain.scores;
  const std::string element = storage_type_text(types_[static_cast<size_t>(first.lhs.value)].dtype);
  uses_products_ = true;
  result_.program.only_there = true;
  // What is done with a score at its own point: the maps behind the first product.
  line("auto score = [&](I b, I r, I c, float x) {");
  point(v.batches, "b");
  point(v.rows, "r");
  point(v.cols, "c");
  std::string score = "cast_" + std::string(dtype_name(first.dtype)) + "(x)";
  held_[value_] = score;
  int value = value_ + 1;
  for (size_t s = 1; s < chain.parts.first_row; ++s, ++value) {
    const Map& map = std::get<Map>(region_.stages[s]);
    score = "h" + std::to_string(value);
    line("float " + score + ";");
    line("{");
    line(score + " = " + evaluate(*map.body, map.operands)[0] + ";");
    line("}");
    held_[value] = score;
  }
  line("return " + score + ";");
  line("};");
  const std::string rows = write_rows_of_chain(chain, value);
  auto mapped = [&](const std::string& name, const Access& access, const FetchedSide& side, int lines) {
    line("const Mapped<I> " + name + "{" + add_map(access, side, lines) + ", " + expression(side.dims[2]) + "};");
  };
  mapped("queries", first.lhs, chain.queries, chain.teams * kPiece);
  mapped("keys", first.rhs, chain.keys, chain.chunk);
  mapped("lines", second.rhs, chain.lines, chain.chunk);
  // From here on the stage is the second product.
  for (size_t s = 0; s < chain.parts.last; ++s) value_ += static_cast<int>(result_types(region_.stages[s]).size());
  stage_ = chain.parts.last;
  write_put(second, chain.values, "");
  const SymInt count = count_of(v.rows) * count_of(v.cols) * count_of(v.batches);
  expression(count);
  wide_atoms_ += wide_atom_text(element, chain.chunk) + wide_atom_text(element, chain.out_cols, true);
  line("extern __shared__ __align__(1024) unsigned char memory[];");
  std::string numbers;
  for (int n : {chain.chunk, chain.out_cols, chain.pieces, chain.line_pieces, chain.teams, chain.slots})
    numbers += std::to_string(n) + ", ";
  line("wide_chain<" + wide_atom_name(element, chain.chunk) + ", " + wide_atom_name(element, chain.out_cols, true) + ", " +
       element + ", " + numbers + rows + "::passes, " + rows + ", I>((I)" + expression(count_of(v.batches)) + ", (I)" +
       expression(count_of(v.rows)) + ", (I)" + expression(count_of(v.cols)) + ", (I)" +
       expression(count_of(chain.values.cols)) + ", queries, keys, lines, score, put, memory);");
  const SymInt tiles = ceil_div(count_of(v.rows), chain.teams * kPiece) * count_of(v.batches);
  end_entry("wide_chain", 128 * (chain.teams + 1), min(tiles, kMultiprocessors),
            {.shared_bytes = chain.shared_bytes(), .resident = 1});
}

}  // namespace temper::cuda
