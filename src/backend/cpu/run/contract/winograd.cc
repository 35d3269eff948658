// The Winograd driver (see Note [Winograd] in winograd_impl.h): 3x3 convolutions of stride 1 as t * t matrix products.
//
// A convolution of dilation d is d * d dense ones side by side: each works on every d-th row and column ("phase"). Tiles are
// numbered phase by phase; a phase that is a pixel smaller than the first has as many tiles, perhaps one without outputs.
//
// mc tiles make a block, nc columns a task, kc columns a pass. A task transforms its block of tiles, and for each pass
// computes the products of all t * t matrices and transforms them back while they are in the second-level cache. Where a block
// is cut into several tasks by columns, the blocks are transformed beforehand and shared.
//
// Packed weights: [group][matrix][panel][input channel][column of the panel]; late ones have the 9 taps for matrices, and
// become the t * t of the others at the start of each run.
#include <algorithm>
#include <cstring>

#include "backend/cpu/run/contract/lowering.h"

namespace temper::cpu {
namespace {

// A stride of an odd number of cache lines, so that t * t rows of it fall into different sets.
int64_t odd_lines(int64_t floats) { return round_up(floats, 32) + 16; }

const ContractArgs kNoArgs;

struct Job {
  const ContractArgs& args;
  const ContractConfig& config;
  ConvGeometry g;
  const KernelTable& kernels;
  int64_t m = 4, matrices = 36;
  int64_t phases_y = 1, phases_x = 1;
  int64_t tiles_y = 0, tiles_x = 0, tiles = 0, blocks = 0;  // along an axis: of a phase
  int64_t block = 0, task_cols = 0, pass_cols = 0, col_tasks = 0, panel = 0, padded_cols = 0;
  int64_t a_row = 0, a_matrix = 0, a_block = 0;  // floats: of transformed inputs
  int64_t c_row = 0, c_matrix = 0;               //         of products
  bool shared = false;
  int64_t matrix_floats = 0;  // of weights
  int64_t late_floats = 0, shared_floats = 0, worker_floats = 0;

  Job(const ContractProblem& problem, const ContractConfig& c, const ContractArgs& a = kNoArgs)
      : args(a), config(c), g(problem.conv.with_strides()), kernels(kernels_of(c.isa)) {
    m = c.kind == ContractKind::kWinograd2 ? 2 : 4;
    matrices = (m + 2) * (m + 2);
    phases_y = std::min(g.dilation_h, g.out_h);
    phases_x = std::min(g.dilation_w, g.out_w);
    tiles_y = divide_up(divide_up(g.out_h, g.dilation_h), m);
    tiles_x = divide_up(divide_up(g.out_w, g.dilation_w), m);
    tiles = phases_y * phases_x * tiles_y * tiles_x;
    block = std::min(c.mc, tiles);
    blocks = divide_up(tiles, block);
    panel = c.nv * kernels.lanes;
    padded_cols = round_up(g.out_c, kernels.lanes);
    task_cols = std::min(round_up(c.nc, panel), round_up(g.out_c, panel));
    pass_cols = std::min(round_up(c.kc, panel), task_cols);
    col_tasks = divide_up(g.out_c, task_cols);
    a_row = g.in_c % 128 == 0 ? g.in_c + 16 : g.in_c;
    a_matrix = odd_lines(block * a_row);
    a_block = matrices * a_matrix;
    c_row = round_up(std::min(pass_cols, padded_cols), kernels.lanes);
    c_matrix = odd_lines(block * c_row);
    matrix_floats = g.in_c * padded_cols;
    late_floats = c.late ? g.groups * matrices * matrix_floats : 0;
    shared = col_tasks > 1;
    shared_floats = shared ? g.batch * g.groups * blocks * a_block : 0;
    worker_floats = matrices * c_matrix + (shared ? 0 : a_block);
  }
  // The workspace: transformed weights, shared blocks, scratch of the workers.
  float* workspace() const { return static_cast<float*>(args.workspace); }
  float* shared_block(int64_t index) const { return workspace() + late_floats + index * a_block; }
  float* scratch(int worker) const { return workspace() + late_floats + shared_floats + worker * worker_floats; }
  const float* weights() const { return config.late ? workspace() : static_cast<const float*>(args.b); }
};

// Blocks are numbered image, group, block.
struct Place {
  int64_t image, group, first_tile, tiles;
};
Place place(const Job& job, int64_t index) {
  const int64_t first = index % job.blocks * job.block, instance = index / job.blocks;
  return {instance / job.g.groups, instance % job.g.groups, first, std::min(job.block, job.tiles - first)};
}

// Where the outputs of a tile begin, and how many pixels of its phase there are from there on.
struct TileAt {
  int64_t y, x, rows, cols;
};
TileAt tile_at(const Job& job, int64_t tile) {
  const int64_t column = tile % job.tiles_x, row = tile / job.tiles_x % job.tiles_y;
  const int64_t phase = tile / (job.tiles_x * job.tiles_y);
  const int64_t y = phase / job.phases_x + row * job.m * job.g.dilation_h;
  const int64_t x = phase % job.phases_x + column * job.m * job.g.dilation_w;
  return {y, x, divide_up(std::max<int64_t>(0, job.g.out_h - y), job.g.dilation_h),
          divide_up(std::max<int64_t>(0, job.g.out_w - x), job.g.dilation_w)};
}

// The first of the patch's pixels at or behind `end`, the patch beginning at `first`.
int64_t patch_pixel(int64_t end, int64_t first, int64_t dilation, int64_t t) {
  return end <= first ? 0 : std::min(t, divide_up(end - first, dilation));
}

void transform_input(const Job& job, const Place& at, float* to) {
  const ConvGeometry& g = job.g;
  const int64_t t = job.m + 2;
  const float* image = static_cast<const float*>(job.args.a) + at.image * g.in_image + at.group * g.in_c;
  for (int64_t i = 0; i < at.tiles; ++i) {
    const TileAt tile = tile_at(job, at.first_tile + i);
    const int64_t y = tile.y - g.pad_top, x = tile.x - g.pad_left;
    WinogradInput w;
    w.in = image + y * g.in_row + x * g.in_pixel;
    w.row = g.dilation_h * g.in_row;
    w.pixel = g.dilation_w * g.in_pixel;
    w.y_begin = patch_pixel(0, y, g.dilation_h, t);
    w.y_end = patch_pixel(g.in_h, y, g.dilation_h, t);
    w.x_begin = patch_pixel(0, x, g.dilation_w, t);
    w.x_end = patch_pixel(g.in_w, x, g.dilation_w, t);
    w.out = to + i * job.a_row;
    w.matrix = job.a_matrix;
    w.channels = g.in_c;
    job.kernels.winograd_input[job.m / 4](w);
  }
}

// Products of all matrices for columns [col, col + cols).
void multiply(const Job& job, const Place& at, const float* a, int64_t col, int64_t cols, float* products) {
  const ConvGeometry& g = job.g;
  const int64_t zero = 0, matrix_floats = job.matrix_floats;
  const float* b = job.weights() + at.group * job.matrices * matrix_floats;
  TileCall call;
  call.taps = &zero;
  call.tap_count = 1;
  call.depth = g.in_c;
  call.a_row = job.a_row * 4;
  call.c_row = job.c_row * 4;
  call.last = false;
  for (int64_t matrix = 0; matrix < job.matrices; ++matrix) {
    for (int64_t j = 0; j < cols; j += job.panel) {
      const int64_t n = std::min(job.panel, cols - j), width = round_up(n, job.kernels.lanes);
      const float* panel = b + matrix * matrix_floats + (col + j) * g.in_c;
      const bool more = j + job.panel < cols;
      const float* next = more                        ? panel + width * g.in_c
                          : matrix + 1 < job.matrices ? b + (matrix + 1) * matrix_floats + col * g.in_c
                                                      : panel;
      const int64_t next_bytes = next == panel ? 0 : width * g.in_c * 4, share = g.in_c / 4 * 128;
      call.b = reinterpret_cast<const char*>(panel);
      call.b_step = width * 4;
      call.cols = width;
      const TileFn* tiles = job.kernels.f32[width / job.kernels.lanes];
      int64_t fetched = 0;
      for (int64_t i = 0; i < at.tiles; i += job.config.mr) {
        const bool fetch = fetched < next_bytes;
        call.prefetch = fetch ? reinterpret_cast<const char*>(next) + fetched : call.b;
        call.prefetch_step = fetch ? 128 : 0;
        fetched += share;
        call.a = reinterpret_cast<const char*>(a + matrix * job.a_matrix + i * job.a_row);
        call.c = reinterpret_cast<char*>(products + matrix * job.c_matrix + i * job.c_row + j);
        tiles[std::min<int64_t>(job.config.mr, at.tiles - i)](call);
      }
    }
  }
}

void transform_output(const Job& job, const Place& at, const float* products, int64_t col, int64_t cols, int worker) {
  const ConvGeometry& g = job.g;
  const Epilogue& e = job.args.epilogue;
  const int64_t global_col = at.group * g.out_c + col;
  float* image = static_cast<float*>(job.args.c) + at.image * g.out_image + global_col;
  for (int64_t i = 0; i < at.tiles;) {
    // The tiles of one row of tiles, then the caller's function on their pixels.
    const TileAt first = tile_at(job, at.first_tile + i);
    const int64_t count = std::min(job.tiles_x - (at.first_tile + i) % job.tiles_x, at.tiles - i);
    const int64_t rows = std::min(job.m, first.rows), pixels = std::min(count * job.m, first.cols);
    const int64_t first_row = (at.image * g.out_h + first.y) * g.out_w;
    for (int64_t k = 0; k < count && k * job.m < pixels && rows > 0; ++k) {
      const int64_t x = first.x + k * job.m * g.dilation_w;
      WinogradOutput w;
      w.in = products + (i + k) * job.c_row;
      w.matrix = job.c_matrix;
      w.out = image + first.y * g.out_row + x * g.out_pixel;
      w.row = g.dilation_h * g.out_row;
      w.pixel = g.dilation_w * g.out_pixel;
      w.rows = rows;
      w.cols = std::min(job.m, pixels - k * job.m);
      w.channels = cols;
      w.bias = e.bias == nullptr ? nullptr : e.bias + global_col;
      if (e.residual != nullptr)
        w.residual = static_cast<const float*>(e.residual) + (first_row + x) * e.residual_row + global_col;
      w.residual_row = g.dilation_h * g.out_w * e.residual_row;
      w.residual_pixel = g.dilation_w * e.residual_row;
      w.lo = e.lo;
      w.hi = e.hi;
      job.kernels.winograd_output[job.m / 4](w);
    }
    if (e.tile != nullptr) {
      // Neighbours in a phase are neighbours in the image only where it is the only one along the row.
      const int64_t chunk = g.dilation_w == 1 ? std::max<int64_t>(1, kMaxTileElements / cols) : 1;
      for (int64_t r = 0; r < rows; ++r) {
        const int64_t y = r * g.dilation_h;
        for (int64_t p = 0; p < pixels; p += chunk) {
          const int64_t x = first.x + p * g.dilation_w;
          e.tile(e.self, worker, image + (first.y + y) * g.out_row + x * g.out_pixel, g.out_pixel, first_row + y * g.out_w + x,
                 std::min(chunk, pixels - p), global_col, cols);
        }
      }
    }
    i += count;
  }
}

void run_task(const Job& job, int64_t task, int worker) {
  const int64_t index = task / job.col_tasks, first_col = task % job.col_tasks * job.task_cols;
  const int64_t last_col = std::min(job.g.out_c, first_col + job.task_cols);
  const Place at = place(job, index);
  float* products = job.scratch(worker);
  float* a = products + job.matrices * job.c_matrix;
  if (job.shared) {
    a = job.shared_block(index);
  } else {
    transform_input(job, at, a);
  }
  for (int64_t col = first_col; col < last_col; col += job.pass_cols) {
    const int64_t cols = std::min(job.pass_cols, last_col - col);
    multiply(job, at, a, col, cols, products);
    transform_output(job, at, products, col, cols, worker);
  }
}

constexpr double kG4[6][3] = {{1. / 4, 0, 0},
                              {-1. / 6, -1. / 6, -1. / 6},
                              {-1. / 6, 1. / 6, -1. / 6},
                              {1. / 24, 1. / 12, 1. / 6},
                              {1. / 24, -1. / 12, 1. / 6},
                              {0, 0, 1}};
constexpr double kG2[4][3] = {{1, 0, 0}, {.5, .5, .5}, {.5, -.5, .5}, {0, 0, 1}};
constexpr double kTaps[3][3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};

// Transforms late weights, in pieces of whole cache lines.
constexpr int64_t kWeightsPiece = 4096;
void transform_weights(const Job& job, int64_t task) {
  const int64_t pieces = divide_up(job.matrix_floats, kWeightsPiece), group = task / pieces;
  const int64_t first = task % pieces * kWeightsPiece;
  WinogradWeights w;
  w.in = static_cast<const float*>(job.args.b) + group * 9 * job.matrix_floats + first;
  w.in_matrix = w.out_matrix = job.matrix_floats;
  w.out = job.workspace() + group * job.matrices * job.matrix_floats + first;
  w.elements = std::min(kWeightsPiece, job.matrix_floats - first);
  job.kernels.winograd_weights[job.m / 4](w);
}

}  // namespace

Status winograd_validate(const ContractProblem& problem, const ContractConfig& config) {
  const auto bad = [](const char* message) { return Error(ErrorCode::kInvalidArgument, message).at("contraction config"); };
  const ConvGeometry& g = problem.conv;
  if (problem.form != ContractProblem::Form::kConv || problem.a != DType::kF32 || g.kernel_h != 3 || g.kernel_w != 3 ||
      g.stride_h != 1 || g.stride_w != 1) {
    return bad("Winograd kernels take f32 convolutions of 3x3 and stride 1");
  }
  for (int nv = 1; nv <= config.nv; ++nv) {
    if (kernels_of(config.isa).f32[nv][config.mr] == nullptr) return bad("no such register tile");
  }
  // Each phase has at most a tile more than its share along an axis.
  const double tiles = (double(g.out_h) / 2 + double(std::min(g.dilation_h, g.out_h))) *
                       (double(g.out_w) / 2 + double(std::min(g.dilation_w, g.out_w)));
  const double block = std::min(tiles, double(config.mc));
  const double floats = 36 * double(g.batch) * g.groups * (tiles + block) * (double(g.in_c) + double(g.out_c) + 256);
  if (floats > 1e13) return bad("the transformed input would be too large");
  if (36.0 * g.groups * g.in_c * (double(g.out_c) + 64) > 1e12) return bad("the transformed weights would be too large");
  return {};
}

int64_t winograd_packed_size(const ContractProblem& problem, const ContractConfig& config) {
  const Job job(problem, config);
  return job.g.groups * (config.late ? 9 : job.matrices) * job.matrix_floats * 4;
}

void winograd_pack(const ContractProblem& problem, const ContractConfig& config, const WeightView& weights, char* packed) {
  const Job job(problem, config);
  const ConvGeometry& g = job.g;
  const int64_t t = config.late ? 3 : job.m + 2, matrix_floats = job.matrix_floats;
  const double(*rows)[3] = config.late ? kTaps : job.m == 4 ? kG4 : kG2;
  const float* data = static_cast<const float*>(weights.data);
  std::memset(packed, 0, winograd_packed_size(problem, config));
  for (int64_t group = 0; group < g.groups; ++group) {
    float* to = reinterpret_cast<float*>(packed) + group * t * t * matrix_floats;
    for (int64_t n = 0; n < g.out_c; ++n) {
      const int64_t panel = n / job.panel * job.panel;
      const int64_t width = round_up(std::min(job.panel, g.out_c - panel), job.kernels.lanes);
      for (int64_t k = 0; k < g.in_c; ++k) {
        const float* w = data + group * weights.group + n * weights.out + k * weights.in;
        double half[6][3];
        for (int64_t i = 0; i < t; ++i) {
          const double* r = rows[i];
          for (int64_t x = 0; x < 3; ++x) {
            half[i][x] =
                r[0] * w[x * weights.kw] + r[1] * w[weights.kh + x * weights.kw] + r[2] * w[2 * weights.kh + x * weights.kw];
          }
        }
        for (int64_t i = 0; i < t; ++i) {
          for (int64_t j = 0; j < t; ++j) {
            const double* r = rows[j];
            const double value = r[0] * half[i][0] + r[1] * half[i][1] + r[2] * half[i][2];
            to[(i * t + j) * matrix_floats + panel * g.in_c + k * width + (n - panel)] = static_cast<float>(value);
          }
        }
      }
    }
  }
}

int64_t winograd_workspace(const ContractProblem& problem, const ContractConfig& config, int workers) {
  const Job job(problem, config);
  return (job.late_floats + job.shared_floats + workers * job.worker_floats) * 4;
}

void winograd_run(const ContractProblem& problem, const ContractConfig& config, const ContractArgs& args, Executor& executor) {
  Job job(problem, config, args);
  const int64_t blocks = job.g.batch * job.g.groups * job.blocks;
  if (config.late) {
    executor.parallel_for(
        job.g.groups * divide_up(job.matrix_floats, kWeightsPiece),
        [](void* self, int64_t task, int) { transform_weights(*static_cast<const Job*>(self), task); }, &job);
  }
  if (job.shared) {
    executor.parallel_for(
        blocks,
        [](void* self, int64_t task, int) {
          const Job& job = *static_cast<const Job*>(self);
          transform_input(job, place(job, task), job.shared_block(task));
        },
        &job);
  }
  executor.parallel_for(
      blocks * job.col_tasks,
      [](void* self, int64_t task, int worker) { run_task(*static_cast<const Job*>(self), task, worker); }, &job);
}

}  // namespace temper::cpu
