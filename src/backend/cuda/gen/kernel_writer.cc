// The frame of a kernel's text, and the stages that are dense: map, reduce, contract.
#include "backend/cuda/gen/kernel_writer.h"

#include <algorithm>

#include "backend/cuda/gen/prelude.h"

namespace temper::cuda {
namespace {

constexpr int kThreads = 256;        // of a block whose items are independent
constexpr int kReduceThreads = 128;  // of a block that reduces together
constexpr int64_t kMostBlocks = int64_t{1} << 20;
constexpr int64_t kLongReduction = 64;  // elements, from which a block does one result
constexpr int64_t kLeastTile = 16;      // rows and columns, from which a product is done by tiles

SymInt bytes_of(SymInt count, DType dtype) {
  const int bits = dtype_bits(dtype);
  return bits >= 8 ? count * (bits / 8) : ceil_div(count, 2);
}

std::string accumulator(DType element, DType result) {
  if (!is_float(element)) return compute_type_text(element);
  return element == DType::kF64 || result == DType::kF64 ? "double" : "float";
}

}  // namespace

KernelWriter::KernelWriter(SymContext& context, const Region& region, std::span<const Layout> layouts,
                           const std::function<int64_t(SymInt)>& best)
    : context_(context), region_(region), layouts_(layouts.begin(), layouts.end()), best_(best), types_(region.value_types()) {}

int KernelWriter::temporary(SymInt bytes) {
  temporary_bytes_.push_back(bytes);
  return buffers_ + static_cast<int>(temporary_bytes_.size()) - 1;
}

KernelWriter::Variables KernelWriter::variables(const Dims& dims, int from, int to) const {
  Variables list;
  for (int d = from; d < to; ++d) {
    const SymInt extent = dims[static_cast<size_t>(d)];
    if (!extent.is_const() || extent.value() > 1) list.emplace_back(d, extent);
  }
  return list;
}
KernelWriter::Variables KernelWriter::variables_but(const Dims& dims, int axis) const {
  Variables list = variables(dims, 0, static_cast<int>(dims.size()));
  std::erase_if(list, [&](const auto& v) { return v.first == axis; });
  return list;
}
// The dimension that is innermost in memory runs fastest.
KernelWriter::Variables KernelWriter::in_order_of(const Dims& dims, int value) const {
  Variables list = variables(dims, 0, static_cast<int>(dims.size()));
  if (places_[static_cast<size_t>(value)].empty()) return list;
  const Layout& layout = places_[static_cast<size_t>(value)][0].layout;
  std::stable_partition(list.begin(), list.end(),
                        [&](const auto& v) { return !layout.strides[static_cast<size_t>(v.first)].is_const(1); });
  return list;
}

// Opens a loop over `count` independent items, each `i`.
void KernelWriter::begin_items(SymInt count) {
  line("for (s64 item = blockIdx.x * (s64)blockDim.x + threadIdx.x; item < (s64)" + expression(count) +
       "; item += (s64)gridDim.x * blockDim.x) {");
  line("const I i = (I)item;");
}

void KernelWriter::end_entry(const std::string& name, int threads, SymInt blocks) {
  const std::string unique = name + "_" + std::to_string(value_) +
                             (result_.program.entries.empty() ? "" : "_" + std::to_string(result_.program.entries.size()));
  text_ += "extern \"C\" __global__ void __launch_bounds__(" + std::to_string(threads) + ") " + unique +
           "(const __grid_constant__ Args a) {\n" + "typedef " + (wide_ ? "s64" : "int") + " I;\n" + body_ + "}\n";
  result_.program.entries.push_back({unique, threads, number(blocks)});
  body_.clear();
  wide_ = false;
}

Expected<GeneratedKernel> KernelWriter::write() {
  const int inputs = static_cast<int>(region_.inputs.size()), outputs = static_cast<int>(region_.outputs.size());
  const bool compacts = std::any_of(region_.stages.begin(), region_.stages.end(),
                                    [](const Stage& s) { return std::holds_alternative<Compact>(s); });
  buffers_ = inputs + outputs + (compacts ? 1 : 0);
  places_.resize(types_.size());
  for (int i = 0; i < inputs; ++i) places_[static_cast<size_t>(i)].push_back({i, layouts_[static_cast<size_t>(i)]});
  for (int o = 0; o < outputs; ++o) {
    const int value = region_.outputs[static_cast<size_t>(o)];
    if (value >= inputs) places_[static_cast<size_t>(value)].push_back({inputs + o, layouts_[static_cast<size_t>(inputs + o)]});
  }
  std::vector<char> is_read(types_.size());
  for (const Stage& stage : region_.stages) {
    for (const Access* access : accesses_of(stage)) {
      is_read[static_cast<size_t>(access->value)] = 1;
      for (const Access::Load& load : access->loads) is_read[static_cast<size_t>(load.value)] = 1;
    }
    if (const auto* opaque = std::get_if<Opaque>(&stage)) {
      for (int v : opaque->operands) is_read[static_cast<size_t>(v)] = 1;
    }
  }
  for (size_t v = 0; v < types_.size(); ++v) {
    if (!places_[v].empty() || !is_read[v]) continue;
    const int buffer = temporary(bytes_of(product(types_[v].dims), types_[v].dtype));
    places_[v].push_back({buffer, Layout::row_major(types_[v].dims)});
  }
  value_ = inputs;
  for (const Stage& stage : region_.stages) {
    std::visit([&](const auto& s) { write(s); }, stage);
    value_ += static_cast<int>(result_types(stage).size());
  }
  for (int o = 0; o < outputs; ++o) {
    const int value = region_.outputs[static_cast<size_t>(o)];
    if (value < inputs) write_copy(value, {inputs + o, layouts_[static_cast<size_t>(inputs + o)]});
  }
  KernelProgram& p = result_.program;
  p.buffers = buffers_;
  for (SymInt bytes : temporary_bytes_) p.temporaries.push_back(number(bytes));
  p.numbers = static_cast<int32_t>(result_.numbers.size());
  const size_t pointers = static_cast<size_t>(buffers_) + temporary_bytes_.size(),
               numbers = std::max<size_t>(1, result_.numbers.size());
  if (pointers + numbers + 2 > static_cast<size_t>(kMostWords))
    return Error(ErrorCode::kUnsupported, "a GPU kernel with too many operands");
  p.source = prelude() + "struct Args { void* b[" + std::to_string(std::max<size_t>(1, pointers)) + "]; long long n[" +
             std::to_string(numbers) + "]; u64* trouble; u64 ordinal; };\n" + text_;
  return std::move(result_);
}

void KernelWriter::write_copy(int from, const Place& to) {
  const TensorType& type = types_[static_cast<size_t>(from)];
  begin_items(product(type.dims));
  point(variables(type.dims, 0, static_cast<int>(type.dims.size())), "i");
  read({from, identity_map(context_, type.dims), {}, {}}, "x");
  line(store_text(to, type.dtype, index_vars(context_, type.dims), "x"));
  line("}");
  end_entry("copy", kThreads, min(ceil_div(product(type.dims), kThreads), kMostBlocks));
}

void KernelWriter::write(const Map& s) {
  begin_items(product(s.domain));
  point(in_order_of(s.domain, value_), "i");
  const std::vector<std::string> results = evaluate(*s.body, s.operands);
  for (size_t r = 0; r < results.size(); ++r) store(value_ + static_cast<int>(r), s.domain, results[r]);
  line("}");
  end_entry("map", kThreads, min(ceil_div(product(s.domain), kThreads), kMostBlocks));
}

void KernelWriter::write(const Reduce& s) {
  const int rank = static_cast<int>(s.domain.size()), kept = rank - s.reduced;
  const Dims kept_dims(s.domain.begin(), s.domain.begin() + kept), reduced_dims(s.domain.begin() + kept, s.domain.end());
  const DType element = s.body->result_dtype();
  const std::string monoid = "monoid_" + std::string(monoid_info(s.monoid).name) + "<" + compute_type_text(element) + ", " +
                             accumulator(element, s.dtypes[0]) + ">";
  const bool together = best_(product(reduced_dims)) >= kLongReduction;
  if (together) {
    line("for (s64 item = blockIdx.x; item < (s64)" + count_of(kept_dims) + "; item += gridDim.x) {");
    line("const I i = (I)item;");
  } else {
    begin_items(product(kept_dims));
  }
  point(in_order_of(kept_dims, value_), "i");
  line(monoid + " m;");
  line("m.clear();");
  const std::string count = count_of(reduced_dims);
  line(together ? "for (I r = (I)threadIdx.x; r < " + count + "; r += blockDim.x) {"
                : "for (I r = 0; r < " + count + "; ++r) {");
  point(variables(s.domain, kept, rank), "r");
  line("m.add(" + evaluate(*s.body, s.operands)[0] + ", (s64)r);");
  line("}");
  if (together) line("m = over_block<" + std::to_string(kReduceThreads) + ">(m);");
  if (together) line("if (threadIdx.x == 0) {");
  for (size_t r = 0; r < s.dtypes.size(); ++r) {
    store(value_ + static_cast<int>(r), kept_dims,
          "cast_" + std::string(dtype_name(s.dtypes[r])) + "(m.result" + std::to_string(r) + "())");
  }
  if (together) line("}");
  line("}");
  const SymInt results = product(kept_dims);
  if (together)
    end_entry("reduce", kReduceThreads, min(results, kMostBlocks));
  else
    end_entry("reduce", kThreads, min(ceil_div(results, kThreads), kMostBlocks));
}

void KernelWriter::write(const Contract& s) {
  const int rank = static_cast<int>(s.domain.size()), kept = rank - s.reduced;
  // Variables by who reads them: rows only lhs (or nobody), columns only rhs, batches both.
  auto reads = [&](const Access& access, int d) {
    const SymInt var = context_.index(d, s.domain[static_cast<size_t>(d)]);
    auto in = [&](SymInt e) { return !var.is_const() && depends_on(e, var); };
    if (in(access.map.guard)) return true;
    for (SymInt r : access.map.results) {
      if (in(r)) return true;
    }
    for (const Access::Load& load : access.loads) {
      if (in(load.map.guard) || std::any_of(load.map.results.begin(), load.map.results.end(), in)) return true;
    }
    return false;
  };
  Variables rows, cols, batches;
  for (const auto& v : variables(s.domain, 0, kept)) {
    const bool left = reads(s.lhs, v.first), right = reads(s.rhs, v.first);
    (left && right ? batches : right ? cols : rows).push_back(v);
  }
  auto extent = [](const Variables& list) {
    SymInt all = 1;
    for (const auto& v : list) all *= v.second;
    return all;
  };
  const SymInt row_count = extent(rows), col_count = extent(cols), batch_count = extent(batches);
  if (best_(row_count) < kLeastTile || best_(col_count) < kLeastTile) {
    write(sum_of_products(s, types_));
    return;
  }
  const Variables depth = variables(s.domain, kept, rank);
  const std::string accumulate = "cast_" + std::string(dtype_name(s.accumulate));
  auto side = [&](const char* name, const Access& access, const char* parameters, const Variables& own, const char* own_item) {
    line("auto " + std::string(name) + " = [&](" + parameters + ") {");
    point(batches, "b");
    point(own, own_item);
    point(depth, "k");
    read(access, "x");
    line("return " + accumulate + "(x);");
    line("};");
  };
  side("lhs", s.lhs, "I b, I r, I k", rows, "r");
  side("rhs", s.rhs, "I b, I k, I c", cols, "c");
  line("auto put = [&](I b, I r, I c, " + compute_type_text(s.accumulate) + " sum) {");
  point(batches, "b");
  point(rows, "r");
  point(cols, "c");
  store(value_, Dims(s.domain.begin(), s.domain.begin() + kept), "cast_" + std::string(dtype_name(s.dtype)) + "(sum)");
  line("};");
  line("tiled_product<" + compute_type_text(s.accumulate) + ", I>((I)" + expression(batch_count) + ", (I)" +
       expression(row_count) + ", (I)" + expression(col_count) + ", (I)" + expression(extent(depth)) + ", lhs, rhs, put);");
  expression(row_count * col_count * batch_count);  // the items of all blocks are counted too
  end_entry("contract", kThreads, min(ceil_div(row_count, 64) * ceil_div(col_count, 64) * batch_count, kMostBlocks));
}

std::optional<std::string> generation_refusal(const Region& region) {
  for (const TensorType& type : region.value_types()) {
    if (type.dtype == DType::kString) return "strings are computed on the host";
  }
  for (const Stage& stage : region.stages) {
    if (const auto* opaque = std::get_if<Opaque>(&stage);
        opaque && (opaque->name != "suppress" || opaque->operands.size() != 2)) {
      return "nothing is known of '" + opaque->name + "'";
    }
    if (std::holds_alternative<Compact>(stage) && region.stages.size() != 1) return "a compaction together with other stages";
  }
  return std::nullopt;
}

Expected<GeneratedKernel> generate_kernel(SymContext& context, const Region& region, std::span<const Layout> layouts,
                                          const std::function<int64_t(SymInt)>& best) {
  if (auto reason = generation_refusal(region)) return Error(ErrorCode::kUnsupported, "no GPU kernel: " + *reason);
  if (layouts.size() != region.inputs.size() + region.outputs.size())
    return Error(ErrorCode::kInternal, "one layout per buffer is needed");
  return KernelWriter(context, region, layouts, best).write();
}

}  // namespace temper::cuda
