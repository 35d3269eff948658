#include "backend/cpu/run/staged/sort.h"

#include <bit>
#include <cstring>

namespace temper::cpu {
namespace {

// Note [Order of keys]: a key and its position are packed so that comparing the packed integers is the whole order: no two are
// equal, so any algorithm is stable.

// Integers in the same order as the values; both zeros are one key, all NaNs the greatest.
template <class T>
uint64_t key_of(T x, bool descending) {
  constexpr int kBits = sizeof(T) * 8;
  constexpr uint64_t kAll = kBits == 64 ? ~uint64_t{0} : (uint64_t{1} << (kBits % 64)) - 1;
  constexpr uint64_t kTop = uint64_t{1} << (kBits - 1);
  uint64_t key;
  if constexpr (std::is_floating_point_v<T>) {
    using U = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
    const uint64_t b = std::bit_cast<U>(x == 0 ? T(0) : x);
    key = x != x ? kAll : (b & kTop) != 0 ? ~b & kAll : b | kTop;
  } else if constexpr (std::is_signed_v<T>) {
    key = (static_cast<uint64_t>(x) & kAll) ^ kTop;
  } else {
    key = x;
  }
  return descending ? ~key & kAll : key;
}

struct WideEntry {
  uint64_t key, position;
  bool operator<(const WideEntry& o) const { return key != o.key ? key < o.key : position < o.position; }
};
template <class T>
using Entry = std::conditional_t<sizeof(T) == 8, WideEntry, uint64_t>;

template <class T>
Entry<T> entry_of(T x, int64_t position, bool descending) {
  if constexpr (sizeof(T) == 8)
    return {key_of(x, descending), static_cast<uint64_t>(position)};
  else
    return key_of(x, descending) << 32 | static_cast<uint64_t>(position);
}
inline int64_t position_of(uint64_t e) { return static_cast<int64_t>(e & 0xffffffffu); }
inline int64_t position_of(const WideEntry& e) { return static_cast<int64_t>(e.position); }

template <class T>
void sort_row(const T* row, int64_t n, int64_t count, bool descending, std::byte* scratch, T* values, int64_t* positions) {
  auto* e = reinterpret_cast<Entry<T>*>(scratch);
  if (count * 16 <= n) {
    // Few of many: a heap of the best so far; nearly all others fail its first comparison.
    for (int64_t i = 0; i < count; ++i) e[i] = entry_of(row[i], i, descending);
    std::make_heap(e, e + count);
    for (int64_t i = count; i < n && count > 0; ++i) {
      const Entry<T> x = entry_of(row[i], i, descending);
      if (!(x < e[0])) continue;
      std::pop_heap(e, e + count);
      e[count - 1] = x;
      std::push_heap(e, e + count);
    }
    std::sort_heap(e, e + count);
  } else {
    for (int64_t i = 0; i < n; ++i) e[i] = entry_of(row[i], i, descending);
    if (count < n) std::nth_element(e, e + count, e + n);
    std::sort(e, e + count);
  }
  for (int64_t i = 0; i < count; ++i) {
    positions[i] = position_of(e[i]);
    values[i] = row[positions[i]];
  }
}

class SortLaunch final : public CoreLaunch {
 public:
  SortLaunch(const SortCore& core, int64_t rows, int64_t n, int64_t count) : core_(core), rows_(rows), n_(n), count_(count) {}
  int64_t workspace_bytes(int workers) const override { return row_bytes() * workers; }

  Status run(std::span<std::byte* const> places, std::byte* workspace, Executor& executor) override {
    places_ = places.data();
    workspace_ = workspace;
    if (rows_ > 1 && rows_ * n_ > 2000) {
      executor.parallel_for(
          rows_, [](void* self, int64_t row, int worker) { static_cast<SortLaunch*>(self)->row(row, worker); }, this);
    } else {
      for (int64_t r = 0; r < rows_; ++r) row(r, 0);
    }
    return {};
  }

 private:
  int64_t row_bytes() const { return (n_ * 16 + 127) & ~int64_t{63}; }

  template <class T>
  void row_as(int64_t r, std::byte* scratch) {
    sort_row(reinterpret_cast<const T*>(places_[core_.source]) + r * n_, n_, count_, core_.descending, scratch,
             reinterpret_cast<T*>(places_[core_.values]) + r * count_,
             reinterpret_cast<int64_t*>(places_[core_.positions]) + r * count_);
  }
  void row(int64_t r, int worker) {
    std::byte* scratch = workspace_ + row_bytes() * worker;
    switch (core_.dtype) {
      case DType::kF32:
        return row_as<float>(r, scratch);
      case DType::kF64:
        return row_as<double>(r, scratch);
      case DType::kI8:
        return row_as<int8_t>(r, scratch);
      case DType::kI16:
        return row_as<int16_t>(r, scratch);
      case DType::kI32:
        return row_as<int32_t>(r, scratch);
      case DType::kI64:
        return row_as<int64_t>(r, scratch);
      case DType::kU16:
        return row_as<uint16_t>(r, scratch);
      case DType::kU32:
        return row_as<uint32_t>(r, scratch);
      case DType::kU64:
        return row_as<uint64_t>(r, scratch);
      default:
        return row_as<uint8_t>(r, scratch);
    }
  }

  const SortCore& core_;
  int64_t rows_, n_, count_;
  std::byte* const* places_ = nullptr;
  std::byte* workspace_ = nullptr;
};

const RegisterKernel kSort{"sort", &decode_staged<SortCore>};

}  // namespace

void SortCore::encode(ByteWriter& w) const {
  w.enumerator(dtype);
  w.boolean(descending);
  for (int32_t x : {source, values, positions, rows, extent, count}) w.i32(x);
}

Expected<std::unique_ptr<Core>> SortCore::decode(ByteReader& r) {
  auto core = std::make_unique<SortCore>();
  core->dtype = TEMPER_TRY(r.enumerator<DType>(kDTypeCount));
  core->descending = TEMPER_TRY(r.boolean());
  for (int32_t* x : {&core->source, &core->values, &core->positions, &core->rows, &core->extent, &core->count}) {
    *x = TEMPER_TRY(r.i32());
    if (*x < 0 || *x > kMaxNumber)
      return Error(ErrorCode::kCorrupt, "a sort with an impossible number in it; build the plan again");
  }
  if (core->dtype == DType::kString || dtype_bits(core->dtype) < 8 || (is_float(core->dtype) && dtype_bits(core->dtype) < 32)) {
    return Error(ErrorCode::kCorrupt, "a sort of a type that it does not work on; build the plan again");
  }
  return std::unique_ptr<Core>(std::move(core));
}

Expected<std::unique_ptr<CoreLaunch>> SortCore::prepare(std::span<const int64_t> p, std::span<const int64_t> bytes) const {
  const int64_t r = p[static_cast<size_t>(rows)], n = p[static_cast<size_t>(extent)], k = p[static_cast<size_t>(count)];
  if (k < 0 || k > n) {
    return Error(ErrorCode::kInvalidArgument,
                 "the first " + std::to_string(k) + " of " + std::to_string(n) + " sorted elements are asked for");
  }
  if (n >= (int64_t{1} << 32) || !fits(count_product(r, n), dtype, bytes[static_cast<size_t>(source)]) ||
      !fits(count_product(r, k), dtype, bytes[static_cast<size_t>(values)]) ||
      !fits(count_product(r, k), DType::kI64, bytes[static_cast<size_t>(positions)])) {
    return Error(ErrorCode::kInvalidArgument, "a sort that does not fit its buffers");
  }
  return std::unique_ptr<CoreLaunch>(std::make_unique<SortLaunch>(*this, r, n, k));
}

}  // namespace temper::cpu
