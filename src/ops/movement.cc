// Builder's data movement: each is one reindex or gather with the right map.
#include <algorithm>

#include "ops/builder.h"

namespace temper {
namespace {

bool has_axis(Builder& b, Val v, int64_t axis) {
  if (axis >= 0 && axis < b.rank(v)) return true;
  b.fail(ErrorCode::kInvalidArgument,
         v ? "a tensor of rank " + std::to_string(b.rank(v)) + " has no dimension " + std::to_string(axis)
           : "an operand is missing");
  return false;
}

}  // namespace

Val Builder::reindex(Val v, IndexMap map, double fill) {
  if (!ok()) return {this, kNone32};
  if (is_identity(sym(), map, dims(v))) return v;
  return op("reindex", Reindex{std::move(map), fill}, std::span(&v, 1))[0];
}

Val Builder::broadcast(Val v, const Dims& to) {
  if (!ok() || dims(v) == to) return v;
  if (dims(v).size() > to.size())
    return fail(ErrorCode::kInvalidArgument,
                "a tensor of rank " + std::to_string(rank(v)) + " does not broadcast to a lower rank");
  for (size_t i = 0; i < dims(v).size(); ++i) {
    SymInt from = dims(v)[i], wanted = to[i + to.size() - dims(v).size()];
    if (from.is_const() && wanted.is_const() && from != wanted && !from.is_const(1)) {
      return fail(ErrorCode::kInvalidArgument,
                  "a dimension of " + from.to_string() + " can't be broadcast to " + wanted.to_string());
    }
  }
  return reindex(v, broadcast_map(sym(), dims(v), to));
}

Val Builder::reshape(Val v, const Dims& to) {
  if (!ok() || dims(v) == to) return v;
  SymInt from_count = product(dims(v)), to_count = product(to);
  if (from_count.is_const() && to_count.is_const() && from_count != to_count) {
    return fail(ErrorCode::kInvalidArgument, "can't reshape " + graph_.type(v.id).to_string() + " to " +
                                                 TensorType{dtype(v), to}.to_string() + ": the numbers of elements differ");
  }
  return reindex(v, reshape_map(sym(), dims(v), to));
}

Val Builder::transpose(Val v, std::span<const int64_t> permutation) {
  if (!ok()) return {this, kNone32};
  std::vector<bool> seen(permutation.size(), false);
  for (int64_t p : permutation) {
    if (permutation.size() != dims(v).size() || !has_axis(*this, v, p) || seen[p]) {
      return fail(ErrorCode::kInvalidArgument, "a transposition of " + std::to_string(permutation.size()) +
                                                   " dimensions does not fit a tensor of rank " + std::to_string(rank(v)));
    }
    seen[p] = true;
  }
  return reindex(v, transpose_map(sym(), dims(v), permutation));
}

Val Builder::slice(Val v, int64_t axis, SymInt start, SymInt count, int64_t step) {
  if (!ok() || !has_axis(*this, v, axis)) return {this, kNone32};
  Dims to = dims(v);
  std::vector<SymInt> starts(to.size(), 0);
  std::vector<int64_t> steps(to.size(), 1);
  starts[axis] = start;
  steps[axis] = step;
  to[axis] = count;
  return reindex(v, slice_map(sym(), dims(v), starts, steps, to));
}

Val Builder::pad(Val v, std::span<const SymInt> before, std::span<const SymInt> after, double fill) {
  if (!ok()) return {this, kNone32};
  Dims to = dims(v);
  if (before.size() != to.size() || after.size() != to.size())
    return fail(ErrorCode::kInvalidArgument, "padding for another rank");
  for (size_t i = 0; i < to.size(); ++i) to[i] = before[i] + to[i] + after[i];
  return reindex(v, pad_map(sym(), dims(v), before, to), fill);
}

Val Builder::unsqueeze(Val v, std::span<const int64_t> axes) {
  if (!ok()) return {this, kNone32};
  std::vector<int64_t> sorted(axes.begin(), axes.end());
  std::sort(sorted.begin(), sorted.end());
  Dims to = dims(v);
  for (int64_t axis : sorted) {
    if (axis < 0 || axis > static_cast<int64_t>(to.size()))
      return fail(ErrorCode::kInvalidArgument, "an axis to insert lies outside the result");
    to.insert(to.begin() + axis, SymInt(1));
  }
  return reshape(v, to);
}

Val Builder::squeeze(Val v, std::span<const int64_t> axes) {
  if (!ok()) return {this, kNone32};
  Dims to;
  for (int64_t d = 0; d < rank(v); ++d) {
    if (std::find(axes.begin(), axes.end(), d) == axes.end()) {
      to.push_back(dims(v)[d]);
    } else if (dims(v)[d].is_const() && !dims(v)[d].is_const(1)) {
      return fail(ErrorCode::kInvalidArgument,
                  "can't squeeze dimension " + std::to_string(d) + " of " + graph_.type(v.id).to_string() + ": it is not 1");
    }
  }
  return reshape(v, to);
}

Val Builder::flip(Val v, int64_t axis) {
  if (!ok() || !has_axis(*this, v, axis)) return {this, kNone32};
  return slice(v, axis, dims(v)[axis] - 1, dims(v)[axis], -1);
}

Val Builder::concat(std::span<const Val> parts, int64_t axis) {
  if (!ok()) return {this, kNone32};
  if (parts.size() == 1) return parts[0];
  return op("concat", Concat{axis}, parts)[0];
}

Val Builder::wrap(Val indices, SymInt extent) {
  if (!ok()) return {this, kNone32};
  if (auto known = contents(indices)) {
    if (std::all_of(known->begin(), known->end(), [](SymInt i) { return proves_less_equal(0, i); })) return indices;
  }
  Val wide = cast(indices, DType::kI64);
  return select(wide < like(0, wide), wide + size(extent), wide);
}

Val Builder::gather(Val x, std::span<const Val> indices, IndexMap map, IndexMaps loads, double fill) {
  if (!ok()) return {this, kNone32};
  std::vector<Val> operands{x};
  operands.insert(operands.end(), indices.begin(), indices.end());
  return op("gather", Gather{std::move(map), std::move(loads), fill}, operands)[0];
}

Val Builder::take(Val x, Val positions, int64_t axis) {
  if (!ok()) return {this, kNone32};
  axis = normal_axis(axis, rank(x));
  if (!ok()) return {this, kNone32};
  SymInt extent = dims(x)[axis];
  // A position that is known is a slice, which costs nothing.
  if (auto known = contents(positions); known && known->size() == 1) {
    SymInt at = (*known)[0];
    if (at.is_const() && at.value() < 0) at = at + extent;
    if (proves_less(at, 0) || proves_less_equal(extent, at)) {
      return fail(ErrorCode::kInvalidArgument,
                  "position " + (*known)[0].to_string() + " lies outside a dimension of " + extent.to_string());
    }
    if (proves_less_equal(0, at)) {
      Val one = slice(x, axis, at, 1);
      Dims to = dims(x);
      to.erase(to.begin() + axis);
      to.insert(to.begin() + axis, dims(positions).begin(), dims(positions).end());
      return reshape(one, to);
    }
  }
  Val wrapped = wrap(positions, extent);
  Dims domain(dims(x).begin(), dims(x).begin() + axis);
  domain.insert(domain.end(), dims(positions).begin(), dims(positions).end());
  domain.insert(domain.end(), dims(x).begin() + axis + 1, dims(x).end());
  auto d = index_vars(sym(), domain);
  auto inserted = dims(positions).size();
  IndexMap map{domain, {}, 1}, load{domain, {}, 1};
  for (int64_t i = 0; i < rank(x); ++i) {
    map.results.push_back(i < axis ? d[i] : (i == axis ? sym().loaded(0, extent) : d[i - 1 + inserted]));
  }
  for (size_t i = 0; i < inserted; ++i) load.results.push_back(d[axis + i]);
  return gather(x, std::span(&wrapped, 1), std::move(map), {load});
}

}  // namespace temper
