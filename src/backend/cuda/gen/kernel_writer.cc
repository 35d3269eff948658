// The frame of a kernel's text, and the stages that are dense: map, reduce, contract.
#include "backend/cuda/gen/kernel_writer.h"

#include <algorithm>

#include "backend/cuda/gen/prelude.h"

namespace temper::cuda {
namespace {

constexpr int kThreads = 256;        // of a block whose items are independent
constexpr int kReduceThreads = 128;  // of a block that reduces together
constexpr int64_t kMostBlocks = int64_t{1} << 20;
constexpr int64_t kFewChannels = 4;
constexpr int64_t kManyPoints = 1 << 18;  // from which all multiprocessors have work though a thread does a few of them
constexpr int kLeastThatWaits = 90;  // architecture on which a kernel can be started before the one that it waits for has ended

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
                           const std::function<int64_t(SymInt)>& best, const ProductChoice& products, int architecture)
    : context_(context),
      region_(region),
      layouts_(layouts.begin(), layouts.end()),
      best_(best),
      types_(region.value_types()),
      products_(products),
      architecture_(architecture),
      rounds_to_half_(std::all_of(region.outputs.begin(), region.outputs.end(), [&](int v) {
        const DType dtype = types_[static_cast<size_t>(v)].dtype;
        return dtype == DType::kF16 || dtype == DType::kBF16;
      })) {}

int KernelWriter::temporary(SymInt bytes) {
  temporary_bytes_.push_back(bytes);
  return buffers_ + static_cast<int>(temporary_bytes_.size()) - 1;
}

Variables KernelWriter::variables_but(const Dims& dims, int axis) const {
  Variables list = variables_of(dims, 0, static_cast<int>(dims.size()));
  std::erase_if(list, [&](const auto& v) { return v.first == axis; });
  return list;
}
// The dimension that is innermost in memory, of the first result that leaves the group, runs fastest.
Variables KernelWriter::in_order_of(const Dims& dims) const {
  Variables list = variables_of(dims, 0, static_cast<int>(dims.size()));
  int value = value_;
  for (size_t s = stage_; s < group_end_; ++s) {
    for (const TensorType& type : result_types(region_.stages[s])) {
      const auto& places = places_[static_cast<size_t>(value++)];
      if (places.empty() || type.dims.size() != dims.size()) continue;
      const Layout& layout = places[0].layout;
      std::stable_partition(list.begin(), list.end(),
                            [&](const auto& v) { return !layout.strides[static_cast<size_t>(v.first)].is_const(1); });
      return list;
    }
  }
  return list;
}

// A group is a chain, which is the whole region, a row group, or a stage and the maps after it that read it point by point:
// they are done where it is.
size_t KernelWriter::end_of_group(size_t first) const {
  if (chain_) return region_.stages.size();
  if (const size_t end = end_of_row_group(first); end > first) return end;
  const Stage& head = region_.stages[first];
  Dims dims;
  if (const auto* map = std::get_if<Map>(&head))
    dims = map->domain;
  else if (const auto* contract = std::get_if<Contract>(&head))
    dims.assign(contract->domain.begin(), contract->domain.end() - contract->reduced);
  else if (const auto* reduce = std::get_if<Reduce>(&head))
    dims.assign(reduce->domain.begin(), reduce->domain.end() - reduce->reduced);
  else
    return first + 1;
  int start = static_cast<int>(region_.inputs.size());
  for (size_t s = 0; s < first; ++s) start += static_cast<int>(result_types(region_.stages[s]).size());
  size_t end = first + 1;
  for (; end < region_.stages.size(); ++end) {
    const auto* map = std::get_if<Map>(&region_.stages[end]);
    if (!map || map->domain != dims) break;
    const bool point_by_point = std::all_of(map->operands.begin(), map->operands.end(), [&](const Access& access) {
      auto in_group = [&](int value) { return value >= start; };
      if (std::any_of(access.loads.begin(), access.loads.end(), [&](const auto& load) { return in_group(load.value); }))
        return false;
      return !in_group(access.value) || (access.loads.empty() && is_identity(context_, access.map, dims));
    });
    if (!point_by_point) break;
  }
  return end;
}

// Opens a loop over `count` independent items, each `i`.
void KernelWriter::begin_items(SymInt count) {
  line("for (s64 item = blockIdx.x * (s64)blockDim.x + threadIdx.x; item < (s64)" + expression(count) +
       "; item += (s64)gridDim.x * blockDim.x) {");
  line("const I i = (I)item;");
}

void KernelWriter::end_entry(const std::string& name, int threads, SymInt blocks, const Residence& residence) {
  const std::string unique = name + "_" + std::to_string(value_) +
                             (result_.program.entries.empty() ? "" : "_" + std::to_string(result_.program.entries.size()));
  const bool waits = architecture_ >= kLeastThatWaits && !residence.together;
  const std::string room = residence.resident > 0 ? ", " + std::to_string(residence.resident) : "";
  const std::string clustered =
      residence.cluster > 1 ? "__cluster_dims__(" + std::to_string(residence.cluster) + ", 1, 1) " : "";
  text_ += "extern \"C\" __global__ void " + clustered + "__launch_bounds__(" + std::to_string(threads) + room + ") " + unique +
           "(const __grid_constant__ Args a) {\n" + (waits ? "wait_and_start_next();\n" : "") + body_ + "}\n";
  result_.program.entries.push_back({unique, threads, number(blocks), residence.shared_bytes, waits, residence.together});
  body_.clear();
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
  chain_ = plan_chain();
  // What another group reads lies in memory.
  std::vector<char> is_read(types_.size());
  int from = inputs, to = inputs;
  for (size_t s = 0, end = 0; s < region_.stages.size(); ++s) {
    if (s == end) {
      end = end_of_group(s);
      from = to;
      for (size_t k = s; k < end; ++k) to += static_cast<int>(result_types(region_.stages[k]).size());
    }
    auto note = [&](int value) {
      if (value < from) is_read[static_cast<size_t>(value)] = 1;
    };
    for (const Access* access : accesses_of(region_.stages[s])) {
      note(access->value);
      for (const Access::Load& load : access->loads) note(load.value);
    }
    if (const auto* opaque = std::get_if<Opaque>(&region_.stages[s])) {
      for (int v : opaque->operands) note(v);
    }
  }
  for (size_t v = 0; v < types_.size(); ++v) {
    if (!places_[v].empty() || !is_read[v]) continue;
    const int buffer = temporary(bytes_of(product(types_[v].dims), types_[v].dtype));
    places_[v].push_back({buffer, Layout::row_major(types_[v].dims)});
  }
  value_ = inputs;
  for (stage_ = 0; stage_ < region_.stages.size(); stage_ = group_end_) {
    group_end_ = end_of_group(stage_);
    if (chain_)
      write_chain(*chain_);
    else if (end_of_row_group(stage_) > stage_)
      write_row_group();
    else
      std::visit([&](const auto& s) { write(s); }, region_.stages[stage_]);
    for (size_t s = stage_; s < group_end_; ++s) value_ += static_cast<int>(result_types(region_.stages[s]).size());
  }
  for (int o = 0; o < outputs; ++o) {
    const int value = region_.outputs[static_cast<size_t>(o)];
    if (value < inputs) write_copy(value, {inputs + o, layouts_[static_cast<size_t>(inputs + o)]});
  }
  KernelProgram& p = result_.program;
  p.buffers = buffers_;
  p.narrow = !wide_;
  for (SymInt bytes : temporary_bytes_) p.temporaries.push_back(number(bytes));
  p.numbers = static_cast<int32_t>(result_.numbers.size());
  const size_t pointers = static_cast<size_t>(buffers_) + temporary_bytes_.size(),
               numbers = std::max<size_t>(1, result_.numbers.size());
  if (args_words(p) > kMostWords) return Error(ErrorCode::kUnsupported, "a GPU kernel with too many operands");
  std::string maps;
  if (!p.maps.empty()) maps = " TensorMap m[" + std::to_string(p.maps.size()) + "];";
  const std::string narrow = uses_narrow_windows_ ? narrow_window_prelude() : "";
  const std::string wide =
      wide_atoms_.empty() ? "" : wide_product_prelude() + std::string(chain_ ? wide_chain_prelude() : "") + wide_atoms_;
  p.source = prelude() + (uses_products_ ? "namespace temper {" + (product_prelude() + narrow + wide) + "}\n" : "") +
             (atoms_.empty() ? "" : "namespace temper {" + atoms_ + "}\n") + "struct Args { void* b[" +
             std::to_string(std::max<size_t>(1, pointers)) + "]; long long n[" + std::to_string(numbers) +
             "]; u64* trouble; u64 ordinal;" + maps + " };\ntypedef " + (wide_ ? "s64" : "int") + " I;\n" + text_;
  return std::move(result_);
}

void KernelWriter::write_copy(int from, const Place& to) {
  const TensorType& type = types_[static_cast<size_t>(from)];
  begin_items(product(type.dims));
  point(variables_of(type.dims, 0, static_cast<int>(type.dims.size())), "i");
  read({from, identity_map(context_, type.dims), {}, {}}, "x");
  line(store_text(to, type.dtype, index_vars(context_, type.dims), "x"));
  line("}");
  end_entry("copy", kThreads, min(ceil_div(product(type.dims), kThreads), kMostBlocks));
}

void KernelWriter::write(const Map& s) {
  Variables variables = in_order_of(s.domain);
  const int strip = strip_of(variables);
  // Of a few channels that nothing moves together, a thread does all: what its neighbours read lies side by side then.
  const bool does_all = strip == 1 && variables.size() > 1 && variables.back().second.is_const() &&
                        variables.back().second.value() <= kFewChannels && best_(product(s.domain)) >= kManyPoints;
  const auto last = variables.empty() ? std::pair<int, SymInt>() : variables.back();
  if (does_all) variables.pop_back();
  const SymInt items = floor_div(count_of(variables), strip);
  begin_items(items);
  point(variables, "i", {{last.first, strip}});
  if (strip > 1) begin_strip(last.first, last.second, strip);
  if (does_all) {
    const std::string d = "d" + std::to_string(last.first);
    line("#pragma unroll");
    line("for (I " + d + " = 0; " + d + " < " + expression(last.second) + "; ++" + d + ") {");
  }
  finish_point(s.domain, evaluate(*s.body, s.operands));
  if (does_all) line("}");
  if (strip > 1) end_strip();
  line("}");
  end_entry("map", kThreads, min(ceil_div(items, kThreads), kMostBlocks));
}

std::string KernelWriter::monoid_text(const Reduce& s) const {
  const DType element = s.body->result_dtype();
  return "monoid_" + std::string(monoid_info(s.monoid).name) + "<" + compute_type_text(element) + ", " +
         accumulator(element, s.dtypes[0]) + ">";
}

std::vector<std::string> KernelWriter::results_text(const Reduce& s, const std::string& monoid) const {
  std::vector<std::string> texts;
  for (size_t r = 0; r < s.dtypes.size(); ++r)
    texts.push_back("cast_" + std::string(dtype_name(s.dtypes[r])) + "(" + monoid + ".result" + std::to_string(r) + "())");
  return texts;
}

SymInt KernelWriter::position_of(const Reduce& s) const {
  SymInt position = 0;
  for (size_t d = s.domain.size() - static_cast<size_t>(s.reduced); d < s.domain.size(); ++d)
    position = position * s.domain[d] + context_.index(static_cast<int>(d), s.domain[d]);
  return position;
}

void KernelWriter::add_product(const Reduce& s, const std::string& sum, const std::string& x, const std::string& y) {
  const std::string cast = "cast_" + std::string(dtype_name(s.body->result_dtype()));
  line(sum + ".s = multiply_add(" + cast + "(" + x + "), " + cast + "(" + y + "), " + sum + ".s);");
}

void KernelWriter::write(const Reduce& s) {
  const int rank = static_cast<int>(s.domain.size()), kept = rank - s.reduced;
  const Dims kept_dims(s.domain.begin(), s.domain.begin() + kept), reduced_dims(s.domain.begin() + kept, s.domain.end());
  if (write_columns(s)) return;
  if (const auto cut = window_cut(s)) return write_window(s, false, *cut);
  if (write_lines(s, false)) return;
  const bool together = best_(product(reduced_dims)) >= kLongReduction;
  if (together) {
    line("for (s64 item = blockIdx.x; item < (s64)" + count_text(kept_dims) + "; item += gridDim.x) {");
    line("const I i = (I)item;");
  } else {
    begin_items(product(kept_dims));
  }
  point(in_order_of(kept_dims), "i");
  line(monoid_text(s) + " m;");
  line("m.clear();");
  const std::string count = count_text(reduced_dims);
  line(together ? "for (I r = (I)threadIdx.x; r < " + count + "; r += blockDim.x) {"
                : "for (I r = 0; r < " + count + "; ++r) {");
  point(variables_of(s.domain, kept, rank), "r");
  line("m.add(" + evaluate(*s.body, s.operands)[0] + ", (s64)r);");
  line("}");
  if (together) line("m = over_block<" + std::to_string(kReduceThreads) + ">(m);");
  if (together) line("if (threadIdx.x == 0) {");
  finish_point(kept_dims, results_text(s, "m"));
  if (together) line("}");
  line("}");
  const SymInt results = product(kept_dims);
  if (together)
    end_entry("reduce", kReduceThreads, min(results, kMostBlocks));
  else
    end_entry("reduce", kThreads, min(ceil_div(results, kThreads), kMostBlocks));
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
                                          const std::function<int64_t(SymInt)>& best, const ProductChoice& products,
                                          int architecture) {
  if (auto reason = generation_refusal(region)) return Error(ErrorCode::kUnsupported, "no GPU kernel: " + *reason);
  if (layouts.size() != region.inputs.size() + region.outputs.size())
    return Error(ErrorCode::kInternal, "one layout per buffer is needed");
  return KernelWriter(context, region, layouts, best, products, architecture).write();
}

}  // namespace temper::cuda
