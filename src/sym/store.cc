#include <algorithm>
#include <cstring>

#include "sym/node.h"

namespace temper {
namespace {

SymNode make_error(SymKind kind) {
  SymNode node;
  node.kind = kind;
  node.is_error = true;
  return node;
}

size_t mix(size_t h, size_t v) { return (h ^ v) * 0x9E3779B97F4A7C15ull + (h >> 29); }

size_t hash_of(const SymNode& n) {
  size_t h = mix(static_cast<size_t>(n.kind) + 1, static_cast<size_t>(n.constant));
  for (const SymTerm& t : n.terms)
    h = mix(mix(h, static_cast<size_t>(t.coefficient)), reinterpret_cast<size_t>(t.monomial) >> 4);
  for (const SymNode* f : n.factors) h = mix(h, reinterpret_cast<size_t>(f) >> 4);
  if (n.var) {
    h = mix(mix(h, static_cast<size_t>(n.var->kind)), std::hash<std::string>()(n.var->name));
    h = mix(h, n.var->extent.hash());
  }
  h = mix(mix(h, n.a.hash()), n.b.hash());
  return h ^ (h >> 32);
}

bool same(const SymNode& x, const SymNode& y) {
  if (x.kind != y.kind || x.constant != y.constant || x.a != y.a || x.b != y.b) return false;
  if (x.var || y.var)
    return x.var && y.var && x.var->kind == y.var->kind && x.var->name == y.var->name && x.var->extent == y.var->extent;
  return std::ranges::equal(x.terms, y.terms) && std::ranges::equal(x.factors, y.factors);
}

int sign(auto x, auto y) { return x < y ? -1 : x > y ? 1 : 0; }

int rank(const SymNode* n) {
  switch (n->kind) {
    case SymKind::kVar:
      return 0;
    case SymKind::kSum:
      return 100;
    default:
      return static_cast<int>(n->kind);
  }
}

int compare_vars(const SymVar& x, const SymVar& y) {
  if (int c = sign(x.kind, y.kind)) return c;
  if (int c = sign(x.ordinal, y.ordinal)) return c;
  if (int c = x.name.compare(y.name)) return c;
  return compare_symints(x.extent, y.extent);
}

int compare_factors(std::span<const SymNode* const> x, std::span<const SymNode* const> y) {
  for (size_t i = 0; i < std::min(x.size(), y.size()); ++i)
    if (int c = compare_atoms(x[i], y[i])) return c;
  return sign(x.size(), y.size());
}

template <class T>
std::span<const T> copy_to(std::pmr::memory_resource& arena, std::span<const T> from) {
  if (from.empty()) return {};
  T* to = static_cast<T*>(arena.allocate(from.size_bytes(), alignof(T)));
  std::memcpy(to, from.data(), from.size_bytes());
  return {to, from.size()};
}

}  // namespace

// Reads as the sum of two constants that don't fit, and as 1 / 0.
SymInt overflow_error() {
  static const SymNode node = make_error(SymKind::kSum);
  return SymBuilder::wrap(&node);
}

SymInt divisor_error() {
  static const SymNode node = make_error(SymKind::kFloorDiv);
  return SymBuilder::wrap(&node);
}

int compare_symints(SymInt x, SymInt y) {
  if (x == y) return 0;
  if (x.is_const() || y.is_const()) return x.is_const() && y.is_const() ? sign(x.value(), y.value()) : x.is_const() ? -1 : 1;
  return compare_atoms(x.node(), y.node());
}

int compare_atoms(const SymNode* x, const SymNode* y) {
  if (x == y) return 0;
  if (int c = sign(rank(x), rank(y))) return c;
  switch (x->kind) {
    case SymKind::kVar:
      return compare_vars(*x->var, *y->var);
    case SymKind::kProduct:
      if (int c = compare_factors(x->factors, y->factors)) return c;
      return sign(x->constant, y->constant);
    case SymKind::kSum:
      for (size_t i = 0; i < std::min(x->terms.size(), y->terms.size()); ++i) {
        if (int c = compare_monomials(x->terms[i].monomial, y->terms[i].monomial)) return c;
        if (int c = sign(x->terms[i].coefficient, y->terms[i].coefficient)) return c;
      }
      if (int c = sign(x->terms.size(), y->terms.size())) return c;
      return sign(x->constant, y->constant);
    default:
      if (int c = compare_symints(x->a, y->a)) return c;
      return compare_symints(x->b, y->b);
  }
}

int compare_monomials(const SymNode* x, const SymNode* y) {
  if (x == y) return 0;
  auto fx = factors_of(x), fy = factors_of(y);
  if (int c = sign(fy.size(), fx.size())) return c;
  return compare_factors(fx, fy);
}

void SymStore::grow() {
  std::vector<Slot> old(table_.size() * 2);
  old.swap(table_);
  for (const Slot& slot : old) {
    if (!slot.node) continue;
    size_t i = slot.hash & (table_.size() - 1);
    while (table_[i].node) i = (i + 1) & (table_.size() - 1);
    table_[i] = slot;
  }
}

// Returns the node equal to the prototype, making it if there is none; then spans and variable are copied to the store.
const SymNode* SymStore::intern(SymNode& p) {
  p.store = this;
  p.hash = hash_of(p);
  size_t mask = table_.size() - 1, i = p.hash & mask;
  for (; table_[i].node; i = (i + 1) & mask)
    if (table_[i].hash == p.hash && same(*table_[i].node, p)) return table_[i].node;

  uint64_t weight = 1;
  auto below = [&](const SymNode* n) {
    if (!n) return;
    p.depth = std::max(p.depth, n->depth + 1);
    weight += n->weight;
    p.var_mask |= n->var_mask;
  };
  for (const SymTerm& t : p.terms) below(t.monomial);
  for (const SymNode* f : p.factors) {
    below(f);
    p.has_mod |= f->kind == SymKind::kMod;
  }
  below(p.a.node());
  below(p.b.node());
  p.has_mod |= p.kind == SymKind::kMod;
  if (weight > kMaxWeight || p.depth > kMaxDepth) return overflow_error().node();
  p.weight = static_cast<uint32_t>(weight);
  p.terms = copy_to(arena_, p.terms);
  p.factors = copy_to(arena_, p.factors);
  if (p.var) {
    p.var_mask = uint64_t(1) << (vars_.size() % 64);
    p.var = &vars_.emplace_back(*p.var);
  }
  SymNode* node = new (arena_.allocate(sizeof(SymNode), alignof(SymNode))) SymNode(p);
  if (node->kind == SymKind::kProduct && node->constant == 1) node->monomial = node;
  table_[i] = {node->hash, node};
  if (++used_ * 2 > table_.size()) grow();
  return node;
}

const SymNode* SymStore::variable(VarKind kind, std::string name, int ordinal, SymInt extent) {
  SymVar var{kind, std::move(name), ordinal, extent};
  SymNode p;
  p.kind = SymKind::kVar;
  p.var = &var;
  return intern(p);
}

const SymNode* SymStore::sum(std::span<const SymTerm> terms, int64_t constant) {
  if (terms.size() > kMaxTerms) return overflow_error().node();
  SymNode p;
  p.kind = SymKind::kSum;
  p.terms = terms;
  p.constant = constant;
  return intern(p);
}

const SymNode* SymStore::product(int64_t coefficient, std::span<const SymNode* const> factors) {
  if (coefficient == 1 && factors.size() == 1) return factors[0];
  SymNode p;
  p.kind = SymKind::kProduct;
  p.constant = coefficient;
  p.factors = factors;
  if (coefficient != 1) p.monomial = product(1, factors);
  return intern(p);
}

SymInt SymStore::raw(SymKind kind, SymInt a, SymInt b) {
  SymNode p;
  p.kind = kind;
  p.a = a;
  p.b = b;
  return SymBuilder::wrap(intern(p));
}

const SymInt* SymStore::find_result(SymKind kind, SymInt a, SymInt b) const {
  auto it = results_.find({kind, a, b});
  return it == results_.end() ? nullptr : &it->second;
}

void SymStore::keep_result(SymKind kind, SymInt a, SymInt b, SymInt result) { results_[{kind, a, b}] = result; }

bool* SymStore::find_proof(const SymNode* node) {
  auto it = proofs_.find(node);
  return it == proofs_.end() ? nullptr : &it->second;
}

void SymStore::keep_proof(const SymNode* node, bool proved) { proofs_[node] = proved; }

void SymStore::set_range(const SymNode* var, SymBounds range) {
  ranges_[var] = range;
  ++stamp_;
  results_.clear();
  proofs_.clear();
}

SymBounds SymStore::range(const SymNode* var) const {
  auto it = ranges_.find(var);
  return it == ranges_.end() ? SymBounds{0, int64_t(1) << 40} : it->second;
}

SymStore* common_store(SymInt a, SymInt b) {
  SymStore* x = a.is_const() ? nullptr : a.node()->store;
  SymStore* y = b.is_const() ? nullptr : b.node()->store;
  TEMPER_CHECK(!x || !y || x == y, "SymInts of different contexts were combined");
  return x ? x : y;
}

}  // namespace temper
