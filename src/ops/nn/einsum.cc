// Einsum: operands are contracted from left to right, two at a time. A label that nothing later needs is summed as soon as it
// can be.
#include <algorithm>

#include "ops/nn/operands.h"
#include "ops/nn/window.h"

namespace temper {
namespace {

struct Einsum {
  std::string equation;
  TEMPER_FIELDS(equation)
};

// Labels are letters; those of an ellipsis, counted from the right, are -1, -2, ...
using Labels = std::vector<int>;
struct Term {
  Val value;
  Labels labels;
};

bool has(const Labels& labels, int label) { return std::find(labels.begin(), labels.end(), label) != labels.end(); }

// "ij...": an ellipsis stands for `hidden` dims.
Expected<Labels> parse_term(std::string_view text, int64_t hidden) {
  Labels labels;
  bool seen = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == ' ') continue;
    if (text.substr(i, 3) == "...") {
      if (seen) return Error(ErrorCode::kInvalidArgument, "an einsum term has two ellipses");
      seen = true;
      for (int64_t k = hidden; k > 0; --k) labels.push_back(static_cast<int>(-k));
      i += 2;
    } else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
      labels.push_back(c);
    } else {
      return Error(ErrorCode::kInvalidArgument, std::string("an einsum equation has the character '") + c + "'");
    }
  }
  return labels;
}

// Extents of all labels; one of 1 stretches to another (of an ellipsis).
struct Extents {
  std::vector<std::pair<int, SymInt>> of;
  SymInt get(int label) const {
    for (const auto& [l, e] : of) {
      if (l == label) return e;
    }
    return 1;
  }
  bool join(Builder& b, int label, SymInt extent) {
    for (auto& [l, e] : of) {
      if (l != label) continue;
      if (e.is_const(1))
        e = extent;
      else if (extent.is_const() && !e.is_const() && !extent.is_const(1))
        e = extent;
      else if (!extent.is_const(1))
        return require_same(b, e, extent, "two dimensions of one einsum label");
      return true;
    }
    of.emplace_back(label, extent);
    return true;
  }
};

// Index of each dimension of a term in a loop over `order`; a dimension of 1 that stretches is read at 0.
IndexMap term_map(Builder& b, const Term& term, const Labels& order, const Dims& domain, std::span<const SymInt> vars) {
  IndexMap map{domain, {}, 1};
  for (size_t i = 0; i < term.labels.size(); ++i) {
    auto at = std::find(order.begin(), order.end(), term.labels[i]) - order.begin();
    map.results.push_back(b.dims(term.value)[i].is_const(1) ? SymInt(0) : vars[at]);
  }
  return map;
}

// Each label once (a repeated one takes the diagonal), and those not wanted summed away.
Term reduce_term(Builder& b, Term term, const Labels& wanted, const Extents& extents) {
  Labels unique;
  for (int label : term.labels) {
    if (!has(unique, label)) unique.push_back(label);
  }
  if (unique.size() != term.labels.size()) {
    Dims domain;
    for (int label : unique) domain.push_back(extents.get(label));
    auto vars = loop_vars(b.sym(), domain);
    term = {b.reindex(term.value, term_map(b, term, unique, domain, vars)), unique};
  }
  Labels kept;
  std::vector<int64_t> axes;
  for (size_t i = 0; i < term.labels.size(); ++i) {
    if (has(wanted, term.labels[i]))
      kept.push_back(term.labels[i]);
    else
      axes.push_back(static_cast<int64_t>(i));
  }
  if (axes.empty() || !b.ok()) return term;
  DType dtype = b.dtype(term.value);
  return {b.cast(b.reduce(MonoidKind::k_sum, widened(b, term.value), axes, false), dtype), kept};
}

Term contract_terms(Builder& b, Term x, Term y, const Labels& wanted, const Labels& result_order, const Extents& extents) {
  // Labels that only one side has and nobody wants are summed before.
  auto prepare = [&](const Term& t, const Term& other) {
    Labels needed = wanted;
    needed.insert(needed.end(), other.labels.begin(), other.labels.end());
    return reduce_term(b, t, needed, extents);
  };
  x = prepare(x, y);
  y = prepare(y, x);
  if (!b.ok()) return x;
  Labels out, summed;
  for (int label : result_order) {
    if (has(x.labels, label) || has(y.labels, label)) out.push_back(label);
  }
  for (const Labels* labels : {&x.labels, &y.labels}) {
    for (int label : *labels) {
      if (has(out, label) || has(summed, label)) continue;
      (has(wanted, label) ? out : summed).push_back(label);
    }
  }
  Labels order = out;
  order.insert(order.end(), summed.begin(), summed.end());
  Dims domain;
  for (int label : order) domain.push_back(extents.get(label));
  auto vars = loop_vars(b.sym(), domain);
  IndexMap lhs = term_map(b, x, order, domain, vars), rhs = term_map(b, y, order, domain, vars);
  return {b.contract(x.value, y.value, std::move(lhs), std::move(rhs), static_cast<int>(summed.size()), b.dtype(x.value)), out};
}

Vals einsum(Builder& b, const Einsum& a, Operands in) {
  if (!require(b, in, std::max<size_t>(1, in.size()))) return {};
  std::string_view text = a.equation, output;
  size_t arrow = text.find("->");
  bool has_output = arrow != std::string_view::npos;
  if (has_output) {
    output = text.substr(arrow + 2);
    text = text.substr(0, arrow);
  }
  std::vector<std::string_view> inputs;
  for (size_t start = 0;;) {
    size_t comma = text.find(',', start);
    inputs.push_back(text.substr(start, comma == std::string_view::npos ? comma : comma - start));
    if (comma == std::string_view::npos) break;
    start = comma + 1;
  }
  if (inputs.size() != in.size()) {
    return {b.fail(ErrorCode::kInvalidArgument, "an einsum equation of " + std::to_string(inputs.size()) + " terms for " +
                                                    std::to_string(in.size()) + " operands")};
  }
  std::vector<Term> terms;
  Extents extents;
  int64_t most_hidden = 0;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (b.dtype(in[i]) != b.dtype(in[0]))
      return {b.fail(ErrorCode::kInvalidArgument, "the operands of an einsum differ in type")};
    auto named = parse_term(inputs[i], 0);
    if (!named.ok()) return {b.fail(std::move(named).error())};
    int64_t hidden = b.rank(in[i]) - static_cast<int64_t>(named->size());
    bool ellipsis = inputs[i].find("...") != std::string_view::npos;
    if (hidden < 0 || (hidden > 0 && !ellipsis)) {
      return {b.fail(ErrorCode::kInvalidArgument, "the einsum term '" + std::string(inputs[i]) +
                                                      "' does not fit an operand of rank " + std::to_string(b.rank(in[i])))};
    }
    most_hidden = std::max(most_hidden, hidden);
    terms.push_back({in[i], *parse_term(inputs[i], hidden)});
    for (size_t k = 0; k < terms.back().labels.size(); ++k) {
      if (!extents.join(b, terms.back().labels[k], b.dims(in[i])[k])) return {};
    }
  }
  Labels wanted;
  if (has_output) {
    auto parsed = parse_term(output, most_hidden);
    if (!parsed.ok()) return {b.fail(std::move(parsed).error())};
    wanted = *parsed;
  } else {
    // The ellipsis, then in alphabetical order the labels that occur once.
    for (int64_t k = most_hidden; k > 0; --k) wanted.push_back(static_cast<int>(-k));
    Labels all;
    for (const Term& t : terms) all.insert(all.end(), t.labels.begin(), t.labels.end());
    std::sort(all.begin(), all.end());
    for (int label : all) {
      if (label > 0 && std::count(all.begin(), all.end(), label) == 1) wanted.push_back(label);
    }
  }
  for (int label : wanted) {
    bool known = std::any_of(terms.begin(), terms.end(), [&](const Term& t) { return has(t.labels, label); });
    if (!known || std::count(wanted.begin(), wanted.end(), label) > 1) {
      return {b.fail(ErrorCode::kInvalidArgument,
                     "the result of the einsum equation '" + a.equation + "' has a label that no operand has, or one twice")};
    }
  }
  Term total = terms[0];
  for (size_t i = 1; i < terms.size(); ++i) {
    Labels needed = wanted;
    for (size_t k = i + 1; k < terms.size(); ++k) needed.insert(needed.end(), terms[k].labels.begin(), terms[k].labels.end());
    total = contract_terms(b, total, terms[i], needed, wanted, extents);
    if (!b.ok()) return {};
  }
  total = reduce_term(b, total, wanted, extents);
  if (!b.ok()) return {};
  Dims domain;
  for (int label : wanted) domain.push_back(extents.get(label));
  auto vars = loop_vars(b.sym(), domain);
  return {b.reindex(total.value, term_map(b, total, wanted, domain, vars))};
}

const RegisterOp<Einsum> kEinsum{{
    .name = "einsum",
    .body = einsum,
    .onnx = {{"Einsum", 12, [](const OnnxNode& n) -> Expected<Einsum> { return Einsum{n.s("equation", "")}; }}},
    .samples = {"f32[2, 3, 4], f32[2, 4, 5] {equation = \"bij,bjk->bik\"}", "f32[3, 3] {equation = \"ii->i\"}",
                "f32[n, 4], f32[4], f32[5] {equation = \"ij,j,k->ik\"}",
                "f32[2, 1, 3, 4], f32[5, 4, 2] {equation = \"...ij,...jk\"}"},
}};

}  // namespace
}  // namespace temper
