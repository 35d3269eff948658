// Builder: writes nodes into a Graph; the language in which composite operators are defined.
//
// A Val is a value of the graph being built, with arithmetic (numpy broadcasting). Errors stick: after the first, every call
// returns a Val that is absent and changes nothing, so bodies read as mathematics and the caller asks status() once. Values of
// integer type carry their contents where these can be derived, so contents() and dims() are available as SymInts while
// building.
//
//   Val mean = b.reduce(MonoidKind::k_sum, x, {axis}, true) / b.cast(b.size(b.dims(x)[axis]), b.dtype(x));
#pragma once

#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ops/core/core.h"

namespace temper {

class Builder;

struct Val {
  Builder* builder = nullptr;
  ValueId id = kNone32;
  explicit operator bool() const { return id != kNone32; }  // false: an absent optional operand
};

class Builder {
 public:
  // Nodes get `name` (of the model's node that they come from).
  explicit Builder(Graph& graph, std::string name = "") : graph_(graph), name_(std::move(name)) {}

  Graph& graph() { return graph_; }
  SymContext& sym() { return graph_.sym(); }
  Val val(ValueId id) { return {this, id}; }
  void set_name(std::string name) { name_ = std::move(name); }
  const std::string& name() const { return name_; }

  bool ok() const { return status_.ok(); }
  Status take_status() { return std::exchange(status_, Status()); }
  Val fail(Error error);  // keeps the first
  Val fail(ErrorCode code, std::string message) { return fail(Error(code, std::move(message))); }

  DType dtype(Val v) const;
  const Dims& dims(Val v) const;
  int rank(Val v) const { return static_cast<int>(dims(v).size()); }
  // Elements of an integer value, when each is an expression; nullopt else.
  std::optional<std::vector<SymInt>> contents(Val v) const;
  // The value of a constant, also through casts and reshapes.
  std::optional<Tensor> constant_value(Val v) const;
  // -rank <= axis < rank, made non-negative; else fails.
  int64_t normal_axis(int64_t axis, int rank);

  // Any op. Composites too; results as many as the op makes.
  std::vector<Val> op(const Op& op, AttrsPtr attrs, std::span<const Val> operands,
                      std::vector<std::unique_ptr<Graph>> bodies = {});
  template <class A>
  std::vector<Val> op(std::string_view name, A attrs, std::span<const Val> operands) {
    return op(core_op(name), make_attrs(std::move(attrs)), operands);
  }

  // Leaves.
  Val constant(Tensor data);
  Val scalar(double value, DType dtype);  // rank 0
  Val like(double value, Val v) { return scalar(value, dtype(v)); }
  Val ints(std::vector<int64_t> values);      // i64[n]
  Val size(SymInt value);                     // i64[], with contents
  Val sizes(std::span<const SymInt> values);  // i64[n], with contents
  Val fill(double value, DType dtype, Dims dims);
  Val iota(Dims dims, int axis, DType dtype);  // the position along axis

  // Pointwise, with broadcasting. All operands of one dtype but where the row's rule says otherwise.
  Val map(ScalarOp op, Val a);
  Val map(ScalarOp op, Val a, Val b);
  Val select(Val condition, Val a, Val b);
  // Body over operands as they are, broadcast to common dims.
  std::vector<Val> map(ScalarBodyPtr body, std::span<const Val> operands);
  Val cast(Val v, DType dtype);

  // Movement. Dims are those of the result.
  Val reindex(Val v, IndexMap map, double fill = 0);
  Val broadcast(Val v, const Dims& dims);
  Val reshape(Val v, const Dims& dims);
  Val transpose(Val v, std::span<const int64_t> permutation);
  Val slice(Val v, int64_t axis, SymInt start, SymInt count, int64_t step = 1);
  Val pad(Val v, std::span<const SymInt> before, std::span<const SymInt> after, double fill);  // negative: crops
  Val unsqueeze(Val v, std::span<const int64_t> axes);  // positions in the result, non-negative
  Val squeeze(Val v, std::span<const int64_t> axes);
  Val flip(Val v, int64_t axis);
  Val concat(std::span<const Val> parts, int64_t axis);
  // x[..., i, ...]: positions along one axis from an integer tensor (negative count from the end), whose dims replace that
  // axis.
  Val take(Val x, Val positions, int64_t axis);
  // v<k> of the map is indices[k] read through loads[k]; integers must lie in range already (see wrap).
  Val gather(Val x, std::span<const Val> indices, IndexMap map, IndexMaps loads, double fill = 0);
  // i + extent where i < 0.
  Val wrap(Val indices, SymInt extent);

  // Reductions. Negative axes count from the end; `keep` keeps them as dims of 1.
  Val reduce(MonoidKind monoid, Val v, std::vector<int64_t> axes, bool keep);
  std::vector<Val> reduce_all(MonoidKind monoid, Val v, std::vector<int64_t> axes, bool keep);
  Val mean(Val v, std::vector<int64_t> axes, bool keep);

  // Sum of products. Result dtype as given; 8-bit integers accumulate in i32.
  Val contract(Val x, Val y, IndexMap lhs, IndexMap rhs, int reduced, DType dtype);
  Val matmul(Val x, Val y);  // numpy's, batch dims broadcast

  // The dims that results of broadcasting these have.
  Dims broadcast_dims(std::span<const Val> operands);

 private:
  friend struct BuilderAccess;
  Graph& graph_;
  std::string name_;
  Status status_;
};

Val operator+(Val a, Val b);
Val operator-(Val a, Val b);
Val operator*(Val a, Val b);
Val operator/(Val a, Val b);
Val operator-(Val a);
Val operator+(Val a, double b);
Val operator-(Val a, double b);
Val operator*(Val a, double b);
Val operator/(Val a, double b);
Val operator+(double a, Val b);
Val operator-(double a, Val b);
Val operator*(double a, Val b);
Val operator/(double a, Val b);
Val operator<(Val a, Val b);
Val operator<=(Val a, Val b);
Val operator==(Val a, Val b);

// What a composite makes of these operands, without a node being added: the types of its results, and their elements where
// these are known as expressions.
struct Inferred {
  std::vector<ValueType> types;
  std::vector<std::optional<std::vector<SymInt>>> contents;
};
Expected<Inferred> infer_composite(Graph& graph, const Op& op, const Attrs& attrs, const std::vector<ValueId>& operands);

// Contents of a node's results from those of its operands: integer map, reindex, gather, concat, reduce of up to 64 elements.
void derive_contents(Graph& graph, NodeId node);

}  // namespace temper
