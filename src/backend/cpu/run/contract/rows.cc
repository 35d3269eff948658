// The row driver: matrix products and direct convolutions as register tiles over blocks of output rows.
//
// One task is a block of grid points of one image, group and phase, and a block of columns. It walks passes over the depth, in
// each the panels of b, in each the rows of a: a panel of b stays in the first-level cache or comes from the second while the
// block of a stays in the second. While one panel is used, the next is fetched from further away, a share with each tile.
#include <algorithm>
#include <cstring>

#include "backend/cpu/run/contract/lowering.h"
#include "backend/cpu/run/tile/ops.h"

namespace temper::cpu {
namespace {

// A tile of a transient result: kMaxTileElements, or one register tile where that is more.
constexpr int64_t kTransientBytes = kMaxTileElements * 4;
static_assert(kMaxRows * kMaxVectors * 16 <= kMaxTileElements);

struct Space {  // the workspace: where what lies
  int64_t taps = 0, slabs = 0, workers = 0;
  int64_t worker_bytes = 0, worker_panel = 0, worker_tile = 0;
  int64_t total = 0;
};

bool packs_b(const ContractProblem& problem) {
  return problem.form == ContractProblem::Form::kGemm && problem.gemm.b_form != BForm::kPacked;
}

int64_t depth_of_pass(const Lowering& l, const ContractConfig& config) {
  return l.one_pass ? l.tap_units : std::min(l.tap_units, config.kc);
}

Space lay_out(const ContractProblem& problem, const ContractConfig& config, const Lowering& l, int workers) {
  Space s;
  int64_t at = round_up(l.phases() * l.tiled_taps(l.phase_of_all) * 8, 64);
  s.slabs = at;
  if (l.shared_slab) at += l.phases() * l.instances() * l.m_blocks() * l.slab_bytes;
  s.workers = at;
  s.worker_panel = l.shared_slab ? 0 : l.slab_bytes;
  s.worker_tile = s.worker_panel + (packs_b(problem) ? round_up(depth_of_pass(l, config) * l.panel * 4, 64) : 0);
  s.worker_bytes = s.worker_tile + (problem.transient ? kTransientBytes : 0);
  s.total = at + workers * s.worker_bytes;
  return s;
}

struct Job {
  const ContractProblem& problem;
  const ContractConfig& config;
  const ContractArgs& args;
  const Lowering l;
  const Space space;
  char* const base;
  const TileFn (&tiles)[kMaxVectors + 1][kMaxRows + 1];
  const int64_t group_size;
  int64_t taps_stride = 0;

  Job(const ContractProblem& p, const ContractConfig& c, const ContractArgs& a, int workers)
      : problem(p),
        config(c),
        args(a),
        l(lower(p, c)),
        space(lay_out(p, c, l, workers)),
        base(static_cast<char*>(a.workspace)),
        tiles(l.integer ? l.kernels->i8
              : l.pairs ? l.kernels->bf16
                        : l.kernels->f32),
        group_size(group_bytes(p, l)),
        taps_stride(l.tiled_taps(l.phase_of_all)) {
    for (int64_t i = 0; i < l.phases(); ++i) tap_offsets(l, c, make_phase(p, l, i), taps(i));
  }
  int64_t* taps(int64_t phase) const { return reinterpret_cast<int64_t*>(base + space.taps) + phase * taps_stride; }
};

// What a task works on: one block of one instance of one phase.
struct Block {
  Phase phase;
  int64_t phase_index = 0, instance = 0, m_block = 0;
  int64_t y = 0, x = 0, height = 0, width = 0;  // grid points
  int64_t group = 0;
  const char* a = nullptr;  // of the image and group
  char* c = nullptr;
  int64_t b = 0;    // matrix index, or element offset of a run-time matrix
  int64_t row = 0;  // of the epilogue, at the image's first pixel
};

Block make_block(const Job& job, int64_t index) {
  const Lowering& l = job.l;
  Block b;
  b.m_block = index % l.m_blocks();
  index /= l.m_blocks();
  b.instance = index % l.instances();
  b.phase_index = index / l.instances();
  b.phase = l.phases() == 1 ? l.phase_of_all : make_phase(job.problem, l, b.phase_index);
  b.y = b.m_block / l.blocks_x * l.block_h;
  b.x = b.m_block % l.blocks_x * l.block_w;
  b.height = std::min(l.block_h, b.phase.y.outs - b.y);
  b.width = std::min(l.block_w, b.phase.x.outs - b.x);
  const int64_t image = b.instance / l.groups;
  b.group = b.instance % l.groups;
  b.row = image * l.image_rows;
  int64_t a_at = 0, c_at = 0;
  if (job.problem.form == ContractProblem::Form::kGemm) {
    const BatchPoint point = batch_point(job.problem.gemm, image);
    a_at = point.a, c_at = point.c, b.b = point.b;
  } else {
    const ConvGeometry& g = job.problem.conv;
    const int64_t in_image = g.in_image ? g.in_image : g.in_h * (g.in_row ? g.in_row : l.in_row / l.a_bytes);
    const int64_t out_image = g.out_image ? g.out_image : g.out_h * (g.out_row ? g.out_row : l.out_row / l.c_bytes);
    a_at = image * in_image + b.group * g.in_c;
    c_at = image * out_image + b.group * g.out_c;
    b.b = b.group;
  }
  b.a = static_cast<const char*>(job.args.a) + a_at * l.a_bytes;
  b.c = static_cast<char*>(job.args.c) + c_at * l.c_bytes;
  return b;
}

char* shared_slab(const Job& job, const Block& b) {
  const int64_t index = (b.phase_index * job.l.instances() + b.instance) * job.l.m_blocks() + b.m_block;
  return job.base + job.space.slabs + index * job.l.slab_bytes;
}

void fill(const Job& job, const Block& b, char* slab) {
  if (b.height <= 0 || b.width <= 0 || b.phase.taps() == 0) return;
  fill_slab(job.problem, job.config, job.l, b.phase, {b.a, b.y, b.x, job.args.quantization.a_fill}, slab);
}

// A panel: `depth` rows and `cols` columns of a matrix with these steps, filled up with zeros to `width` columns.
void pack_panel(const float* b, int64_t row_step, int64_t col_step, int64_t depth, int64_t cols, float* panel, int64_t width) {
  if (col_step == 1) {
    for (int64_t i = 0; i < depth; ++i) std::memcpy(panel + i * width, b + i * row_step, cols * 4);
  } else if (row_step == 1) {
    tile::tile_ops().transpose(reinterpret_cast<uint32_t*>(panel), width, reinterpret_cast<const uint32_t*>(b), col_step, cols,
                               depth);
  } else {
    for (int64_t i = 0; i < depth; ++i) {
      for (int64_t j = 0; j < cols; ++j) panel[i * width + j] = b[i * row_step + j * col_step];
    }
  }
  for (int64_t i = 0; i < depth && cols < width; ++i) std::fill(panel + i * width + cols, panel + (i + 1) * width, 0.0f);
}

// The same of 16-bit elements, which stay as pairs along the depth or become f32.
void pack_halves(const Lowering& l, DType type, const uint16_t* b, int64_t row_step, int64_t col_step, int64_t depth,
                 int64_t cols, char* panel, int64_t width) {
  const bool aligned = reinterpret_cast<uintptr_t>(b) % 4 == 0 && col_step % 2 == 0 && depth % 2 == 0;
  if (l.pairs && row_step == 1 && aligned) {
    // Pairs of a column lie together: they are moved as units.
    pack_panel(reinterpret_cast<const float*>(b), 1, col_step / 2, depth / 2, cols, reinterpret_cast<float*>(panel), width);
    return;
  }
  const int64_t units = divide_up(depth, l.unit_elements);
  for (int64_t unit = 0; unit < units; ++unit, panel += width * 4) {
    auto* pairs = reinterpret_cast<uint16_t*>(panel);
    auto* floats = reinterpret_cast<float*>(panel);
    const uint16_t* from = b + unit * l.unit_elements * row_step;
    const bool odd = l.pairs && unit * 2 + 1 == depth;
    std::fill(floats + cols, floats + width, 0.0f);
    if (l.pairs && col_step == 1 && !odd && l.kernels->pair != nullptr) {
      l.kernels->pair(from, from + row_step, cols, pairs);
      continue;
    }
    for (int64_t j = 0; j < cols; ++j) {
      const uint16_t x = from[j * col_step];
      if (l.pairs)
        pairs[2 * j] = x, pairs[2 * j + 1] = odd ? 0 : from[row_step + j * col_step];
      else
        floats[j] = type == DType::kBF16 ? bf16_to_f32(x) : f16_to_f32(x);
    }
  }
}

// One panel of a run-time b, from unit k of the depth and column n on.
void pack_panel(const Job& job, int64_t b_at, int64_t k, int64_t units, int64_t n, int64_t cols, float* panel, int64_t width) {
  const GemmGeometry g = job.problem.gemm.with_strides();
  const bool row_major = g.b_form == BForm::kRowMajor;
  const int64_t row_step = row_major ? g.ldb : 1, col_step = row_major ? 1 : g.ldb;
  k *= job.l.unit_elements;
  const int64_t depth = std::min(units * job.l.unit_elements, g.depth - k), at = b_at + k * row_step + n * col_step;
  if (is_half(job.problem.b)) {
    return pack_halves(job.l, job.problem.b, static_cast<const uint16_t*>(job.args.b) + at, row_step, col_step, depth, cols,
                       reinterpret_cast<char*>(panel), width);
  }
  pack_panel(static_cast<const float*>(job.args.b) + at, row_step, col_step, depth, cols, panel, width);
}

struct Pass {
  int64_t first_tap = 0, tap_count = 0;
  int64_t first_unit = 0, units = 0;  // within each tap
};

void start_finish(const Job& job, const Block& b, TileFinish& f) {
  const Epilogue& e = job.args.epilogue;
  const Quantization& q = job.args.quantization;
  const Lowering& l = job.l;
  f.lo = e.lo;
  f.hi = e.hi;
  f.residual_row = e.residual_row * residual_bytes(e) * b.phase.x.out_step;
  f.out_kind = element_kind(job.problem.c);
  f.residual_kind = element_kind(e.residual_type);
  f.slope = e.slope;
  f.activation = e.activation;
  f.residual_use = static_cast<int32_t>(e.residual_use);
  if (!l.integer) return;
  start_quantized(q, job.problem.c, f);
  f.residual_row = q.residual_row * residual_bytes(q) * b.phase.x.out_step;
  f.a_offset = l.kernels->i8_quads && job.problem.a == DType::kI8 ? 128 : 0;
}

// Rows that lie one after another, the same distance apart.
int64_t rows_of_run(const Lowering& l, const Block& block) { return l.flat ? block.height * block.width : block.width; }

// The state that the tiles of a task need, for the task. Its height is that of the first tile of each run at most, so a later
// one that is less high has as many rows before it.
class OpenState {
 public:
  OpenState(const Job& job, const Block& block) : state_(job.l.pairs || job.l.integer ? job.l.kernels->state : TileState{}) {
    if (state_.most_rows == 0) return;
    height_ = std::min<int64_t>({state_.most_rows, job.config.mr, rows_of_run(job.l, block)});
    state_.open(height_);
  }
  ~OpenState() {
    if (state_.most_rows != 0) state_.close();
  }
  OpenState(const OpenState&) = delete;
  OpenState& operator=(const OpenState&) = delete;
  int64_t height() const { return height_; }

 private:
  const TileState state_;
  int64_t height_ = 0;
};

// All rows of the block through one panel of b.
struct PanelRun {
  const Job& job;
  const Block& block;
  TileCall call;
  const char* a;      // of the block's first row
  int64_t a_run = 0;  // bytes from run to run
  int64_t col = 0;    // of the panel, within the group
  int worker = 0;
  char* transient = nullptr;   // where a tile of a transient result lies
  const char* next = nullptr;  // the panel to fetch, or null
  int64_t next_bytes = 0;

  void operator()() {
    const Lowering& l = job.l;
    const Epilogue& e = job.args.epilogue;
    const int64_t runs = l.flat ? 1 : block.height, run_rows = rows_of_run(l, block);
    const int vectors = static_cast<int>(divide_up(call.cols, l.kernels->lanes));
    const TileFn* tiles = job.tiles[vectors];
    const int64_t chunk = std::max<int64_t>(job.config.mr, kMaxTileElements / call.cols / job.config.mr * job.config.mr);
    const int64_t global_col = block.group * l.cols + col;
    const Phase& p = block.phase;
    const bool hook = call.last && e.tile != nullptr && (l.phases() == 1 || transient != nullptr);
    const Quantization& q = job.args.quantization;
    const char* residual = l.integer ? static_cast<const char*>(q.residual) : static_cast<const char*>(e.residual);
    const int64_t residual_row = l.integer ? q.residual_row : e.residual_row,
                  residual_element = l.integer ? residual_bytes(q) : residual_bytes(e);
    // What one tile fetches of the next panel: 128 bytes for every four units of depth.
    const int64_t share = (call.tap_count * (call.depth / 4)) * 128;
    int64_t fetched = 0;
    const int64_t col_bytes = col * l.c_bytes;
    for (int64_t run = 0; run < runs; ++run) {
      const int64_t out_y = p.y.out_first + (block.y + run) * p.y.out_step;
      const int64_t out_x = p.x.out_first + block.x * p.x.out_step;
      char* c = block.c + out_y * l.out_row + out_x * l.out_pixel + col_bytes;
      const int64_t first_row = block.row + out_y * l.row_width + out_x;
      const char* a_rows = a + run * a_run;
      call.c_row = transient != nullptr ? call.cols * 4 : l.out_pixel * p.x.out_step;
      for (int64_t begin = 0; begin < run_rows; begin += chunk) {
        const int64_t end = std::min(run_rows, begin + chunk);
        for (int64_t i = begin; i < end; i += job.config.mr) {
          const int64_t rows = std::min<int64_t>(job.config.mr, end - i);
          call.rows = rows;
          call.a = a_rows + i * l.a_row;
          call.c = transient != nullptr ? transient + (i - begin) * call.c_row : c + i * call.c_row;
          if (residual != nullptr) {
            const int64_t row = first_row + i * p.x.out_step;
            call.finish.residual = residual + (row * residual_row + global_col) * residual_element;
          }
          const bool fetch = fetched < next_bytes;
          call.prefetch = fetch ? next + fetched : call.b;
          call.prefetch_step = fetch ? 128 : 0;
          fetched += share;
          tiles[rows](call);
        }
        if (!hook) continue;
        char* tile = transient != nullptr ? transient : c + begin * call.c_row;
        // Rows of the epilogue follow each other but in the phases of a transposed convolution.
        const int64_t at_once = p.x.out_step == 1 ? end - begin : 1;
        for (int64_t i = 0; i < end - begin; i += at_once) {
          const int64_t row = first_row + (begin + i) * p.x.out_step;
          e.tile(e.self, worker, tile + i * call.c_row, call.c_row / 4, row, at_once, global_col, call.cols);
        }
      }
    }
  }
};

// The kernel rows that some output of the block has inside the image. Others would only add zeros; with a large dilation that
// is a good part of all. Sums of integers count the padding too: their zero need not be 0.
struct KernelRows {
  int64_t begin = 0, end = 0;
};
KernelRows kernel_rows(const Lowering& l, const Block& block) {
  const Axis& y = block.phase.y;
  KernelRows rows{0, y.taps};
  if (l.integer) return rows;
  const int64_t first = block.y * y.in_step + y.shift, last = first + (block.height - 1) * y.in_step;
  while (rows.begin < rows.end && last + rows.begin * y.shift_step < 0) ++rows.begin;
  while (rows.begin < rows.end && first + (rows.end - 1) * y.shift_step >= y.in) --rows.end;
  return rows;
}

void run_task(const Job& job, int64_t task, int worker) {
  const Lowering& l = job.l;
  const int64_t n_block = task % l.blocks_n;
  const Block block = make_block(job, task / l.blocks_n);
  if (block.height <= 0 || block.width <= 0) return;
  char* const scratch = job.base + job.space.workers + worker * job.space.worker_bytes;
  const Phase& p = block.phase;

  const char* a = nullptr;
  int64_t a_run = 0;
  if (job.config.a_source == ASource::kInPlace) {
    a = block.a + (block.y * p.y.in_step + p.y.shift) * l.in_row + (block.x * p.x.in_step + p.x.shift) * l.in_pixel;
    a_run = p.y.in_step * l.in_row;
  } else {
    char* slab = scratch;
    if (l.shared_slab) {
      slab = shared_slab(job, block);
    } else {
      fill(job, block, slab);
    }
    a = slab;
    a_run = job.config.a_source == ASource::kExpanded ? l.slab_row : p.y.in_step * l.slab_row;
  }

  const int64_t all_taps = l.tiled_taps(p), total_units = all_taps * l.tap_units;
  const KernelRows rows = kernel_rows(l, block);
  const int64_t across = l.merged ? 1 : p.x.taps, first_tap = rows.begin * across, taps = (rows.end - rows.begin) * across;
  const int64_t pass_units = depth_of_pass(l, job.config);
  const int64_t taps_per_pass = l.one_pass ? std::max<int64_t>(1, taps) : std::max<int64_t>(1, job.config.kc / l.tap_units);
  const int64_t pieces = divide_up(l.tap_units, pass_units);
  const int64_t passes = std::max<int64_t>(1, pieces > 1 ? taps * pieces : divide_up(taps, taps_per_pass));
  const bool run_time_b = packs_b(job.problem);
  // A row-major b serves as it is where few rows would not pay for packing it.
  const GemmGeometry& gemm = job.problem.gemm;
  const bool b_in_place =
      run_time_b && job.problem.b == DType::kF32 && gemm.b_form == BForm::kRowMajor && block.width <= 2 * job.config.mr;
  const int64_t ldb = gemm.ldb ? gemm.ldb : gemm.cols;
  const char* b_matrix = static_cast<const char*>(job.args.b) + block.b * job.group_size;
  if (!run_time_b) b_matrix += phase_offset(job.problem, l, block.phase_index);
  const OpenState state(job, block);
  const int64_t first_col = n_block * l.block_cols, last_col = std::min(l.cols, first_col + l.block_cols);

  for (int64_t i = 0; i < passes; ++i) {
    Pass pass;
    if (pieces > 1) {
      pass = {first_tap + i / pieces, std::min<int64_t>(1, taps), i % pieces * pass_units, 0};
      pass.units = std::min(pass_units, l.tap_units - pass.first_unit);
    } else {
      pass = {first_tap + i * taps_per_pass, std::min(taps_per_pass, taps - i * taps_per_pass), 0, l.tap_units};
    }
    for (int64_t col = first_col; col < last_col; col += l.panel) {
      PanelRun panel{job, block, {}, a + pass.first_unit * 4, a_run, col, worker};
      panel.call.height = state.height();
      if (job.problem.transient) panel.transient = scratch + job.space.worker_tile;
      TileCall& call = panel.call;
      call.cols = std::min(l.panel, last_col - col);
      const int64_t width = round_up(call.cols, l.kernels->lanes);
      call.a_row = l.a_row;
      call.taps = job.taps(block.phase_index) + pass.first_tap;
      call.tap_count = pass.tap_count;
      call.depth = pass.units;
      call.b_step = width * 4;
      call.first = i == 0;
      call.last = i == passes - 1;
      const int64_t unit = pass.first_tap * l.tap_units + pass.first_unit;
      if (run_time_b && b_in_place && call.cols == width) {
        call.b = static_cast<const char*>(job.args.b) + (block.b + unit * ldb + col) * 4;
        call.b_step = ldb * 4;
      } else if (run_time_b) {
        float* packed = reinterpret_cast<float*>(scratch + job.space.worker_panel);
        pack_panel(job, block.b, unit, pass.units, col, call.cols, packed, width);
        call.b = reinterpret_cast<const char*>(packed);
      } else {
        call.b = b_matrix + (col * total_units + unit * width) * 4;
        if (col + l.panel < l.cols) {  // the first panel of the next task counts too
          const int64_t next_width = round_up(std::min(l.panel, l.cols - col - l.panel), l.kernels->lanes);
          panel.next = b_matrix + ((col + l.panel) * total_units + unit * next_width) * 4;
          panel.next_bytes = pass.tap_count * pass.units * next_width * 4;
        }
      }
      start_finish(job, block, call.finish);
      const int64_t global_col = block.group * l.cols + col;
      if (job.args.epilogue.bias != nullptr) call.finish.bias = job.args.epilogue.bias + global_col;
      if (l.integer) {
        const Quantization& q = job.args.quantization;
        if (q.scale != nullptr) call.finish.scale = q.scale + global_col;
        if (q.shift != nullptr) call.finish.shift = q.shift + global_col;
        const char* sums = static_cast<const char*>(job.args.b) + packed_matrices(job.problem) * job.group_size;
        call.finish.column_sum =
            reinterpret_cast<const int32_t*>(sums) + (block.b * l.phases() + block.phase_index) * l.padded_cols() + col;
      }
      panel();
    }
  }
}

// The phases of a transposed convolution write between each other's pixels: the caller's tile function comes after all.
void run_hook(const Job& job, Executor& executor) {
  executor.parallel_for(
      job.l.images * job.problem.conv.out_h,
      [](void* self, int64_t task, int worker) {
        const Job& job = *static_cast<const Job*>(self);
        const ConvGeometry g = job.problem.conv.with_strides();
        const Epilogue& e = job.args.epilogue;
        int32_t* row = static_cast<int32_t*>(job.args.c) + task / g.out_h * g.out_image + task % g.out_h * g.out_row;
        const int64_t cols = g.out_c * g.groups, chunk = std::max<int64_t>(1, kMaxTileElements / cols);
        for (int64_t x = 0; x < g.out_w; x += chunk) {
          e.tile(e.self, worker, row + x * g.out_pixel, g.out_pixel, task * g.out_w + x, std::min(chunk, g.out_w - x), 0, cols);
        }
      },
      const_cast<Job*>(&job));
}

}  // namespace

int64_t rows_workspace(const ContractProblem& problem, const ContractConfig& config, int workers) {
  return lay_out(problem, config, lower(problem, config), workers).total;
}

void rows_run(const ContractProblem& problem, const ContractConfig& config, const ContractArgs& args, Executor& executor) {
  Job job(problem, config, args, executor.workers());
  const int64_t blocks = job.l.phases() * job.l.instances() * job.l.m_blocks();
  if (job.l.shared_slab) {
    executor.parallel_for(
        blocks,
        [](void* self, int64_t task, int) {
          const Job& job = *static_cast<const Job*>(self);
          const Block block = make_block(job, task);
          fill(job, block, shared_slab(job, block));
        },
        &job);
  }
  executor.parallel_for(
      blocks * job.l.blocks_n,
      [](void* self, int64_t task, int worker) { run_task(*static_cast<const Job*>(self), task, worker); }, &job);
  if (job.l.phases() > 1 && args.epilogue.tile != nullptr && !problem.transient) run_hook(job, executor);
}

int64_t rows_packed_size(const ContractProblem& problem, const ContractConfig& config) {
  if (packs_b(problem)) return 0;
  const Lowering l = lower(problem, config);
  const int64_t sums = l.integer ? l.phases() * l.padded_cols() * 4 : 0;
  return packed_matrices(problem) * (group_bytes(problem, l) + sums);
}

void rows_pack(const ContractProblem& problem, const ContractConfig& config, const WeightView& w, char* packed) {
  const Lowering l = lower(problem, config);
  const int64_t matrices = packed_matrices(problem), size = group_bytes(problem, l), lanes = l.kernels->lanes;
  int32_t* sums = reinterpret_cast<int32_t*>(packed + matrices * size);
  std::memset(packed, 0, rows_packed_size(problem, config));
  for (int64_t matrix = 0; matrix < matrices; ++matrix) {
    for (int64_t phase = 0; phase < l.phases(); ++phase) {
      const Phase p = make_phase(problem, l, phase);
      char* to = packed + matrix * size + phase_offset(problem, l, phase);
      int32_t* sum = sums + (matrix * l.phases() + phase) * l.padded_cols();
      for (int64_t col = 0; col < l.cols; col += l.panel) {
        const int64_t cols = std::min(l.panel, l.cols - col), width = round_up(cols, lanes);
        for (int64_t tap = 0; tap < p.taps(); ++tap) {
          const int64_t kh = p.y.kernel_first + tap / p.x.taps * p.y.kernel_step;
          const int64_t kw = p.x.kernel_first + tap % p.x.taps * p.x.kernel_step;
          const int64_t from = matrix * w.group + kh * w.kh + kw * w.kw + col * w.out;
          if (is_half(problem.b)) {
            pack_halves(l, problem.b, static_cast<const uint16_t*>(w.data) + from, w.in, w.out, l.channels, cols, to, width);
          } else if (!l.integer) {
            pack_panel(static_cast<const float*>(w.data) + from, w.in, w.out, l.channels, cols, reinterpret_cast<float*>(to),
                       width);
          }
          for (int64_t k = 0; l.integer && k < l.channels; ++k) {
            const int64_t unit = k / l.unit_elements, element = k % l.unit_elements;
            for (int64_t j = 0; j < cols; ++j) {
              const int64_t at = from + k * w.in + j * w.out, slot = (unit * width + j) * l.unit_elements + element;
              const int value = static_cast<const int8_t*>(w.data)[at];
              if (l.unit_elements == 4) {
                reinterpret_cast<int8_t*>(to)[slot] = static_cast<int8_t>(value);
              } else {
                reinterpret_cast<int16_t*>(to)[slot] = static_cast<int16_t>(value);
              }
              sum[col + j] += value;
            }
          }
          to += l.units * width * 4;
        }
      }
    }
  }
}

}  // namespace temper::cpu
