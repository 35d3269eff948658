// SortCore: sorts each row of place `source` [rows, extent] into `values` and i64 `positions` [rows, count]. Numbers below are
// places, then parameters. dtype is f32, f64, bool or an integer of at least 8 bits.
#pragma once

#include <algorithm>

#include "backend/cpu/run/staged/staged.h"

namespace temper::cpu {

class SortCore final : public Core {
 public:
  DType dtype = DType::kF32;
  bool descending = false;
  int32_t source = 0, values = 0, positions = 0;
  int32_t rows = 0, extent = 0, count = 0;

  void encode(ByteWriter& out) const;
  static Expected<std::unique_ptr<Core>> decode(ByteReader& in);
  int place_count() const override { return std::max({source, values, positions}) + 1; }
  int parameter_count() const override { return std::max({rows, extent, count}) + 1; }
  bool writes(int place) const override { return place == values || place == positions; }
  Expected<std::unique_ptr<CoreLaunch>> prepare(std::span<const int64_t> parameters,
                                                std::span<const int64_t> place_bytes) const override;
};

}  // namespace temper::cpu
