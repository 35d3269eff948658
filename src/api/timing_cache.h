// TimingCache: an ITimingCache over the records of tune/timing_cache.h. Its bytes are their text. Keys name the machine they
// were measured on, so caches of different machines may be mixed. A build works on a copy and gives back what it learnt, so
// that reading is safe meanwhile.
//
// The cache that was handed to a config and the one that the config hands out are two views of the same records: programs read
// what a build has learnt from either.
#pragma once

#include <memory>
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
  void share(const TimingCache& other) { shared_ = other.shared_; }

  temper::TimingCache records() const {
    std::lock_guard lock(shared_->mutex);
    return shared_->records;
  }
  // What a build has learnt, and what others have meanwhile. Its own stays where both know something: the times are in its
  // plan, and the next build from this cache gives the same plan.
  void keep(temper::TimingCache learnt) {
    std::lock_guard lock(shared_->mutex);
    learnt.add_missing(shared_->records);
    shared_->records = std::move(learnt);
  }

  nvinfer1::IHostMemory* serialize() const noexcept override;
  bool combine(nvinfer1::ITimingCache const& other, bool ignore_mismatch) noexcept override;
  bool reset() noexcept override;
  int64_t queryKeys(nvinfer1::TimingCacheKey* keys, int64_t capacity) const noexcept override;
  nvinfer1::TimingCacheValue query(nvinfer1::TimingCacheKey const& key) const noexcept override;
  bool update(nvinfer1::TimingCacheKey const& key, nvinfer1::TimingCacheValue const& value) noexcept override;

 private:
  struct Shared {
    std::mutex mutex;
    temper::TimingCache records;
  };
  Reporter reporter_;
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

}  // namespace temper::api
