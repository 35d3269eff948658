#include "ir/index_map.h"

#include <algorithm>

#include "ir/types.h"
#include "scalar/text_cursor.h"

namespace temper {

namespace {

// The variables of a domain as they are written into maps: a variable that can only be 0 is 0.
std::vector<SymInt> point(SymContext& context, const Dims& domain) {
  std::vector<SymInt> vars = index_vars(context, domain);
  for (size_t i = 0; i < vars.size(); ++i) {
    if (domain[i].is_const(1)) vars[i] = 0;
  }
  return vars;
}

std::vector<SymInt> row_major_strides(std::span<const SymInt> dims) {
  std::vector<SymInt> strides(dims.size());
  SymInt stride = 1;
  for (size_t i = dims.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= dims[i];
  }
  return strides;
}

// Note [Reshape groups]: a reshape is cut into the finest groups of neighbouring dimensions, (from the tensor, from the
// domain), that have the same product; a group of one dimension on each side is a renaming, and only the others get divisions.
// Dimensions of 1 are in no group. Groups are cut off at the front as long as two products are identical, then at the back;
// what remains is one group, whose products are equal although that could not be proved.
struct Reshape {
  const Dims &dims, &to;
  std::vector<size_t> tensor, domain;  // the dimensions other than 1 that are in no group so far
  std::vector<SymInt> vars;
  std::vector<SymInt> results;

  void run() {
    for (size_t i = 0; i < dims.size(); ++i) {
      if (!dims[i].is_const(1)) tensor.push_back(i);
    }
    for (size_t i = 0; i < to.size(); ++i) {
      if (!to[i].is_const(1)) domain.push_back(i);
    }
    results.assign(dims.size(), 0);
    while (cut(false) || cut(true)) {
    }
    group(tensor, domain);
  }

  // Cuts off the smallest group at the front or back whose products are identical.
  bool cut(bool back) {
    for (size_t total = 2; total <= tensor.size() + domain.size(); ++total) {
      for (size_t m = 1; m < total; ++m) {
        size_t n = total - m;
        if (m > tensor.size() || n > domain.size()) continue;
        auto t = back ? tensor.end() - m : tensor.begin();
        auto d = back ? domain.end() - n : domain.begin();
        std::vector<size_t> some_tensor(t, t + m), some_domain(d, d + n);
        if (extent(dims, some_tensor) != extent(to, some_domain)) continue;
        group(some_tensor, some_domain);
        tensor.erase(t, t + m);
        domain.erase(d, d + n);
        return true;
      }
    }
    return false;
  }

  static SymInt extent(const Dims& of, const std::vector<size_t>& which) {
    SymInt extent = 1;
    for (size_t i : which) extent *= of[i];
    return extent;
  }

  void group(const std::vector<size_t>& some_tensor, const std::vector<size_t>& some_domain) {
    SymInt linear = 0, stride = 1;
    for (size_t k = some_domain.size(); k-- > 0;) {
      linear += vars[some_domain[k]] * stride;
      stride *= to[some_domain[k]];
    }
    stride = 1;
    for (size_t k = some_tensor.size(); k-- > 0;) {
      SymInt quotient = floor_div(linear, stride);
      results[some_tensor[k]] = k == 0 ? quotient : mod(quotient, dims[some_tensor[k]]);
      stride *= dims[some_tensor[k]];
    }
  }
};

bool is_zero_or(SymInt result, SymInt var, SymInt extent) {
  return result == var || (extent.is_const(1) && result.is_const(0));
}

}  // namespace

std::string IndexMap::to_string() const {
  std::string text = "[";
  for (size_t i = 0; i < domain.size(); ++i) text += (i == 0 ? "" : ", ") + domain[i].to_string();
  text += "] -> (";
  for (size_t i = 0; i < results.size(); ++i) text += (i == 0 ? "" : ", ") + results[i].to_string();
  text += ')';
  if (!guard.is_const(1)) text += " if (" + guard.to_string() + ")";
  return text;
}

Expected<IndexMap> parse_index_map(std::string_view text, SymContext& context, std::span<const SymInt> loaded_extents) {
  TextCursor cursor(text);
  IndexMap map;
  map.domain = TEMPER_TRY(parse_dims(cursor, context));
  auto expression = [&](std::string_view ends) -> Expected<SymInt> {
    cursor.skip_blanks();
    size_t start = cursor.offset();
    Expected<SymInt> parsed = context.parse(cursor.until(ends), map.domain, loaded_extents);
    if (!parsed.ok()) return cursor.error_at(start, parsed.error().message());
    return parsed;
  };
  TEMPER_TRY(cursor.expect("->"));
  TEMPER_TRY(cursor.expect("("));
  if (!cursor.accept(")")) {
    do {
      map.results.push_back(TEMPER_TRY(expression(",)")));
    } while (cursor.accept(","));
    TEMPER_TRY(cursor.expect(")"));
  }
  if (cursor.accept("if")) {
    TEMPER_TRY(cursor.expect("("));
    map.guard = TEMPER_TRY(expression(")"));
    TEMPER_TRY(cursor.expect(")"));
  }
  if (!cursor.at_end()) return cursor.error("text after the end of an index map");
  return map;
}

std::vector<SymInt> index_vars(SymContext& context, const Dims& domain) {
  std::vector<SymInt> vars;
  vars.reserve(domain.size());
  for (size_t i = 0; i < domain.size(); ++i) vars.push_back(context.index(static_cast<int>(i), domain[i]));
  return vars;
}

IndexMap identity_map(SymContext& context, const Dims& dims) { return {.domain = dims, .results = point(context, dims)}; }

IndexMap transpose_map(SymContext& context, const Dims& dims, std::span<const int64_t> permutation) {
  TEMPER_CHECK(permutation.size() == dims.size(), "a permutation has one entry per dimension");
  IndexMap map;
  for (int64_t p : permutation) {
    TEMPER_CHECK(p >= 0 && p < static_cast<int64_t>(dims.size()), "an entry of a permutation is a dimension");
    map.domain.push_back(dims[p]);
  }
  std::vector<SymInt> vars = point(context, map.domain);
  map.results.assign(dims.size(), 0);
  for (size_t k = 0; k < dims.size(); ++k) map.results[permutation[k]] = vars[k];
  return map;
}

IndexMap reshape_map(SymContext& context, const Dims& dims, const Dims& to) {
  // Of an empty tensor nothing is read, and its strides would be divisors of 0.
  bool is_empty = std::any_of(dims.begin(), dims.end(), [](SymInt d) { return d.is_const(0); });
  if (is_empty) return {.domain = to, .results = std::vector<SymInt>(dims.size(), 0)};
  Reshape reshape{.dims = dims, .to = to, .tensor = {}, .domain = {}, .vars = point(context, to), .results = {}};
  reshape.run();
  return {.domain = to, .results = std::move(reshape.results)};
}

IndexMap broadcast_map(SymContext& context, const Dims& dims, const Dims& to) {
  TEMPER_CHECK(dims.size() <= to.size(), "a broadcast does not drop dimensions");
  IndexMap map{.domain = to};
  std::vector<SymInt> vars = point(context, to);
  size_t first = to.size() - dims.size();
  for (size_t k = 0; k < dims.size(); ++k) {
    SymInt extent = dims[k], var = vars[first + k];
    if (extent.is_const(1) || to[first + k].is_const(1)) {
      map.results.push_back(0);
    } else if (extent == to[first + k] || bounds(extent).lo > 1) {
      map.results.push_back(var);
    } else {
      map.results.push_back(min(var, extent - 1));
    }
  }
  return map;
}

IndexMap slice_map(SymContext& context, const Dims& dims, std::span<const SymInt> starts, std::span<const int64_t> steps,
                   const Dims& to) {
  TEMPER_CHECK(starts.size() == dims.size() && steps.size() == dims.size() && to.size() == dims.size(),
               "a slice keeps the rank");
  IndexMap map{.domain = to};
  std::vector<SymInt> vars = point(context, to);
  for (size_t k = 0; k < dims.size(); ++k) map.results.push_back(starts[k] + vars[k] * steps[k]);
  return map;
}

IndexMap pad_map(SymContext& context, const Dims& dims, std::span<const SymInt> before, const Dims& to) {
  TEMPER_CHECK(before.size() == dims.size() && to.size() == dims.size(), "a pad keeps the rank");
  IndexMap map{.domain = to};
  std::vector<SymInt> vars = point(context, to);
  for (size_t k = 0; k < dims.size(); ++k) {
    map.results.push_back(vars[k] - before[k]);
    map.guard = both(map.guard, less(before[k] - 1, vars[k]));
    map.guard = both(map.guard, less(vars[k], dims[k] + before[k]));
  }
  return map;
}

SymInt both(SymInt a, SymInt b) {
  if (a.is_const(0) || b.is_const(0)) return 0;
  auto conditions = [](SymInt guard) {
    if (guard.is_const(1)) return std::vector<SymInt>();
    return kind_of(guard) == SymKind::kProduct ? operands_of(guard) : std::vector<SymInt>{guard};
  };
  std::vector<SymInt> all = conditions(a);
  for (SymInt condition : conditions(b)) {
    if (std::find(all.begin(), all.end(), condition) == all.end()) all.push_back(condition);
  }
  return product(all);
}

IndexMap compose(SymContext& context, const IndexMap& outer, const IndexMap& inner) {
  TEMPER_CHECK(outer.results.size() == inner.domain.size(), "the inner map's domain is the tensor that the outer map reads");
  std::vector<SymInt> from = index_vars(context, inner.domain);
  std::vector<SymInt> to = outer.results;
  // Variables of extent 1 in the outer map become 0 in what results.
  std::vector<SymInt> outer_vars = index_vars(context, outer.domain), outer_point = point(context, outer.domain);
  for (SymInt& result : to) result = substitute(result, outer_vars, outer_point);
  IndexMap map{.domain = outer.domain};
  for (SymInt result : inner.results) map.results.push_back(substitute(result, from, to));
  map.guard = both(substitute(outer.guard, outer_vars, outer_point), substitute(inner.guard, from, to));
  return map;
}

bool is_identity(SymContext& context, const IndexMap& map, const Dims& dims) {
  if (map.domain != dims || map.results.size() != dims.size() || !map.guard.is_const(1)) return false;
  std::vector<SymInt> vars = index_vars(context, dims);
  for (size_t k = 0; k < dims.size(); ++k) {
    if (!is_zero_or(map.results[k], vars[k], dims[k])) return false;
  }
  return true;
}

std::optional<std::vector<int64_t>> as_permutation(SymContext& context, const IndexMap& map) {
  if (map.results.size() != map.domain.size() || !map.guard.is_const(1)) return std::nullopt;
  std::vector<SymInt> vars = index_vars(context, map.domain);
  std::vector<int64_t> permutation(vars.size(), -1);
  std::vector<char> used(vars.size(), 0);
  for (size_t k = 0; k < vars.size(); ++k) {
    auto found = std::find(vars.begin(), vars.end(), map.results[k]);
    if (found == vars.end()) {
      if (!map.results[k].is_const(0)) return std::nullopt;
      continue;
    }
    size_t which = found - vars.begin();
    if (used[which]) return std::nullopt;
    used[which] = 1;
    permutation[k] = static_cast<int64_t>(which);
  }
  // A result of 0 takes one of the domain's dimensions of 1 that no other result has.
  size_t next = 0;
  for (int64_t& p : permutation) {
    if (p >= 0) continue;
    while (next < vars.size() && (used[next] || !map.domain[next].is_const(1))) ++next;
    if (next == vars.size()) return std::nullopt;
    used[next] = 1;
    p = static_cast<int64_t>(next);
  }
  return permutation;
}

bool is_reshape(SymContext& context, const IndexMap& map, const Dims& dims) {
  if (!map.guard.is_const(1) || map.results.size() != dims.size() || product(map.domain) != product(dims)) return false;
  std::vector<SymInt> vars = index_vars(context, map.domain), zeroed = point(context, map.domain);
  std::vector<SymInt> results = map.results;
  for (SymInt& result : results) result = substitute(result, vars, zeroed);
  return results == reshape_map(context, dims, map.domain).results ||
         linear_index(results, dims) == linear_index(zeroed, map.domain);
}

SymInt linear_index(std::span<const SymInt> results, const Dims& dims) {
  TEMPER_CHECK(results.size() == dims.size(), "an element has one index per dimension");
  std::vector<SymInt> strides = row_major_strides(dims);
  SymInt index = 0;
  for (size_t k = 0; k < dims.size(); ++k) index += results[k] * strides[k];
  return index;
}

}  // namespace temper
