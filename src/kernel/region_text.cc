// The text of a Region. Dims are lists of SymInts; `domain` separates the reduced dimensions by '|'.
//
//   region    ::= "region" "(" %0: type, ... ")" "{" stage... "}" "->" "(" %n, ... ")"
//   stage     ::= %n, ... "=" map | reduce | contract | scan | sort | scatter | compact | opaque
//   map       ::= "map" result domain "(" access, ... ")" body
//   reduce    ::= "reduce" monoid result domain "(" access, ... ")" body
//   contract  ::= "contract" dtype domain ["in" dtype] access "*" access              in: accumulates in another type
//   scan      ::= "scan" monoid dtype domain "axis" n ["exclusive"] ["reverse"] access
//   sort      ::= "sort" dtype domain "axis" n ["descending"] "count" "[" size "]" access
//   scatter   ::= "scatter" dtype dims access "<-" [scalar] dims access "at" target
//   compact   ::= "compact" dims "size" dims access
//   opaque    ::= "opaque" "name" "{" name = "text", ... "}" "(" %n, ... ")" ":" type, ...
//   result    ::= dtype | "(" dtype, ... ")"
//   access    ::= %n target
//   target    ::= "[" index, ... "]" [guard] ["with" "(" v0 "<" "[" extent "]" "=" %n "[" index, ... "]" ["if" "(" condition
//   ")"], ... ")"] guard     ::= "if" "(" condition ")" "else" fill             fill: a value of the type that is read; "drop"
//   in a scatter
#include "kernel/region.h"

namespace temper {

namespace {

std::string list(std::span<const SymInt> items, size_t bar = SIZE_MAX) {
  std::string text;
  for (size_t i = 0; i < items.size(); ++i)
    text += (i == 0 ? (bar == 0 ? "| " : "") : i == bar ? " | " : ", ") + items[i].to_string();
  return text;
}
std::string value_name(int value) { return "%" + std::to_string(value); }

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

// The extents of v0, v1, ... as the expressions of a map have them; 0 for a variable that they do not use.
std::vector<SymInt> loaded_extents(const IndexMap& map, size_t count) {
  std::vector<SymInt> extents(count, 0);
  auto look = [&](SymInt e) {
    for (SymInt var : vars_of(e)) {
      const SymVar& v = var_of(var);
      if (v.kind == VarKind::kLoaded && v.ordinal >= 0 && v.ordinal < static_cast<int>(count)) extents[v.ordinal] = v.extent;
    }
  };
  for (SymInt result : map.results) look(result);
  look(map.guard);
  return extents;
}

class Printer {
 public:
  explicit Printer(const Region& region) : region_(region), types_(region.value_types()) {}

  std::string run() {
    std::string text = "region (";
    for (size_t i = 0; i < region_.inputs.size(); ++i) {
      text += (i == 0 ? "" : ", ") + value_name(static_cast<int>(i)) + ": " + region_.inputs[i].to_string();
    }
    text += ") {\n";
    int next = static_cast<int>(region_.inputs.size());
    for (const Stage& stage : region_.stages) {
      text += "  ";
      size_t results = result_types(stage).size();
      for (size_t i = 0; i < results; ++i) text += (i == 0 ? "" : ", ") + value_name(next++);
      text += " = " + std::visit([&](const auto& s) { return print(s); }, stage) + "\n";
    }
    return text + "} -> (" + names(region_.outputs) + ")\n";
  }

 private:
  static std::string names(const std::vector<int>& values) {
    std::string text;
    for (size_t i = 0; i < values.size(); ++i) text += (i == 0 ? "" : ", ") + value_name(values[i]);
    return text;
  }

  static std::string result(const std::vector<DType>& dtypes) {
    if (dtypes.size() == 1) return std::string(dtype_name(dtypes[0]));
    std::string text = "(";
    for (size_t i = 0; i < dtypes.size(); ++i) text += (i == 0 ? "" : ", ") + std::string(dtype_name(dtypes[i]));
    return text + ")";
  }

  static std::string domain(const Dims& dims, int reduced = 0) {
    return "[" + list(dims, reduced == 0 ? SIZE_MAX : dims.size() - reduced) + "]";
  }

  static std::string target(const Access& access, const std::string& otherwise) {
    std::string text = "[" + list(access.map.results) + "]";
    if (!access.map.guard.is_const(1)) text += " if (" + access.map.guard.to_string() + ") else " + otherwise;
    if (access.loads.empty()) return text;
    std::vector<SymInt> extents = loaded_extents(access.map, access.loads.size());
    text += " with (";
    for (size_t k = 0; k < access.loads.size(); ++k) {
      const Access::Load& load = access.loads[k];
      text += (k == 0 ? "v" : ", v") + std::to_string(k) + " < [" + extents[k].to_string() + "] = " + value_name(load.value) +
              "[" + list(load.map.results) + "]";
      if (!load.map.guard.is_const(1)) text += " if (" + load.map.guard.to_string() + ")";
    }
    return text + ")";
  }

  std::string access(const Access& a) const {
    bool known = a.value >= 0 && a.value < static_cast<int>(types_.size());
    return value_name(a.value) + target(a, known ? temper::to_string(a.fill, types_[a.value].dtype) : "?");
  }

  std::string operands(const std::vector<Access>& all) const {
    std::string text = "(";
    for (size_t i = 0; i < all.size(); ++i) text += (i == 0 ? "" : ", ") + access(all[i]);
    return text + ")";
  }

  std::string print(const Map& s) const {
    std::vector<DType> dtypes;
    for (size_t i = 0; i < s.body->results().size(); ++i) dtypes.push_back(s.body->result_dtype(static_cast<int>(i)));
    return "map " + result(dtypes) + domain(s.domain) + " " + operands(s.operands) + " " + s.body->to_string();
  }
  std::string print(const Reduce& s) const {
    return "reduce " + std::string(monoid_info(s.monoid).name) + " " + result(s.dtypes) + domain(s.domain, s.reduced) + " " +
           operands(s.operands) + " " + s.body->to_string();
  }
  std::string print(const Contract& s) const {
    std::string in = s.accumulate == s.dtype ? "" : " in " + std::string(dtype_name(s.accumulate));
    return "contract " + std::string(dtype_name(s.dtype)) + domain(s.domain, s.reduced) + in + " " + access(s.lhs) + " * " +
           access(s.rhs);
  }
  std::string print(const Scan& s) const {
    return "scan " + std::string(monoid_info(s.monoid).name) + " " + std::string(dtype_name(s.dtype)) + domain(s.domain) +
           " axis " + std::to_string(s.axis) + (s.exclusive ? " exclusive" : "") + (s.reverse ? " reverse" : "") + " " +
           access(s.operand);
  }
  std::string print(const Sort& s) const {
    return "sort " + std::string(dtype_name(s.dtype)) + domain(s.domain) + " axis " + std::to_string(s.axis) +
           (s.descending ? " descending" : "") + " count [" + s.count.to_string() + "] " + access(s.operand);
  }
  std::string print(const Scatter& s) const {
    std::string combine = s.combine ? std::string(scalar_info(*s.combine).name) + " " : "";
    return "scatter " + std::string(dtype_name(s.dtype)) + domain(s.dims) + " " + access(s.base) + " <- " + combine +
           domain(s.update.map.domain) + " " + access(s.update) + " at " + target(s.target, "drop");
  }
  std::string print(const Compact& s) const {
    return "compact [" + s.extent.to_string() + "] size [" + s.size.to_string() + "] " + access(s.mask);
  }
  std::string print(const Opaque& s) const {
    std::string text = "opaque " + quoted(s.name) + " {";
    for (size_t i = 0; i < s.parameters.size(); ++i) {
      text += (i == 0 ? "" : ", ") + quoted(s.parameters[i].first) + " = " + quoted(s.parameters[i].second);
    }
    text += "} (" + names(s.operands) + ") : ";
    for (size_t i = 0; i < s.results.size(); ++i) text += (i == 0 ? "" : ", ") + s.results[i].to_string();
    return text;
  }

  const Region& region_;
  std::vector<TensorType> types_;
};

}  // namespace

std::string Region::to_string() const { return Printer(*this).run(); }

}  // namespace temper
