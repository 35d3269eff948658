#include "backend/cpu/run/tile/reduce.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace temper::cpu::tile {
namespace {

template <class T>
T* as(std::byte* p) {
  return reinterpret_cast<T*>(p);
}

template <class F>
void by_type(RegType type, F f) {
  switch (type) {
    case RegType::kF32:
      return f(float{});
    case RegType::kF64:
      return f(double{});
    case RegType::kI32:
      return f(int32_t{});
    case RegType::kI64:
      return f(int64_t{});
    case RegType::kU64:
      return f(uint64_t{});
    case RegType::kBool:
      return f(uint8_t{});
  }
}

template <class T>
T least() {
  return std::numeric_limits<T>::has_infinity ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::lowest();
}
template <class T>
T largest() {
  return std::numeric_limits<T>::has_infinity ? std::numeric_limits<T>::infinity() : std::numeric_limits<T>::max();
}

int64_t wrapped(int64_t x, DType dtype) {
  const int bits = dtype_bits(dtype);
  if (bits >= 64 || !is_int(dtype)) return x;
  const uint64_t high = static_cast<uint64_t>(x) << (64 - bits);
  return is_signed_int(dtype) ? static_cast<int64_t>(high) >> (64 - bits) : static_cast<int64_t>(high >> (64 - bits));
}

}  // namespace

void clear_state(MonoidKind monoid, RegType type, std::byte* const* state, int64_t n) {
  auto all = [n](auto* p, auto value) { std::fill(p, p + n, value); };
  by_type(type, [&]<class T>(T) {
    switch (monoid) {
      case MonoidKind::k_sum:
        all(as<T>(state[0]), T(0));
        all(as<double>(state[1]), 0.0);
        break;
      case MonoidKind::k_prod:
        if constexpr (std::is_floating_point_v<T>)
          all(as<double>(state[0]), 1.0);
        else
          all(as<T>(state[0]), T(1));
        break;
      case MonoidKind::k_max:
        all(as<T>(state[0]), type == RegType::kBool ? T(0) : least<T>());
        break;
      case MonoidKind::k_min:
        all(as<T>(state[0]), type == RegType::kBool ? T(1) : largest<T>());
        break;
      case MonoidKind::k_any:
        all(as<uint8_t>(state[0]), uint8_t{0});
        break;
      case MonoidKind::k_all:
        all(as<uint8_t>(state[0]), uint8_t{1});
        break;
      case MonoidKind::k_arg_max:
      case MonoidKind::k_arg_min:
      case MonoidKind::k_arg_max_last:
      case MonoidKind::k_arg_min_last:
        all(as<T>(state[0]), T(0));
        all(as<int64_t>(state[1]), int64_t{0});
        break;
      case MonoidKind::k_welford:
        all(as<double>(state[0]), 0.0);
        all(as<double>(state[1]), 0.0);
        break;
      case MonoidKind::k_max_sum_exp:
        all(as<T>(state[0]), least<T>());
        all(as<double>(state[1]), 0.0);
        break;
    }
  });
}

void finish_state(MonoidKind monoid, RegType type, std::byte* const* state, int64_t n, int64_t count, int k, DType dtype,
                  std::byte* result) {
  by_type(type, [&]<class T>(T) {
    T* out = as<T>(result);
    switch (monoid) {
      case MonoidKind::k_sum:
        for (int64_t i = 0; i < n; ++i) {
          if constexpr (std::is_same_v<T, float>)
            out[i] = static_cast<float>(as<double>(state[1])[i] + static_cast<double>(as<float>(state[0])[i]));
          else if constexpr (std::is_same_v<T, double>)
            out[i] = as<double>(state[0])[i];
          else
            out[i] = static_cast<T>(wrapped(static_cast<int64_t>(as<T>(state[0])[i]), dtype));
        }
        break;
      case MonoidKind::k_prod:
        for (int64_t i = 0; i < n; ++i) {
          if constexpr (std::is_floating_point_v<T>)
            out[i] = static_cast<T>(as<double>(state[0])[i]);
          else
            out[i] = static_cast<T>(wrapped(static_cast<int64_t>(as<T>(state[0])[i]), dtype));
        }
        break;
      case MonoidKind::k_max:
      case MonoidKind::k_min:
        if constexpr (!std::is_floating_point_v<T>) {
          // Of nothing: the least (largest) value of the type itself.
          for (int64_t i = 0; i < n; ++i)
            out[i] = count != 0 ? as<T>(state[0])[i] : static_cast<T>(wrapped(static_cast<int64_t>(as<T>(state[0])[i]), dtype));
          break;
        }
        std::memcpy(result, state[0], static_cast<size_t>(n) * sizeof(T));
        break;
      case MonoidKind::k_any:
      case MonoidKind::k_all:
        std::memcpy(result, state[0], static_cast<size_t>(n));
        break;
      case MonoidKind::k_arg_max:
      case MonoidKind::k_arg_min:
      case MonoidKind::k_arg_max_last:
      case MonoidKind::k_arg_min_last:
        std::memcpy(result, state[1], static_cast<size_t>(n) * 8);
        break;
      case MonoidKind::k_welford:
        for (int64_t i = 0; i < n; ++i)
          out[i] = static_cast<T>(k == 0 ? as<double>(state[0])[i]
                                         : as<double>(state[1])[i] / static_cast<double>(std::max<int64_t>(count, 1)));
        break;
      case MonoidKind::k_max_sum_exp:
        for (int64_t i = 0; i < n; ++i) out[i] = k == 0 ? as<T>(state[0])[i] : static_cast<T>(as<double>(state[1])[i]);
        break;
    }
  });
}

void merge_state(MonoidKind monoid, RegType type, std::byte* const* into, int64_t into_count, std::byte* const* from,
                 int64_t from_count, int64_t n) {
  if (from_count == 0) return;
  by_type(type, [&]<class T>(T) {
    T* a = as<T>(into[0]);
    const T* b = as<T>(from[0]);
    auto extreme = [&](bool max) {
      for (int64_t i = 0; i < n; ++i) {
        if (into_count == 0 || b[i] != b[i] || (max ? b[i] > a[i] : b[i] < a[i])) a[i] = b[i];
      }
    };
    auto arg = [&](bool max, bool last) {
      int64_t* p = as<int64_t>(into[1]);
      const int64_t* q = as<int64_t>(from[1]);
      for (int64_t i = 0; i < n; ++i) {
        const bool nan_a = a[i] != a[i], nan_b = b[i] != b[i];
        const bool better = nan_b ? !nan_a : (max ? b[i] > a[i] : b[i] < a[i]);
        const bool same = a[i] == b[i] || (nan_a && nan_b);
        if (into_count == 0 || better || (same && (last ? q[i] > p[i] : q[i] < p[i]))) {
          a[i] = b[i];
          p[i] = q[i];
        }
      }
    };
    switch (monoid) {
      case MonoidKind::k_sum:
        for (int64_t i = 0; i < n; ++i) {
          if constexpr (std::is_same_v<T, float>)
            as<double>(into[1])[i] += as<double>(from[1])[i] + static_cast<double>(b[i]);
          else if constexpr (std::is_same_v<T, double>)
            a[i] += b[i];
          else
            a[i] = static_cast<T>(static_cast<uint64_t>(a[i]) + static_cast<uint64_t>(b[i]));
        }
        break;
      case MonoidKind::k_prod:
        for (int64_t i = 0; i < n; ++i) {
          if constexpr (std::is_floating_point_v<T>)
            as<double>(into[0])[i] *= as<double>(from[0])[i];
          else
            a[i] = static_cast<T>(static_cast<uint64_t>(a[i]) * static_cast<uint64_t>(b[i]));
        }
        break;
      case MonoidKind::k_max:
        extreme(true);
        break;
      case MonoidKind::k_min:
        extreme(false);
        break;
      case MonoidKind::k_any:
        for (int64_t i = 0; i < n; ++i) into[0][i] |= from[0][i];
        break;
      case MonoidKind::k_all:
        for (int64_t i = 0; i < n; ++i) into[0][i] &= from[0][i];
        break;
      case MonoidKind::k_arg_max:
        arg(true, false);
        break;
      case MonoidKind::k_arg_min:
        arg(false, false);
        break;
      case MonoidKind::k_arg_max_last:
        arg(true, true);
        break;
      case MonoidKind::k_arg_min_last:
        arg(false, true);
        break;
      case MonoidKind::k_welford: {
        const double before = static_cast<double>(into_count), count = static_cast<double>(from_count);
        for (int64_t i = 0; i < n; ++i) {
          double& mean = as<double>(into[0])[i];
          const double delta = as<double>(from[0])[i] - mean;
          mean = into_count == 0 ? as<double>(from[0])[i] : mean + delta * count / (before + count);
          as<double>(into[1])[i] +=
              as<double>(from[1])[i] + (into_count == 0 ? 0 : delta * delta * before * count / (before + count));
        }
        break;
      }
      case MonoidKind::k_max_sum_exp:
        if constexpr (std::is_floating_point_v<T>) {
          for (int64_t i = 0; i < n; ++i) {
            const T old = a[i];
            const T now = old != old || b[i] != b[i] ? old + b[i] : std::max(old, b[i]);
            a[i] = now;
            if (now == least<T>()) continue;
            double& s = as<double>(into[1])[i];
            s = s * std::exp(static_cast<double>(old) - static_cast<double>(now)) +
                as<double>(from[1])[i] * std::exp(static_cast<double>(b[i]) - static_cast<double>(now));
          }
        }
        break;
    }
  });
}

}  // namespace temper::cpu::tile
