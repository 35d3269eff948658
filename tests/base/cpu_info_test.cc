#include "base/cpu_info.h"

#include <gtest/gtest.h>

#include <map>

namespace temper {
namespace {

constexpr uint32_t kV3Leaf1 = 1u << 12 | 1u << 27 | 1u << 28 | 1u << 29;
constexpr uint32_t kV3Leaf7 = 1u << 3 | 1u << 5 | 1u << 8;
constexpr uint32_t kV4Leaf7 = kV3Leaf7 | 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31;
constexpr uint32_t kAmxLeaf7 = 1u << 22 | 1u << 24 | 1u << 25;
constexpr uint64_t kYmm = 0x7, kZmm = 0xe7, kTiles = 0x60000;

TEST(CpuInfo, LevelsNeedEachOfTheirFeatures) {
  EXPECT_EQ(isa_level({}), IsaLevel::kV1);
  const IsaRegisters v3{kV3Leaf1, kV3Leaf7, 0, 0, 0, kYmm};
  EXPECT_EQ(isa_level(v3), IsaLevel::kV3);
  const IsaRegisters v4{kV3Leaf1, kV4Leaf7, 0, 0, 0, kZmm};
  EXPECT_EQ(isa_level(v4), IsaLevel::kV4);
  const IsaRegisters best{kV3Leaf1, kV4Leaf7, 1u << 11, kAmxLeaf7, 1u << 5, kZmm | kTiles};
  EXPECT_EQ(isa_level(best), IsaLevel::kV4Amx);
  for (int bit = 0; bit < 32; ++bit) {
    IsaRegisters less = best;
    less.leaf1_ecx &= ~(1u << bit);
    EXPECT_EQ(isa_level(less), kV3Leaf1 >> bit & 1 ? IsaLevel::kV1 : IsaLevel::kV4Amx) << bit;
    less = best;
    less.leaf7_ebx &= ~(1u << bit);
    EXPECT_EQ(isa_level(less), kV3Leaf7 >> bit & 1   ? IsaLevel::kV1
                               : kV4Leaf7 >> bit & 1 ? IsaLevel::kV3
                                                     : IsaLevel::kV4Amx)
        << bit;
    less = best;
    less.leaf7_edx &= ~(1u << bit);
    EXPECT_EQ(isa_level(less), kAmxLeaf7 >> bit & 1 ? IsaLevel::kV4Bf16 : IsaLevel::kV4Amx) << bit;
  }
  IsaRegisters no_vnni = best;
  no_vnni.leaf7_ecx = 0;
  EXPECT_EQ(isa_level(no_vnni), IsaLevel::kV4);
  IsaRegisters no_bf16 = best;
  no_bf16.leaf7_1_eax = 0;
  EXPECT_EQ(isa_level(no_bf16), IsaLevel::kV4Vnni);
}

TEST(CpuInfo, RegistersThatTheSystemDoesNotSaveAreNotUsed) {
  IsaRegisters r{kV3Leaf1, kV4Leaf7, 1u << 11, kAmxLeaf7, 1u << 5, kZmm};
  EXPECT_EQ(isa_level(r), IsaLevel::kV4Bf16);
  r.xcr0 |= kTiles & ~(kTiles >> 1);  // their contents, and not their shapes
  EXPECT_EQ(isa_level(r), IsaLevel::kV4Bf16);
  r.xcr0 = kYmm;
  EXPECT_EQ(isa_level(r), IsaLevel::kV3);
  r.xcr0 = 0x3;
  EXPECT_EQ(isa_level(r), IsaLevel::kV1);
}

TEST(CpuInfo, AgreesWithTheCompilersDetection) {
  const IsaLevel level = cpu_info().isa;
  EXPECT_EQ(level >= IsaLevel::kV3,
            __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"));
  EXPECT_EQ(level >= IsaLevel::kV4, __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                                        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512cd"));
  EXPECT_EQ(level >= IsaLevel::kV4Vnni, level >= IsaLevel::kV4 && __builtin_cpu_supports("avx512vnni"));
}

TEST(CpuInfo, MachineIsPlausible) {
  const CpuInfo& cpu = cpu_info();
  EXPECT_FALSE(cpu.model.empty());
  EXPECT_GE(cpu.l1d_bytes, 8 << 10);
  EXPECT_LE(cpu.l1d_bytes, 1 << 20);
  EXPECT_GT(cpu.l2_bytes, cpu.l1d_bytes);
  EXPECT_GE(cpu.physical_cores, 1);
  EXPECT_GE(cpu.logical_cores, cpu.physical_cores);
  EXPECT_EQ(size_t(cpu.physical_cores), one_cpu_per_core().size());
  EXPECT_GE(default_thread_count(), 1);
  EXPECT_LE(default_thread_count(), cpu.physical_cores);
}

TEST(CpuInfo, NamesComeBack) {
  for (int i = 0; i < kIsaLevelCount; ++i) EXPECT_EQ(isa_from_name(isa_name(IsaLevel(i))), IsaLevel(i));
  EXPECT_EQ(isa_name(IsaLevel::kV4Vnni), "cpu-v4-vnni");
  EXPECT_FALSE(isa_from_name("cpu-v2"));
}

std::map<std::string, std::string>& files() {
  static std::map<std::string, std::string> map;
  return map;
}
std::optional<std::string> read_fake(const std::string& path) {
  auto found = files().find(path);
  if (found == files().end()) return std::nullopt;
  return found->second;
}

constexpr const char* kV2Mounts = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
constexpr const char* kV1Mounts =
    "31 25 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "32 25 0:28 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct";

TEST(CgroupQuota, Version2TakesTheLeastOnTheWayUp) {
  files() = {{"/sys/fs/cgroup/a/b/cpu.max", "max 100000"}, {"/sys/fs/cgroup/a/cpu.max", "150000 100000"}};
  EXPECT_EQ(cgroup_cpu_quota("0::/a/b\n", kV2Mounts, &read_fake), 1.5);
  files()["/sys/fs/cgroup/a/b/cpu.max"] = "50000 100000";
  EXPECT_EQ(cgroup_cpu_quota("0::/a/b\n", kV2Mounts, &read_fake), 0.5);
  EXPECT_EQ(cgroup_cpu_quota("0::/c\n", kV2Mounts, &read_fake), std::nullopt);
  files() = {{"/sys/fs/cgroup/cpu.max", "400000 100000"}};
  EXPECT_EQ(cgroup_cpu_quota("0::/", kV2Mounts, &read_fake), 4.0);
}

TEST(CgroupQuota, Version1) {
  files() = {{"/sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_quota_us", "250000"},
             {"/sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_period_us", "100000"},
             {"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1"},
             {"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000"}};
  EXPECT_EQ(cgroup_cpu_quota("5:memory:/m\n4:cpu,cpuacct:/docker/x\n", kV1Mounts, &read_fake), 2.5);
  EXPECT_EQ(cgroup_cpu_quota("4:cpu,cpuacct:/\n", kV1Mounts, &read_fake), std::nullopt);
  // "cpuset" is not "cpu".
  EXPECT_EQ(cgroup_cpu_quota("4:cpuset:/docker/x\n", kV1Mounts, &read_fake), std::nullopt);
}

TEST(CgroupQuota, ContainerThatSeesOnlyItsOwnPart) {
  const std::string mounts = "32 25 0:28 /docker/x /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu";
  files() = {{"/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "100000"}, {"/sys/fs/cgroup/cpu/cpu.cfs_period_us", "50000"}};
  EXPECT_EQ(cgroup_cpu_quota("4:cpu:/docker/x\n", mounts, &read_fake), 2.0);
  EXPECT_EQ(cgroup_cpu_quota("4:cpu:/docker/x/inner\n", mounts, &read_fake), 2.0);
  EXPECT_EQ(cgroup_cpu_quota("4:cpu:/elsewhere\n", mounts, &read_fake), 2.0);
}

TEST(CgroupQuota, NonsenseIsNoLimit) {
  files() = {{"/sys/fs/cgroup/cpu.max", "garbage"}};
  EXPECT_EQ(cgroup_cpu_quota("0::/", kV2Mounts, &read_fake), std::nullopt);
  for (const char* text : {"", "max", "0 100000", "100000 0", "-5 100000", "1 2 3", "99999999999999999999 1"}) {
    files()["/sys/fs/cgroup/cpu.max"] = text;
    EXPECT_EQ(cgroup_cpu_quota("0::/", kV2Mounts, &read_fake), std::nullopt) << text;
  }
  EXPECT_EQ(cgroup_cpu_quota("", "", &read_fake), std::nullopt);
  EXPECT_EQ(cgroup_cpu_quota("::\n0", "- - -\n - cgroup2\n", &read_fake), std::nullopt);
  EXPECT_EQ(cgroup_cpu_quota("0::/../..", kV2Mounts, &read_fake), std::nullopt);
}

}  // namespace
}  // namespace temper
