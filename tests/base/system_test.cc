// DynamicLibrary, InterruptScope, logging, errors.
#include <gtest/gtest.h>
#include <signal.h>

#include <string>

#include "base/dynlib.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"

namespace temper {
namespace {

TEST(DynamicLibrary, FindsDeclaredSymbols) {
  double (*cosine)(double) = nullptr;
  void* nothing = &cosine;
  const DynamicSymbol table[] = {{"cos", reinterpret_cast<void**>(&cosine)}, {"no_such_function", &nothing, false}};
  const std::string names[] = {"libdoes-not-exist.so.1", "libm.so.6"};
  auto library = DynamicLibrary::open(names, table);
  ASSERT_TRUE(library.ok()) << library.error().to_string();
  EXPECT_EQ(library->name(), "libm.so.6");
  EXPECT_EQ(cosine(0), 1);
  EXPECT_EQ(nothing, nullptr);
  EXPECT_NE(library->find("sin"), nullptr);
  EXPECT_EQ(library->find("no_such_function"), nullptr);
  DynamicLibrary moved = std::move(*library);
  EXPECT_EQ(cosine(0), 1);
}

TEST(DynamicLibrary, SaysWhatIsMissing) {
  void* cosine = nullptr;
  void* other = nullptr;
  const DynamicSymbol table[] = {{"cos", &cosine}, {"no_such_function", &other}};
  const std::string math[] = {"libm.so.6"};
  auto library = DynamicLibrary::open(math, table);
  ASSERT_FALSE(library.ok());
  EXPECT_EQ(library.error().code(), ErrorCode::kIncompatible);
  EXPECT_NE(library.error().message().find("no_such_function"), std::string::npos);
  EXPECT_EQ(cosine, nullptr);

  const std::string absent[] = {"libdoes-not-exist.so.1", "libnor-this.so"};
  auto none = DynamicLibrary::open(absent, {});
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code(), ErrorCode::kNotFound);
  for (const std::string& name : absent) EXPECT_NE(none.error().message().find(name), std::string::npos);
}

TEST(Interrupt, FirstSignalSetsTheFlagSecondEndsTheProcess) {
  {
    InterruptScope scope;
    EXPECT_FALSE(interrupted());
    raise(SIGINT);
    EXPECT_TRUE(interrupted());
  }
  {
    InterruptScope scope;
    EXPECT_FALSE(interrupted());
  }
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_EXIT(
      {
        InterruptScope scope;
        raise(SIGINT);
        raise(SIGINT);
      },
      testing::KilledBySignal(SIGINT), "");
  EXPECT_EXIT({ raise(SIGTERM); }, testing::KilledBySignal(SIGTERM), "");
}

TEST(Log, StderrSinkWritesWholeLinesOfItsSeverities) {
  StderrSink sink(Severity::kWarning);
  EXPECT_TRUE(sink.wants(Severity::kError));
  EXPECT_FALSE(sink.wants(Severity::kInfo));
  testing::internal::CaptureStderr();
  sink.log(Severity::kWarning, "careful");
  sink.log(Severity::kInfo, "dropped");
  sink.log(Severity::kInternalError, "bug");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "temper: warning: careful\ntemper: internal error: bug\n");
  EXPECT_FALSE(NullSink().wants(Severity::kInternalError));
}

Expected<int> half(int value) {
  if (value % 2 != 0) return Error(ErrorCode::kInvalidArgument, "odd").at("half");
  return value / 2;
}
Expected<int> quarter(int value) { return TEMPER_TRY_AT(half(TEMPER_TRY(half(value))), "quarter"); }

TEST(Error, TrailGrowsOutwards) {
  EXPECT_EQ(*quarter(8), 2);
  EXPECT_EQ(quarter(6).error().to_string(), "E_INVALID_ARGUMENT: odd [half, in quarter]");
  EXPECT_EQ(quarter(5).error().to_string(), "E_INVALID_ARGUMENT: odd [half]");
}

}  // namespace
}  // namespace temper
