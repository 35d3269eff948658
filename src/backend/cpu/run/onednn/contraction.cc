#include "backend/cpu/run/onednn/contraction.h"

#include <algorithm>
#include <cmath>

namespace temper::cpu::onednn {

void Code::encode(ByteWriter& out) const {
  contract.encode(out);
  out.vector(best);
  out.u64(weights.high);
  out.u64(weights.low);
  out.i64(parts);
}

Expected<Code> Code::decode(ByteReader& in) {
  Code code;
  code.contract = TEMPER_TRY(ContractCode::decode(in));
  code.best = TEMPER_TRY(in.vector<int64_t>());
  code.weights.high = TEMPER_TRY(in.u64());
  code.weights.low = TEMPER_TRY(in.u64());
  code.parts = TEMPER_TRY(in.i64());
  const ContractCode& c = code.contract;
  const bool floats = c.a == DType::kF32 && c.b == DType::kF32 && c.c == DType::kF32;
  if (!floats || !c.epilogue_buffers.empty() || static_cast<int>(code.best.size()) != c.field_count() || code.parts < 1 ||
      code.parts > kMostParts) {
    return Error(ErrorCode::kCorrupt, "the parameters of a contraction for oneDNN make no sense; build the plan again");
  }
  return code;
}

#ifdef TEMPER_ONEDNN

namespace {

// Dimensions and strides as the library takes them.
struct Form {
  std::vector<dnnl_dim_t> dims, strides;

  void add(int64_t dim, int64_t stride) { dims.push_back(dim), strides.push_back(stride); }
  // Gives dimensions of extent 1, whose strides mean nothing, those of a row-major tensor: implementations look at them.
  void tidy_ones() {
    for (size_t d = dims.size(); d-- > 0;) {
      if (dims[d] == 1) strides[d] = d + 1 < dims.size() ? strides[d + 1] * dims[d + 1] : 1;
    }
  }
  Expected<dnnl_memory_desc_t> placed(const Library& library) const {
    dnnl_memory_desc_t form;
    const auto status =
        library.memory_desc_init_by_strides(&form, static_cast<int>(dims.size()), dims.data(), dnnl_f32, strides.data());
    TEMPER_TRY(library.check(status, "describe a tensor"));
    return form;
  }
  // One that the library may place.
  Expected<dnnl_memory_desc_t> anywhere(const Library& library) const {
    dnnl_memory_desc_t form = TEMPER_TRY(placed(library));
    form.format_kind = dnnl_format_kind_any;
    return form;
  }
};

struct Forms {
  Form a, b, bias, c, residual;
};

void add_batches(const GemmGeometry& g, Forms& f) {
  for (int k = 0; k < 3; ++k) {
    const GemmGeometry::Batch& batch = g.batch[k];
    if (batch.count == 1) continue;
    int64_t matrices = 1;
    for (int inner = k + 1; inner < 3; ++inner) matrices *= g.batch[inner].count;
    f.a.add(batch.a == 0 ? 1 : batch.count, batch.a);
    f.b.add(batch.b == 0 ? 1 : batch.count, batch.b);
    f.c.add(batch.count, batch.c);
    f.bias.add(1, 0);
    f.residual.add(batch.count, matrices);  // times the stride of matrices
  }
}

Forms forms_of(const Piece& piece) {
  Forms f;
  const ContractProblem& p = piece.problem;
  const bool one_row = piece.residual_row == 0;
  if (p.form == ContractProblem::Form::kGemm) {
    const GemmGeometry& g = p.gemm;
    add_batches(g, f);
    for (size_t d = 0; d < f.residual.dims.size(); ++d) {
      f.residual.strides[d] *= piece.residual_matrix;
      if (one_row) f.residual.dims[d] = 1;
    }
    f.a.add(g.rows, g.a_transposed ? 1 : g.lda);
    f.a.add(g.depth, g.a_transposed ? g.lda : 1);
    f.b.add(g.depth, g.b_form == BForm::kTransposed ? 1 : g.ldb);
    f.b.add(g.cols, g.b_form == BForm::kTransposed ? g.ldb : 1);
    f.c.add(g.rows, g.ldc), f.c.add(g.cols, 1);
    f.bias.add(1, 0), f.bias.add(g.cols, 1);
    f.residual.add(one_row ? 1 : g.rows, piece.residual_row), f.residual.add(g.cols, 1);
    for (Form* form : {&f.a, &f.b, &f.bias, &f.c, &f.residual}) form->tidy_ones();
    return f;
  }
  const ConvGeometry& g = p.conv;
  const int64_t out_c = g.groups * g.out_c;
  // A single image may be a part of a larger one: its stride is then as if it were whole.
  const auto add_image = [&](Form& form, int64_t image, int64_t channels, int64_t height, int64_t row, int64_t width,
                             int64_t pixel) {
    form.add(g.batch, g.batch == 1 ? height * row : image);
    form.add(channels, 1), form.add(height, row), form.add(width, pixel);
  };
  add_image(f.a, g.in_image, g.groups * g.in_c, g.in_h, g.in_row, g.in_w, g.in_pixel);
  add_image(f.c, g.out_image, out_c, g.out_h, g.out_row, g.out_w, g.out_pixel);
  if (one_row) {
    for (int64_t dim : {int64_t{1}, out_c, int64_t{1}, int64_t{1}}) f.residual.add(dim, 1);
    f.residual.tidy_ones();
  } else {
    add_image(f.residual, piece.residual_matrix, out_c, g.out_h, g.out_w * piece.residual_row, g.out_w, piece.residual_row);
  }
  if (g.groups > 1) f.b.add(g.groups, g.out_c * g.in_c * g.kernel_h * g.kernel_w);
  f.b.add(g.out_c, g.in_c * g.kernel_h * g.kernel_w), f.b.add(g.in_c, g.kernel_h * g.kernel_w);
  f.b.add(g.kernel_h, g.kernel_w), f.b.add(g.kernel_w, 1);
  f.bias.add(out_c, 1);
  return f;
}

Expected<Attributes> attributes(const Library& library, const ContractCode& code, const Piece& piece) {
  PostOps after(library);
  TEMPER_TRY(library.check(library.post_ops_create(after.place()), "list what comes after"));
  if (code.residual_buffer != -1) {
    const dnnl_memory_desc_t form = residual_form(library, piece);
    TEMPER_TRY(library.check(library.post_ops_append_binary(after.get(), dnnl_binary_add, &form), "add a residual"));
  }
  if (code.lo == 0 && std::isinf(code.hi)) {
    TEMPER_TRY(library.check(library.post_ops_append_eltwise(after.get(), 1, dnnl_eltwise_relu, 0, 0), "clamp"));
  } else if (!std::isinf(code.lo) || !std::isinf(code.hi)) {
    TEMPER_TRY(library.check(library.post_ops_append_eltwise(after.get(), 1, dnnl_eltwise_clip, code.lo, code.hi), "clamp"));
  }
  Attributes made(library);
  TEMPER_TRY(library.check(library.primitive_attr_create(made.place()), "create attributes"));
  TEMPER_TRY(library.check(library.primitive_attr_set_post_ops(made.get(), after.get()), "set what comes after"));
  TEMPER_TRY(
      library.check(library.primitive_attr_set_scratchpad_mode(made.get(), dnnl_scratchpad_mode_user), "take our scratch"));
  return made;
}

struct Padding {
  dnnl_dims_t strides, dilates, before, after;
};
Padding padding_of(const ContractProblem& p) {
  const ConvGeometry& g = p.conv;
  Padding all{{g.stride_h, g.stride_w}, {g.dilation_h - 1, g.dilation_w - 1}, {g.pad_top, g.pad_left}, {0, 0}};
  const int64_t in[] = {g.in_h, g.in_w}, out[] = {g.out_h, g.out_w};
  const int64_t window[] = {(g.kernel_h - 1) * g.dilation_h + 1, (g.kernel_w - 1) * g.dilation_w + 1};
  for (int k = 0; k < 2; ++k) {
    const bool transposed = p.form == ContractProblem::Form::kConvTranspose;
    const int64_t large = transposed ? out[k] : in[k], small = transposed ? in[k] : out[k];
    all.after[k] = (small - 1) * all.strides[k] + window[k] - large - all.before[k];
  }
  return all;
}

}  // namespace

Piece whole(const ContractProblem& problem, const ContractOffsets& offsets) {
  Piece piece{problem};
  piece.residual_row = offsets.residual_row;
  if (problem.form == ContractProblem::Form::kGemm) {
    piece.problem.gemm = problem.gemm.with_strides();
    piece.residual_matrix = problem.gemm.rows * offsets.residual_row;
  } else {
    piece.problem.conv = problem.conv.with_strides();
    piece.residual_matrix = problem.conv.out_h * problem.conv.out_w * offsets.residual_row;
  }
  return piece;
}

dnnl_memory_desc_t residual_form(const Library& library, const Piece& piece) {
  auto form = forms_of(piece).residual.placed(library);
  // A tensor that can't be described is refused with the primitive.
  return form.ok() ? *form : dnnl_memory_desc_t{};
}

Expected<Description> describe(const Library& library, const ContractCode& code, const Piece& piece,
                               const dnnl_memory_desc_t* weights) {
  const Forms f = forms_of(piece);
  const ContractProblem& p = piece.problem;
  const bool gemm = p.form == ContractProblem::Form::kGemm;
  const bool constant = !gemm || p.gemm.b_form == BForm::kPacked;
  const dnnl_memory_desc_t a = TEMPER_TRY(f.a.placed(library)), c = TEMPER_TRY(f.c.placed(library));
  const dnnl_memory_desc_t bias = TEMPER_TRY(f.bias.placed(library));
  const dnnl_memory_desc_t* const bias_if_any = code.bias_buffer != -1 ? &bias : nullptr;
  dnnl_memory_desc_t b = TEMPER_TRY(constant ? f.b.anywhere(library) : f.b.placed(library));
  if (weights) b = *weights;
  Attributes attr = TEMPER_TRY(attributes(library, code, piece));
  Description made(library);
  const auto finish = [&](const auto& operation) -> Expected<Description> {
    const auto status = library.primitive_desc_create(made.place(), &operation, attr.get(), library.engine, nullptr);
    TEMPER_TRY(library.check(status, "implement this contraction"));
    return std::move(made);
  };
  if (gemm) {
    dnnl_matmul_desc_t operation;
    TEMPER_TRY(library.check(library.matmul_desc_init(&operation, &a, &b, bias_if_any, &c), "describe a matrix product"));
    return finish(operation);
  }
  const Padding pad = padding_of(p);
  if (p.form == ContractProblem::Form::kConvTranspose) {
    dnnl_deconvolution_desc_t operation;
    const auto status =
        library.dilated_deconvolution_forward_desc_init(&operation, dnnl_forward_inference, dnnl_deconvolution_direct, &a, &b,
                                                        bias_if_any, &c, pad.strides, pad.dilates, pad.before, pad.after);
    TEMPER_TRY(library.check(status, "describe a transposed convolution"));
    return finish(operation);
  }
  dnnl_convolution_desc_t operation;
  const auto status =
      library.dilated_convolution_forward_desc_init(&operation, dnnl_forward_inference, dnnl_convolution_direct, &a, &b,
                                                    bias_if_any, &c, pad.strides, pad.dilates, pad.before, pad.after);
  TEMPER_TRY(library.check(status, "describe a convolution"));
  return finish(operation);
}

const dnnl_memory_desc_t& argument(const Library& library, const Description& description, dnnl_query_t what, int index) {
  return *library.primitive_desc_query_md(description.get(), what, index);
}

std::string implementation(const Library& library, const Description& description) {
  const char* name = nullptr;
  const auto status = library.primitive_desc_query(description.get(), dnnl_query_impl_info_str, 0, static_cast<void*>(&name));
  return status == dnnl_success && name ? name : "unknown";
}

const char* refuse_form(const dnnl_memory_desc_t& form) {
  if (form.format_kind != dnnl_blocked || form.extra.flags != 0 || form.offset0 != 0) {
    return "oneDNN would keep these weights in a form that is no permutation of them";
  }
  for (int d = 0; d < form.ndims; ++d) {
    if (form.padded_dims[d] != form.dims[d]) return "oneDNN would pad these weights";
  }
  return nullptr;
}

Hash128 hash_of(const dnnl_memory_desc_t& form) {
  Hasher hasher;
  const dnnl_blocking_desc_t& blocks = form.format_desc.blocking;
  hasher.add_number(uint64_t(form.ndims)).add_number(uint64_t(blocks.inner_nblks));
  for (int d = 0; d < form.ndims; ++d) hasher.add_number(uint64_t(form.dims[d])).add_number(uint64_t(blocks.strides[d]));
  for (int k = 0; k < blocks.inner_nblks; ++k) {
    hasher.add_number(uint64_t(blocks.inner_blks[k])).add_number(uint64_t(blocks.inner_idxs[k]));
  }
  return hasher.finish();
}

Status store_weights(const Library& library, const ContractProblem& problem, const WeightView& raw,
                     const dnnl_memory_desc_t& form, std::byte* to) {
  Form plain;
  if (problem.form == ContractProblem::Form::kGemm) {
    plain.add(problem.gemm.depth, raw.in), plain.add(problem.gemm.cols, raw.out);
    while (static_cast<int>(plain.dims.size()) < form.ndims) {
      plain.dims.insert(plain.dims.begin(), 1), plain.strides.insert(plain.strides.begin(), 0);
    }
  } else {
    const ConvGeometry& g = problem.conv;
    if (g.groups > 1) plain.add(g.groups, raw.group);
    plain.add(g.out_c, raw.out), plain.add(g.in_c, raw.in), plain.add(g.kernel_h, raw.kh), plain.add(g.kernel_w, raw.kw);
  }
  plain.tidy_ones();
  OneThread one_thread(library);
  const dnnl_memory_desc_t from = TEMPER_TRY(plain.placed(library));
  Description description(library);
  const auto status =
      library.reorder_primitive_desc_create(description.place(), &from, library.engine, &form, library.engine, nullptr);
  TEMPER_TRY(library.check(status, "bring weights into its form"));
  Primitive reorder(library);
  Stream stream(library);
  Memory source(library), target(library);
  TEMPER_TRY(library.check(library.primitive_create(reorder.place(), description.get()), "create a reorder"));
  TEMPER_TRY(
      library.check(library.stream_create(stream.place(), library.engine, dnnl_stream_default_flags), "create a stream"));
  TEMPER_TRY(
      library.check(library.memory_create(source.place(), &from, library.engine, const_cast<void*>(raw.data)), "take weights"));
  TEMPER_TRY(library.check(library.memory_create(target.place(), &form, library.engine, to), "give weights"));
  const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, source.get()}, {DNNL_ARG_TO, target.get()}};
  TEMPER_TRY(library.check(library.primitive_execute(reorder.get(), stream.get(), 2, arguments), "reorder weights"));
  return library.check(library.stream_wait(stream.get()), "reorder weights");
}

#endif

}  // namespace temper::cpu::onednn
