// What this machine is: the instruction sets that the processor and the system both support, its caches and cores.
//
//   const CpuInfo& cpu = cpu_info();
//   if (cpu.isa >= IsaLevel::kV4) ...
//   isa_name(cpu.isa);  // "cpu-v4-bf16"
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace temper {

// Each level includes those before it. The names are those of CPU targets in a plan.
enum class IsaLevel : uint8_t {
  kV1,      // cpu-v1: any x86-64 (SSE2)
  kV3,      // cpu-v3: AVX2, FMA, F16C, BMI2
  kV4,      // cpu-v4: AVX-512 F, BW, DQ, VL, CD
  kV4Vnni,  // cpu-v4-vnni: and AVX-512 VNNI
  kV4Bf16,  // cpu-v4-bf16: and AVX-512 BF16
  kV4Amx,   // cpu-v4-amx: and AMX with tiles of BF16 and of 8-bit integers, which the system lets this process use
};
inline constexpr int kIsaLevelCount = 6;

std::string_view isa_name(IsaLevel level);
std::optional<IsaLevel> isa_from_name(std::string_view name);

struct CpuInfo {
  IsaLevel isa = IsaLevel::kV1;
  bool tiles_refused = false;  // the processor has AMX, but the system does not let this process use it
  std::string model;           // "AMD EPYC"; "unknown" where the processor does not say
  int64_t l1d_bytes = 0;       // of one core
  int64_t l2_bytes = 0;        // of one core
  int64_t l3_bytes = 0;        // of one group of cores that share it; 0: there is none
  int physical_cores = 1;      // that this process may run on (affinity)
  int logical_cores = 1;       // that this process may run on
};

// Found once per process.
const CpuInfo& cpu_info();

// The first logical CPU of each physical core that this process may run on.
const std::vector<int>& one_cpu_per_core();

// What detection looks at: registers of cpuid leaves 1 and 7 (subleaves 0 and 1), and XCR0. Separate so that it can be tested.
struct IsaRegisters {
  uint32_t leaf1_ecx = 0, leaf7_ebx = 0, leaf7_ecx = 0, leaf7_edx = 0, leaf7_1_eax = 0;
  uint64_t xcr0 = 0;
};
IsaLevel isa_level(const IsaRegisters& registers);

// Threads that it makes sense to run: the least of the physical cores in the affinity mask and the CPU quota of the control
// group (versions 1 and 2), rounded up; at least 1.
int default_thread_count();

// The CPU quota, in CPUs, that a process of that control group has: the least on the way up to the root; nullopt: no limit.
// `cgroup` and `mountinfo` are the contents of /proc/self/cgroup and /proc/self/mountinfo; `read_file` returns a file's text,
// or nullopt if it cannot be read.
std::optional<double> cgroup_cpu_quota(std::string_view cgroup, std::string_view mountinfo,
                                       std::optional<std::string> (*read_file)(const std::string& path));

}  // namespace temper
