// SparseTensorProto: values, and where they stand in a tensor that is zero elsewhere.
#include "onnx/wire_fields.h"

namespace temper::onnx::wire {
namespace {

// The number of elements of the whole; nullopt, with a problem, when the dims have none.
std::optional<int64_t> count_elements(Decoder& decoder, const SparseTensor& t) {
  int64_t count = 1;
  for (int64_t dim : t.dims) {
    if (dim >= 0 && !__builtin_mul_overflow(count, dim, &count)) continue;
    decoder.problem(ErrorCode::kCorrupt, "the sparse tensor's dimensions are negative or too large; export the model again");
    return std::nullopt;
  }
  return count;
}

// Whether every index is within the whole, so that whoever scatters the values need not ask.
void check_indices(Decoder& decoder, const SparseTensor& t) {
  std::optional<int64_t> total = count_elements(decoder, t);
  if (!total) return;
  int64_t count = t.values.dims.size() == 1 ? t.values.dims[0] : -1;
  bool linear = t.indices.dims == std::vector<int64_t>{count};
  bool by_axis = t.indices.dims == std::vector<int64_t>{count, int64_t(t.dims.size())};
  if (count < 0 || t.indices.data_type != kInt64 || (!linear && !by_axis)) {
    decoder.problem(
        ErrorCode::kCorrupt,
        "a sparse tensor has values [N] and int64 indices [N] or [N, rank], and this one has others; export the model again");
    return;
  }
  size_t rank = linear ? 1 : t.dims.size();
  for (size_t i = 0; i < t.indices.data.size() / sizeof(int64_t); ++i) {
    int64_t index;
    std::memcpy(&index, t.indices.data.data() + i * sizeof(index), sizeof(index));
    int64_t limit = linear ? *total : t.dims[i % rank];
    if (index >= 0 && index < limit) continue;
    decoder.problem(ErrorCode::kCorrupt, "index " + std::to_string(index) + " of the sparse tensor is not within its " +
                                             std::to_string(limit) + " elements; export the model again");
    return;
  }
}

}  // namespace

void decode_sparse_tensor(Decoder& decoder, std::string_view bytes, SparseTensor& out) {
  Merged values, indices;
  for (Fields f(decoder, bytes); f.next();) {
    switch (f.number()) {
      case 1:
        values.add(f.bytes("values"));
        break;
      case 2:
        indices.add(f.bytes("indices"));
        break;
      case 3:
        f.integers("dims", out.dims);
        break;
      default:
        f.skip();
    }
  }
  size_t problems = decoder.problems.size();
  {
    Place place(decoder, "values", -1, &out.values.name);
    decode_tensor(decoder, values.bytes(decoder), out.values);
  }
  {
    Place place(decoder, "indices");
    decode_tensor(decoder, indices.bytes(decoder), out.indices);
  }
  if (decoder.problems.size() == problems) check_indices(decoder, out);
}

}  // namespace temper::onnx::wire
