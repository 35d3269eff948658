#include "ops/nn/window.h"

namespace temper {

std::vector<SymInt> loop_vars(SymContext& context, const Dims& domain) {
  std::vector<SymInt> vars = index_vars(context, domain);
  for (size_t i = 0; i < vars.size(); ++i) {
    if (domain[i].is_const(1)) vars[i] = 0;
  }
  return vars;
}

Expected<std::vector<int64_t>> per_dim(std::span<const int64_t> given, size_t rank, std::string_view what) {
  if (given.empty()) return std::vector<int64_t>(rank, 1);
  if (given.size() != rank) {
    return Error(ErrorCode::kInvalidArgument, std::string(what) + " has " + std::to_string(given.size()) +
                                                  " entries, but there are " + std::to_string(rank) + " spatial dimensions");
  }
  for (int64_t v : given) {
    if (v < 1 || v > INT32_MAX)
      return Error(ErrorCode::kInvalidArgument, std::string(what) + " holds " + std::to_string(v) + "; it must be at least 1");
  }
  return std::vector<int64_t>(given.begin(), given.end());
}

Expected<Window> make_window(Dims in, Dims kernel, const WindowSpec& spec) {
  Window w;
  const size_t rank = in.size();
  if (kernel.size() != rank) {
    return Error(ErrorCode::kInvalidArgument, "a kernel of " + std::to_string(kernel.size()) + " dimensions over an input of " +
                                                  std::to_string(rank) + " spatial ones");
  }
  for (SymInt k : kernel) {
    if (k.is_const() && (k.value() < 1 || k.value() > INT32_MAX))
      return Error(ErrorCode::kInvalidArgument, "a kernel of extent " + k.to_string());
  }
  w.stride = TEMPER_TRY(per_dim(spec.strides, rank, "strides"));
  w.dilation = TEMPER_TRY(per_dim(spec.dilations, rank, "dilations"));
  w.in = std::move(in);
  w.kernel = std::move(kernel);
  w.ceil_mode = spec.ceil_mode;
  w.before.assign(rank, 0);
  w.after.assign(rank, 0);
  bool same = spec.auto_pad == "SAME_UPPER" || spec.auto_pad == "SAME_LOWER";
  if (!same && spec.auto_pad != "NOTSET" && spec.auto_pad != "VALID" && !spec.auto_pad.empty()) {
    return Error(ErrorCode::kInvalidArgument,
                 "auto_pad is '" + std::string(spec.auto_pad) + "'; it must be NOTSET, SAME_UPPER, SAME_LOWER or VALID");
  }
  if (!same && spec.auto_pad != "VALID" && !spec.pads.empty()) {
    if (spec.pads.size() != 2 * rank) {
      return Error(ErrorCode::kInvalidArgument,
                   "pads has " + std::to_string(spec.pads.size()) + " entries; two per spatial dimension are needed");
    }
    for (size_t i = 0; i < rank; ++i) {
      w.before[i] = spec.pads[i];
      w.after[i] = spec.pads[rank + i];
    }
  }
  for (size_t i = 0; i < rank; ++i) {
    SymInt out;
    if (same) {
      out = ceil_div(w.in[i], w.stride[i]);
      SymInt total = max((out - 1) * w.stride[i] + w.extent(i) - w.in[i], 0);
      w.before[i] = spec.auto_pad == "SAME_UPPER" ? floor_div(total, 2) : ceil_div(total, 2);
      w.after[i] = total - w.before[i];
      w.ceil_mode = false;
    } else {
      SymInt room = w.in[i] + w.before[i] + w.after[i] - w.extent(i);
      if (spec.ceil_mode) {
        out = ceil_div(room, w.stride[i]) + 1;
        // No window starts in the padding at the end.
        out = out - less(w.in[i] + w.before[i] - 1, (out - 1) * w.stride[i]);
      } else {
        out = floor_div(room, w.stride[i]) + 1;
      }
      if (out.is_const() && out.value() < 1) {
        return Error(ErrorCode::kInvalidArgument,
                     "the window, of extent " + w.extent(i).to_string() + " in spatial dimension " + std::to_string(i) +
                         ", is larger than the padded input, of extent " + (w.in[i] + w.before[i] + w.after[i]).to_string());
      }
    }
    w.out.push_back(out);
  }
  return w;
}

SymInt Window::guard(size_t i, SymInt e) const {
  SymInt condition = 1;
  if (!proves_less_equal(before[i], 0)) condition = both(condition, less(-1, e));
  if (ceil_mode || !proves_less_equal(after[i], 0)) condition = both(condition, less(e, in[i]));
  return condition;
}

bool Window::is_padded() const {
  for (size_t i = 0; i < rank(); ++i) {
    if (ceil_mode || !proves_less_equal(before[i], 0) || !proves_less_equal(after[i], 0)) return true;
  }
  return false;
}

}  // namespace temper
