// Contraction: what a Contract stage is once layouts are known, in the terms in which kernels are written: a (batched) matrix
// product, a convolution or a transposed convolution, with every size and stride as a SymInt (in elements).
//
// Variables of the stage are sorted by where they occur: rows only in lhs, columns only in rhs, batch in both, depth in both
// and reduced. A dimension of lhs that mixes a row with a depth variable (or is guarded) is a window: then it is a convolution.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <variant>

#include "kernel/layout.h"
#include "kernel/region.h"

namespace temper {

struct MatrixProduct {
  SymInt rows = 1, depth = 1, cols = 1;
  SymInt lda = 0, ldb = 0, ldc = 0;
  bool a_transposed = false;      // a is [depth, rows]
  bool b_transposed = false;      // b is [cols, depth]; free for constants
  SymInt b_depth = 1, b_col = 1;  // strides of b, whichever way it lies
  struct Batch {
    SymInt count = 1, a = 0, b = 0, c = 0;
  };
  std::array<Batch, 3> batch;  // outermost first
};

struct Convolution {
  bool transposed = false;
  SymInt batch = 1, in_h = 1, in_w = 1, in_c = 1, out_h = 1, out_w = 1, out_c = 1, groups = 1;
  SymInt kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1, pad_top = 0, pad_left = 0;
  SymInt in_image = 0, in_row = 0, in_pixel = 0, out_image = 0, out_row = 0, out_pixel = 0;
  SymInt w_group = 0, w_out = 0, w_in = 0, w_h = 0, w_w = 0;  // strides of the weights
};

struct Contraction {
  std::variant<MatrixProduct, Convolution> form;
  SymInt a_offset = 0, b_offset = 0, c_offset = 0;
  // Dims of the stage's result by what they are to the kernel, outermost first; those of extent 1 belong to the rows.
  std::vector<int> row_dims, col_dims;
};

// Or why it is none of these. `best`: values of expressions at the shapes to be fast for; the answer holds at all shapes.
std::variant<Contraction, std::string> analyse_contraction(SymContext& context, const Contract& stage, const Layout& lhs,
                                                           const Layout& rhs, const Layout& out, const Dims& lhs_dims,
                                                           bool rhs_constant, const std::function<int64_t(SymInt)>& best);

// Which dimension of a tensor kernels want innermost in memory: of lhs the one that runs with the depth, of the result the one
// that runs with the columns; -1 for no wish.
int wanted_innermost_lhs(SymContext& context, const Contract& stage);
int wanted_innermost_out(SymContext& context, const Contract& stage);

}  // namespace temper
