#include "ops/layers/flow.h"

#include "ops/builder.h"

namespace temper::layers {
namespace {

using Types = std::vector<ValueType>;

Error refuse(std::string why) { return Error(ErrorCode::kInvalidArgument, std::move(why)); }

template <class A>
using Infer = Expected<Types> (*)(Graph& g, const A& attrs, std::span<const TensorType> in, std::span<const ValueId> ids);

// A boundary of at least `least` operands, all of them tensors; further ones may be absent.
template <class A>
struct BoundaryOp {
  BoundaryOp(std::string name, size_t least, Infer<A> infer) {
    Op op;
    op.name = std::move(name);
    op.infer = [least, infer](Graph& g, const Attrs& attrs, std::span<const ValueId> operands,
                              const std::vector<std::unique_ptr<Graph>>&) -> Expected<Types> {
      std::vector<TensorType> in;
      for (ValueId id : operands) {
        const auto* type = id == kNone32 ? nullptr : std::get_if<TensorType>(&g.value(id).type);
        if (!type) break;
        in.push_back(*type);
      }
      if (in.size() < least)
        return refuse("it needs " + std::to_string(least) + " inputs, and there are " + std::to_string(in.size()));
      return infer(g, attrs_as<A>(attrs), in, operands);
    };
    op.default_attrs = temper::make_attrs(A{});
    op.make_attrs = &attrs_from_fields<A>;
    register_op(std::move(op));
  }
};

Status require_scalar(const TensorType& type, bool integer, const char* what) {
  const bool fits = integer ? type.dtype == DType::kI32 || type.dtype == DType::kI64 : type.dtype == DType::kBool;
  if (fits && type.dims.empty()) return {};
  return refuse(std::string(what) + " is " + (integer ? "an integer (kINT32 or kINT64)" : "a boolean") +
                " scalar, with 0 dimensions, unlike " + type.to_string() + "; cast or reshape it before");
}

const BoundaryOp<Boundary> kRecurrence("layer_recurrence", 1,
                                       [](Graph&, const Boundary&, std::span<const TensorType> in,
                                          std::span<const ValueId>) -> Expected<Types> { return Types{in[0]}; });

const BoundaryOp<Iterator> kIterator("layer_iterator", 1,
                                     [](Graph&, const Iterator& a, std::span<const TensorType> in,
                                        std::span<const ValueId>) -> Expected<Types> {
                                       TensorType slice = in[0];
                                       if (a.axis < 0 || a.axis >= int64_t(slice.dims.size()))
                                         return refuse("axis " + std::to_string(a.axis) + " is outside of " +
                                                       in[0].to_string());
                                       slice.dims.erase(slice.dims.begin() + a.axis);
                                       return Types{slice};
                                     });

const BoundaryOp<TripLimit> kTripLimit("layer_trip_limit", 1,
                                       [](Graph&, const TripLimit& a, std::span<const TensorType> in,
                                          std::span<const ValueId>) -> Expected<Types> {
                                         const bool counts = a.kind == "count";
                                         TEMPER_TRY(
                                             require_scalar(in[0], counts, counts ? "a count" : "the condition of a loop"));
                                         return Types{};
                                       });

const BoundaryOp<LoopOutput> kLoopOutput(
    "layer_loop_output", 1,
    [](Graph& g, const LoopOutput& a, std::span<const TensorType> in, std::span<const ValueId> ids) -> Expected<Types> {
      if (a.kind == "last_value") return Types{in[0]};
      if (in.size() < 2)
        return refuse("the values of all iterations need room: give their number as the second input, setInput(1, length)");
      TEMPER_TRY(require_scalar(in[1], true, "the length of a loop's output"));
      TensorType all = in[0];
      if (a.axis < 0 || a.axis > int64_t(all.dims.size()))
        return refuse("axis " + std::to_string(a.axis) + " is outside of what is made of " + in[0].to_string());
      Builder b(g);
      const auto known = b.contents(b.val(ids[1]));
      all.dims.insert(all.dims.begin() + a.axis, known ? known->front() : g.sym().fresh_size());
      return Types{all};
    });

const BoundaryOp<Boundary> kCondition("layer_condition", 1,
                                      [](Graph&, const Boundary&, std::span<const TensorType> in,
                                         std::span<const ValueId>) -> Expected<Types> {
                                        TEMPER_TRY(require_scalar(in[0], false, "the condition"));
                                        return Types{};
                                      });

const BoundaryOp<Boundary> kIfInput("layer_if_input", 1,
                                    [](Graph&, const Boundary&, std::span<const TensorType> in,
                                       std::span<const ValueId>) -> Expected<Types> { return Types{in[0]}; });

const BoundaryOp<Boundary> kIfOutput("layer_if_output", 2,
                                     [](Graph& g, const Boundary&, std::span<const TensorType> in,
                                        std::span<const ValueId>) -> Expected<Types> {
                                       TensorType joined = in[0];
                                       if (in[1].dtype != joined.dtype || in[1].dims.size() != joined.dims.size())
                                         return refuse("the branches give values of different type or rank, " +
                                                       in[0].to_string() + " and " + in[1].to_string() +
                                                       "; cast or reshape one of them");
                                       for (size_t d = 0; d < joined.dims.size(); ++d) {
                                         if (joined.dims[d] != in[1].dims[d]) joined.dims[d] = g.sym().fresh_size();
                                       }
                                       return Types{joined};
                                     });

}  // namespace

std::optional<int64_t> region_of(const Node& node) {
  const std::string& name = node.op->name;
  if (name == "layer_iterator") return attrs_as<Iterator>(*node.attrs).region;
  if (name == "layer_trip_limit") return attrs_as<TripLimit>(*node.attrs).region;
  if (name == "layer_loop_output") return attrs_as<LoopOutput>(*node.attrs).region;
  if (name == "layer_recurrence" || name == "layer_condition" || name == "layer_if_input" || name == "layer_if_output")
    return attrs_as<Boundary>(*node.attrs).region;
  return std::nullopt;
}

std::span<const ValueId> read_before(const Node& node) {
  const std::span<const ValueId> all(node.operands);
  return node.op->name == "layer_recurrence" ? all.first(std::min<size_t>(1, all.size())) : all;
}

}  // namespace temper::layers
