#include "base/cpu_info.h"

#include <cpuid.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <iterator>
#include <set>

namespace temper {
namespace {

constexpr std::string_view kIsaNames[kIsaLevelCount] = {"cpu-v1",      "cpu-v3",      "cpu-v4",
                                                        "cpu-v4-vnni", "cpu-v4-bf16", "cpu-v4-amx"};

bool has(uint32_t word, int bit) { return word >> bit & 1; }

IsaRegisters read_registers() {
  IsaRegisters r;
  uint32_t a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return r;
  r.leaf1_ecx = c;
  if (has(c, 27)) {  // the system uses XSAVE, so xgetbv is there
    uint32_t low, high;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    r.xcr0 = uint64_t(high) << 32 | low;
  }
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
    r.leaf7_ebx = b;
    r.leaf7_ecx = c;
    r.leaf7_edx = d;
    const uint32_t last_subleaf = a;
    if (last_subleaf >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d)) r.leaf7_1_eax = a;
  }
  return r;
}

// The system saves the tiles of a process only after it was asked to, once for all threads. It may refuse, for instance where a
// signal has an alternative stack that is too small for them.
bool may_use_tiles() {
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

std::optional<std::string> read_text(const std::string& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

std::string model_name() {
  uint32_t words[12];
  for (uint32_t i = 0; i < 3; ++i) {
    uint32_t* w = words + 4 * i;
    if (!__get_cpuid(0x80000002u + i, &w[0], &w[1], &w[2], &w[3])) return "unknown";
  }
  std::string raw(reinterpret_cast<const char*>(words), sizeof(words));
  raw.resize(std::min(raw.size(), raw.find('\0')));
  std::string name;  // blanks at the ends and runs of them go
  for (char c : raw)
    if (c != ' ' || (!name.empty() && name.back() != ' ')) name += c;
  while (!name.empty() && name.back() == ' ') name.pop_back();
  return name.empty() ? "unknown" : name;
}

// "48K" or "1024K" or "32M" of sysfs; 0 if it is none of these.
int64_t parse_cache_size(const std::string& text) {
  int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return 0;
  if (end != text.data() + text.size()) value <<= *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
  return value;
}

std::vector<int> affinity() {
  std::vector<int> cpus;
  // More CPUs than a cpu_set_t holds make the call fail until the mask is large enough.
  for (int limit = CPU_SETSIZE; limit <= 1 << 16; limit *= 2) {
    cpu_set_t* set = CPU_ALLOC(limit);
    if (set == nullptr) break;
    const size_t size = CPU_ALLOC_SIZE(limit);
    if (sched_getaffinity(0, size, set) == 0) {
      for (int cpu = 0; cpu < limit; ++cpu)
        if (CPU_ISSET_S(cpu, size, set)) cpus.push_back(cpu);
    }
    CPU_FREE(set);
    if (!cpus.empty()) break;
  }
  if (cpus.empty()) cpus.push_back(0);
  return cpus;
}

std::string cpu_folder(int cpu) { return "/sys/devices/system/cpu/cpu" + std::to_string(cpu); }

void read_caches(CpuInfo& info, int cpu) {
  for (int i = 0; i < 8; ++i) {
    const std::string folder = cpu_folder(cpu) + "/cache/index" + std::to_string(i);
    const auto level = read_text(folder + "/level"), type = read_text(folder + "/type"), size = read_text(folder + "/size");
    if (!level || !type || !size) break;
    if (*type == "Instruction") continue;
    const int64_t bytes = parse_cache_size(*size);
    if (*level == "1") info.l1d_bytes = bytes;
    if (*level == "2") info.l2_bytes = bytes;
    if (*level == "3") info.l3_bytes = bytes;
  }
  // Some containers hide sysfs. The fallbacks are small enough for any machine with these instruction sets.
  if (info.l1d_bytes <= 0) info.l1d_bytes = std::max<int64_t>(sysconf(_SC_LEVEL1_DCACHE_SIZE), 0);
  if (info.l2_bytes <= 0) info.l2_bytes = std::max<int64_t>(sysconf(_SC_LEVEL2_CACHE_SIZE), 0);
  if (info.l3_bytes <= 0) info.l3_bytes = std::max<int64_t>(sysconf(_SC_LEVEL3_CACHE_SIZE), 0);
  if (info.l1d_bytes <= 0) info.l1d_bytes = 32 << 10;
  if (info.l2_bytes <= 0) info.l2_bytes = 256 << 10;
}

CpuInfo find_cpu_info() {
  CpuInfo info;
  const std::vector<int> cpus = affinity();
  info.isa = isa_level(read_registers());
  if (info.isa == IsaLevel::kV4Amx && !may_use_tiles()) {
    info.isa = IsaLevel::kV4Bf16;
    info.tiles_refused = true;
  }
  info.model = model_name();
  read_caches(info, cpus.front());
  info.logical_cores = static_cast<int>(cpus.size());
  info.physical_cores = static_cast<int>(one_cpu_per_core().size());
  return info;
}

}  // namespace

std::string_view isa_name(IsaLevel level) { return kIsaNames[static_cast<int>(level)]; }

std::optional<IsaLevel> isa_from_name(std::string_view name) {
  for (int i = 0; i < kIsaLevelCount; ++i)
    if (kIsaNames[i] == name) return static_cast<IsaLevel>(i);
  return std::nullopt;
}

IsaLevel isa_level(const IsaRegisters& r) {
  // What the system saves on a switch of threads: xmm+ymm; and masks+zmm; and tiles.
  constexpr uint64_t kYmmState = 0x6, kZmmState = 0xe6, kTileState = 0x60000;
  const bool fma = has(r.leaf1_ecx, 12), xsave = has(r.leaf1_ecx, 27), avx = has(r.leaf1_ecx, 28), f16c = has(r.leaf1_ecx, 29);
  const bool avx2 = has(r.leaf7_ebx, 5), bmi1 = has(r.leaf7_ebx, 3), bmi2 = has(r.leaf7_ebx, 8);
  const bool v3 = xsave && (r.xcr0 & kYmmState) == kYmmState && avx && fma && f16c && avx2 && bmi1 && bmi2;
  if (!v3) return IsaLevel::kV1;
  const bool f = has(r.leaf7_ebx, 16), dq = has(r.leaf7_ebx, 17), cd = has(r.leaf7_ebx, 28), bw = has(r.leaf7_ebx, 30),
             vl = has(r.leaf7_ebx, 31);
  if (!((r.xcr0 & kZmmState) == kZmmState && f && dq && cd && bw && vl)) return IsaLevel::kV3;
  if (!has(r.leaf7_ecx, 11)) return IsaLevel::kV4;
  if (!has(r.leaf7_1_eax, 5)) return IsaLevel::kV4Vnni;
  const bool amx_bf16 = has(r.leaf7_edx, 22), amx_tile = has(r.leaf7_edx, 24), amx_int8 = has(r.leaf7_edx, 25);
  const bool tiles = (r.xcr0 & kTileState) == kTileState && amx_tile && amx_bf16 && amx_int8;
  return tiles ? IsaLevel::kV4Amx : IsaLevel::kV4Bf16;
}

const CpuInfo& cpu_info() {
  static const CpuInfo info = find_cpu_info();
  return info;
}

const std::vector<int>& one_cpu_per_core() {
  static const std::vector<int> cpus = [] {
    std::vector<int> firsts;
    std::set<std::string> seen;
    for (int cpu : affinity()) {
      auto siblings = read_text(cpu_folder(cpu) + "/topology/thread_siblings_list");
      if (seen.insert(siblings ? *siblings : std::to_string(cpu)).second) firsts.push_back(cpu);
    }
    return firsts;
  }();
  return cpus;
}

int default_thread_count() {
  static const int count = [] {
    int threads = std::max(cpu_info().physical_cores, 1);
    const auto cgroup = read_text("/proc/self/cgroup"), mounts = read_text("/proc/self/mountinfo");
    if (cgroup && mounts) {
      if (auto quota = cgroup_cpu_quota(*cgroup, *mounts, &read_text)) {
        threads = static_cast<int>(std::clamp(std::ceil(*quota), 1.0, static_cast<double>(threads)));
      }
    }
    return threads;
  }();
  return count;
}

}  // namespace temper
