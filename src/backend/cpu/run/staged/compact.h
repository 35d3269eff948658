// CompactCore: positions of the true bytes of place `mask` [extent], in order, into the i64 place `positions` at offset + i *
// stride, and how many there are into the i64 place `found`. Numbers below are places, then parameters.
#pragma once

#include <algorithm>

#include "backend/cpu/run/staged/staged.h"

namespace temper::cpu {

class CompactCore final : public Core {
 public:
  int32_t mask = 0, positions = 0, found = 0;
  int32_t extent = 0, offset = 0, stride = 0;

  void encode(ByteWriter& out) const;
  static Expected<std::unique_ptr<Core>> decode(ByteReader& in);
  int place_count() const override { return std::max({mask, positions, found}) + 1; }
  int parameter_count() const override { return std::max({extent, offset, stride}) + 1; }
  bool writes(int place) const override { return place == positions || place == found; }
  Expected<std::unique_ptr<CoreLaunch>> prepare(std::span<const int64_t> parameters,
                                                std::span<const int64_t> place_bytes) const override;
};

}  // namespace temper::cpu
