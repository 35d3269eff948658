// ScanCore: running sums (products, ...) along each row of place `source` [rows, extent] into `result` of the same type.
// Numbers below are places, then parameters. Floats (f32, f64) are accumulated in f64; integers wrap around.
#pragma once

#include <algorithm>

#include "backend/cpu/run/staged/staged.h"

namespace temper::cpu {

class ScanCore final : public Core {
 public:
  DType dtype = DType::kF32;
  MonoidKind monoid = MonoidKind::k_sum;  // sum, prod, max, min
  bool exclusive = false, reverse = false;
  int32_t source = 0, result = 0;
  int32_t rows = 0, extent = 0;

  static bool supports(MonoidKind monoid) { return monoid <= MonoidKind::k_min; }
  void encode(ByteWriter& out) const;
  static Expected<std::unique_ptr<Core>> decode(ByteReader& in);
  int place_count() const override { return std::max(source, result) + 1; }
  int parameter_count() const override { return std::max(rows, extent) + 1; }
  bool writes(int place) const override { return place == result; }
  Expected<std::unique_ptr<CoreLaunch>> prepare(std::span<const int64_t> parameters,
                                                std::span<const int64_t> place_bytes) const override;
};

}  // namespace temper::cpu
