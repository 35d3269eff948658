// ScatterElements, ScatterND, TensorScatter, Col2Im: updates put, or combined with what is there, at positions.
#include "ops/nn/operands.h"
#include "ops/tensor/positions.h"
#include "ops/tensor/shape_arguments.h"

namespace temper {
namespace {

struct ScatterElementsAttrs {
  int64_t axis = 0;
  std::string reduction = "none";
  TEMPER_FIELDS(axis, reduction)
};

// Whether `reduction` is one; `combine` is what it does.
bool read_reduction(Builder& b, const std::string& reduction, DType dtype, std::optional<ScalarOp>& combine) {
  if (!b.ok()) return false;
  if (reduction == "none") return true;
  if (reduction == "add")
    combine = ScalarOp::k_add;
  else if (reduction == "mul")
    combine = ScalarOp::k_mul;
  else if (reduction == "max")
    combine = ScalarOp::k_max;
  else if (reduction == "min")
    combine = ScalarOp::k_min;
  else
    b.fail(ErrorCode::kUnsupported, "the reduction '" + reduction + "' does not exist");
  if (combine && !is_int(dtype) && !is_float(dtype))
    b.fail(ErrorCode::kInvalidArgument, "a reduction of values that are no numbers");
  return b.ok();
}

Val scatter(Builder& b, Val x, Val updates, std::span<const Val> indices, ScatterAttrs attrs) {
  std::vector<Val> operands{x, updates};
  operands.insert(operands.end(), indices.begin(), indices.end());
  return b.op("scatter", std::move(attrs), operands)[0];
}

const RegisterOp<ScatterElementsAttrs> kScatterElements{{
    .name = "scatter_elements",
    .body = [](Builder& b, const ScatterElementsAttrs& a, Operands in) -> Vals {
      std::optional<ScalarOp> combine;
      if (!require(b, in, 3) || !read_reduction(b, a.reduction, b.dtype(in[0]), combine)) return {in[0]};
      int64_t axis = b.normal_axis(a.axis, b.rank(in[0]));
      if (!b.ok()) return {in[0]};
      if (b.rank(in[1]) != b.rank(in[0]) || b.rank(in[2]) != b.rank(in[0]) || !is_int(b.dtype(in[1]))) {
        return {b.fail(ErrorCode::kInvalidArgument, "data, indices (integers) and updates must have one rank")};
      }
      Val indices = b.wrap(in[1], b.dims(in[0])[axis]);
      const Dims& domain = b.dims(in[2]);
      auto d = index_vars(b.sym(), domain);
      IndexMap target{domain, d, 1}, load{domain, d, 1};
      target.results[axis] = b.sym().loaded(0, b.dims(in[0])[axis]);
      return {scatter(b, in[0], in[2], std::span(&indices, 1), {std::move(target), {std::move(load)}, combine})};
    },
    .onnx = {{"ScatterElements", 11,
              [](const OnnxNode& n) -> Expected<ScatterElementsAttrs> {
                return ScatterElementsAttrs{n.i("axis", 0), n.s("reduction", "none")};
              }},
             {"Scatter", 9,
              [](const OnnxNode& n) -> Expected<ScatterElementsAttrs> {
                return ScatterElementsAttrs{n.i("axis", 0), "none"};
              }}},
    .samples = {"f32[n, 5], i64[n, 2], f32[n, 2] {axis = 1, reduction = \"add\"}"},
}};

struct ReductionAttrs {
  std::string reduction = "none";
  TEMPER_FIELDS(reduction)
};
const RegisterOp<ReductionAttrs> kScatterND{{
    .name = "scatter_nd",
    .body = [](Builder& b, const ReductionAttrs& a, Operands in) -> Vals {
      std::optional<ScalarOp> combine;
      if (!require(b, in, 3) || !read_reduction(b, a.reduction, b.dtype(in[0]), combine)) return {in[0]};
      auto tuples = read_tuples(b, in[0], in[1], 0);
      if (!b.ok()) return {in[0]};
      const Dims &x = b.dims(in[0]), &domain = b.dims(in[2]);
      size_t outer = b.dims(in[1]).size() - 1;
      if (domain.size() != outer + x.size() - tuples.length) {
        return {b.fail(ErrorCode::kInvalidArgument, "the updates have rank " + std::to_string(domain.size()) + " instead of " +
                                                        std::to_string(outer + x.size() - tuples.length))};
      }
      auto d = index_vars(b.sym(), domain);
      IndexMap target{domain, {}, 1};
      for (size_t i = 0; i < x.size(); ++i) {
        target.results.push_back(i < tuples.length ? b.sym().loaded(static_cast<int>(i), x[i]) : d[outer + i - tuples.length]);
      }
      return {scatter(b, in[0], in[2], tuples.operands, {std::move(target), tuples.loads(b, domain, outer + 1), combine})};
    },
    .onnx = {{"ScatterND", 11,
              [](const OnnxNode& n) -> Expected<ReductionAttrs> { return ReductionAttrs{n.s("reduction", "none")}; }}},
    .samples = {"f32[n, 3, 4], i64[5, 2], f32[5, 4]"},
}};

struct CacheAttrs {
  int64_t axis = -2;
  std::string mode = "linear";
  TEMPER_FIELDS(axis, mode)
};
// update [batch, ..., l, ...] into cache [batch, ..., n, ...] from position write[batch] on.
const RegisterOp<CacheAttrs> kTensorScatter{{
    .name = "tensor_scatter",
    .body = [](Builder& b, const CacheAttrs& a, Operands in) -> Vals {
      if (!require(b, in, 2)) return {in[0]};
      int64_t axis = b.normal_axis(a.axis, b.rank(in[0]));
      if (!b.ok()) return {in[0]};
      if (b.rank(in[1]) != b.rank(in[0]) || axis == 0)
        return {b.fail(ErrorCode::kInvalidArgument, "cache and update must have one rank, and the axis can't be 0")};
      if (a.mode != "linear" && a.mode != "circular")
        return {b.fail(ErrorCode::kUnsupported, "mode '" + a.mode + "' does not exist")};
      const Dims& domain = b.dims(in[1]);
      SymInt n = b.dims(in[0])[axis];
      auto d = index_vars(b.sym(), domain);
      IndexMap target{domain, d, 1}, load{domain, {d[0]}, 1};
      std::vector<Val> indices;
      IndexMaps loads;
      if (in[2]) {
        indices.push_back(in[2]);
        loads.push_back(load);
        target.results[axis] = b.sym().loaded(0, n) + d[axis];
      }
      if (a.mode == "circular") target.results[axis] = mod(target.results[axis], n);
      return {scatter(b, in[0], in[1], indices, {std::move(target), std::move(loads), std::nullopt})};
    },
    .onnx = {{"TensorScatter", 24,
              [](const OnnxNode& n) -> Expected<CacheAttrs> {
                return CacheAttrs{n.i("axis", -2), n.s("mode", "linear")};
              }}},
    .samples = {"f32[2, 3, 8, 4], f32[2, 3, 2, 4], i64[2]", "f32[n, 6, 4], f32[n, 2, 4], i64[n] {mode = \"circular\"}"},
}};

struct Col2ImAttrs {
  std::vector<int64_t> dilations, pads, strides;
  TEMPER_FIELDS(dilations, pads, strides)
};
const RegisterOp<Col2ImAttrs> kCol2Im{{
    .name = "columns_to_image",
    .body = [](Builder& b, const Col2ImAttrs& a, Operands in) -> Vals {
      if (!require(b, in, 3)) return {in[0]};
      auto image = shape_argument(b, in[1], "image_shape"), block = shape_argument(b, in[2], "block_shape");
      size_t rank = image.size();
      auto given = [&](const std::vector<int64_t>& v, size_t i, int64_t otherwise) { return i < v.size() ? v[i] : otherwise; };
      if (!b.ok()) return {in[0]};
      if (b.rank(in[0]) != 3 || block.size() != rank)
        return {b.fail(ErrorCode::kInvalidArgument, "Col2Im wants [N, C * block, L] and one block size per image dimension")};
      Dims columns{b.dims(in[0])[0], floor_div(b.dims(in[0])[1], product(block))}, to = columns;
      columns.insert(columns.end(), block.begin(), block.end());
      for (size_t i = 0; i < rank; ++i) {
        SymInt padded = image[i] + given(a.pads, i, 0) + given(a.pads, rank + i, 0);
        columns.push_back(floor_div(padded - given(a.dilations, i, 1) * (block[i] - 1) - 1, given(a.strides, i, 1)) + 1);
        to.push_back(image[i]);
      }
      Val x = b.reshape(in[0], columns);
      auto d = index_vars(b.sym(), columns);
      IndexMap target{columns, {d[0], d[1]}, 1};
      for (size_t i = 0; i < rank; ++i) {
        SymInt at = d[2 + rank + i] * given(a.strides, i, 1) + d[2 + i] * given(a.dilations, i, 1) - given(a.pads, i, 0);
        target.guard = both(target.guard, both(less(-1, at), less(at, image[i])));
        target.results.push_back(at);
      }
      return {scatter(b, b.fill(0, b.dtype(x), to), x, {}, {std::move(target), {}, ScalarOp::k_add})};
    },
    .onnx = {{"Col2Im", 18,
              [](const OnnxNode& n) -> Expected<Col2ImAttrs> {
                return Col2ImAttrs{n.is("dilations"), n.is("pads"), n.is("strides")};
              }}},
    .samples = {"f32[n, 12, 9], i64[2] (4, 4), i64[2] (2, 2)",
                "f32[1, 6, 6], i64[2] (5, 5), i64[2] (3, 2) {pads = [1, 0, 1, 0], strides = [2, 2], dilations = [1, 2]}"},
}};

}  // namespace
}  // namespace temper
