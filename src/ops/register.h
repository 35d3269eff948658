// Registration of an operator with typed attributes.
//
//   struct Softmax { int64_t axis = -1; TEMPER_FIELDS(axis) };
//   const RegisterOp<Softmax> kSoftmax{{
//       .name = "softmax",
//       .body = [](Builder& b, const Softmax& a, Operands in) -> Vals {
//         Val e = b.map(ScalarOp::k_exp, in[0] - b.reduce(MonoidKind::k_max, in[0], {a.axis}, true));
//         return {e / b.reduce(MonoidKind::k_sum, e, {a.axis}, true)};
//       },
//       .onnx = {{"Softmax", 13, [](const OnnxNode& n) -> Expected<Softmax> { return Softmax{n.i("axis", -1)}; }}},
//       .samples = {"f32[n, 10] {axis = 1}"},
//   }};
#pragma once

#include "ops/builder.h"
#include "ops/onnx_node.h"

namespace temper {

using Vals = std::vector<Val>;
// Operands of a composite; reading one beyond the end gives an absent Val.
class Operands {
 public:
  Operands(Builder& builder, std::span<const Val> vals) : builder_(&builder), vals_(vals) {}
  Val operator[](size_t i) const { return i < vals_.size() ? vals_[i] : Val{builder_, kNone32}; }
  size_t size() const { return vals_.size(); }
  auto begin() const { return vals_.begin(); }
  auto end() const { return vals_.end(); }
  std::span<const Val> span() const { return vals_; }

 private:
  Builder* builder_;
  std::span<const Val> vals_;
};

template <class A>
struct OnnxReader {
  std::string op_type;
  int since;
  std::function<Expected<A>(const OnnxNode&)> read;  // empty: attributes have their defaults
  std::string domain;

  // A constructor, because g++ 12 fails on default member initialisers here.
  OnnxReader(std::string type, int from, std::function<Expected<A>(const OnnxNode&)> reader = nullptr,
             std::string of_domain = "")
      : op_type(std::move(type)), since(from), read(std::move(reader)), domain(std::move(of_domain)) {}
};

template <class A>
struct OpSpec {
  std::string name;
  std::function<Vals(Builder&, const A&, Operands)> body;
  std::vector<OnnxReader<A>> onnx;
  std::vector<std::string> samples;
};

template <class A>
struct RegisterOp {
  explicit RegisterOp(OpSpec<A> spec) {
    Op op;
    op.name = std::move(spec.name);
    op.body = [body = std::move(spec.body)](Builder& b, const Attrs& attrs, std::span<const ValueId> operands) {
      Vals in;
      for (ValueId id : operands) in.push_back(b.val(id));
      std::vector<ValueId> out;
      for (Val v : body(b, attrs_as<A>(attrs), Operands(b, in))) out.push_back(v.id);
      return out;
    };
    for (auto& reader : spec.onnx) {
      op.onnx.push_back(
          {reader.op_type, reader.since, reader.domain, [read = reader.read](const OnnxNode& n) -> Expected<AttrsPtr> {
             if (!read) return make_attrs(A{});
             A attrs = TEMPER_TRY(read(n));
             return make_attrs(std::move(attrs));
           }});
    }
    op.samples = std::move(spec.samples);
    op.default_attrs = temper::make_attrs(A{});
    op.make_attrs = &attrs_from_fields<A>;
    register_op(std::move(op));
  }
};

}  // namespace temper
