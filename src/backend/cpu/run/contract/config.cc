// The tactic: its text form, its validity, and which driver it names.
#include <charconv>
#include <cmath>
#include <optional>

#include "backend/cpu/run/contract/families.h"

namespace temper::cpu {
namespace {

constexpr std::string_view kKinds[] = {"gemm", "direct", "winograd2", "winograd4", "depthwise", "grouped", "dot"};
constexpr std::string_view kSources[] = {"view", "slab", "expanded"};
constexpr double kMaxBytes = 1e13;

Error bad(std::string message) { return Error(ErrorCode::kInvalidArgument, std::move(message)).at("contraction config"); }

std::string_view take_word(std::string_view& text) {
  const size_t begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) return {};
  const size_t end = std::min(text.find(' ', begin), text.size());
  const std::string_view word = text.substr(begin, end - begin);
  text.remove_prefix(end);
  return word;
}

std::optional<int64_t> number(std::string_view word) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size() || value < 0) return std::nullopt;
  return value;
}

template <size_t N>
std::optional<int> index_of(const std::string_view (&names)[N], std::string_view name) {
  for (size_t i = 0; i < N; ++i) {
    if (names[i] == name) return static_cast<int>(i);
  }
  return std::nullopt;
}

// Whether a tap may fall outside the image along one axis.
bool inside(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t dilation, int64_t pad) {
  return pad <= 0 && (out - 1) * stride - pad + (kernel - 1) * dilation < in;
}

Status validate_rows(const ContractProblem& problem, const ContractConfig& config) {
  const ConvGeometry& g = problem.conv;
  const bool gemm = problem.form == ContractProblem::Form::kGemm;
  const bool transposed = problem.form == ContractProblem::Form::kConvTranspose;
  const KernelTable& kernels = kernels_of(config.isa);
  const bool integer = !is_float(problem.a), pairs = problem.a == DType::kBF16 && kernels.bf16[1][1] != nullptr;
  for (int nv = 1; nv <= config.nv; ++nv) {
    if ((integer ? kernels.i8 : pairs ? kernels.bf16 : kernels.f32)[nv][config.mr] == nullptr) {
      return bad("no register tile of " + std::to_string(config.mr) + "x" + std::to_string(config.nv) + " on " +
                 std::string(isa_name(config.isa)));
    }
  }
  const int64_t channels = gemm ? problem.gemm.depth : g.in_c;
  if (transposed && config.a_source != ASource::kSlab) return bad("a transposed convolution reads from a slab");
  if (gemm && config.a_source == ASource::kExpanded) return bad("a matrix has nothing to expand");
  if (gemm && problem.gemm.a_transposed && config.a_source != ASource::kSlab) return bad("a transposed a needs a slab");
  if (gemm && problem.gemm.b_form != BForm::kPacked && config.a_source == ASource::kInPlace && problem.gemm.a_transposed) {
    return bad("a transposed a needs a slab");
  }
  if (config.a_source == ASource::kInPlace) {
    if (!gemm && !transposed &&
        !(inside(g.in_h, g.out_h, g.kernel_h, g.stride_h, g.dilation_h, g.pad_top) &&
          inside(g.in_w, g.out_w, g.kernel_w, g.stride_w, g.dilation_w, g.pad_left))) {
      return bad("a padded convolution can't read its input in place; use a=slab or a=expanded");
    }
    if (pairs && channels % 2 != 0) return bad("an odd number of channels has no pairs to read in place; use a=slab");
    if (is_half(problem.a) && !pairs) return bad("operands that become f32 are read from a copy; use a=slab");
    if (integer && !(problem.a == DType::kU8 && kernels.i8_quads && channels % 4 == 0)) {
      return bad("only u8 with a multiple of 4 channels can be read in place; use a=slab");
    }
  }
  // The sizes of the slabs, in floating point so that they can't overflow.
  if (!gemm && config.a_source != ASource::kInPlace) {
    const double rows = std::min<double>(g.out_h * double(g.out_w), double(config.mc)) + g.out_w;
    const double width = std::min<double>(g.out_w, double(config.mc)) * g.stride_w + g.kernel_w * double(g.dilation_w);
    const double height = rows / std::min<double>(g.out_w, double(config.mc)) * g.stride_h + g.kernel_h * double(g.dilation_h);
    const double pixel = double(g.in_c + 64) * 4 * (config.a_source == ASource::kExpanded ? g.kernel_w : 1);
    const double blocks = double(g.out_h) * g.out_w / std::min(rows, double(g.out_h) * g.out_w) + 1;
    const double images = config.nc < g.out_c ? double(g.batch) * g.groups * blocks : 1;
    if (width * height * pixel * images > kMaxBytes) return bad("the copy of a would be over 10^13 bytes");
  }
  return {};
}

}  // namespace

std::string_view contract_kind_name(ContractKind kind) { return kKinds[static_cast<int>(kind)]; }

std::string ContractConfig::to_string() const {
  std::string text;
  const auto add = [&](std::string_view before, std::string_view what) { text.append(before).append(what); };
  add("", contract_kind_name(kind));
  add(" ", isa_name(isa));
  add(" ", std::to_string(mr));
  add("x", std::to_string(nv));
  add(" mc=", std::to_string(mc));
  add(" kc=", std::to_string(kc));
  add(" nc=", std::to_string(nc));
  add(" a=", kSources[static_cast<int>(a_source)]);
  if (late) add(" b=", "late");
  return text;
}

Expected<ContractConfig> ContractConfig::parse(std::string_view text) {
  ContractConfig config;
  std::string_view rest = text;
  const auto fail = [&](std::string_view what) {
    std::string message("no good ");
    message.append(what).append(" in '").append(text).append(
        "'; the form is 'kind isa MRxNV mc=N kc=N nc=N a=source', perhaps with 'b=late'");
    return Error(ErrorCode::kCorrupt, std::move(message)).at("contraction config");
  };
  const auto kind = index_of(kKinds, take_word(rest));
  if (!kind) return fail("kind");
  config.kind = static_cast<ContractKind>(*kind);
  const std::optional<IsaLevel> isa = isa_from_name(take_word(rest));
  if (!isa) return fail("instruction set");
  config.isa = *isa;
  const std::string_view tile = take_word(rest);
  const size_t cross = std::min(tile.find('x'), tile.size());
  const auto mr = number(tile.substr(0, cross)), nv = number(cross < tile.size() ? tile.substr(cross + 1) : "");
  if (!mr || !nv || *mr > kMaxRows || *nv > kMaxVectors) return fail("register tile");
  config.mr = static_cast<int>(*mr);
  config.nv = static_cast<int>(*nv);
  for (auto [name, value] :
       {std::pair<std::string_view, int64_t*>{"mc=", &config.mc}, {"kc=", &config.kc}, {"nc=", &config.nc}}) {
    const std::string_view word = take_word(rest);
    const auto n = word.starts_with(name) ? number(word.substr(3)) : std::nullopt;
    if (!n) return fail(name.substr(0, 2));
    *value = *n;
  }
  const std::string_view source = take_word(rest);
  const auto index = source.starts_with("a=") ? index_of(kSources, source.substr(2)) : std::nullopt;
  if (!index) return fail("source of a");
  config.a_source = static_cast<ASource>(*index);
  const std::string_view b = take_word(rest);
  if (!(b.empty() || b == "b=late") || !take_word(rest).empty()) return fail("source of b");
  config.late = !b.empty();
  return config;
}

Status validate(const ContractProblem& problem, const ContractConfig& config) {
  TEMPER_TRY(validate(problem));
  constexpr int64_t kLimit = int64_t{1} << 41;
  if (config.kind > ContractKind::kDot) return bad("no such kind");
  if (static_cast<int>(config.isa) >= kIsaLevelCount) return bad("no such instruction set");
  if (config.a_source > ASource::kExpanded) return bad("no such source of a");
  if (config.mr < 1 || config.mr > kMaxRows || config.nv < 1 || config.nv > kMaxVectors) return bad("no such register tile");
  for (int64_t size : {config.mc, config.kc, config.nc}) {
    if (size < 1 || size > kLimit) return bad("a block size is " + std::to_string(size) + "; it must be in 1..2^41");
  }
  if (config.late && config.kind != ContractKind::kWinograd2 && config.kind != ContractKind::kWinograd4) {
    return bad("only Winograd kernels transform weights");
  }
  switch (config.kind) {
    case ContractKind::kGemm:
    case ContractKind::kDirect:
      return validate_rows(problem, config);
    case ContractKind::kWinograd2:
    case ContractKind::kWinograd4:
      if (problem.transient) return bad("these kernels have no place for a transient result");
      return winograd_validate(problem, config);
    case ContractKind::kDepthwise:
    case ContractKind::kGrouped:
      return depthwise_validate(problem, config);
    case ContractKind::kDot:
      if (problem.transient) return bad("these kernels have no place for a transient result");
      return dot_validate(problem, config);
  }
  return bad("no such kind");
}

int64_t packed_size(const ContractProblem& problem, const ContractConfig& config) {
  switch (config.kind) {
    case ContractKind::kWinograd2:
    case ContractKind::kWinograd4:
      return winograd_packed_size(problem, config);
    case ContractKind::kDepthwise:
    case ContractKind::kGrouped:
      return depthwise_packed_size(problem, config);
    case ContractKind::kDot:
      return dot_packed_size(problem, config);
    default:
      return rows_packed_size(problem, config);
  }
}

void pack(const ContractProblem& problem, const ContractConfig& config, const WeightView& weights, void* packed) {
  char* to = static_cast<char*>(packed);
  switch (config.kind) {
    case ContractKind::kWinograd2:
    case ContractKind::kWinograd4:
      return winograd_pack(problem, config, weights, to);
    case ContractKind::kDepthwise:
    case ContractKind::kGrouped:
      return depthwise_pack(problem, config, weights, to);
    case ContractKind::kDot:
      return dot_pack(problem, config, weights, to);
    default:
      return rows_pack(problem, config, weights, to);
  }
}

int64_t workspace_bytes(const ContractProblem& problem, const ContractConfig& config, int workers) {
  switch (config.kind) {
    case ContractKind::kWinograd2:
    case ContractKind::kWinograd4:
      return winograd_workspace(problem, config, workers);
    case ContractKind::kDepthwise:
    case ContractKind::kGrouped:
      return depthwise_workspace(problem, config, workers);
    case ContractKind::kDot:
      return dot_workspace(problem, config, workers);
    default:
      return rows_workspace(problem, config, workers);
  }
}

void run(const ContractProblem& problem, const ContractConfig& config, const ContractArgs& args, Executor& executor) {
  switch (config.kind) {
    case ContractKind::kWinograd2:
    case ContractKind::kWinograd4:
      return winograd_run(problem, config, args, executor);
    case ContractKind::kDepthwise:
    case ContractKind::kGrouped:
      return depthwise_run(problem, config, args, executor);
    case ContractKind::kDot:
      return dot_run(problem, config, args, executor);
    default:
      return rows_run(problem, config, args, executor);
  }
}

}  // namespace temper::cpu
