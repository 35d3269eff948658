#include "backend/cpu/run/staged/scatter.h"

#include <cstring>

namespace temper::cpu {
namespace {

// One element as an exact value, and back with the rounding or wrap-around of its type.
ScalarValue read_element(const std::byte* p, DType dtype) {
  auto raw = [&](auto x) {
    std::memcpy(&x, p, sizeof x);
    return x;
  };
  switch (dtype) {
    case DType::kF32:
      return {.f = static_cast<double>(raw(float{}))};
    case DType::kF64:
      return {.f = raw(double{})};
    case DType::kF16:
      return {.f = static_cast<double>(f16_to_f32(raw(uint16_t{})))};
    case DType::kBF16:
      return {.f = static_cast<double>(bf16_to_f32(raw(uint16_t{})))};
    case DType::kF8E4M3:
      return {.f = static_cast<double>(f8e4m3_to_f32(raw(uint8_t{})))};
    case DType::kF8E5M2:
      return {.f = static_cast<double>(f8e5m2_to_f32(raw(uint8_t{})))};
    case DType::kI8:
      return {.i = raw(int8_t{})};
    case DType::kI16:
      return {.i = raw(int16_t{})};
    case DType::kI32:
      return {.i = raw(int32_t{})};
    case DType::kU16:
      return {.i = raw(uint16_t{})};
    case DType::kU32:
      return {.i = raw(uint32_t{})};
    case DType::kI64:
    case DType::kU64:
      return {.i = raw(int64_t{})};
    default:
      return {.i = raw(uint8_t{})};
  }
}
void write_element(std::byte* p, DType dtype, ScalarValue v) {
  auto raw = [&](auto x) { std::memcpy(p, &x, sizeof x); };
  switch (dtype) {
    case DType::kF32:
      return raw(static_cast<float>(v.f));
    case DType::kF64:
      return raw(v.f);
    case DType::kF16:
      return raw(f32_to_f16(static_cast<float>(v.f)));
    case DType::kBF16:
      return raw(f32_to_bf16(static_cast<float>(v.f)));
    case DType::kF8E4M3:
      return raw(f32_to_f8e4m3(static_cast<float>(v.f)));
    case DType::kF8E5M2:
      return raw(f32_to_f8e5m2(static_cast<float>(v.f)));
    default:
      std::memcpy(p, &v.i, static_cast<size_t>(dtype_bits(dtype) / 8));
      return;
  }
}

class ScatterLaunch final : public CoreLaunch {
 public:
  ScatterLaunch(const ScatterCore& core, int64_t count, int64_t limit) : core_(core), count_(count), limit_(limit) {}

  // One worker: the order of the updates is part of the meaning.
  Status run(std::span<std::byte* const> places, std::byte*, Executor&) override {
    const auto* offsets = reinterpret_cast<const int64_t*>(places[static_cast<size_t>(core_.offsets)]);
    const std::byte* updates = places[static_cast<size_t>(core_.updates)];
    std::byte* result = places[static_cast<size_t>(core_.result)];
    bool good = true;
    if (core_.combine) {
      good = core_.dtype == DType::kF32 && *core_.combine == ScalarOp::k_add ? add_floats(result, updates, offsets)
                                                                             : combine(result, updates, offsets);
    } else {
      switch (dtype_bits(core_.dtype)) {
        case 8:
          good = put<uint8_t>(result, updates, offsets);
          break;
        case 16:
          good = put<uint16_t>(result, updates, offsets);
          break;
        case 32:
          good = put<uint32_t>(result, updates, offsets);
          break;
        default:
          good = put<uint64_t>(result, updates, offsets);
          break;
      }
    }
    if (good) return {};
    return Error(ErrorCode::kInvalidArgument,
                 "an index of a scatter is outside the tensor that it writes to; correct the input");
  }

 private:
  template <class T>
  bool put(std::byte* result, const std::byte* updates, const int64_t* offsets) const {
    T* y = reinterpret_cast<T*>(result);
    const T* u = reinterpret_cast<const T*>(updates);
    bool good = true;
    for (int64_t i = 0; i < count_; ++i) {
      const int64_t at = offsets[i];
      if (at >= 0 && at < limit_)
        y[at] = u[i];
      else
        good = good && at < 0;
    }
    return good;
  }
  bool add_floats(std::byte* result, const std::byte* updates, const int64_t* offsets) const {
    float* y = reinterpret_cast<float*>(result);
    const float* u = reinterpret_cast<const float*>(updates);
    bool good = true;
    for (int64_t i = 0; i < count_; ++i) {
      const int64_t at = offsets[i];
      if (at >= 0 && at < limit_)
        y[at] += u[i];
      else
        good = good && at < 0;
    }
    return good;
  }
  bool combine(std::byte* result, const std::byte* updates, const int64_t* offsets) const {
    const int64_t size = dtype_bits(core_.dtype) / 8;
    for (int64_t i = 0; i < count_; ++i) {
      const int64_t at = offsets[i];
      if (at < 0) continue;
      if (at >= limit_) return false;
      std::byte* y = result + at * size;
      write_element(y, core_.dtype,
                    evaluate_scalar(*core_.combine, core_.dtype, read_element(y, core_.dtype),
                                    read_element(updates + i * size, core_.dtype), {}));
    }
    return true;
  }

  const ScatterCore& core_;
  int64_t count_, limit_;
};

const RegisterKernel kScatter{"scatter", &decode_staged<ScatterCore>};

}  // namespace

void ScatterCore::encode(ByteWriter& w) const {
  w.enumerator(dtype);
  w.boolean(combine.has_value());
  w.enumerator(combine.value_or(ScalarOp::k_add));
  for (int32_t x : {result, offsets, updates, count}) w.i32(x);
}

Expected<std::unique_ptr<Core>> ScatterCore::decode(ByteReader& r) {
  auto core = std::make_unique<ScatterCore>();
  core->dtype = TEMPER_TRY(r.enumerator<DType>(kDTypeCount));
  const bool combines = TEMPER_TRY(r.boolean());
  const ScalarOp op = TEMPER_TRY(r.enumerator<ScalarOp>(kScalarRows));
  if (combines) core->combine = op;
  for (int32_t* x : {&core->result, &core->offsets, &core->updates, &core->count}) {
    *x = TEMPER_TRY(r.i32());
    if (*x < 0 || *x > kMaxNumber)
      return Error(ErrorCode::kCorrupt, "a scatter with an impossible number in it; build the plan again");
  }
  const ScalarInfo& info = scalar_info(op);
  const bool fits_type = info.rule == TypeRule::kNumeric ? core->dtype != DType::kBool
                         : info.rule == TypeRule::kBool  ? core->dtype == DType::kBool
                                                         : info.rule == TypeRule::kInt && is_int(core->dtype);
  if (core->dtype == DType::kString || dtype_bits(core->dtype) < 8 || (combines && (info.arity != 2 || !fits_type))) {
    return Error(ErrorCode::kCorrupt, "a scatter of a type that it does not work on; build the plan again");
  }
  return std::unique_ptr<Core>(std::move(core));
}

Expected<std::unique_ptr<CoreLaunch>> ScatterCore::prepare(std::span<const int64_t> p, std::span<const int64_t> bytes) const {
  const int64_t n = p[static_cast<size_t>(count)];
  if (!fits(n, DType::kI64, bytes[static_cast<size_t>(offsets)]) || !fits(n, dtype, bytes[static_cast<size_t>(updates)])) {
    return Error(ErrorCode::kInvalidArgument, "a scatter that does not fit its buffers");
  }
  return std::unique_ptr<CoreLaunch>(
      std::make_unique<ScatterLaunch>(*this, n, bytes[static_cast<size_t>(result)] / (dtype_bits(dtype) / 8)));
}

}  // namespace temper::cpu
