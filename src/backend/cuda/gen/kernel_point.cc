// What happens at one point of a stage: variables, accesses, bodies, stores.
#include <bit>
#include <cinttypes>
#include <cstdio>
#include <utility>

#include "backend/cuda/gen/kernel_writer.h"
#include "backend/cuda/gen/prelude.h"

namespace temper::cuda {
namespace {

std::string hex(uint64_t bits) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%" PRIx64, bits);
  return text;
}

// Whether namespace quick of the prelude has it.
bool has_quick_form(ScalarOp op) {
  return op == ScalarOp::k_div || op == ScalarOp::k_reciprocal || op == ScalarOp::k_exp || op == ScalarOp::k_sigmoid ||
         op == ScalarOp::k_silu || op == ScalarOp::k_gelu;
}

bool has_loaded(SymInt e) {
  for (SymInt v : vars_of(e)) {
    if (var_of(v).kind == VarKind::kLoaded) return true;
  }
  return false;
}

}  // namespace

std::string storage_type_text(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return "float";
    case DType::kF64:
      return "double";
    case DType::kI8:
      return "s8";
    case DType::kI16:
      return "s16";
    case DType::kI32:
      return "int";
    case DType::kI64:
      return "s64";
    default:
      return std::string(dtype_name(dtype));
  }
}

std::string literal_text(ScalarValue value, DType dtype) {
  if (dtype == DType::kBool) return value.i != 0 ? "true" : "false";
  if (dtype == DType::kF64) return "f64_bits(" + hex(std::bit_cast<uint64_t>(value.f)) + "ull)";
  if (is_float(dtype)) return "f32_bits(" + hex(std::bit_cast<uint32_t>(static_cast<float>(value.f))) + "u)";
  return compute_type_text(dtype) + "::of(" + hex(static_cast<uint64_t>(value.i)) + "ull)";
}

std::string KernelWriter::pointer(int buffer, DType dtype) const {
  return "(" + storage_type_text(dtype) + "*)a.b[" + std::to_string(buffer) + "]";
}

// Declares the variables for item `linear` of their product; the last runs fastest. Of those in `blocks` items are so many
// points, and the first is declared.
void KernelWriter::point(const Variables& variables, const std::string& linear, const Blocks& blocks) {
  std::string rest = linear;
  for (size_t k = variables.size(); k-- > 0;) {
    const std::string name = "d" + std::to_string(variables[k].first);
    const auto block = blocks.find(variables[k].first);
    const int points = block == blocks.end() ? 1 : block->second;
    const std::string times = points > 1 ? " * " + std::to_string(points) : "";
    if (k == 0) {
      line("const I " + name + " = " + rest + times + ";");
      return;
    }
    const std::string extent = expression(floor_div(variables[k].second, points));
    line("const I " + name + " = " + rest + " % " + extent + times + ";");
    const std::string next = "r" + std::to_string(variables[k].first);
    line("const I " + next + " = " + rest + " / " + extent + ";");
    rest = next;
  }
}

// Loads the variables of an access and does `action` where the guard holds. An index that has been loaded and is out of range
// is noted.
void KernelWriter::locate(const Access& access, const Dims& dims, const std::string& action) {
  std::vector<SymInt> extents(access.loads.size(), -1);
  auto note_extents = [&](SymInt e) {
    for (SymInt v : vars_of(e)) {
      if (var_of(v).kind == VarKind::kLoaded) extents[static_cast<size_t>(var_of(v).ordinal)] = var_of(v).extent;
    }
  };
  note_extents(access.map.guard);
  for (SymInt r : access.map.results) note_extents(r);
  std::string conditions;
  for (size_t k = 0; k < access.loads.size(); ++k) {
    const Access::Load& load = access.loads[k];
    const std::string v = "v" + std::to_string(k), wide = "w" + std::to_string(k);
    const Place& place = places_[static_cast<size_t>(load.value)][0];
    const std::string value = "(s64)load(" + pointer(place.buffer, types_[static_cast<size_t>(load.value)].dtype) + ", " +
                              address(place, load.map.results) + ").v";
    line("const s64 " + wide + " = " +
         (load.map.guard.is_const(1) ? value : "(" + expression(load.map.guard) + ") != 0 ? " + value + " : 0") + ";");
    if (extents[k].is_const(-1)) continue;
    const std::string extent = expression(extents[k]);
    line("const bool ok" + v + " = " + wide + " >= 0 && " + wide + " < (s64)" + extent + ";");
    line("const I " + v + " = ok" + v + " ? (I)" + wide + " : (I)0;");
    line("if (!ok" + v + ") *a.trouble = a.ordinal;");
    conditions += (conditions.empty() ? "" : " && ") + ("ok" + v);
  }
  if (!access.map.guard.is_const(1))
    conditions += (conditions.empty() ? "" : " && ") + ("(" + expression(access.map.guard) + ") != 0");
  // Indices that are computed from loaded ones may leave the tensor although those are in range.
  std::string inside;
  for (size_t k = 0; k < access.map.results.size(); ++k) {
    const SymInt r = access.map.results[k];
    if (!has_loaded(r)) continue;
    if (kind_of(r) == SymKind::kVar && var_of(r).extent == dims[k]) continue;
    inside +=
        (inside.empty() ? "" : " && ") + ("(" + expression(r) + ") >= 0 && (" + expression(r) + ") < " + expression(dims[k]));
  }
  std::string text = inside.empty() ? action : "if (" + inside + ") { " + action + " } else *a.trouble = a.ordinal;";
  line(conditions.empty() ? text : "if (" + conditions + ") { " + text + " }");
}

// Declares `name` with the element that is read, or the fill value.
std::string KernelWriter::read(const Access& access, const std::string& name) {
  const TensorType& type = types_[static_cast<size_t>(access.value)];
  if (auto held = held_.find(access.value); held != held_.end()) {
    line("const " + compute_type_text(type.dtype) + " " + name + " = " + held->second + ";");
    return name;
  }
  const Place& place = places_[static_cast<size_t>(access.value)][0];
  if (access.loads.empty() && lies_along_strip(place.layout.address(access.map.results), access.map.guard, type.dtype)) {
    line("const " + compute_type_text(type.dtype) + " " + name + " = " + read_strip(access) + ";");
    return name;
  }
  line(compute_type_text(type.dtype) + " " + name + " = " + literal_text(access.fill, type.dtype) + ";");
  line("{");
  locate(access, type.dims,
         name + " = load(" + pointer(place.buffer, type.dtype) + ", " + address(place, access.map.results) + ");");
  line("}");
  return name;
}

// declare(k, name): declares `name` as operand k.
std::vector<std::string> KernelWriter::evaluate(const ScalarBody& body,
                                                const std::function<void(int, const std::string&)>& declare) {
  const std::vector<ScalarInstruction>& code = body.code();
  auto name = [](int32_t k) { return "t" + std::to_string(k); };
  for (size_t k = 0; k < code.size(); ++k) {
    const ScalarInstruction& x = code[k];
    std::string text;
    switch (x.op) {
      case ScalarOp::kOperand:
        declare(static_cast<int>(x.index), name(static_cast<int32_t>(k)));
        continue;
      case ScalarOp::kConst:
        text = literal_text(x.constant, x.dtype);
        break;
      case ScalarOp::kSym:
        text = "Int<s64>{(s64)(" + expression(x.sym) + ")}";
        break;
      case ScalarOp::kCast:
        text = "cast_" + std::string(dtype_name(x.dtype)) + "(" + name(x.args[0]) + ")";
        break;
      default: {
        const bool quick = rounds_to_half_ && compute_type_text(x.dtype) == "float" && has_quick_form(x.op);
        text = (quick ? "quick::op_" : "op_") + std::string(scalar_info(x.op).name) + "(" + name(x.args[0]);
        for (int i = 1; i < scalar_info(x.op).arity; ++i) text += ", " + name(x.args[i]);
        text += ")";
      }
    }
    line("const " + compute_type_text(x.dtype) + " " + name(static_cast<int32_t>(k)) + " = " + text + ";");
  }
  std::vector<std::string> results;
  for (int32_t r : body.results()) results.push_back(name(r));
  return results;
}

std::string KernelWriter::store_text(const Place& place, DType dtype, std::span<const SymInt> index, const std::string& x) {
  return "store(" + pointer(place.buffer, dtype) + ", " + address(place, index) + ", " + x + ");";
}

// Stores x, which is of the value's compute type, at the point of `dims` that the variables give.
void KernelWriter::store(int value, const Dims& dims, const std::string& x) {
  const std::vector<SymInt> index = index_vars(context_, dims);
  const DType dtype = types_[static_cast<size_t>(value)].dtype;
  for (const Place& place : places_[static_cast<size_t>(value)]) {
    if (lies_along_strip(place.layout.address(index), 1, dtype))
      store_strip(place, dtype, index, x);
    else
      line((strip_ && strip_->reads_ahead ? "if (inside) " : "") + store_text(place, dtype, index, x));
  }
}

void KernelWriter::finish_point(const Dims& dims, const std::vector<std::string>& results) {
  int value = value_;
  auto hold = [&](const std::string& x) {
    const std::string name = "h" + std::to_string(value);
    line("const " + compute_type_text(types_[static_cast<size_t>(value)].dtype) + " " + name + " = " + x + ";");
    store(value, dims, name);
    held_[value++] = name;
  };
  for (const std::string& x : results) hold(x);
  for (size_t s = stage_ + 1; s < group_end_; ++s) {
    const Map& map = std::get<Map>(region_.stages[s]);
    // Names of one body end with it.
    std::string inner = std::exchange(body_, "");
    const std::vector<std::string> names = evaluate(*map.body, map.operands);
    std::string text = std::exchange(body_, std::move(inner));
    std::vector<std::string> kept;
    for (size_t r = 0; r < names.size(); ++r) {
      const std::string name = "g" + std::to_string(value + static_cast<int>(r));
      line(compute_type_text(types_[static_cast<size_t>(value) + r].dtype) + " " + name + ";");
      text += name + " = " + names[r] + ";\n";
      kept.push_back(name);
    }
    line("{");
    body_ += text;
    line("}");
    for (const std::string& x : kept) hold(x);
  }
  held_.clear();
}

}  // namespace temper::cuda
