// Attributes: what a Node says besides its operands. Each Op declares one plain struct; TEMPER_FIELDS names its members once,
// and printing, parsing, hashing and comparing follow from that.
//
//   struct Softmax {
//     int64_t axis = -1;
//     TEMPER_FIELDS(axis)
//   };
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <typeinfo>
#include <variant>
#include <vector>

#include "ir/index_map.h"
#include "ir/tensor.h"
#include "scalar/scalar.h"

namespace temper {

using IndexMaps = std::vector<IndexMap>;
using AttrValue =
    std::variant<bool, int64_t, double, std::string, DType, MonoidKind, std::optional<ScalarOp>, std::vector<int64_t>,
                 std::vector<double>, std::vector<std::string>, SymInt, Dims, IndexMap, IndexMaps, ScalarBodyPtr, Tensor>;

std::string to_string(const AttrValue& value);            // tensors of more than 16 elements are elided to "<hash>"
bool equal_attr(const AttrValue& a, const AttrValue& b);  // bodies by content, tensors by bytes

class Attrs {
 public:
  virtual ~Attrs() = default;
  virtual std::vector<std::pair<std::string_view, AttrValue>> fields() const = 0;
  virtual const std::type_info& type() const = 0;
};
using AttrsPtr = std::shared_ptr<const Attrs>;
bool equal_attrs(const Attrs& a, const Attrs& b);

template <class T>
class AttrsOf final : public Attrs {
 public:
  explicit AttrsOf(T v) : value(std::move(v)) {}
  std::vector<std::pair<std::string_view, AttrValue>> fields() const override {
    std::vector<std::pair<std::string_view, AttrValue>> all;
    const_cast<T&>(value).each_field([&](std::string_view name, auto& member) { all.emplace_back(name, AttrValue(member)); });
    return all;
  }
  const std::type_info& type() const override { return typeid(T); }
  T value;
};

template <class T>
AttrsPtr make_attrs(T value) {
  return std::make_shared<AttrsOf<T>>(std::move(value));
}
// The struct of an op's attributes; the caller knows the type from the op.
template <class T>
const T& attrs_as(const Attrs& attrs) {
  TEMPER_CHECK(attrs.type() == typeid(T), "attributes of another op");
  return static_cast<const AttrsOf<T>&>(attrs).value;
}

// Builds attributes from parsed fields; default_fields tells the parser which alternative of AttrValue each name has.
using AttrFields = std::map<std::string, AttrValue, std::less<>>;
template <class T>
std::vector<std::pair<std::string_view, AttrValue>> default_fields() {
  return AttrsOf<T>(T{}).fields();
}
template <class T>
Expected<AttrsPtr> attrs_from_fields(const AttrFields& given) {
  T value{};
  size_t used = 0;
  Status status;
  value.each_field([&](std::string_view name, auto& member) {
    auto found = given.find(name);
    if (found == given.end()) return;
    ++used;
    using Member = std::remove_reference_t<decltype(member)>;
    if (auto* typed = std::get_if<Member>(&found->second)) {
      member = *typed;
    } else if (status.ok()) {
      status = Error(ErrorCode::kInvalidArgument, "attribute '" + std::string(name) + "' has a value of another type");
    }
  });
  if (!status.ok()) return std::move(status).error();
  if (used != given.size()) return Error(ErrorCode::kInvalidArgument, "an attribute that the operator does not have");
  return make_attrs(std::move(value));
}

struct NoAttrs {
  void each_field(auto&&) {}
};

}  // namespace temper

// Names the members of an attribute struct, up to nine: TEMPER_FIELDS(axis, epsilon)
#define TEMPER_FIELD_1(f, a) f(#a, a);
#define TEMPER_FIELD_2(f, a, ...) \
  f(#a, a);                       \
  TEMPER_FIELD_1(f, __VA_ARGS__)
#define TEMPER_FIELD_3(f, a, ...) \
  f(#a, a);                       \
  TEMPER_FIELD_2(f, __VA_ARGS__)
#define TEMPER_FIELD_4(f, a, ...) \
  f(#a, a);                       \
  TEMPER_FIELD_3(f, __VA_ARGS__)
#define TEMPER_FIELD_5(f, a, ...) \
  f(#a, a);                       \
  TEMPER_FIELD_4(f, __VA_ARGS__)
#define TEMPER_FIELD_6(f, a, ...) \
  f(#a, a);                       \
  TEMPER_FIELD_5(f, __VA_ARGS__)
#define TEMPER_FIELD_7(f, a, ...) \
  f(#a, a);                       \
  TEMPER_FIELD_6(f, __VA_ARGS__)
#define TEMPER_FIELD_8(f, a, ...) \
  f(#a, a);                       \
  TEMPER_FIELD_7(f, __VA_ARGS__)
#define TEMPER_FIELD_9(f, a, ...) \
  f(#a, a);                       \
  TEMPER_FIELD_8(f, __VA_ARGS__)
#define TEMPER_FIELD_COUNT(_1, _2, _3, _4, _5, _6, _7, _8, _9, N, ...) TEMPER_FIELD_##N
#define TEMPER_FIELDS(...) \
  void each_field(auto&& f) { TEMPER_FIELD_COUNT(__VA_ARGS__, 9, 8, 7, 6, 5, 4, 3, 2, 1)(f, __VA_ARGS__) }
