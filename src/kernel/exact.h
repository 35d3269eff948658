// ExactRegion: what a Region computes, point by point, independent of every backend: the oracle of the tuner and of tests.
// Floating types are computed in double without rounding in between (a `cast` rounds), integers wrap around in their own width.
//
// Points are computed when they are asked for, and kept. Each comes with its error bound: how far a correct kernel may be off,
// by Note [Error model]. Symbols are given by name; the size of a Compact is found by evaluating it.
//
//   ExactRegion exact = TEMPER_TRY(ExactRegion::make(region, {{"batch", 2}}, {image, filter, bias}));
//   ExactValue y = TEMPER_TRY(exact.at(4, std::array<int64_t, 4>{0, 17, 3, 63}));
//   if (!within(y, measured, DType::kF32)) ...
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ir/tensor.h"
#include "kernel/region.h"
#include "kernel/tolerance.h"

namespace temper {

using SymValues = std::map<std::string, int64_t, std::less<>>;

struct ExactState;  // exact_state.h

class ExactRegion {
 public:
  // `inputs` are of the types of the region's inputs under these values of the symbols.
  // `operand_rounding`: the relative error that operands of type f32 of a contraction may have besides (tensor cores take 11
  // bits of them).
  static Expected<ExactRegion> make(Region region, SymValues symbols, std::vector<Tensor> inputs, double operand_rounding = 0);
  ExactRegion(ExactRegion&&) noexcept;
  ExactRegion& operator=(ExactRegion&&) noexcept;
  ~ExactRegion();

  // Any value of the region, inputs too.
  const std::vector<int64_t>& dims(int value) const;
  Expected<ExactValue> at(int value, std::span<const int64_t> point);
  // By row-major position.
  Expected<ExactValue> element(int value, int64_t position);
  // All outputs of the region, stored in their types.
  Expected<std::vector<Tensor>> evaluate_all();

 private:
  explicit ExactRegion(std::unique_ptr<ExactState> state);
  std::unique_ptr<ExactState> state_;
};

}  // namespace temper
