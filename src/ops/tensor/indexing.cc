// Gather, GatherElements, GatherND: elements at positions that a tensor holds.
#include "ops/nn/operands.h"
#include "ops/tensor/positions.h"

namespace temper {
namespace {

struct AxisAttrs {
  int64_t axis = 0;
  TEMPER_FIELDS(axis)
};
Expected<AxisAttrs> read_axis(const OnnxNode& n) { return AxisAttrs{n.i("axis", 0)}; }

bool require_integers(Builder& b, Val indices) {
  if (!b.ok()) return false;
  if (is_int(b.dtype(indices))) return true;
  b.fail(ErrorCode::kInvalidArgument, "positions must be integers, but are " + std::string(dtype_name(b.dtype(indices))));
  return false;
}

const RegisterOp<AxisAttrs> kGather{{
    .name = "gather_along",
    .body = [](Builder& b, const AxisAttrs& a, Operands in) -> Vals {
      if (!require(b, in, 2) || !require_integers(b, in[1])) return {in[0]};
      return {b.take(in[0], in[1], a.axis)};
    },
    .onnx = {{"Gather", 1, read_axis}},
    .samples = {"f32[n, 3], i64[2] {axis = 0}", "f32[n, 3], i32[] {axis = 1}"},
}};

const RegisterOp<AxisAttrs> kGatherElements{{
    .name = "gather_elements",
    .body = [](Builder& b, const AxisAttrs& a, Operands in) -> Vals {
      if (!require(b, in, 2) || !require_integers(b, in[1])) return {in[0]};
      int64_t axis = b.normal_axis(a.axis, b.rank(in[0]));
      if (!b.ok()) return {in[0]};
      if (b.rank(in[1]) != b.rank(in[0]))
        return {b.fail(ErrorCode::kInvalidArgument, "the indices have another rank than the data")};
      return {take_elements(b, in[0], b.wrap(in[1], b.dims(in[0])[axis]), axis)};
    },
    .onnx = {{"GatherElements", 11, read_axis}},
    .samples = {"f32[n, 3], i64[n, 2] {axis = 1}"},
}};

struct BatchAttrs {
  int64_t batch_dims = 0;
  TEMPER_FIELDS(batch_dims)
};
const RegisterOp<BatchAttrs> kGatherND{{
    .name = "gather_nd",
    .body = [](Builder& b, const BatchAttrs& a, Operands in) -> Vals {
      if (!require(b, in, 2) || !require_integers(b, in[1])) return {in[0]};
      auto tuples = read_tuples(b, in[0], in[1], a.batch_dims);
      if (!b.ok()) return {in[0]};
      auto batch = static_cast<size_t>(a.batch_dims);
      const Dims &x = b.dims(in[0]), &indices = b.dims(in[1]);
      Dims domain(indices.begin(), indices.end() - 1);
      domain.insert(domain.end(), x.begin() + static_cast<std::ptrdiff_t>(batch + tuples.length), x.end());
      auto d = index_vars(b.sym(), domain);
      IndexMap map{domain, {}, 1};
      for (size_t i = 0; i < x.size(); ++i) {
        if (i < batch)
          map.results.push_back(d[i]);
        else if (i < batch + tuples.length)
          map.results.push_back(b.sym().loaded(static_cast<int>(i - batch), x[i]));
        else
          map.results.push_back(d[i - batch - tuples.length + indices.size() - 1]);
      }
      return {b.gather(in[0], tuples.operands, std::move(map), tuples.loads(b, domain, indices.size()))};
    },
    .onnx = {{"GatherND", 11, [](const OnnxNode& n) -> Expected<BatchAttrs> { return BatchAttrs{n.i("batch_dims", 0)}; }}},
    .samples = {"f32[n, 3, 4], i64[5, 2]"},
}};

}  // namespace
}  // namespace temper
