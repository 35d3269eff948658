// TimingCache: an ITimingCache over the records of tune/timing_cache.h. Its bytes are their text. Keys name the machine they
// were measured on, so caches of different machines may be mixed. A build works on a copy and gives back what it learnt, so
// that reading is safe meanwhile.
#pragma once

#include <mutex>
#include <span>

#include "NvInfer.h"
#include "api/reporter.h"
#include "tune/timing_cache.h"

namespace temper::api {

class TimingCache final : public nvinfer1::ITimingCache {
 public:
  explicit TimingCache(const Reporter& reporter) : reporter_(reporter) {}

  // The records that serialize() wrote; no bytes: none.
  Status read(std::span<const std::byte> bytes);
  void copy_from(const TimingCache& other) { replace(other.records()); }

  temper::TimingCache records() const {
    std::lock_guard lock(mutex_);
    return records_;
  }
  void replace(temper::TimingCache records) {
    std::lock_guard lock(mutex_);
    records_ = std::move(records);
  }

  nvinfer1::IHostMemory* serialize() const noexcept override;
  bool combine(nvinfer1::ITimingCache const& other, bool ignore_mismatch) noexcept override;
  bool reset() noexcept override;

 private:
  Reporter reporter_;
  mutable std::mutex mutex_;
  temper::TimingCache records_;
};

}  // namespace temper::api
