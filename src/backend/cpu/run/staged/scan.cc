#include "backend/cpu/run/staged/scan.h"

#include <limits>

namespace temper::cpu {
namespace {

template <class T>
struct Accumulator {
  using Type =
      std::conditional_t<std::is_floating_point_v<T>, double, std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>>;
  MonoidKind monoid;
  Type value;

  explicit Accumulator(MonoidKind kind) : monoid(kind) {
    constexpr bool kInfinite = std::numeric_limits<T>::has_infinity;
    switch (kind) {
      case MonoidKind::k_prod:
        value = 1;
        break;
      case MonoidKind::k_max:
        value = kInfinite ? -static_cast<Type>(std::numeric_limits<T>::infinity())
                          : static_cast<Type>(std::numeric_limits<T>::lowest());
        break;
      case MonoidKind::k_min:
        value = kInfinite ? static_cast<Type>(std::numeric_limits<T>::infinity())
                          : static_cast<Type>(std::numeric_limits<T>::max());
        break;
      default:
        value = 0;
        break;
    }
  }
  void add(T x) {
    const Type y = static_cast<Type>(x);
    switch (monoid) {
      case MonoidKind::k_prod:
        if constexpr (std::is_floating_point_v<T>)
          value *= y;
        else
          value = static_cast<Type>(static_cast<uint64_t>(value) * static_cast<uint64_t>(y));
        break;
      case MonoidKind::k_max:
        value = y != y || y > value ? y : value;
        break;
      case MonoidKind::k_min:
        value = y != y || y < value ? y : value;
        break;
      default:
        if constexpr (std::is_floating_point_v<T>)
          value += y;
        else
          value = static_cast<Type>(static_cast<uint64_t>(value) + static_cast<uint64_t>(y));
        break;
    }
  }
  T result() const { return static_cast<T>(value); }
};

class ScanLaunch final : public CoreLaunch {
 public:
  ScanLaunch(const ScanCore& core, int64_t rows, int64_t n) : core_(core), rows_(rows), n_(n) {}

  Status run(std::span<std::byte* const> places, std::byte*, Executor& executor) override {
    places_ = places.data();
    if (rows_ > 1 && rows_ * n_ > 8000) {
      executor.parallel_for(
          rows_, [](void* self, int64_t row, int) { static_cast<ScanLaunch*>(self)->row(row); }, this);
    } else {
      for (int64_t r = 0; r < rows_; ++r) row(r);
    }
    return {};
  }

 private:
  template <class T>
  void row_as(int64_t r) {
    const T* x = reinterpret_cast<const T*>(places_[core_.source]) + r * n_;
    T* y = reinterpret_cast<T*>(places_[core_.result]) + r * n_;
    Accumulator<T> sum(core_.monoid);
    for (int64_t k = 0; k < n_; ++k) {
      const int64_t i = core_.reverse ? n_ - 1 - k : k;
      const T value = x[i];
      if (core_.exclusive) y[i] = sum.result();
      sum.add(value);
      if (!core_.exclusive) y[i] = sum.result();
    }
  }
  void row(int64_t r) {
    switch (core_.dtype) {
      case DType::kF32:
        return row_as<float>(r);
      case DType::kF64:
        return row_as<double>(r);
      case DType::kI8:
        return row_as<int8_t>(r);
      case DType::kI16:
        return row_as<int16_t>(r);
      case DType::kI32:
        return row_as<int32_t>(r);
      case DType::kI64:
        return row_as<int64_t>(r);
      case DType::kU16:
        return row_as<uint16_t>(r);
      case DType::kU32:
        return row_as<uint32_t>(r);
      case DType::kU64:
        return row_as<uint64_t>(r);
      default:
        return row_as<uint8_t>(r);
    }
  }

  const ScanCore& core_;
  int64_t rows_, n_;
  std::byte* const* places_ = nullptr;
};

const RegisterKernel kScan{"scan", &decode_staged<ScanCore>};

}  // namespace

void ScanCore::encode(ByteWriter& w) const {
  w.enumerator(dtype);
  w.enumerator(monoid);
  w.boolean(exclusive);
  w.boolean(reverse);
  for (int32_t x : {source, result, rows, extent}) w.i32(x);
}

Expected<std::unique_ptr<Core>> ScanCore::decode(ByteReader& r) {
  auto core = std::make_unique<ScanCore>();
  core->dtype = TEMPER_TRY(r.enumerator<DType>(kDTypeCount));
  core->monoid = TEMPER_TRY(r.enumerator<MonoidKind>(static_cast<int>(MonoidKind::k_min) + 1));
  core->exclusive = TEMPER_TRY(r.boolean());
  core->reverse = TEMPER_TRY(r.boolean());
  for (int32_t* x : {&core->source, &core->result, &core->rows, &core->extent}) {
    *x = TEMPER_TRY(r.i32());
    if (*x < 0 || *x > kMaxNumber)
      return Error(ErrorCode::kCorrupt, "a scan with an impossible number in it; build the plan again");
  }
  if (core->dtype == DType::kString || core->dtype == DType::kBool || dtype_bits(core->dtype) < 8 ||
      (is_float(core->dtype) && dtype_bits(core->dtype) < 32)) {
    return Error(ErrorCode::kCorrupt, "a scan of a type that it does not work on; build the plan again");
  }
  return std::unique_ptr<Core>(std::move(core));
}

Expected<std::unique_ptr<CoreLaunch>> ScanCore::prepare(std::span<const int64_t> p, std::span<const int64_t> bytes) const {
  const int64_t r = p[static_cast<size_t>(rows)], n = p[static_cast<size_t>(extent)];
  if (!fits(count_product(r, n), dtype, bytes[static_cast<size_t>(source)]) ||
      !fits(count_product(r, n), dtype, bytes[static_cast<size_t>(result)])) {
    return Error(ErrorCode::kInvalidArgument, "a scan that does not fit its buffers");
  }
  return std::unique_ptr<CoreLaunch>(std::make_unique<ScanLaunch>(*this, r, n));
}

}  // namespace temper::cpu
