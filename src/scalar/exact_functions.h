// What the functions called by the value column of scalar.def mean, exactly: for double, for integers of any width and for
// bool.
//
// `ExactInt` is an integer of a dtype: `v` holds it sign-extended (signed types) or zero-extended (unsigned ones). Results may
// lie outside the width; the caller wraps them. That is right because +, -, * and << agree modulo 2^width, and every other
// function yields a value within the width when its operands are.
//
//   divide(ExactInt{-7, true, 8}, ExactInt{2, true, 8}).v == -3
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

namespace temper::exact {

using std::acos;
using std::acosh;
using std::asin;
using std::asinh;
using std::atan;
using std::atan2;
using std::atanh;
using std::ceil;
using std::cos;
using std::cosh;
using std::erf;
using std::exp;
using std::expm1;
using std::floor;
using std::fmod;
using std::log;
using std::log1p;
using std::sin;
using std::sinh;
using std::sqrt;
using std::tan;
using std::tanh;
using std::trunc;

inline double divide(double a, double b) { return a / b; }
inline double negate(double a) { return -a; }
inline double absolute(double a) { return std::fabs(a); }
inline double power(double a, double b) { return std::pow(a, b); }
inline double rsqrt(double a) { return 1.0 / std::sqrt(a); }
inline double reciprocal(double a) { return 1.0 / a; }
inline double sigmoid(double a) { return 1.0 / (1.0 + std::exp(-a)); }
inline double silu(double a) { return a * sigmoid(a); }
inline double gelu(double a) { return 0.5 * a * std::erfc(a * -M_SQRT1_2); }
inline double hard_swish(double a) { return a * (std::max(std::min(a + 3, 6.0), 0.0) / 6); }
inline double round_even(double a) { return std::nearbyint(a); }
inline bool is_nan(double a) { return std::isnan(a); }
inline bool is_inf(double a) { return std::isinf(a); }
inline double sign(double a) { return a > 0 ? 1.0 : a < 0 ? -1.0 : a; }
// The result takes the divisor's sign, as Python's % does.
inline double floor_mod(double a, double b) {
  double r = std::fmod(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
// IEEE 754-2019 minimum and maximum: NaN if either is, and -0 is less than +0.
inline double minimum(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::numeric_limits<double>::quiet_NaN();
  if (a == b) return std::signbit(a) ? a : b;
  return a < b ? a : b;
}
inline double maximum(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::numeric_limits<double>::quiet_NaN();
  if (a == b) return std::signbit(a) ? b : a;
  return a > b ? a : b;
}

struct ExactInt {
  int64_t v = 0;  // of unsigned 64-bit types, the bits
  bool is_signed = true;
  int bits = 64;

  uint64_t u() const { return static_cast<uint64_t>(v); }
  ExactInt with(int64_t value) const { return {value, is_signed, bits}; }
  ExactInt with(uint64_t value) const { return with(static_cast<int64_t>(value)); }
  ExactInt with(bool value) const { return with(static_cast<int64_t>(value)); }
};

inline ExactInt operator+(ExactInt a, ExactInt b) { return a.with(a.u() + b.u()); }
inline ExactInt operator-(ExactInt a, ExactInt b) { return a.with(a.u() - b.u()); }
inline ExactInt operator*(ExactInt a, ExactInt b) { return a.with(a.u() * b.u()); }
inline bool operator<(ExactInt a, ExactInt b) { return a.is_signed ? a.v < b.v : a.u() < b.u(); }
inline bool operator<=(ExactInt a, ExactInt b) { return !(b < a); }
inline bool operator==(ExactInt a, ExactInt b) { return a.v == b.v; }

inline ExactInt negate(ExactInt a) { return a.with(0 - a.u()); }
// Division by zero yields 0. The least value over -1 wraps around to itself.
inline ExactInt divide(ExactInt a, ExactInt b) {
  if (b.v == 0) return a.with(int64_t{0});
  if (!a.is_signed) return a.with(a.u() / b.u());
  return b.v == -1 ? negate(a) : a.with(a.v / b.v);
}
inline ExactInt fmod(ExactInt a, ExactInt b) {
  if (b.v == 0) return a.with(int64_t{0});
  if (!a.is_signed) return a.with(a.u() % b.u());
  return b.v == -1 ? a.with(int64_t{0}) : a.with(a.v % b.v);
}
inline ExactInt floor_mod(ExactInt a, ExactInt b) {
  ExactInt r = fmod(a, b);
  return a.is_signed && r.v != 0 && (r.v < 0) != (b.v < 0) ? r + b : r;
}
inline ExactInt minimum(ExactInt a, ExactInt b) { return b < a ? b : a; }
inline ExactInt maximum(ExactInt a, ExactInt b) { return a < b ? b : a; }
inline ExactInt absolute(ExactInt a) { return a.is_signed && a.v < 0 ? negate(a) : a; }
inline ExactInt sign(ExactInt a) { return a.is_signed && a.v < 0 ? a.with(int64_t{-1}) : a.with(a.v != 0); }
// A negative exponent yields the truncated quotient 1 / a^|b|, which is 0 unless a is 1 or -1.
inline ExactInt power(ExactInt a, ExactInt b) {
  if (b.is_signed && b.v < 0) {
    if (a.v == -1 && a.is_signed) return a.with(int64_t{(b.v & 1) != 0 ? -1 : 1});
    return a.with(a.v == 1);
  }
  uint64_t result = 1, base = a.u();
  for (uint64_t e = b.u(); e != 0; e >>= 1, base *= base) {
    if ((e & 1) != 0) result *= base;
  }
  return a.with(result);
}
inline ExactInt bit_and(ExactInt a, ExactInt b) { return a.with(a.u() & b.u()); }
inline ExactInt bit_or(ExactInt a, ExactInt b) { return a.with(a.u() | b.u()); }
inline ExactInt bit_xor(ExactInt a, ExactInt b) { return a.with(a.u() ^ b.u()); }
inline ExactInt bit_not(ExactInt a) { return a.with(~a.u()); }
// A shift by the width or more (or by a negative amount) yields 0.
inline ExactInt shift_left(ExactInt a, ExactInt b) {
  return b.u() >= static_cast<uint64_t>(a.bits) ? a.with(int64_t{0}) : a.with(a.u() << b.u());
}
inline ExactInt shift_right(ExactInt a, ExactInt b) {
  if (b.u() >= static_cast<uint64_t>(a.bits)) return a.with(int64_t{0});
  return a.is_signed ? a.with(a.v >> b.u()) : a.with(a.u() >> b.u());
}

inline bool logical_and(bool a, bool b) { return a && b; }
inline bool logical_or(bool a, bool b) { return a || b; }
inline bool logical_xor(bool a, bool b) { return a != b; }
inline bool logical_not(bool a) { return !a; }

template <class T>
T select(bool condition, T a, T b) {
  return condition ? a : b;
}

}  // namespace temper::exact
