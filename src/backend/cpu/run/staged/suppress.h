// SuppressCore: greedy suppression. Place `boxes` is f32 [lists, count, 4] as (x1, y1, x2, y2), each list in order of
// preference; `threshold` one f32; `kept` gets bytes [lists, count]: whether a box overlaps no earlier kept one with
// intersection over union > threshold. Numbers below are places, then parameters.
#pragma once

#include <algorithm>

#include "backend/cpu/run/staged/staged.h"

namespace temper::cpu {

class SuppressCore final : public Core {
 public:
  int32_t boxes = 0, threshold = 0, kept = 0;
  int32_t lists = 0, count = 0;

  void encode(ByteWriter& out) const;
  static Expected<std::unique_ptr<Core>> decode(ByteReader& in);
  int place_count() const override { return std::max({boxes, threshold, kept}) + 1; }
  int parameter_count() const override { return std::max(lists, count) + 1; }
  bool writes(int place) const override { return place == kept; }
  Expected<std::unique_ptr<CoreLaunch>> prepare(std::span<const int64_t> parameters,
                                                std::span<const int64_t> place_bytes) const override;
};

}  // namespace temper::cpu
