// The text form of SymInt. Grammar, with blanks anywhere:
//   expression := sum [("<" | "==") sum]
//   sum        := ["-"] term {("+" | "-") term}
//   term       := factor {("*" | "/" | "%") factor}
//   factor     := number | name | ("min" | "max") "(" expression "," expression ")" | "(" expression ")" | "-" factor
// "/" is floor division. d<N>, u<N> and v<N> are index, size and loaded variables; any other name is a dimension.
#include <algorithm>

#include "sym/polynomial.h"
#include "sym/scan.h"

namespace temper {
namespace {

enum Strength { kComparison, kAdditive, kMultiplicative, kPrimary };

void print(SymInt e, Strength needed, std::string& out);

void print_factors(int64_t magnitude, std::span<const SymNode* const> factors, std::string& out) {
  bool first = true;
  for (const SymNode* f : factors) {
    if (!first) out += '*';
    first = false;
    print(SymBuilder::wrap(f), kPrimary, out);
  }
  if (magnitude != 1) out += '*' + std::to_string(magnitude);
}

// INT64_MIN has no magnitude: it is printed as a sum of two.
void print_term(const SymTerm& t, std::string& out) {
  if (t.coefficient == INT64_MIN) {
    print_factors(INT64_MAX, factors_of(t.monomial), out);
    out += " - ";
    print_factors(1, factors_of(t.monomial), out);
    return;
  }
  print_factors(std::abs(t.coefficient), factors_of(t.monomial), out);
}

void print_sum(std::span<const SymTerm> terms, int64_t constant, std::string& out) {
  bool first = true;
  for (const SymTerm& t : terms) {
    out += t.coefficient < 0 ? (first ? "-" : " - ") : (first ? "" : " + ");
    first = false;
    print_term(t, out);
  }
  if (constant == INT64_MIN)
    out += " - 9223372036854775807 - 1";
  else if (constant != 0)
    out += (constant < 0 ? " - " : " + ") + std::to_string(std::abs(constant));
}

void print(SymInt e, Strength needed, std::string& out) {
  if (e.is_const()) {
    if (e.value() == INT64_MIN) {
      out += "(-9223372036854775807 - 1)";
      return;
    }
    bool paren = e.value() < 0 && needed > kAdditive;
    out += paren ? "(" + std::to_string(e.value()) + ")" : std::to_string(e.value());
    return;
  }
  const SymNode* n = e.node();
  Strength own = kPrimary;
  switch (n->kind) {
    case SymKind::kSum:
      own = kAdditive;
      break;
    case SymKind::kProduct:
      own = n->constant < 0 ? kAdditive : kMultiplicative;
      break;
    case SymKind::kFloorDiv:
    case SymKind::kMod:
      own = kMultiplicative;
      break;
    case SymKind::kLess:
    case SymKind::kEqual:
      own = kComparison;
      break;
    default:
      break;
  }
  bool paren = own < needed;
  if (paren) out += '(';
  switch (n->kind) {
    case SymKind::kConst:
      break;
    case SymKind::kVar:
      out += n->var->kind == VarKind::kDim ? quote_name(n->var->name) : n->var->name;
      break;
    case SymKind::kSum:
      if (n->is_error)
        out += "9223372036854775807 + 9223372036854775807";
      else
        print_sum(n->terms, n->constant, out);
      break;
    case SymKind::kProduct: {
      SymTerm t{n->constant, n->monomial};
      print_sum(std::span(&t, 1), 0, out);
      break;
    }
    case SymKind::kMin:
    case SymKind::kMax:
      out += n->kind == SymKind::kMin ? "min(" : "max(";
      print(n->a, kComparison, out);
      out += ", ";
      print(n->b, kComparison, out);
      out += ')';
      break;
    case SymKind::kFloorDiv:
    case SymKind::kMod: {
      // A quotient on the left reads better in parentheses; a product does not need them.
      bool product = kind_of(n->a) == SymKind::kProduct;
      if (n->is_error) out += "1 / 0";
      if (n->is_error) break;
      print(n->a, product ? kMultiplicative : kPrimary, out);
      out += n->kind == SymKind::kFloorDiv ? " / " : " % ";
      print(n->b, kPrimary, out);
      break;
    }
    case SymKind::kLess:
    case SymKind::kEqual:
      print(n->a, kAdditive, out);
      out += n->kind == SymKind::kLess ? " < " : " == ";
      print(n->b, kAdditive, out);
      break;
  }
  if (paren) out += ')';
}

class Parser {
 public:
  Parser(SymContext& context, std::string_view text, std::span<const SymInt> index_extents,
         std::span<const SymInt> loaded_extents)
      : context_(context), scan_(text), index_extents_(index_extents), loaded_extents_(loaded_extents) {}

  Expected<SymInt> whole() {
    SymInt e = TEMPER_TRY(expression());
    if (!scan_.at_end()) return scan_.error("the end of the expression expected");
    return e;
  }

 private:
  Expected<SymInt> expression() {
    if (++depth_ > kMaxParseDepth) return scan_.error("fewer nested parentheses expected");
    SymInt a = TEMPER_TRY(sum());
    if (scan_.accept("<"))
      a = less(a, TEMPER_TRY(sum()));
    else if (scan_.accept("=="))
      a = equal(a, TEMPER_TRY(sum()));
    --depth_;
    return a;
  }

  Expected<SymInt> sum() {
    SymInt a = 0;
    if (scan_.accept("-"))
      a = -TEMPER_TRY(term());
    else
      a = TEMPER_TRY(term());
    for (;;) {
      if (scan_.accept("+"))
        a = a + TEMPER_TRY(term());
      else if (scan_.accept("-"))
        a = a - TEMPER_TRY(term());
      else
        return a;
    }
  }

  Expected<SymInt> term() {
    SymInt a = TEMPER_TRY(factor());
    for (;;) {
      if (scan_.accept("*"))
        a = a * TEMPER_TRY(factor());
      else if (scan_.accept("/"))
        a = floor_div(a, TEMPER_TRY(factor()));
      else if (scan_.accept("%"))
        a = mod(a, TEMPER_TRY(factor()));
      else
        return a;
    }
  }

  Expected<SymInt> factor() {
    bool negative = false;
    while (scan_.accept("-")) negative = !negative;
    SymInt e = TEMPER_TRY(primary());
    return negative ? -e : e;
  }

  Expected<SymInt> primary() {
    if (scan_.peek_digit()) return SymInt(TEMPER_TRY(scan_.integer()));
    if (scan_.accept("(")) {
      SymInt e = TEMPER_TRY(expression());
      TEMPER_TRY(scan_.expect(")"));
      return e;
    }
    SymScanner::Name name = TEMPER_TRY(scan_.name());
    if (name.quoted) return context_.symbol(name.text);
    if (name.text == "min" || name.text == "max") {
      TEMPER_TRY(scan_.expect("("));
      SymInt a = TEMPER_TRY(expression());
      TEMPER_TRY(scan_.expect(","));
      SymInt b = TEMPER_TRY(expression());
      TEMPER_TRY(scan_.expect(")"));
      return name.text == "min" ? min(a, b) : max(a, b);
    }
    if (int ordinal = ordinal_of(name.text, 'u'); ordinal >= 0) return context_.size(ordinal);
    for (bool loaded : {false, true}) {
      int ordinal = ordinal_of(name.text, loaded ? 'v' : 'd');
      if (ordinal < 0) continue;
      auto extents = loaded ? loaded_extents_ : index_extents_;
      if (static_cast<size_t>(ordinal) >= extents.size())
        return scan_.error("no variable '" + name.text + "' here; another name is");
      SymInt extent = extents[static_cast<size_t>(ordinal)];
      return loaded ? context_.loaded(ordinal, extent) : context_.index(ordinal, extent);
    }
    return context_.symbol(name.text);
  }

  static constexpr int kMaxParseDepth = 200;
  SymContext& context_;
  SymScanner scan_;
  std::span<const SymInt> index_extents_, loaded_extents_;
  int depth_ = 0;
};

}  // namespace

std::string SymInt::to_string() const {
  std::string out;
  print(*this, kComparison, out);
  return out;
}

Expected<SymInt> SymContext::parse(std::string_view text, std::span<const SymInt> index_extents,
                                   std::span<const SymInt> loaded_extents) {
  return Parser(*this, text, index_extents, loaded_extents).whole();
}

}  // namespace temper
