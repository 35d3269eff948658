#include "kernel/region.h"

namespace temper {

namespace {

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;  // clang 16 does not deduce it

Dims kept(const Dims& domain, int reduced) { return Dims(domain.begin(), domain.end() - reduced); }

}  // namespace

std::vector<TensorType> result_types(const Stage& stage) {
  std::vector<TensorType> types;
  std::visit(Overloaded{
                 [&](const Map& s) {
                   for (int32_t result : s.body->results()) types.push_back({s.body->code()[result].dtype, s.domain});
                 },
                 [&](const Reduce& s) {
                   for (DType dtype : s.dtypes) types.push_back({dtype, kept(s.domain, s.reduced)});
                 },
                 [&](const Contract& s) {
                   types.push_back({s.dtype, kept(s.domain, s.reduced)});
                 },
                 [&](const Scan& s) {
                   types.push_back({s.dtype, s.domain});
                 },
                 [&](const Sort& s) {
                   Dims dims = s.domain;
                   dims[s.axis] = s.count;
                   types.push_back({s.dtype, dims});
                   types.push_back({DType::kI64, dims});
                 },
                 [&](const Scatter& s) {
                   types.push_back({s.dtype, s.dims});
                 },
                 [&](const Compact& s) {
                   types.push_back({DType::kI64, {s.size}});
                 },
                 [&](const Opaque& s) { types = s.results; },
             },
             stage);
  return types;
}

std::vector<const Access*> accesses_of(const Stage& stage) {
  std::vector<const Access*> accesses;
  auto add_all = [&](const std::vector<Access>& operands) {
    for (const Access& operand : operands) accesses.push_back(&operand);
  };
  std::visit(Overloaded{
                 [&](const Map& s) { add_all(s.operands); },
                 [&](const Reduce& s) { add_all(s.operands); },
                 [&](const Contract& s) {
                   accesses = {&s.lhs, &s.rhs};
                 },
                 [&](const Scan& s) { accesses = {&s.operand}; },
                 [&](const Sort& s) { accesses = {&s.operand}; },
                 [&](const Scatter& s) {
                   accesses = {&s.base, &s.update, &s.target};
                 },
                 [&](const Compact& s) { accesses = {&s.mask}; },
                 [&](const Opaque&) {},
             },
             stage);
  return accesses;
}

std::vector<TensorType> Region::value_types() const {
  std::vector<TensorType> types = inputs;
  for (const Stage& stage : stages) {
    for (TensorType& type : result_types(stage)) types.push_back(std::move(type));
  }
  return types;
}

Reduce sum_of_products(const Contract& stage, std::span<const TensorType> types) {
  ScalarBuilder body;
  const int32_t x = body.cast(body.operand(0, types[static_cast<size_t>(stage.lhs.value)].dtype), stage.accumulate);
  const int32_t y = body.cast(body.operand(1, types[static_cast<size_t>(stage.rhs.value)].dtype), stage.accumulate);
  return {stage.domain,      stage.reduced, {stage.lhs, stage.rhs}, body.finish(body.apply(ScalarOp::k_mul, x, y), 2),
          MonoidKind::k_sum, {stage.dtype}};
}

}  // namespace temper
