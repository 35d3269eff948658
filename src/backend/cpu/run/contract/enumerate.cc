// Which configs are worth timing for a problem, and what the model expects of each.
#include <algorithm>
#include <cmath>

#include "backend/cpu/run/contract/lowering.h"

namespace temper::cpu {
namespace {

struct Tile {
  int mr, nv;
};

// Of an element of a as the register tile reads it.
int64_t unit_bytes(const ContractProblem& p, IsaLevel isa) {
  if (!is_float(p.a)) return 1;
  return p.a == DType::kBF16 && kernels_of(isa).bf16[1][1] != nullptr ? 2 : 4;
}

// Whether tiles are made of matrices in registers.
bool multiplies_matrices(const ContractProblem& p, IsaLevel isa) {
  return kernels_of(isa).state.most_rows > 0 && unit_bytes(p, isa) < 4;
}

std::vector<Tile> register_tiles(const ContractProblem& p, IsaLevel isa) {
  const bool integer = !is_float(p.a);
  if (multiplies_matrices(p, isa)) return {{32, 2}, {32, 1}};
  switch (isa) {
    case IsaLevel::kV1:
      return {{4, 2}, {8, 1}};
    case IsaLevel::kV3:
      return integer ? std::vector<Tile>{{5, 2}, {6, 1}} : std::vector<Tile>{{6, 2}, {4, 3}, {12, 1}};
    case IsaLevel::kV4:
      return integer ? std::vector<Tile>{{12, 2}, {12, 1}} : std::vector<Tile>{{14, 2}, {9, 3}, {6, 4}, {14, 1}};
    default:
      return {{14, 2}, {9, 3}, {6, 4}, {14, 1}};
  }
}

// The sizes that decide, the same for matrices and images.
struct Sizes {
  int64_t rows;       // output rows of an instance that follow each other, all images rows together
  int64_t run;        // rows of an image row
  int64_t instances;  // images x groups, or batch points
  int64_t depth, taps, cols;
};

Sizes sizes_of(const ContractProblem& p) {
  if (p.form == ContractProblem::Form::kGemm) {
    return {p.gemm.rows, p.gemm.rows, p.gemm.batch_count(), p.gemm.depth, 1, p.gemm.cols};
  }
  const ConvGeometry& g = p.conv;
  int64_t rows = g.out_h * g.out_w, run = g.out_w, taps = g.kernel_h * g.kernel_w;
  if (p.form == ContractProblem::Form::kConvTranspose) {
    run = divide_up(g.out_w, g.stride_w);
    rows = divide_up(g.out_h, g.stride_h) * run;
    taps = std::max<int64_t>(1, taps / (g.stride_h * g.stride_w));
  }
  return {rows, run, g.batch * g.groups, g.in_c, taps, g.out_c};
}

int64_t fit(int64_t total, int64_t at_most) {  // the size of equal parts
  at_most = std::clamp<int64_t>(at_most, 1, total);
  return divide_up(total, divide_up(total, at_most));
}

bool pointwise(const ContractProblem& p) {
  const ConvGeometry& g = p.conv;
  return p.form == ContractProblem::Form::kGemm ||
         (p.form == ContractProblem::Form::kConv && g.kernel_h == 1 && g.kernel_w == 1 && g.pad_top == 0 && g.pad_left == 0 &&
          (g.out_h - 1) * g.stride_h < g.in_h && (g.out_w - 1) * g.stride_w < g.in_w);
}

int64_t wanted_tasks(const Machine& machine) { return machine.workers > 1 ? 8 * machine.workers : 8; }

// Blocking for a source of a and a register tile: a block of a of about `a_space` bytes, whole image rows where they fit, and
// at least a few tasks for each worker.
ContractConfig blocked(const ContractProblem& p, const Machine& machine, const Sizes& s, ASource source, Tile tile,
                       int64_t a_space) {
  ContractConfig c;
  c.kind = pointwise(p) ? ContractKind::kGemm : ContractKind::kDirect;
  c.isa = machine.isa;
  c.a_source = source;
  c.nv = tile.nv;
  const int64_t panel = tile.nv * kernels_of(machine.isa).lanes, unit = unit_bytes(p, machine.isa);
  c.kc = p.a == DType::kF32 && s.taps == 1 ? fit(s.depth, 1024) : s.depth * s.taps;
  const bool conv = p.form != ContractProblem::Form::kGemm;
  const int64_t expansion = source == ASource::kExpanded && conv ? p.conv.kernel_w : 1;
  const int64_t row_bytes = s.depth * expansion * unit;
  const bool by_rows = !conv || (pointwise(p) && source == ASource::kInPlace);
  int64_t mc = std::max<int64_t>(a_space / row_bytes, tile.mr);
  // Fewer rows a task where that gives each worker some; not so few that b is read for nothing.
  const int64_t wanted = wanted_tasks(machine), least = std::max<int64_t>(4 * tile.mr, 64);
  if (s.instances * divide_up(s.rows, mc) < wanted) mc = std::max(least, std::min(mc, divide_up(s.rows * s.instances, wanted)));
  if (by_rows) {
    mc = std::min(s.rows, round_up(fit(s.rows, mc), tile.mr));
  } else if (mc >= s.run) {
    mc = s.run * fit(s.rows / s.run, std::max<int64_t>(1, mc / s.run));
  } else {
    mc = std::min(s.run, round_up(fit(s.run, mc), tile.mr));
  }
  c.mc = std::max<int64_t>(1, mc);
  const int64_t run = by_rows || source == ASource::kExpanded ? c.mc : std::min(c.mc, s.run);
  c.mr = static_cast<int>(divide_up(run, divide_up(run, tile.mr)));
  const int64_t m_tasks = s.instances * divide_up(s.rows, c.mc);
  const int64_t n_tasks = std::clamp<int64_t>(divide_up(wanted, m_tasks), 1, divide_up(s.cols, panel));
  c.nc = m_tasks >= wanted / 2 ? round_up(s.cols, panel) : round_up(divide_up(s.cols, n_tasks), panel);
  return c;
}

int64_t winograd_tiles(const ConvGeometry& g, int m) {
  const auto along = [m](int64_t out, int64_t dilation) {
    return std::min(out, dilation) * divide_up(divide_up(out, dilation), m);
  };
  return along(g.out_h, g.dilation_h) * along(g.out_w, g.dilation_w);
}

// Tiles of `space` bytes of transformed inputs and products at a time. The more tiles, the less often the weights are read.
ContractConfig winograd(const ContractProblem& p, const Machine& machine, const Sizes& s, int m, Tile tile, int64_t space) {
  ContractConfig c;
  c.kind = m == 2 ? ContractKind::kWinograd2 : ContractKind::kWinograd4;
  c.isa = machine.isa;
  c.nv = tile.nv;
  const int64_t panel = tile.nv * kernels_of(machine.isa).lanes, matrices = (m + 2) * (m + 2);
  const int64_t tiles = winograd_tiles(p.conv, m);
  c.kc = std::min(round_up(s.cols, panel), round_up(64, panel));
  c.mc = fit(tiles, std::max<int64_t>(tile.mr, space / (matrices * 4 * (s.depth + c.kc))));
  c.mr = static_cast<int>(divide_up(c.mc, divide_up(c.mc, tile.mr)));
  const int64_t m_tasks = s.instances * divide_up(tiles, c.mc), wanted = wanted_tasks(machine) / 2;
  const int64_t n_tasks = std::clamp<int64_t>(divide_up(wanted, m_tasks), 1, divide_up(s.cols, panel));
  c.nc = m_tasks >= wanted ? round_up(s.cols, panel) : round_up(divide_up(s.cols, n_tasks), panel);
  c.kc = std::min(c.kc, c.nc);
  return c;
}

void add(const ContractProblem& p, std::vector<ContractConfig>& all, const ContractConfig& c) {
  if (validate(p, c).ok() && std::find(all.begin(), all.end(), c) == all.end()) all.push_back(c);
}

// Billions of multiply-adds a second and core at the top, for the model alone: only ratios matter.
double peak(const ContractProblem& p, IsaLevel isa) {
  const double lanes = kernels_of(isa).lanes, ghz = 3;
  const double f32 = lanes * ghz * (isa == IsaLevel::kV1 ? 1 : 2);
  if (multiplies_matrices(p, isa)) return 64 / double(unit_bytes(p, isa)) * lanes * ghz;
  if (is_float(p.a)) return unit_bytes(p, isa) == 2 ? 2 * f32 : f32;
  return kernels_of(isa).i8_quads ? 4 * f32 : f32;
}

}  // namespace

Machine Machine::detect() {
  const CpuInfo& cpu = cpu_info();
  Machine m;
  m.isa = cpu.isa;
  if (cpu.l1d_bytes > 0) m.l1 = cpu.l1d_bytes;
  if (cpu.l2_bytes > 0) m.l2 = cpu.l2_bytes;
  if (cpu.l3_bytes > 0) m.l3 = cpu.l3_bytes;
  m.workers = cpu.physical_cores;
  return m;
}

// Weights that a run transforms stay in its workspace, which a context holds for good.
constexpr int64_t kMostLateBytes = 32 << 20;
// Bytes a microsecond of one core from the third-level cache, and of copying.
constexpr double kL3 = 40e3, kDram = 28e3, kCopy = 20e3;

double winograd_us(const ContractProblem& p, const ContractConfig& c, const Machine& machine, double top) {
  const Sizes s = sizes_of(p);
  const int m = c.kind == ContractKind::kWinograd2 ? 2 : 4;
  const double matrices = (m + 2) * (m + 2), lanes = kernels_of(c.isa).lanes;
  const double tiles = double(winograd_tiles(p.conv, m)) * s.instances, per_instance = tiles / s.instances;
  const double cols = double(round_up(s.cols, int64_t(lanes)));
  const double fma = c.mr * c.nv / 2.0, loads = (c.mr + c.nv) / 2.0;
  const double products = tiles * matrices * double(s.depth) * cols / (top * 0.93 * fma / std::max({fma, loads * 1.05, 4.0}));
  const double transforms = tiles * matrices * (1.6 * double(s.depth) + s.cols) / (lanes * 1.1e3);
  // Weights are read for every block of tiles; what does not fit the second-level cache is read from the third.
  const double blocks = std::ceil(per_instance / double(c.mc));
  const double weights = double(packed_size(p, c)) * (c.late ? matrices / 9 : 1);
  const double block_bytes =
      double(std::min<int64_t>(c.mc, int64_t(per_instance))) * matrices * 4 * (double(s.depth) + double(c.kc));
  double traffic = weights > double(machine.l2) / 2 ? weights * blocks : 0;
  if (block_bytes > double(machine.l2)) traffic += tiles * matrices * 4 * double(s.depth) * (double(s.cols) / double(c.kc) + 1);
  const double memory = traffic / (weights > 4e6 ? kDram : kL3) + double(extents(p).a + extents(p).c) * 4 / kCopy;
  const double late = c.late ? weights / kCopy : 0;
  return std::max(products, memory) + 0.25 * std::min(products, memory) + transforms + late;
}

// What part of the rows, columns and depth that go through registers of matrices is there.
double matrix_use(const ContractProblem& p, const ContractConfig& c, const Sizes& s) {
  constexpr int64_t kSide = 16;
  const bool flat = p.form == ContractProblem::Form::kGemm || (pointwise(p) && c.a_source == ASource::kInPlace) ||
                    c.a_source == ASource::kExpanded;
  const int64_t run = std::min(flat ? s.rows : s.run, c.mc), registers = divide_up(run, c.mr) * divide_up(c.mr, kSide);
  const int64_t taps = p.form == ContractProblem::Form::kConv ? p.conv.kernel_w : 1;
  const int64_t units = divide_up(s.depth, 4 / unit_bytes(p, c.isa)) * taps;
  return double(run) / double(registers * kSide) * double(units) / double(round_up(units, kSide));
}

double rows_us(const ContractProblem& p, const ContractConfig& c, const Machine& machine, double top) {
  const Sizes s = sizes_of(p);
  const double lanes = kernels_of(c.isa).lanes, unit = double(unit_bytes(p, c.isa));
  const double use = double(s.cols) / double(round_up(s.cols, int64_t(lanes)));
  double finish = 0;
  const double fma = c.mr * c.nv / 2.0, loads = (c.mr + c.nv) / 2.0;
  double efficiency = 0.95 * use * fma / std::max({fma, loads * 1.05, 4.0});
  if (multiplies_matrices(p, c.isa)) {
    efficiency = 0.7 * use * matrix_use(p, c, s);
    finish = double(s.rows) * s.instances * s.cols * 4e-5;  // sums go through memory
  }
  // Rows that are a power of two apart meet in the same sets of the first-level cache.
  if (c.a_source == ASource::kInPlace) {
    const int64_t row =
        int64_t(unit) *
        (p.form == ContractProblem::Form::kGemm ? p.gemm.with_strides().lda : p.conv.stride_w * p.conv.with_strides().in_pixel);
    if (row % 4096 == 0 && c.mr > 10) efficiency *= 0.75;
    if (row % 2048 == 0 && c.mr > 10) efficiency *= 0.95;
  }
  const double a_bytes = double(s.rows) * s.instances * s.depth * unit;
  double copies = c.a_source == ASource::kInPlace ? 0 : 2 * a_bytes / kCopy;
  if (c.a_source == ASource::kExpanded) copies *= std::max<int64_t>(1, p.conv.kernel_w) * 0.7;
  if (p.form == ContractProblem::Form::kGemm && p.gemm.b_form != BForm::kPacked) {
    copies += double(s.depth) * s.cols * 4 * s.instances * std::ceil(double(s.rows) / double(c.mc)) * 2 / kCopy;
  }
  const double weights = double(packed_size(p, c)), blocks = std::ceil(double(s.rows) / double(c.mc)) * s.instances;
  const double traffic =
      (weights > double(machine.l2) / 2 ? weights * blocks / std::max<double>(1, double(p.conv.groups)) : weights);
  const double compute = p.flops() / 2 / (top * efficiency),
               memory = traffic / kL3 + double(extents(p).c) * double(unit) / kCopy;
  return std::max(compute, memory) + 0.15 * std::min(compute, memory) + copies + finish;
}

double estimate_us(const ContractProblem& problem, const ContractConfig& config, const Machine& machine) {
  const Sizes s = sizes_of(problem);
  const double top = peak(problem, config.isa) * 1e3;  // multiply-adds a microsecond
  double us = 0, tasks = 1;
  switch (config.kind) {
    case ContractKind::kDepthwise:
    case ContractKind::kGrouped: {
      const double channels = double(problem.conv.groups) * s.cols;
      const double bytes = double(extents(problem).a + 2 * extents(problem).c) * 4;
      // A few image rows of a block of channels should stay in the first-level cache.
      const double held = double(problem.conv.kernel_h + 1) * problem.conv.in_w * std::min(double(config.nc), channels) * 4;
      us = std::max(problem.flops() / 2 / (top * 0.5), bytes / kL3) * (held > double(machine.l1) ? 1.3 : 1);
      tasks = double(divide_up(s.rows, config.mc)) * problem.conv.batch * std::ceil(channels / double(config.nc));
      break;
    }
    case ContractKind::kDot:
      us = problem.flops() / 2 / (top * 0.4 * double(s.depth) / double(round_up(s.depth, kernels_of(config.isa).lanes)));
      us = std::max(us, double(extents(problem).a + extents(problem).b) * 4 / kL3);
      tasks = double(s.instances) * double(divide_up(std::max(s.rows, s.cols), std::max(config.mc, config.nc)));
      break;
    case ContractKind::kWinograd2:
    case ContractKind::kWinograd4:
      us = winograd_us(problem, config, machine, top);
      tasks = double(s.instances) *
              double(divide_up(winograd_tiles(problem.conv, config.kind == ContractKind::kWinograd2 ? 2 : 4), config.mc)) *
              double(divide_up(s.cols, config.nc));
      break;
    default:
      us = rows_us(problem, config, machine, top);
      tasks = double(s.instances) * double(divide_up(s.rows, config.mc)) * double(divide_up(s.cols, config.nc));
      break;
  }
  const double workers = std::max(1, machine.workers);
  return us * std::ceil(tasks / workers) / tasks + 0.05 * tasks / workers;
}

std::vector<ContractConfig> enumerate_configs(const ContractProblem& problem, const Machine& machine) {
  std::vector<ContractConfig> all;
  const Sizes s = sizes_of(problem);
  const bool integer = !is_float(problem.a), halves = is_half(problem.a), gemm = problem.form == ContractProblem::Form::kGemm;
  const std::vector<Tile> tiles = register_tiles(problem, machine.isa);
  const ConvGeometry& g = problem.conv;
  const int64_t lanes = kernels_of(machine.isa).lanes;
  if (!gemm && s.depth == s.cols && s.depth <= 8) {
    ContractConfig c;
    c.kind = s.depth == 1 ? ContractKind::kDepthwise : ContractKind::kGrouped;
    c.isa = machine.isa;
    const int64_t whole = round_up(g.groups * s.cols, lanes);
    const int64_t in_l1 = machine.l1 * 3 / 4 / (4 * (g.kernel_h + 1) * g.in_w) / lanes * lanes;
    for (int64_t channels : {whole, std::clamp(in_l1, lanes, whole), std::min(whole, 4 * lanes), std::min(whole, 8 * lanes)}) {
      for (int64_t parts : {int64_t{1}, wanted_tasks(machine) / 2, wanted_tasks(machine)}) {
        c.nc = channels;
        c.mc = divide_up(g.out_h, std::min(parts, g.out_h)) * g.out_w;
        add(problem, all, c);
      }
    }
  }
  if (!problem.transient) {
    ContractConfig c;
    c.kind = ContractKind::kDot;
    c.isa = machine.isa;
    c.mc = std::min<int64_t>(s.rows, std::max<int64_t>(16, divide_up(s.rows, wanted_tasks(machine))));
    c.nc = std::min<int64_t>(s.cols, std::max<int64_t>(16, divide_up(s.cols, wanted_tasks(machine))));
    add(problem, all, c);
  }
  const bool copies = halves && (unit_bytes(problem, machine.isa) == 4 || s.depth % 2 != 0);
  for (const Tile& tile : tiles) {
    if (tile.nv > 1 && s.cols <= (tile.nv - 1) * lanes) continue;  // a narrower one does it
    if (tile.nv == 1 && s.cols > lanes) continue;
    for (ASource source : {ASource::kInPlace, ASource::kSlab, ASource::kExpanded}) {
      if (gemm && source == ASource::kSlab && !problem.gemm.a_transposed && !integer && !copies && s.depth % 512 != 0) continue;
      if (!gemm && pointwise(problem) && source == ASource::kSlab && s.depth % 512 != 0 && !integer && !copies) continue;
      for (int64_t space : {machine.l2 / 2, 3 * machine.l2 / 2}) {
        add(problem, all, blocked(problem, machine, s, source, tile, space));
      }
    }
    if (!integer && !halves && !gemm && g.kernel_h == 3 && g.kernel_w == 3 && s.depth >= 8 && s.cols >= 8) {
      for (int64_t space : {machine.l2 * 6 / 10, machine.l2 * 5 / 2, machine.l2 * 8}) {
        for (int m : {4, 2}) {
          ContractConfig c = winograd(problem, machine, s, m, tile, space);
          add(problem, all, c);
          c.late = true;
          if (validate(problem, c).ok() && 4 * packed_size(problem, c) <= kMostLateBytes) add(problem, all, c);
        }
      }
    }
  }
  if (all.empty()) add(problem, all, blocked(problem, machine, s, ASource::kSlab, tiles.front(), machine.l2 / 2));
  std::stable_sort(all.begin(), all.end(), [&](const ContractConfig& a, const ContractConfig& b) {
    return estimate_us(problem, a, machine) < estimate_us(problem, b, machine);
  });
  constexpr size_t kMost = 16;
  if (all.size() > kMost) {
    // The quickest that does not blow up the weights is always among them: what a plan may grow by has an end.
    auto lean = std::find_if(all.begin(), all.end(), [](const ContractConfig& c) {
      return c.late || (c.kind != ContractKind::kWinograd2 && c.kind != ContractKind::kWinograd4);
    });
    if (lean != all.end() && lean - all.begin() >= static_cast<int64_t>(kMost)) all[kMost - 1] = *lean;
    all.resize(kMost);
  }
  return all;
}

}  // namespace temper::cpu
