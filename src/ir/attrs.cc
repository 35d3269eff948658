// Attribute values as text, and their equality. Text forms, by kind:
//
//   true  3  0.5  "text"  f32  sum  [1, 2]  [0.5, 2]  ["a", "b"]  batch*2 + 1  [batch, 3]
//   none, add                                       an optional scalar function
//   [n, 3] -> (d0, v0) where v0 < 10                an index map; the extents of loaded variables follow it
//   {(f32 %0) { %1 = neg f32 %0 } -> %1}            a scalar body
//   f32[2] (1, 2)   f32[64, 10] <32 digits>         a tensor: its elements, or the hash of its type and bytes
#include "ir/attrs.h"

#include <algorithm>
#include <map>

#include "base/hash.h"
#include "ir/text_form.h"
#include "ir/types.h"

namespace temper {

std::string quoted_text(std::string_view text) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string result = "\"";
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      result += "\\x";
      result += kDigits[byte >> 4];
      result += kDigits[byte & 15];
    } else {
      result += c;
    }
  }
  return result + '"';
}

std::string tensor_hash(const Tensor& tensor) {
  Hasher hasher;
  hasher.add(dtype_name(tensor.dtype()));
  hasher.add_number(tensor.dims().size());
  for (int64_t d : tensor.dims()) hasher.add_number(static_cast<uint64_t>(d));
  if (tensor.dtype() == DType::kString) {
    for (const std::string& s : tensor.string_values()) hasher.add(s);
  } else {
    hasher.add_bytes(tensor.bytes());
  }
  return hasher.finish().hex();
}

namespace {

constexpr int64_t kMostPrinted = 16;

template <class Range, class F>
std::string list(const Range& range, F text_of) {
  std::string text = "[";
  for (const auto& e : range) text += (text.size() == 1 ? "" : ", ") + text_of(e);
  return text + "]";
}

struct Printer {
  std::string operator()(bool v) const { return v ? "true" : "false"; }
  std::string operator()(int64_t v) const { return std::to_string(v); }
  std::string operator()(double v) const { return to_string(ScalarValue{v, 0}, DType::kF64); }
  std::string operator()(const std::string& v) const { return quoted_text(v); }
  std::string operator()(DType v) const { return std::string(dtype_name(v)); }
  std::string operator()(MonoidKind v) const { return std::string(monoid_info(v).name); }
  std::string operator()(const std::optional<ScalarOp>& v) const { return v ? std::string(scalar_info(*v).name) : "none"; }
  std::string operator()(const std::vector<int64_t>& v) const { return list(v, *this); }
  std::string operator()(const std::vector<double>& v) const { return list(v, *this); }
  std::string operator()(const std::vector<std::string>& v) const { return list(v, *this); }
  std::string operator()(SymInt v) const { return v.to_string(); }
  std::string operator()(const Dims& v) const { return list(v, *this); }
  std::string operator()(const IndexMaps& v) const { return list(v, *this); }
  std::string operator()(const IndexMap& v) const {
    std::map<int, SymInt> extents;
    auto note = [&](SymInt e) {
      for (SymInt var : vars_of(e)) {
        if (var_of(var).kind == VarKind::kLoaded) extents.emplace(var_of(var).ordinal, var_of(var).extent);
      }
    };
    for (SymInt e : v.results) note(e);
    note(v.guard);
    std::string text = v.to_string();
    const char* separator = " where ";
    for (const auto& [ordinal, extent] : extents) {
      text += separator + ("v" + std::to_string(ordinal)) + " < (" + extent.to_string() + ")";
      separator = " and ";
    }
    return text;
  }
  std::string operator()(const ScalarBodyPtr& v) const { return v ? "{" + v->to_string() + "}" : "{}"; }
  std::string operator()(const Tensor& v) const {
    TensorType type{v.dtype(), Dims(v.dims().begin(), v.dims().end())};
    if (v.count() > kMostPrinted) return type.to_string() + " <" + tensor_hash(v) + ">";
    std::string text;
    for (int64_t i = 0; i < v.count(); ++i) {
      text += i ? ", " : "";
      text += v.dtype() == DType::kString ? quoted_text(v.string_values()[i]) : to_string(v.at(i), v.dtype());
    }
    return type.to_string() + " (" + text + ")";
  }
};

}  // namespace

std::string to_string(const AttrValue& value) { return std::visit(Printer(), value); }

bool equal_attr(const AttrValue& a, const AttrValue& b) {
  if (a.index() != b.index()) return false;
  if (const auto* x = std::get_if<ScalarBodyPtr>(&a)) {
    const auto& y = std::get<ScalarBodyPtr>(b);
    return *x == y || (*x && y && **x == *y);
  }
  // Numbers by their bits: a NaN equals itself, -0 is not 0.
  auto same_bits = [](double x, double y) { return __builtin_bit_cast(uint64_t, x) == __builtin_bit_cast(uint64_t, y); };
  if (const auto* x = std::get_if<double>(&a)) return same_bits(*x, std::get<double>(b));
  if (const auto* x = std::get_if<std::vector<double>>(&a)) {
    const auto& y = std::get<std::vector<double>>(b);
    return std::equal(x->begin(), x->end(), y.begin(), y.end(), same_bits);
  }
  return a == b;
}

bool equal_attrs(const Attrs& a, const Attrs& b) {
  if (&a == &b) return true;
  if (a.type() != b.type()) return false;
  auto x = a.fields(), y = b.fields();
  return std::equal(x.begin(), x.end(), y.begin(), y.end(),
                    [](const auto& p, const auto& q) { return p.first == q.first && equal_attr(p.second, q.second); });
}

}  // namespace temper
