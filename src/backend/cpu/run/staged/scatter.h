// ScatterCore: place `result` already holds the base; element i of `updates` is put at, or combined with, element offsets[i] of
// it, in order of i: of several updates of one element the last wins. An offset below 0 drops the update. Numbers below are
// places, then a parameter.
#pragma once

#include <algorithm>
#include <optional>

#include "backend/cpu/run/staged/staged.h"

namespace temper::cpu {

class ScatterCore final : public Core {
 public:
  DType dtype = DType::kF32;
  std::optional<ScalarOp> combine;
  int32_t result = 0, offsets = 0, updates = 0;
  int32_t count = 0;

  void encode(ByteWriter& out) const;
  static Expected<std::unique_ptr<Core>> decode(ByteReader& in);
  int place_count() const override { return std::max({result, offsets, updates}) + 1; }
  int parameter_count() const override { return count + 1; }
  bool writes(int place) const override { return place == result; }
  Expected<std::unique_ptr<CoreLaunch>> prepare(std::span<const int64_t> parameters,
                                                std::span<const int64_t> place_bytes) const override;
};

}  // namespace temper::cpu
