#include "api/timing_cache.h"

#include <string_view>

#include "api/page_memory.h"

namespace temper::api {

Status TimingCache::read(std::span<const std::byte> bytes) {
  if (!bytes.empty()) keep(TEMPER_TRY(temper::TimingCache::parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()})));
  return {};
}

nvinfer1::IHostMemory* TimingCache::serialize() const noexcept {
  return guarded<nvinfer1::IHostMemory*>(reporter_, nullptr, [&]() -> Expected<nvinfer1::IHostMemory*> {
    const std::string text = records().serialize();
    PageSink sink;
    TEMPER_TRY(sink.write(std::as_bytes(std::span(text))));
    return make_host_memory(sink.take());
  });
}

bool TimingCache::combine(nvinfer1::ITimingCache const& other, bool ignore_mismatch) noexcept {
  return guarded(reporter_, false, [&]() -> Expected<bool> {
    const temper::TimingCache more = static_cast<const TimingCache&>(other).records();
    std::lock_guard lock(shared_->mutex);
    shared_->records.merge(more);
    return true;
  });
}

bool TimingCache::reset() noexcept {
  std::lock_guard lock(shared_->mutex);
  shared_->records.clear();
  return true;
}

namespace {
constexpr const char* kNotEditable =
    "records of the timing cache can't be edited one by one; combine caches, or switch kernel sources off for a build";
}

int64_t TimingCache::queryKeys(nvinfer1::TimingCacheKey*, int64_t) const noexcept {
  reporter_.report(ErrorCode::kUnsupported, kNotEditable);
  return -1;
}
nvinfer1::TimingCacheValue TimingCache::query(nvinfer1::TimingCacheKey const&) const noexcept {
  return {nvinfer1::TimingCacheValue::kINVALID_TACTIC_HASH, 0};
}
bool TimingCache::update(nvinfer1::TimingCacheKey const&, nvinfer1::TimingCacheValue const&) noexcept {
  reporter_.report(ErrorCode::kUnsupported, kNotEditable);
  return false;
}

}  // namespace temper::api
