#include "backend/cuda/gen/pack_constants.h"

#include <algorithm>
#include <cstring>

#include "backend/cuda/gen/product_plan.h"

namespace temper::cuda {
namespace {

// Dimensions of the operand in this order of the stage's variables; empty if the access does more than rename.
std::vector<int> order_of(SymContext& context, const Access& access, const Variables& variables) {
  if (!access.map.guard.is_const(1) || !access.loads.empty()) return {};
  std::vector<int> order, rest;
  size_t used = 0;
  for (const auto& var : variables) {
    for (size_t d = 0; d < access.map.results.size(); ++d) {
      if (!(access.map.results[d] == context.index(var.first, var.second))) continue;
      order.push_back(static_cast<int>(d));
      ++used;
    }
  }
  for (size_t d = 0; d < access.map.results.size(); ++d) {
    if (std::find(order.begin(), order.end(), static_cast<int>(d)) != order.end()) continue;
    if (!access.map.results[d].is_const()) return {};
    rest.push_back(static_cast<int>(d));
  }
  if (used != order.size()) return {};
  rest.insert(rest.end(), order.begin(), order.end());
  return rest;
}

Tensor permuted(const Tensor& from, const std::vector<int>& order) {
  Tensor to = Tensor::zeros(from.dtype(), from.dims());
  const size_t rank = order.size(), size = static_cast<size_t>(dtype_bits(from.dtype())) / 8;
  std::vector<int64_t> strides(rank), step(rank), extent(rank), at(rank);
  for (int64_t stride = 1, d = int64_t(rank) - 1; d >= 0; --d) {
    strides[static_cast<size_t>(d)] = stride;
    stride *= from.dims()[static_cast<size_t>(d)];
  }
  for (size_t k = 0; k < rank; ++k) {
    step[k] = strides[static_cast<size_t>(order[k])];
    extent[k] = from.dims()[static_cast<size_t>(order[k])];
  }
  int64_t offset = 0;
  const int64_t count = from.count();
  for (int64_t i = 0; i < count; ++i) {
    std::memcpy(to.mutable_bytes() + size_t(i) * size, from.bytes().data() + size_t(offset) * size, size);
    for (size_t k = rank; k-- > 0;) {
      offset += step[k];
      if (++at[k] < extent[k]) break;
      offset -= step[k] * extent[k];
      at[k] = 0;
    }
  }
  return to;
}

}  // namespace

std::vector<PackedConstant> pack_constants(const Candidate& candidate) {
  const Region& region = *candidate.region;
  const int inputs = static_cast<int>(region.inputs.size());
  std::vector<int> readers(static_cast<size_t>(inputs));
  for (const Stage& stage : region.stages) {
    auto note = [&](int value) {
      if (value < inputs) ++readers[static_cast<size_t>(value)];
    };
    for (const Access* access : accesses_of(stage)) {
      note(access->value);
      for (const Access::Load& load : access->loads) note(load.value);
    }
    if (const auto* opaque = std::get_if<Opaque>(&stage)) std::for_each(opaque->operands.begin(), opaque->operands.end(), note);
  }
  for (int value : region.outputs) {
    if (value < inputs) ++readers[static_cast<size_t>(value)];
  }
  std::vector<PackedConstant> packed;
  for (const Stage& stage : region.stages) {
    const auto* contract = std::get_if<Contract>(&stage);
    if (!contract || contract->rhs.value >= inputs) continue;
    const auto input = static_cast<size_t>(contract->rhs.value);
    const Tensor* data = candidate.constants[input];
    const bool is_whole = data && candidate.layouts[input] == Layout::row_major(region.inputs[input].dims);
    if (!is_whole || readers[input] != 1 || dtype_bits(data->dtype()) < 8 || data->dtype() == DType::kString) continue;
    const Layout lhs = contract->lhs.value < inputs
                           ? candidate.layouts[static_cast<size_t>(contract->lhs.value)]
                           : Layout::row_major(region.value_types()[static_cast<size_t>(contract->lhs.value)].dims);
    const ProductVariables v = product_variables(*candidate.context, *contract, lhs);
    Variables list;
    auto append = [&](const Variables& more) { list.insert(list.end(), more.begin(), more.end()); };
    const int64_t rows = candidate.best(count_of(v.rows)), cols = candidate.best(count_of(v.cols)),
                  depth = candidate.best(count_of(v.depth));
    const bool is_long = depth >= kLongReduction || (cols > 1 && !is_thin(double(rows), double(cols), double(depth)));
    if (is_long)
      append(v.batches), append(v.cols), append(v.depth);
    else
      append(v.depth), append(v.cols), append(v.batches);
    const std::vector<int> order = order_of(*candidate.context, contract->rhs, list);
    if (order.empty()) continue;
    packed.push_back({contract->rhs.value, Layout::permuted(region.inputs[input].dims, order), permuted(*data, order)});
  }
  return packed;
}

}  // namespace temper::cuda
