// Every opcode of every instruction set, against the exact value of its row of scalar.def.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "backend/cpu/run/tile/ops.h"
#include "tests/backend/cpu/region_case.h"

namespace temper::cpu::tile {
namespace {

struct Table {
  IsaLevel level;
  const OpTable* ops;
};
std::vector<Table> tables() {
  std::vector<Table> all = {{IsaLevel::kV1, &ops_baseline()}};
  if (cpu_info().isa >= IsaLevel::kV3) all.push_back({IsaLevel::kV3, &ops_avx2()});
  if (cpu_info().isa >= IsaLevel::kV4) all.push_back({IsaLevel::kV4, &ops_avx512()});
  return all;
}

constexpr DType kWide[kRegTypes] = {DType::kF32, DType::kF64, DType::kI32, DType::kI64, DType::kU64, DType::kBool};

void put(std::byte* to, RegType type, const ScalarValue& v) {
  auto write = [&](auto x) { std::memcpy(to, &x, sizeof x); };
  switch (type) {
    case RegType::kF32:
      return write(static_cast<float>(v.f));
    case RegType::kF64:
      return write(v.f);
    case RegType::kI32:
      return write(static_cast<int32_t>(v.i));
    case RegType::kBool:
      return write(static_cast<uint8_t>(v.i));
    default:
      return write(v.i);
  }
}
ScalarValue get(const std::byte* from, RegType type) {
  auto read = [&](auto x) {
    std::memcpy(&x, from, sizeof x);
    return x;
  };
  switch (type) {
    case RegType::kF32:
      return {.f = static_cast<double>(read(float{}))};
    case RegType::kF64:
      return {.f = read(double{})};
    case RegType::kI32:
      return {.i = read(int32_t{})};
    case RegType::kBool:
      return {.i = read(uint8_t{})};
    default:
      return {.i = read(int64_t{})};
  }
}

// Distance in units of the last place of f32 at the exact value; below the normal numbers, of the least denormal.
double ulps(double exact, double got) {
  if (std::isnan(exact) || std::isnan(got)) return std::isnan(exact) == std::isnan(got) ? 0 : 1e9;
  const float rounded = static_cast<float>(exact);
  if (std::isinf(rounded) || std::isinf(got)) return static_cast<double>(rounded) == got || std::fabs(exact) > 3.4e38 ? 0 : 1e9;
  const double unit = std::fabs(exact) < 1.1754944e-38 ? 0x1p-149 : std::ldexp(1.0, std::ilogb(exact) - 23);
  return std::fabs(exact - got) / unit;
}

// The same for a function: what exp would make denormal is zero.
double ulps(ScalarOp op, double exact, double got) {
  constexpr double kLeastExp = 1.05 * 0x1p-126;
  const bool ends = (op == ScalarOp::k_exp || op == ScalarOp::k_sigmoid) && exact < kLeastExp && got == 0;
  return ends ? 0 : ulps(exact, got);
}

TEST(TileOps, EveryRowOfEveryType) {
  std::mt19937_64 random(5);
  for (const Table& table : tables()) {
    for (int row = 0; row < kScalarRows; ++row) {
      const ScalarOp op = static_cast<ScalarOp>(row);
      const ScalarInfo& info = scalar_info(op);
      for (int t = 0; t < kRegTypes; ++t) {
        const OpFn fn = table.ops->scalar[row][t];
        const DType dtype = kWide[t];
        const bool exists = info.rule == TypeRule::kCompare || info.rule == TypeRule::kSelect ||
                            (info.rule == TypeRule::kNumeric && dtype != DType::kBool) ||
                            ((info.rule == TypeRule::kFloat || info.rule == TypeRule::kPredicate) && is_float(dtype)) ||
                            (info.rule == TypeRule::kInt && is_int(dtype)) ||
                            (info.rule == TypeRule::kBool && dtype == DType::kBool);
        ASSERT_EQ(fn != nullptr, exists) << info.name << " " << dtype_name(dtype);
        if (!exists) continue;
        const bool to_bool = info.rule == TypeRule::kCompare || info.rule == TypeRule::kPredicate;
        const RegType in = static_cast<RegType>(t), out = to_bool ? RegType::kBool : in;
        for (int64_t n : {1, 3, 16, 37, 200}) {
          for (uint32_t single : {0u, 1u, 2u}) {
            if (single != 0 && (info.arity == 1 || n == 1)) continue;
            std::vector<std::byte> src[3], dst(static_cast<size_t>(n) * 8 + 64, std::byte{0x77});
            const bool shift = op == ScalarOp::k_shift_left || op == ScalarOp::k_shift_right, power = op == ScalarOp::k_pow;
            OpCall call;
            for (int a = 0; a < info.arity; ++a) {
              const RegType type = info.rule == TypeRule::kSelect && a == 0 ? RegType::kBool : in;
              src[a].resize(static_cast<size_t>(n) * 8);
              for (int64_t i = 0; i < n; ++i) {
                const auto kind = (shift && a == 1) || power
                                      ? (random() % 2 == 0 ? testing::Values::kSmall : testing::Values::kNormal)
                                  : random() % 3 == 0 ? testing::Values::kSpecial
                                                      : testing::Values::kNormal;
                double v = testing::random_value(random, wide_dtype(type), kind);
                ScalarValue x{.f = is_float(wide_dtype(type)) ? v : 0,
                              .i = is_float(wide_dtype(type)) ? 0 : static_cast<int64_t>(v)};
                if (type == RegType::kF32) x.f = static_cast<double>(static_cast<float>(x.f));
                if (shift && a == 1) x.i = std::abs(x.i) % 70;
                put(src[a].data() + i * reg_bytes(type), type, x);
              }
              call.src[a] = src[a].data();
            }
            call.dst = dst.data();
            call.cols = n;
            call.single = single;
            fn(call);
            for (int64_t i = 0; i < n; ++i) {
              ScalarValue x[3];
              for (int a = 0; a < info.arity; ++a) {
                const RegType type = info.rule == TypeRule::kSelect && a == 0 ? RegType::kBool : in;
                x[a] = get(src[a].data() + ((single >> a & 1) != 0 ? 0 : i) * reg_bytes(type), type);
              }
              const ScalarValue want = evaluate_scalar(op, dtype, x[0], x[1], x[2]),
                                got = get(dst.data() + i * reg_bytes(out), out);
              const std::string where = std::string(isa_name(table.level)) + " " + std::string(info.name) + " " +
                                        std::string(dtype_name(dtype)) + " of " + std::to_string(x[0].f) + "/" +
                                        std::to_string(x[0].i) + ", " + std::to_string(x[1].f) + "/" + std::to_string(x[1].i);
              if (to_bool || !is_float(dtype)) {
                ASSERT_EQ(want.i, got.i) << where;
              } else if (dtype == DType::kF32 && op == ScalarOp::k_gelu) {
                // A small difference where the argument is negative: as good as the argument, see GeluIsAccurate.
                const bool same = std::isinf(want.f) ? got.f == want.f : std::isnan(want.f) && std::isnan(got.f);
                ASSERT_TRUE(same || std::fabs(got.f - want.f) <= 3.5 * 0x1p-24 * std::fabs(x[0].f))
                    << where << ": " << want.f << " but " << got.f;
              } else if (dtype == DType::kF32) {
                ASSERT_LE(ulps(op, want.f, got.f), 4.0) << where << ": " << want.f << " but " << got.f;
              } else {
                ASSERT_TRUE((std::isnan(want.f) && std::isnan(got.f)) || want.f == got.f ||
                            std::fabs(want.f - got.f) <= 4e-16 * std::fabs(want.f))
                    << where << ": " << want.f << " but " << got.f;
              }
            }
            for (size_t k = static_cast<size_t>(n * reg_bytes(out)); k < dst.size(); ++k)
              ASSERT_EQ(dst[k], std::byte{0x77}) << "written beyond the tile";
          }
        }
      }
    }
  }
}

// All exponents, both signs, many mantissas.
TEST(TileOps, VectorMathIsAccurate) {
  struct Function {
    ScalarOp op;
    double most;  // ulps
  };
  constexpr Function kFunctions[] = {
      {ScalarOp::k_exp, 1.5},     {ScalarOp::k_expm1, 2.5}, {ScalarOp::k_log, 1.5},        {ScalarOp::k_log1p, 3.0},
      {ScalarOp::k_sin, 2.0},     {ScalarOp::k_cos, 2.0},   {ScalarOp::k_tanh, 2.0},       {ScalarOp::k_erf, 2.0},
      {ScalarOp::k_sigmoid, 2.5}, {ScalarOp::k_silu, 3.5},  {ScalarOp::k_hard_swish, 2.5}, {ScalarOp::k_sqrt, 0.51},
      {ScalarOp::k_rsqrt, 1.5},   {ScalarOp::k_tan, 0.6},   {ScalarOp::k_atan, 0.6},       {ScalarOp::k_asinh, 0.6}};
  std::vector<float> x;
  for (int exponent = -149; exponent <= 127; ++exponent) {
    for (int m = 0; m < 64; ++m) {
      const float v =
          std::ldexp(1.0f + static_cast<float>(m) / 64.0f + (m % 3 == 0 ? 0.0f : 1e-6f * static_cast<float>(m)), exponent);
      x.push_back(v);
      x.push_back(-v);
    }
  }
  for (double v = -110; v < 100; v += 0.0037) x.push_back(static_cast<float>(v));
  for (double v = -2; v < 5; v += 0.00031) x.push_back(static_cast<float>(v));
  for (float v : {0.0f, -0.0f, std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
                  std::numeric_limits<float>::quiet_NaN()})
    x.push_back(v);
  std::vector<float> y(x.size());
  for (const Table& table : tables()) {
    for (const Function& f : kFunctions) {
      OpCall call;
      call.dst = reinterpret_cast<std::byte*>(y.data());
      call.src[0] = reinterpret_cast<const std::byte*>(x.data());
      call.cols = static_cast<int64_t>(x.size());
      table.ops->scalar[static_cast<int>(f.op)][0](call);
      double worst = 0, at = 0;
      for (size_t i = 0; i < x.size(); ++i) {
        const double want = evaluate_scalar(f.op, DType::kF64, {.f = static_cast<double>(x[i])}, {}, {}).f;
        const double u = ulps(f.op, want, static_cast<double>(y[i]));
        if (u > worst) worst = u, at = static_cast<double>(x[i]);
      }
      EXPECT_LE(worst, f.most) << isa_name(table.level) << " " << scalar_info(f.op).name << " at " << at;
    }
  }
}

// Far to the left the result is a small difference: there it is good to the argument's precision, elsewhere to its own.
TEST(TileOps, GeluIsAccurate) {
  std::vector<float> x;
  for (double v = -30; v < 30; v += 0.00021) x.push_back(static_cast<float>(v));
  for (int exponent = -120; exponent < 127; ++exponent) {
    for (float m : {1.0f, 1.3f, -1.0f, -1.7f}) x.push_back(std::ldexp(m, exponent));
  }
  std::vector<float> y(x.size());
  for (const Table& table : tables()) {
    OpCall call;
    call.dst = reinterpret_cast<std::byte*>(y.data());
    call.src[0] = reinterpret_cast<const std::byte*>(x.data());
    call.cols = static_cast<int64_t>(x.size());
    table.ops->scalar[static_cast<int>(ScalarOp::k_gelu)][0](call);
    for (size_t i = 0; i < x.size(); ++i) {
      const double v = static_cast<double>(x[i]);
      const double want = evaluate_scalar(ScalarOp::k_gelu, DType::kF64, {.f = v}, {}, {}).f;
      const double got = static_cast<double>(y[i]);
      ASSERT_LE(std::fabs(got - want), 3.5 * 0x1p-24 * std::fabs(v)) << isa_name(table.level) << " at " << v;
      const double near = v > -0.5 ? ulps(want, got) : 0;
      ASSERT_LE(near, 5.0) << isa_name(table.level) << " at " << v;
      ASSERT_TRUE(v < 0 ? got <= 0 : got >= 0) << isa_name(table.level) << " at " << v;
    }
  }
}

// Scores are sigmoids, and are sorted: near 1 they must not fall together where floats can tell them apart.
TEST(TileOps, SigmoidIsRoundedOnceNearOne) {
  std::vector<float> x;
  for (double v = 4; v < 18; v += 0.0000713) x.push_back(static_cast<float>(v));
  std::vector<float> y(x.size());
  for (const Table& table : tables()) {
    OpCall call;
    call.dst = reinterpret_cast<std::byte*>(y.data());
    call.src[0] = reinterpret_cast<const std::byte*>(x.data());
    call.cols = static_cast<int64_t>(x.size());
    table.ops->scalar[static_cast<int>(ScalarOp::k_sigmoid)][0](call);
    for (size_t i = 0; i < x.size(); ++i) {
      const double want = 1 / (1 + std::exp(-static_cast<double>(x[i])));
      ASSERT_LE(ulps(want, static_cast<double>(y[i])), 0.55) << isa_name(table.level) << " at " << x[i];
    }
  }
}

TEST(TileOps, PowerIsAccurate) {
  std::mt19937_64 random(9);
  std::vector<float> a, b;
  for (int i = 0; i < 20000; ++i) {
    a.push_back(std::ldexp(static_cast<float>(std::uniform_real_distribution<double>(-2, 2)(random)),
                           static_cast<int>(random() % 20) - 10));
    b.push_back(random() % 2 == 0 ? static_cast<float>(static_cast<int>(random() % 13) - 6)
                                  : static_cast<float>(std::normal_distribution<double>(0, 8)(random)));
  }
  std::vector<float> y(a.size());
  for (const Table& table : tables()) {
    OpCall call;
    call.dst = reinterpret_cast<std::byte*>(y.data());
    call.src[0] = reinterpret_cast<const std::byte*>(a.data());
    call.src[1] = reinterpret_cast<const std::byte*>(b.data());
    call.cols = static_cast<int64_t>(a.size());
    table.ops->scalar[static_cast<int>(ScalarOp::k_pow)][0](call);
    for (size_t i = 0; i < a.size(); ++i) {
      const double want = std::pow(static_cast<double>(a[i]), static_cast<double>(b[i]));
      ASSERT_LE(ulps(want, static_cast<double>(y[i])), 1.01)
          << isa_name(table.level) << " " << a[i] << "^" << b[i] << " = " << want << " but " << y[i];
    }
  }
}

TEST(TileOps, CastsAgreeWithTheExactOnes) {
  std::mt19937_64 random(3);
  for (const Table& table : tables()) {
    for (int from = 0; from < kRegTypes; ++from) {
      for (int to = 0; to < kRegTypes; ++to) {
        if (from == to) continue;
        for (int i = 0; i < 400; ++i) {
          std::byte src[8] = {}, dst[8] = {};
          double v =
              testing::random_value(random, kWide[from], i % 2 == 0 ? testing::Values::kSpecial : testing::Values::kNormal);
          if (is_float(kWide[from]) && i % 5 == 0) v = std::ldexp(v, static_cast<int>(random() % 70));
          ScalarValue x{.f = is_float(kWide[from]) ? v : 0, .i = is_float(kWide[from]) ? 0 : static_cast<int64_t>(v)};
          if (is_int(kWide[from]) && i % 7 == 0) x.i = static_cast<int64_t>(random());
          put(src, static_cast<RegType>(from), x);
          x = get(src, static_cast<RegType>(from));
          OpCall call;
          call.dst = dst;
          call.src[0] = src;
          table.ops->cast[from][to](call);
          const ScalarValue want = cast_scalar(x, kWide[from], kWide[to]), got = get(dst, static_cast<RegType>(to));
          ASSERT_TRUE(want.i == got.i && (want.f == got.f || (std::isnan(want.f) && std::isnan(got.f))))
              << isa_name(table.level) << " " << dtype_name(kWide[from]) << " " << x.f << "/" << x.i << " to "
              << dtype_name(kWide[to]) << ": " << want.f << "/" << want.i << " but " << got.f << "/" << got.i;
        }
      }
    }
  }
}

TEST(TileOps, TensorFormatsRoundAsBaseDoes) {
  std::mt19937_64 random(4);
  for (const Table& table : tables()) {
    for (DType dtype : {DType::kF16, DType::kBF16, DType::kF8E4M3, DType::kF8E5M2, DType::kI8, DType::kU8, DType::kI16,
                        DType::kU16, DType::kU32}) {
      const RegType type = reg_type(dtype);
      constexpr int64_t kN = 67;
      std::vector<std::byte> reg(kN * 8), raw(kN * 8, std::byte{0x11}), back(kN * 8);
      Tensor want = Tensor::zeros(dtype, {kN});
      for (int64_t i = 0; i < kN; ++i) {
        const double v =
            testing::random_value(random, wide_dtype(type), i % 3 == 0 ? testing::Values::kSpecial : testing::Values::kNormal);
        ScalarValue x{.f = is_float(dtype) ? v : 0, .i = is_float(dtype) ? 0 : static_cast<int64_t>(v)};
        put(reg.data() + i * reg_bytes(type), type, x);
        want.set(i, get(reg.data() + i * reg_bytes(type), type));
      }
      OpCall call;
      call.dst = raw.data();
      call.src[0] = reg.data();
      call.cols = kN;
      table.ops->store[static_cast<int>(dtype)](call);
      Tensor got = Tensor::zeros(dtype, {kN});
      std::memcpy(got.mutable_bytes(), raw.data(), got.bytes().size());
      OpCall load;
      load.dst = back.data();
      load.src[0] = raw.data();
      load.cols = kN;
      table.ops->load[static_cast<int>(dtype)](load);
      for (int64_t i = 0; i < kN; ++i) {
        const ScalarValue a = want.at(i), b = got.at(i), c = get(back.data() + i * reg_bytes(type), type);
        ASSERT_TRUE(a.i == b.i && (a.f == b.f || (std::isnan(a.f) && std::isnan(b.f))))
            << isa_name(table.level) << " " << dtype_name(dtype) << ": " << a.f << "/" << a.i << " but " << b.f << "/" << b.i;
        ASSERT_TRUE(b.i == c.i && (b.f == c.f || (std::isnan(b.f) && std::isnan(c.f))))
            << isa_name(table.level) << " " << dtype_name(dtype);
      }
    }
  }
}

}  // namespace
}  // namespace temper::cpu::tile
