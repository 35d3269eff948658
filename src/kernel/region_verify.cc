#include "kernel/region.h"

namespace temper {

namespace {

Error bad(std::string message) { return Error(ErrorCode::kInvalidArgument, std::move(message)); }

// The variables of an expression are those of the domain, and loaded ones below `loads`.
Status check_variables(SymInt e, const Dims& domain, size_t loads) {
  for (SymInt var : vars_of(e)) {
    const SymVar& v = var_of(var);
    bool known = true;
    if (v.kind == VarKind::kIndex) known = v.ordinal < static_cast<int>(domain.size()) && domain[v.ordinal] == v.extent;
    if (v.kind == VarKind::kLoaded) known = v.ordinal < static_cast<int>(loads);
    if (!known)
      return bad("'" + e.to_string() + "' uses " + v.name +
                 ", which is no variable of the stage (or has another extent there)");
  }
  return {};
}

// Nothing is read over a domain that never has points.
bool surely_empty(const Dims& domain) {
  for (SymInt extent : domain) {
    if (bounds(extent).hi < 1) return true;
  }
  return false;
}

// The least and largest value over the domain of an expression that is affine in its variables with constant coefficients.
struct Corners {
  SymInt lo, hi;
};
std::optional<Corners> corners(SymInt e, const Dims& domain) {
  std::vector<SymInt> vars;
  for (SymInt var : vars_of(e)) {
    const SymVar& v = var_of(var);
    if (v.kind == VarKind::kLoaded) return std::nullopt;
    if (v.kind == VarKind::kIndex) vars.push_back(var);
  }
  std::optional<Affine> affine = as_affine(e, vars);
  if (!affine) return std::nullopt;
  Corners result{affine->offset, affine->offset};
  for (size_t i = 0; i < vars.size(); ++i) {
    if (!affine->coefficients[i].is_const()) return std::nullopt;
    SymInt reach = affine->coefficients[i] * (domain[var_of(vars[i]).ordinal] - 1);
    (affine->coefficients[i].value() > 0 ? result.hi : result.lo) += reach;
  }
  return result;
}

Status check_map(const IndexMap& map, const Dims& dims, const Dims& domain, size_t loads) {
  if (map.domain != domain) return bad("the access " + map.to_string() + " has another domain than its stage");
  if (map.results.size() != dims.size()) {
    return bad("the access " + map.to_string() + " has " + std::to_string(map.results.size()) +
               " indices; the tensor has rank " + std::to_string(dims.size()));
  }
  TEMPER_TRY(check_variables(map.guard, domain, loads));
  for (size_t k = 0; k < dims.size(); ++k) {
    TEMPER_TRY(check_variables(map.results[k], domain, loads));
    if (!map.guard.is_const(1) || surely_empty(domain)) continue;
    std::optional<Corners> reached = corners(map.results[k], domain);
    if (reached && (proves_less(reached->lo, 0) || proves_less_equal(dims[k], reached->hi))) {
      return bad("index " + map.results[k].to_string() + " leaves dimension " + std::to_string(k) + " of extent " +
                 dims[k].to_string() + "; guard the access or correct its map");
    }
  }
  return {};
}

class Verifier {
 public:
  explicit Verifier(const Region& region) : region_(region), types_(region.inputs) {}

  Status run() {
    for (const Stage& stage : region_.stages) {
      std::string place = "stage of %" + std::to_string(types_.size());
      TEMPER_TRY_AT(std::visit([&](const auto& s) { return check(s); }, stage), place);
      for (TensorType& type : result_types(stage)) types_.push_back(std::move(type));
    }
    for (int output : region_.outputs) {
      if (!is_value(output)) return bad("output %" + std::to_string(output) + " is no value of the region");
    }
    return {};
  }

 private:
  bool is_value(int value) const { return value >= 0 && value < static_cast<int>(types_.size()); }

  Status check_loads(const Access& a, const Dims& domain) const {
    for (const Access::Load& load : a.loads) {
      if (!is_value(load.value)) return bad("a load reads %" + std::to_string(load.value) + ", which is not defined before");
      const TensorType& type = types_[load.value];
      if (!is_int(type.dtype)) return bad("a load reads %" + std::to_string(load.value) + ", which has no integers");
      TEMPER_TRY(check_map(load.map, type.dims, domain, 0));
    }
    std::vector<SymInt> extents(a.loads.size(), -1);
    std::vector<SymInt> expressions = a.map.results;
    expressions.push_back(a.map.guard);
    for (SymInt e : expressions) {
      for (SymInt var : vars_of(e)) {
        const SymVar& v = var_of(var);
        if (v.kind != VarKind::kLoaded || v.ordinal >= static_cast<int>(extents.size())) continue;
        if (!extents[v.ordinal].is_const(-1) && extents[v.ordinal] != v.extent)
          return bad("variable " + v.name + " has two extents in one access");
        extents[v.ordinal] = v.extent;
      }
    }
    return {};
  }

  Status check_access(const Access& a, const Dims& domain) const {
    if (!is_value(a.value)) return bad("%" + std::to_string(a.value) + " is read before it is defined");
    TEMPER_TRY(check_map(a.map, types_[a.value].dims, domain, a.loads.size()));
    return check_loads(a, domain);
  }

  Status check_body(const std::vector<Access>& operands, const ScalarBodyPtr& body, const Dims& domain) const {
    for (const Access& operand : operands) TEMPER_TRY(check_access(operand, domain));
    if (!body) return bad("the stage has no body");
    if (body->operand_count() != static_cast<int>(operands.size())) {
      return bad("the body takes " + std::to_string(body->operand_count()) + " operands; the stage has " +
                 std::to_string(operands.size()));
    }
    for (const ScalarInstruction& instruction : body->code()) {
      if (instruction.op == ScalarOp::kSym) TEMPER_TRY(check_variables(instruction.sym, domain, 0));
      if (instruction.op != ScalarOp::kOperand) continue;
      DType dtype = types_[operands[instruction.index].value].dtype;
      if (dtype != instruction.dtype) {
        return bad("operand " + std::to_string(instruction.index) + " of the body is " +
                   std::string(dtype_name(instruction.dtype)) + "; the value that it reads is " +
                   std::string(dtype_name(dtype)));
      }
    }
    return {};
  }

  static Status check_reduced(int reduced, const Dims& domain) {
    if (reduced < 0 || reduced > static_cast<int>(domain.size())) return bad("the stage reduces more dimensions than it has");
    return {};
  }

  // Whether a monoid over elements of type `from` may have results of these types.
  static Status check_monoid(MonoidKind monoid, DType from, const std::vector<DType>& to) {
    const MonoidInfo& info = monoid_info(monoid);
    bool fits = static_cast<int>(to.size()) == info.results;
    if (fits) {
      switch (monoid) {
        case MonoidKind::k_any:
        case MonoidKind::k_all:
          fits = from == DType::kBool && to[0] == DType::kBool;
          break;
        case MonoidKind::k_arg_max:
        case MonoidKind::k_arg_min:
        case MonoidKind::k_arg_max_last:
        case MonoidKind::k_arg_min_last:
          fits = (is_float(from) || is_int(from)) && to[0] == DType::kI64;
          break;
        case MonoidKind::k_welford:
        case MonoidKind::k_max_sum_exp:
          fits = is_float(from) && is_float(to[0]) && is_float(to[1]);
          break;
        default:
          fits = is_float(from) ? is_float(to[0]) : is_int(from) && to[0] == from;
          break;
      }
    }
    if (fits) return {};
    return bad("monoid " + std::string(info.name) + " over elements of type " + std::string(dtype_name(from)) +
               " does not have results of the given types");
  }

  Status check(const Map& s) const {
    TEMPER_TRY(check_body(s.operands, s.body, s.domain));
    if (s.body->results().empty()) return bad("the body of a map has a result");
    return {};
  }

  Status check(const Reduce& s) const {
    TEMPER_TRY(check_reduced(s.reduced, s.domain));
    TEMPER_TRY(check_body(s.operands, s.body, s.domain));
    if (s.body->results().size() != 1) return bad("the body of a reduction has one result");
    return check_monoid(s.monoid, s.body->result_dtype(), s.dtypes);
  }

  Status check(const Contract& s) const {
    TEMPER_TRY(check_reduced(s.reduced, s.domain));
    TEMPER_TRY(check_access(s.lhs, s.domain));
    TEMPER_TRY(check_access(s.rhs, s.domain));
    DType lhs = types_[s.lhs.value].dtype, rhs = types_[s.rhs.value].dtype;
    bool floats = is_float(lhs) && is_float(rhs) && is_float(s.accumulate);
    bool ints = is_int(lhs) && is_int(rhs) && is_int(s.accumulate);
    if (!floats && !ints) return bad("both sides of a contraction and what it accumulates in are floats, or all are integers");
    if (s.dtype == DType::kString || s.dtype == DType::kBool) return bad("the result of a contraction is a number");
    return {};
  }

  Status check_axis(int axis, const Dims& domain) const {
    if (axis < 0 || axis >= static_cast<int>(domain.size()))
      return bad("axis " + std::to_string(axis) + " is no dimension of the stage");
    return {};
  }

  Status check(const Scan& s) const {
    TEMPER_TRY(check_axis(s.axis, s.domain));
    TEMPER_TRY(check_access(s.operand, s.domain));
    if (s.monoid != MonoidKind::k_sum && s.monoid != MonoidKind::k_prod && s.monoid != MonoidKind::k_max &&
        s.monoid != MonoidKind::k_min) {
      return bad("a scan is a sum, prod, max or min");
    }
    return check_monoid(s.monoid, types_[s.operand.value].dtype, {s.dtype});
  }

  Status check(const Sort& s) const {
    TEMPER_TRY(check_axis(s.axis, s.domain));
    TEMPER_TRY(check_access(s.operand, s.domain));
    if (types_[s.operand.value].dtype != s.dtype || s.dtype == DType::kString)
      return bad("a sort keeps the type, which is not string");
    if (proves_less(s.domain[s.axis], s.count)) return bad("a sort has no more results than it sorts");
    return check_variables(s.count, {}, 0);
  }

  Status check(const Scatter& s) const {
    TEMPER_TRY(check_access(s.base, s.dims));
    const Dims& updates = s.update.map.domain;
    TEMPER_TRY(check_access(s.update, updates));
    TEMPER_TRY(check_loads(s.target, updates));
    TEMPER_TRY(check_map(s.target.map, s.dims, updates, s.target.loads.size()));
    if (types_[s.base.value].dtype != s.dtype || types_[s.update.value].dtype != s.dtype)
      return bad("base, update and result of a scatter have one type");
    if (!s.combine) return {};
    DType operands[] = {s.dtype, s.dtype};
    Expected<DType> combined = scalar_result_type(*s.combine, operands);
    if (!combined.ok() || *combined != s.dtype)
      return bad("a scatter does not combine with " + std::string(scalar_info(*s.combine).name));
    return {};
  }

  Status check(const Compact& s) const {
    TEMPER_TRY(check_access(s.mask, {s.extent}));
    if (types_[s.mask.value].dtype != DType::kBool) return bad("the mask of a compaction is bool");
    return {};
  }

  Status check(const Opaque& s) const {
    for (int operand : s.operands) {
      if (!is_value(operand)) return bad("%" + std::to_string(operand) + " is read before it is defined");
    }
    if (s.name.empty() || s.results.empty()) return bad("an opaque stage has a name and results");
    return {};
  }

  const Region& region_;
  std::vector<TensorType> types_;
};

}  // namespace

Status verify(const Region& region) { return Verifier(region).run(); }

}  // namespace temper
