#include "backend/cpu/gen/lower_contract.h"

#include <algorithm>

#include "backend/cpu/gen/lower_tile.h"

namespace temper::cpu {
namespace {

std::vector<SymInt> fields_of(const Contraction& c) {
  std::vector<SymInt> fields;
  if (auto* m = std::get_if<MatrixProduct>(&c.form)) {
    fields = {m->rows, m->depth, m->cols, m->lda, m->ldb, m->ldc};
    for (const auto& b : m->batch) fields.insert(fields.end(), {b.count, b.a, b.b, b.c});
  } else {
    const auto& v = std::get<Convolution>(c.form);
    fields = {v.batch,    v.in_h,     v.in_w,     v.in_c,      v.out_h,      v.out_w,      v.out_c,   v.groups,
              v.kernel_h, v.kernel_w, v.stride_h, v.stride_w,  v.dilation_h, v.dilation_w, v.pad_top, v.pad_left,
              v.in_image, v.in_row,   v.in_pixel, v.out_image, v.out_row,    v.out_pixel};
  }
  return fields;
}

// The instruction, or what it widens.
const ScalarInstruction& operand_of(const std::vector<ScalarInstruction>& code, int32_t at) {
  const ScalarInstruction& in = code[at];
  return in.op == ScalarOp::kCast && in.dtype == DType::kF32 && code[in.args[0]].op == ScalarOp::kOperand ? code[in.args[0]]
                                                                                                          : in;
}

// Of dimensions that only a run knows: few and many. Not so many that what fails is the memory of any machine.
constexpr int64_t kOtherExtents[] = {1, 131};

}  // namespace

Machine machine_of(const Device& device) {
  Machine machine = Machine::detect();
  if (auto isa = isa_from_name(device.target)) machine.isa = std::min(machine.isa, *isa);
  machine.workers = device.threads;
  return machine;
}

std::variant<ContractLowering, std::string> ContractLowering::analyse(const Candidate& candidate) {
  ContractLowering l(candidate);
  if (auto why = l.run()) return *why;
  return l;
}

std::vector<int64_t> ContractLowering::fields_at_best() const {
  std::vector<int64_t> fields;
  for (int k = 0; k < code_.field_count(); ++k) fields.push_back(candidate_->best(parameters_[k]));
  return fields;
}

std::vector<ContractProblem> ContractLowering::problems_at_other_extents() const {
  std::vector<ContractProblem> problems;
  for (int64_t extent : kOtherExtents) {
    std::vector<int64_t> fields;
    for (int k = 0; k < code_.field_count(); ++k) {
      auto value = evaluate(parameters_[k], [&](SymInt) { return std::optional(extent); });
      if (!value.ok()) break;
      fields.push_back(*value);
    }
    if (static_cast<int>(fields.size()) < code_.field_count()) continue;
    ContractProblem problem = code_.problem(fields);
    if (validate(problem).ok()) problems.push_back(problem);
  }
  return problems;
}

WeightView ContractLowering::weights(const void* data) const {
  WeightView view;
  int64_t offset = candidate_->best(contraction_.b_offset);
  view.data = static_cast<const std::byte*>(data) + dtype_bytes(code_.b, offset);
  auto at = [&](SymInt s) { return candidate_->best(s); };
  if (auto* m = std::get_if<MatrixProduct>(&contraction_.form)) {
    view.out = at(m->b_col), view.in = at(m->b_depth);
    for (const auto& b : m->batch) view.group += at(b.b);
  } else {
    const auto& c = std::get<Convolution>(contraction_.form);
    view = {view.data, at(c.w_group), at(c.w_out), at(c.w_in), at(c.w_h), at(c.w_w)};
  }
  return view;
}

std::optional<std::string> ContractLowering::run() {
  const Region& region = *candidate_->region;
  const auto* stage = region.stages.empty() ? nullptr : std::get_if<Contract>(&region.stages[0]);
  if (!stage) return "it does not begin with a contraction";
  if (std::count_if(region.stages.begin(), region.stages.end(),
                    [](const Stage& s) { return std::holds_alternative<Contract>(s); }) > 1) {
    return "it has more than one contraction";
  }
  auto types = region.value_types();
  code_.a = types[stage->lhs.value].dtype, code_.b = types[stage->rhs.value].dtype;
  int inputs = static_cast<int>(region.inputs.size());
  code_.buffers = inputs + static_cast<int>(region.outputs.size());
  code_.a_buffer = stage->lhs.value, code_.b_buffer = stage->rhs.value;
  if (code_.a_buffer >= inputs || code_.b_buffer >= inputs) return "an operand is computed in the same region";
  const bool floats = (code_.a == DType::kF32 || is_half(code_.a)) && code_.b == code_.a && stage->dtype == DType::kF32;
  bool bytes = (code_.a == DType::kU8 || code_.a == DType::kI8) && code_.b == DType::kI8 && stage->dtype == DType::kI32;
  if (!floats && !bytes)
    return "no kernel for operands of type " + std::string(dtype_name(code_.a)) + " and " + std::string(dtype_name(code_.b));
  if (!bytes && !(stage->lhs.fill == ScalarValue{})) return "padding is not zero";
  code_.a_fill = static_cast<int>(stage->lhs.fill.i);
  // The contraction's own result lies where one of the outputs of its dims and size of elements lies; else only its epilogue
  // sees it.
  int in_place = -1;
  for (size_t o = 0; o < region.outputs.size(); ++o) {
    const TensorType& t = types[region.outputs[o]];
    if (t.dims != types[inputs].dims) continue;
    if (t.dtype == DType::kF32 || t.dtype == stage->dtype) in_place = static_cast<int>(o);
    if (region.outputs[o] == inputs) break;
  }
  code_.c = stage->dtype;
  code_.c_buffer = in_place == -1 ? -1 : inputs + in_place;
  bool constant = candidate_->constants[code_.b_buffer] != nullptr;
  const Layout& out = candidate_->layouts[inputs + std::max(in_place, 0)];
  auto found = analyse_contraction(*candidate_->context, *stage, candidate_->layouts[code_.a_buffer],
                                   candidate_->layouts[code_.b_buffer], out, region.inputs[code_.a_buffer].dims, constant,
                                   candidate_->best);
  if (auto* why = std::get_if<std::string>(&found)) return *why;
  contraction_ = std::get<Contraction>(found);
  if (auto* m = std::get_if<MatrixProduct>(&contraction_.form)) {
    code_.form = ContractProblem::Form::kGemm;
    code_.a_transposed = m->a_transposed;
    code_.b_form = constant ? BForm::kPacked : (m->b_transposed ? BForm::kTransposed : BForm::kRowMajor);
    if (constant && !(m->depth.is_const() && m->cols.is_const())) return "the sizes of constant weights are not known";
  } else {
    code_.form = std::get<Convolution>(contraction_.form).transposed ? ContractProblem::Form::kConvTranspose
                                                                     : ContractProblem::Form::kConv;
  }
  parameters_ = fields_of(contraction_);
  SimpleEpilogue simple;
  bool none = region.stages.size() == 1;
  std::optional<Region> rest;
  if (!none && bytes) {
    if (auto quantized = match_quantized(*candidate_, contraction_)) {
      take(*quantized);
      simple.residual_row = quantized->residual_row, simple.residual_offset = quantized->residual_offset;
      none = true;
    }
  }
  if (!none && floats) {
    none = as_simple(*stage, types, simple);
    if (!none) simple = {}, none = as_activation(*stage, types, simple);
    if (!none) simple = {}, rest = without_sums(types, simple);
    code_.activation = simple.activation, code_.slope = simple.slope, code_.residual_use = simple.residual_use;
    if (none && simple.result != DType::kF32) code_.c = simple.result, code_.c_buffer = inputs;
    code_.bias_buffer = simple.bias, code_.residual_buffer = simple.residual;
    code_.residual_type = simple.residual_type;
    code_.lo = simple.lo, code_.hi = simple.hi;
  }
  parameters_.insert(parameters_.end(), {contraction_.a_offset, constant ? SymInt(0) : contraction_.b_offset,
                                         contraction_.c_offset, simple.residual_row, simple.residual_offset});
  if (none) return std::nullopt;
  if (auto why = epilogue_refusal(region)) return *why;
  auto epilogue = lower_epilogue(*candidate_->context, rest ? *rest : region, candidate_->layouts, contraction_.row_dims,
                                 contraction_.col_dims, in_place);
  if (!epilogue.ok()) return epilogue.error().to_string();
  code_.epilogue = std::move(epilogue->blob);
  for (int i = 0; i < code_.buffers; ++i) code_.epilogue_buffers.push_back(i);
  parameters_.insert(parameters_.end(), epilogue->parameters.begin(), epilogue->parameters.end());
  return std::nullopt;
}

bool ContractLowering::as_simple(const Contract& stage, const std::vector<TensorType>& types, SimpleEpilogue& e) const {
  const Region& region = *candidate_->region;
  int inputs = static_cast<int>(region.inputs.size());
  const auto* map = region.stages.size() == 2 ? std::get_if<Map>(&region.stages[1]) : nullptr;
  if (!map || region.outputs.size() != 1 || region.outputs[0] != inputs + 1) return false;
  if (map->body->result_dtype() != DType::kF32 && map->body->result_dtype() != code_.a) return false;
  auto vars = index_vars(*candidate_->context, map->domain);
  const auto& code = map->body->code();
  std::vector<bool> is_acc(code.size(), false);
  int32_t acc = -1;
  for (size_t k = 0; k < code.size(); ++k) {
    const ScalarInstruction& in = code[k];
    if (in.op == ScalarOp::kConst) continue;
    if (in.op == ScalarOp::kOperand) {
      const Access& access = map->operands[in.index];
      if (access.value == inputs) {
        if (access.map.results != vars || acc != -1) return false;
        acc = static_cast<int32_t>(k);
      }
      continue;
    }
    if (in.op == ScalarOp::kCast) {
      // A residual becomes wide, or the result narrow.
      if (code[in.args[0]].op == ScalarOp::kOperand && in.args[0] != acc && in.dtype == DType::kF32) continue;
      if (in.args[0] != acc || static_cast<int32_t>(k) != map->body->results()[0] || !is_half(in.dtype)) return false;
      e.result = in.dtype;
      acc = static_cast<int32_t>(k);
      continue;
    }
    bool left = in.args[0] == acc, right = in.args[1] == acc;
    if (acc == -1 || in.args[1] == -1 || in.args[2] != -1 || left == right) return false;
    const ScalarInstruction& other = operand_of(code, left ? in.args[1] : in.args[0]);
    if (in.op == ScalarOp::k_add && other.op == ScalarOp::kOperand) {
      if (e.lo != -std::numeric_limits<float>::infinity() || e.hi != std::numeric_limits<float>::infinity()) return false;
      if (!take_operand(map->operands[other.index], vars, types, e)) return false;
    } else if (in.op == ScalarOp::k_max && other.op == ScalarOp::kConst && e.hi == std::numeric_limits<float>::infinity()) {
      e.lo = std::max(e.lo, static_cast<float>(other.constant.f));
    } else if (in.op == ScalarOp::k_min && other.op == ScalarOp::kConst) {
      e.hi = std::min(e.hi, static_cast<float>(other.constant.f));
    } else {
      return false;
    }
    acc = static_cast<int32_t>(k);
  }
  return acc == map->body->results()[0] && e.lo <= e.hi;
}

bool ContractLowering::as_activation(const Contract& stage, const std::vector<TensorType>& types, SimpleEpilogue& e) const {
  const Region& region = *candidate_->region;
  const int inputs = static_cast<int>(region.inputs.size());
  const auto* map = region.stages.size() == 2 ? std::get_if<Map>(&region.stages[1]) : nullptr;
  if (!map || region.outputs.size() != 1 || region.outputs[0] != inputs + 1 || !is_half(code_.a)) return false;
  const auto vars = index_vars(*candidate_->context, map->domain);
  const auto& code = map->body->code();
  const ScalarInstruction& result = code[map->body->results()[0]];
  if (result.op != ScalarOp::kCast || result.dtype != code_.a) return false;
  e.result = result.dtype;
  // From the result down. The side of an instruction that a tensor is, and the other one.
  int32_t at = result.args[0];
  const Access* tensor = nullptr;
  const auto other_side = [&](int32_t value) -> int32_t {
    for (int side = 0; side < 2; ++side) {
      const ScalarInstruction& in = operand_of(code, code[value].args[side]);
      if (in.op != ScalarOp::kOperand || map->operands[in.index].value == inputs) continue;
      tensor = &map->operands[in.index];
      return code[value].args[1 - side];
    }
    return -1;
  };
  const auto is_unary = [&](int32_t value) { return code[value].op < ScalarOp::kCast && is_activation(code[value].op); };
  // x < 0 ? x * slope : x
  const auto sloped = [&](int32_t value) -> int32_t {
    const ScalarInstruction& in = code[value];
    if (in.op != ScalarOp::k_select) return -1;
    const ScalarInstruction &condition = code[in.args[0]], &product = code[in.args[1]];
    const int32_t x = in.args[2];
    if (condition.op != ScalarOp::k_less || condition.args[0] != x || code[condition.args[1]].op != ScalarOp::kConst ||
        code[condition.args[1]].constant.f != 0 || product.op != ScalarOp::k_mul)
      return -1;
    const int constant = product.args[0] == x ? 1 : 0;
    if (product.args[1 - constant] != x || code[product.args[constant]].op != ScalarOp::kConst) return -1;
    e.slope = static_cast<float>(code[product.args[constant]].constant.f);
    return x;
  };
  if (code[at].op == ScalarOp::k_add || code[at].op == ScalarOp::k_mul) {
    const int32_t x = other_side(at);
    if (x != -1 && (code[at].op == ScalarOp::k_mul || is_unary(x) || sloped(x) != -1)) {
      if (!take_residual(*tensor, vars, types, e)) return false;
      e.residual_use = code[at].op == ScalarOp::k_add ? ResidualUse::kAdd : ResidualUse::kMultiply;
      at = x;
    }
  }
  if (is_unary(at)) {
    e.activation = static_cast<int>(code[at].op);
    at = code[at].args[0];
  }
  if (const int32_t x = sloped(at); x != -1) at = x;
  while (code[at].op == ScalarOp::k_add) {
    const int32_t x = other_side(at);
    if (x == -1 || !take_operand(*tensor, vars, types, e)) return false;
    at = x;
  }
  if (code[at].op != ScalarOp::kOperand) return false;
  const Access& sum = map->operands[code[at].index];
  return sum.value == inputs && sum.map.results == vars;
}

std::optional<Region> ContractLowering::without_sums(const std::vector<TensorType>& types, SimpleEpilogue& e) const {
  Region region = *candidate_->region;
  const int result = static_cast<int>(region.inputs.size());
  auto* map = std::get_if<Map>(&region.stages[1]);
  if (!map || std::find(region.outputs.begin(), region.outputs.end(), result) != region.outputs.end()) return std::nullopt;
  for (size_t s = 2; s < region.stages.size(); ++s) {
    for (const Access* access : accesses_of(region.stages[s])) {
      if (access->value == result) return std::nullopt;
    }
  }
  const auto vars = index_vars(*candidate_->context, map->domain);
  const auto& code = map->body->code();
  const auto reads_result = [&](const ScalarInstruction& in) {
    return in.op == ScalarOp::kOperand && map->operands[in.index].value == result &&
           map->operands[in.index].map.results == vars;
  };
  const auto first = std::find_if(code.begin(), code.end(), reads_result);
  if (first == code.end()) return std::nullopt;
  const auto start = static_cast<int32_t>(first - code.begin());
  int32_t acc = start;
  for (bool more = true; more;) {
    more = false;
    int32_t user = -1;
    int64_t uses = std::count(map->body->results().begin(), map->body->results().end(), acc);
    for (size_t k = 0; k < code.size(); ++k) {
      for (int32_t arg : code[k].args) {
        if (arg == acc) ++uses, user = static_cast<int32_t>(k);
      }
    }
    if (uses != 1 || user == -1 || code[user].op != ScalarOp::k_add || code[user].dtype != DType::kF32) break;
    const ScalarInstruction& other = operand_of(code, code[user].args[0] == acc ? code[user].args[1] : code[user].args[0]);
    more = other.op == ScalarOp::kOperand && take_operand(map->operands[other.index], vars, types, e);
    if (more) acc = user;
  }
  if (acc == start) return std::nullopt;
  ScalarBuilder body;
  std::vector<int32_t> value(code.size(), -1);
  for (size_t k = 0; k < code.size(); ++k) {
    const ScalarInstruction& in = code[k];
    const auto arg = [&](int i) { return in.args[i] < 0 ? -1 : value[in.args[i]]; };
    if (static_cast<int32_t>(k) == acc)
      value[k] = value[start];
    else if (in.op == ScalarOp::kOperand)
      value[k] = body.operand(in.index, in.dtype);
    else if (in.op == ScalarOp::kConst)
      value[k] = is_float(in.dtype) ? body.constant(in.constant.f, in.dtype) : body.constant_int(in.constant.i, in.dtype);
    else if (in.op == ScalarOp::kSym)
      value[k] = body.sym(in.sym);
    else if (in.op == ScalarOp::kCast)
      value[k] = body.cast(arg(0), in.dtype);
    else
      value[k] = body.apply(in.op, arg(0), arg(1), arg(2));
  }
  std::vector<int32_t> results;
  for (int32_t r : map->body->results()) results.push_back(value[r]);
  map->body = body.finish(results, map->body->operand_count());
  return region;
}

bool ContractLowering::take_operand(const Access& access, const std::vector<SymInt>& vars, const std::vector<TensorType>& types,
                                    SimpleEpilogue& e) const {
  if (access.value >= static_cast<int>(candidate_->region->inputs.size())) return false;
  const DType type = types[access.value].dtype;
  if (type != DType::kF32 && (type != code_.a || !is_half(type))) return false;
  auto place = place_in_result(*candidate_, contraction_, access, vars);
  if (!place) return false;
  const bool first = e.residual == -1 || e.residual_use != ResidualUse::kFirst;
  if (type == DType::kF32 && place->per_column() && e.bias == -1 && first && place->offset.is_const(0)) {
    e.bias = access.value;
    return true;
  }
  return take_residual(access, vars, types, e);
}

bool ContractLowering::take_residual(const Access& access, const std::vector<SymInt>& vars,
                                     const std::vector<TensorType>& types, SimpleEpilogue& e) const {
  if (access.value >= static_cast<int>(candidate_->region->inputs.size())) return false;
  const DType type = types[access.value].dtype;
  if (type != DType::kF32 && (type != code_.a || !is_half(type))) return false;
  auto place = place_in_result(*candidate_, contraction_, access, vars);
  // Thin groups keep their sums in scratch, see the depthwise kernels: what is added there is the tile program's.
  const auto* conv = std::get_if<Convolution>(&contraction_.form);
  const bool thin = conv && is_half(code_.a) && conv->in_c.is_const() && conv->in_c.value() <= 8 && !conv->groups.is_const(1);
  if (!place || e.residual != -1 || thin || !place->per_point()) return false;
  e.residual_type = type;
  e.residual = access.value;
  e.residual_row = place->row;
  e.residual_offset = place->offset;
  return true;
}

void ContractLowering::take(QuantizedEpilogue& q) {
  code_.c = q.type;
  code_.c_buffer = static_cast<int>(candidate_->region->inputs.size());
  auto add = [&](int& buffer, Tensor& tensor) {
    if (tensor.count() == 0) return;
    buffer = code_.buffers++;
    constants_.push_back(std::move(tensor));
  };
  add(code_.shift_buffer, q.shift);
  add(code_.scale_buffer, q.scale);
  add(code_.bias_buffer, q.bias);
  code_.lo = q.lo, code_.hi = q.hi, code_.out_zero = q.zero;
  code_.middle_lo = q.middle_lo, code_.middle_hi = q.middle_hi, code_.middle_scale = q.middle_scale;
  code_.residual_buffer = q.residual, code_.residual_type = q.residual_type;
  code_.residual_zero = q.residual_zero, code_.residual_scale = q.residual_scale;
}

}  // namespace temper::cpu
