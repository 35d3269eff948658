// Exact merging of linear branches: a sum of linear functions of one value becomes one contraction with summed weights.
//
//   conv3x3(x) + conv1x1(x) + x * s + t    becomes    conv3x3'(x) + t
//
// A term is a contraction of x with constant weights, or x itself times a constant. Term B is a special case of contraction A
// where the reduced variables of A can be chosen, as functions rho of B's variables, so that both read the same element of x
// under the same guard: lhs_A(d, rho(d, s)) = lhs_B(d, s). Then A's weights at rho take up B's weights, and B is gone. So a 1x1
// kernel becomes the middle tap of a 3x3 one, and an identity branch a diagonal. Weights are added in their own type, once, at
// build time.
#include <algorithm>
#include <map>
#include <optional>

#include "interp/interp.h"
#include "passes/pass.h"

namespace temper {
namespace {

// weights[rhs] * x[lhs], summed over the variables of the domain behind the result's dims. `dims` are those of the result.
struct Term {
  ValueId x = kNone32;  // in the new graph
  IndexMap lhs, rhs;
  Val weights;
  const Node* contract = nullptr;  // null: x itself, scaled
};

// A constant read through a map over the result's dims.
struct Shift {
  Val source;
  IndexMap map;
};

class Merger {
 public:
  Merger(Rewrite& rewrite, const std::vector<std::vector<NodeId>>& uses)
      : rewrite_(rewrite), b_(rewrite.builder()), old_(rewrite.old_graph()), uses_(uses) {}

  // The node's results, if something could be merged.
  std::vector<Val> run(const Node& node) {
    ValueId root = node.results[0];
    if (!sum_of(node) || inner_of_sum(root)) return {};
    dims_ = old_.type(root).dims;
    collect(root, true);
    if (!merge()) return {};
    return {write()};
  }

 private:
  struct Product {
    int32_t operand = -1;  // of the map, or -1 where all factors are constant
    std::vector<int32_t> factors;
  };

  bool is_spread(ValueId v) const {
    const Node* node = old_.producer(v);
    if (node && node->op->name == "reindex" && attrs_as<Reindex>(*node->attrs).map.guard.is_const(1))
      node = old_.producer(node->operands[0]);
    return node && node->op->name == "constant";
  }
  Shift shift_of(ValueId v) const {
    const Node* node = old_.producer(v);
    if (node->op->name == "constant") return {rewrite_.mapped(v), identity_map(b_.sym(), old_.type(v).dims)};
    return {rewrite_.mapped(node->operands[0]), attrs_as<Reindex>(*node->attrs).map};
  }

  // A map as a sum of products, each of at most one value that is not constant; nullopt where it is none. Only sums say
  // anything.
  std::optional<std::vector<Product>> sum_of(const Node& node) const {
    if (node.op->name != "map") return std::nullopt;
    const ScalarBody& body = *attrs_as<MapAttrs>(*node.attrs).body;
    if (body.results().size() != 1 || !is_float(body.result_dtype())) return std::nullopt;
    std::vector<std::vector<Product>> values;
    for (const ScalarInstruction& in : body.code()) {
      std::vector<Product> value;
      if (in.op == ScalarOp::kOperand) {
        bool constant = is_spread(node.operands[in.index]);
        value.push_back(constant ? Product{-1, {in.index}} : Product{in.index, {}});
      } else if (in.op == ScalarOp::k_add) {
        value = values[in.args[0]];
        value.insert(value.end(), values[in.args[1]].begin(), values[in.args[1]].end());
      } else if (in.op == ScalarOp::k_mul && values[in.args[0]].size() == 1 && values[in.args[1]].size() == 1) {
        const Product &l = values[in.args[0]][0], &r = values[in.args[1]][0];
        if (l.operand != -1 && r.operand != -1) return std::nullopt;
        Product both{std::max(l.operand, r.operand), l.factors};
        both.factors.insert(both.factors.end(), r.factors.begin(), r.factors.end());
        if (both.factors.size() > 1) return std::nullopt;
        value.push_back(std::move(both));
      } else {
        return std::nullopt;
      }
      values.push_back(std::move(value));
    }
    auto result = values[body.results()[0]];
    if (result.size() < 2) return std::nullopt;
    return result;
  }

  // Whether the sum's only reader is a sum too, which then takes up its terms.
  bool inner_of_sum(ValueId v) const {
    return rewrite_.use_count(v) == 1 && uses_[v].size() == 1 && sum_of(old_.node(uses_[v][0])).has_value();
  }

  void collect(ValueId v, bool root) {
    const Node* node = old_.producer(v);
    if (node && (root || rewrite_.use_count(v) == 1)) {
      if (auto products = sum_of(*node)) {
        for (const Product& p : *products) {
          if (p.operand == -1) {
            shifts_.push_back(shift_of(node->operands[p.factors[0]]));
          } else if (p.factors.empty()) {
            collect(node->operands[p.operand], false);
          } else {
            Shift scale = shift_of(node->operands[p.factors[0]]);
            terms_.push_back({rewrite_.mapped(node->operands[p.operand]).id, identity_map(b_.sym(), dims_), scale.map,
                              scale.source, nullptr});
          }
        }
        return;
      }
      if (node->op->name == "contract" && b_.constant_value(rewrite_.mapped(node->operands[1])) &&
          is_float(old_.type(node->operands[1]).dtype)) {
        const auto& attrs = attrs_as<ContractAttrs>(*node->attrs);
        terms_.push_back(
            {rewrite_.mapped(node->operands[0]).id, attrs.lhs, attrs.rhs, rewrite_.mapped(node->operands[1]), node});
        return;
      }
    }
    Val one = b_.scalar(1, old_.type(v).dtype);
    terms_.push_back({rewrite_.mapped(v).id, identity_map(b_.sym(), dims_), {dims_, {}, 1}, one, nullptr});
  }

  // Each term into the first contraction that has it as a special case, the one with most weights first.
  bool merge() {
    auto weight_count = [&](const Term& t) { return t.contract ? b_.constant_value(t.weights)->count() : -1; };
    std::stable_sort(terms_.begin(), terms_.end(),
                     [&](const Term& l, const Term& r) { return weight_count(l) > weight_count(r); });
    bool any = false;
    for (size_t i = 0; i < terms_.size() && terms_[i].contract; ++i) {
      for (size_t j = i + 1; j < terms_.size();) {
        auto added = terms_[j].x == terms_[i].x ? weights_within(terms_[i], terms_[j]) : std::nullopt;
        auto sum = added ? evaluate(terms_[i].weights + *added) : std::nullopt;
        if (!sum) {
          ++j;
          continue;
        }
        terms_[i].weights = *sum;
        terms_.erase(terms_.begin() + static_cast<ptrdiff_t>(j));
        any = true;
      }
    }
    return any;
  }

  // B's weights as a tensor of A's, if B is a special case of A.
  std::optional<Val> weights_within(const Term& a, const Term& b) {
    if (b_.dtype(a.weights) != b_.dtype(b.weights) || a.lhs.results.size() != b.lhs.results.size()) return std::nullopt;
    if (a.contract && b.contract &&
        attrs_as<ContractAttrs>(*a.contract->attrs).accumulate != attrs_as<ContractAttrs>(*b.contract->attrs).accumulate) {
      return std::nullopt;
    }
    size_t rank = dims_.size();
    auto vars = index_vars(b_.sym(), a.lhs.domain), b_vars = index_vars(b_.sym(), b.lhs.domain);
    std::vector<std::optional<SymInt>> rho(vars.size());  // of A's reduced variables
    for (size_t d = 0; d < vars.size(); ++d) {
      if (d < rank || vars[d].is_const()) rho[d] = vars[d];
    }
    for (size_t k = 0; k < a.lhs.results.size(); ++k) {
      auto affine = as_affine(a.lhs.results[k], vars);
      if (!affine) return std::nullopt;
      int open = -1;
      for (size_t d = rank; d < vars.size(); ++d) {
        if (affine->coefficients[d].is_const(0)) continue;
        if (open != -1 || rho[d]) return std::nullopt;
        open = static_cast<int>(d);
      }
      if (open == -1) continue;
      SymInt rest = b.lhs.results[k] - (a.lhs.results[k] - affine->coefficients[open] * vars[open]);
      if (affine->coefficients[open].is_const(1)) {
        rho[open] = rest;
      } else {
        SymInt step = affine->coefficients[open];
        if (!step.is_const() || !rest.is_const() || step.value() <= 0 || rest.value() % step.value() != 0) return std::nullopt;
        rho[open] = rest.value() / step.value();
      }
    }
    std::vector<SymInt> chosen;
    for (size_t d = 0; d < vars.size(); ++d) {
      // A reduced variable that x does not depend on counts x several times.
      if (!rho[d]) return std::nullopt;
      if (!proves_less_equal(0, *rho[d]) || !proves_less(*rho[d], a.lhs.domain[d])) return std::nullopt;
      chosen.push_back(*rho[d]);
    }
    for (size_t k = 0; k < a.lhs.results.size(); ++k) {
      if (!(substitute(a.lhs.results[k], vars, chosen) == b.lhs.results[k])) return std::nullopt;
    }
    if (!(substitute(a.lhs.guard, vars, chosen) == b.lhs.guard)) return std::nullopt;
    return over_weights(a, b, vars, b_vars, chosen);
  }

  // Reads B's weights over the points of A's: each variable of A is an index of its weights; rho says which points are met.
  std::optional<Val> over_weights(const Term& a, const Term& b, const std::vector<SymInt>& vars,
                                  const std::vector<SymInt>& b_vars, const std::vector<SymInt>& chosen) {
    const Dims& weight_dims = b_.dims(a.weights);
    auto points = index_vars(b_.sym(), weight_dims);
    std::vector<std::optional<SymInt>> point_of(vars.size());
    for (size_t j = 0; j < weight_dims.size(); ++j) {
      auto at = std::find(vars.begin(), vars.end(), a.rhs.results[j]);
      if (a.rhs.results[j].is_const(0) && weight_dims[j].is_const(1)) continue;
      if (at == vars.end() || a.rhs.results[j].is_const() || !(a.rhs.domain[at - vars.begin()] == weight_dims[j]))
        return std::nullopt;
      point_of[at - vars.begin()] = points[j];
    }
    // The variables of B in terms of those points: the result's dims are shared, a reduced one is where rho names it.
    std::vector<SymInt> from, to;
    auto known = [&](SymInt e) {
      auto used = vars_of(e);
      return std::all_of(used.begin(), used.end(), [&](SymInt v) {
        return var_of(v).kind != VarKind::kIndex || std::find(from.begin(), from.end(), v) != from.end();
      });
    };
    for (size_t d = 0; d < dims_.size(); ++d) {
      if (!vars[d].is_const() && point_of[d]) from.push_back(vars[d]), to.push_back(*point_of[d]);
    }
    SymInt guard = 1;
    for (size_t d = dims_.size(); d < vars.size(); ++d) {
      if (vars[d].is_const()) continue;
      if (!point_of[d]) return std::nullopt;
      auto as_var = std::find(b_vars.begin() + static_cast<ptrdiff_t>(dims_.size()), b_vars.end(), chosen[d]);
      if (as_var != b_vars.end() && !chosen[d].is_const() && !known(chosen[d])) {
        from.push_back(chosen[d]), to.push_back(*point_of[d]);
      } else if (known(chosen[d])) {
        guard = both(guard, equal(*point_of[d], substitute(chosen[d], from, to)));
      } else {
        return std::nullopt;
      }
    }
    IndexMap map{weight_dims, {}, guard};
    for (SymInt e : b.rhs.results) {
      if (!known(e)) return std::nullopt;
      map.results.push_back(substitute(e, from, to));
    }
    // Every reduced variable of B must be a reduced variable of A: else its sum is lost.
    for (size_t d = dims_.size(); d < b_vars.size(); ++d) {
      if (!b_vars[d].is_const() && !known(b_vars[d])) return std::nullopt;
    }
    return b_.reindex(b.weights, std::move(map));
  }

  // A value computed from constants alone, as a constant.
  std::optional<Val> evaluate(Val v) {
    if (!v || b_.constant_value(v)) return v ? std::optional(v) : std::nullopt;
    const Node* node = b_.graph().producer(v.id);
    if (!node || node->results.size() != 1) return std::nullopt;
    std::vector<Tensor> operands;
    for (ValueId operand : node->operands) {
      auto value = evaluate(b_.val(operand));
      if (!value) return std::nullopt;
      operands.push_back(*b_.constant_value(*value));
    }
    auto result = fold_node(b_.graph(), *node, operands);
    if (!result.ok()) return std::nullopt;
    return b_.constant(std::move((*result)[0]));
  }

  Val write() {
    // Shifts that are spread alike are one.
    std::vector<Shift> shifts;
    for (Shift& s : shifts_) {
      auto alike = std::find_if(shifts.begin(), shifts.end(), [&](const Shift& other) {
        return other.map == s.map && b_.dims(other.source) == b_.dims(s.source);
      });
      auto sum = alike == shifts.end() ? std::nullopt : evaluate(alike->source + s.source);
      if (sum)
        alike->source = *sum;
      else
        shifts.push_back(std::move(s));
    }
    Val total{&b_, kNone32};
    auto add = [&](Val v) { total = total ? total + v : v; };
    for (const Term& t : terms_) {
      if (t.contract) {
        const Val both[] = {b_.val(t.x), t.weights};
        add(b_.op(*t.contract->op, t.contract->attrs, both)[0]);
        continue;
      }
      Val x = b_.val(t.x);
      auto weight = b_.constant_value(t.weights);
      bool unit = weight->count() == 1 && weight->at(0).f == 1;
      add(unit ? x : x * b_.reindex(t.weights, t.rhs));
    }
    for (const Shift& s : shifts) add(b_.reindex(s.source, s.map));
    return total;
  }

  Rewrite& rewrite_;
  Builder& b_;
  const Graph& old_;
  const std::vector<std::vector<NodeId>>& uses_;
  Dims dims_;
  std::vector<Term> terms_;
  std::vector<Shift> shifts_;
};

}  // namespace

Expected<Graph> merge_linear(const Graph& graph) {
  std::map<uint64_t, std::vector<std::vector<NodeId>>> uses;  // of the graph and of each nested one
  return Rewrite::run(graph, [&](Rewrite& rewrite, const Node& node, std::span<const Val>) -> std::vector<Val> {
    if (node.op->name != "map" || node.operands.size() < 2) return {};
    auto [found, fresh] = uses.try_emplace(rewrite.id());
    if (fresh) found->second = rewrite.old_graph().uses();
    return Merger(rewrite, found->second).run(node);
  });
}

}  // namespace temper
