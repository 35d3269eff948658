#include "backend/cpu/run/tile/epilogue.h"

#include <algorithm>
#include <atomic>

#include "backend/cpu/run/tile/plan.h"
#include "backend/cpu/run/tile/run_stage.h"

namespace temper::cpu {
namespace {

using tile::kMaxTile;
using tile::LocalDim;
using tile::Program;
using tile::StagePlan;

// One axis of the tile: its dimensions, outermost first, neighbours merged where every form goes on.
struct Axis {
  std::vector<LocalDim> dims;

  int64_t extent() const {
    int64_t n = 1;
    for (const LocalDim& d : dims) n *= d.extent;
    return n;
  }
  void merge(size_t forms) {
    std::erase_if(dims, [](const LocalDim& d) { return d.extent == 1; });
    for (size_t k = dims.size(); k-- > 1;) {
      LocalDim& a = dims[k - 1];
      const LocalDim& b = dims[k];
      bool goes_on = true;
      for (size_t f = 0; f < forms; ++f) goes_on = goes_on && a.step[f] == b.step[f] * b.extent;
      if (!goes_on) continue;
      a.extent *= b.extent;
      a.step = b.step;
      dims.erase(dims.begin() + static_cast<int64_t>(k));
    }
    if (dims.empty()) dims.push_back({1, false, std::vector<int64_t>(forms, 0)});
  }
  // Adds what position `at` contributes to the forms; returns how many positions follow until an outer dimension steps.
  int64_t locate(int64_t at, int64_t* forms, size_t count) const {
    const int64_t run = dims.back().extent - at % dims.back().extent;
    for (size_t k = dims.size(); k-- > 0;) {
      const int64_t i = k == 0 ? at : at % dims[k].extent;
      at /= dims[k].extent;
      for (size_t f = 0; f < count; ++f) forms[f] += i * dims[k].step[f];
    }
    return run;
  }
};

class BoundEpilogue final : public TileEpilogue::Bound {
 public:
  BoundEpilogue(Axis rows, Axis cols, StagePlan plan)
      : rows_(std::move(rows)), cols_(std::move(cols)), plan_(std::move(plan)) {}

  int64_t rows() const override { return rows_.extent(); }
  int64_t cols() const override { return cols_.extent(); }
  int64_t scratch_bytes() const override { return ((plan_.register_bytes + 63) & ~int64_t{63}) + tile::kRegisterBytes + 64; }

  void set_buffers(std::span<std::byte* const> buffers, std::byte* scratch) override {
    buffers_ = buffers.data();
    scratch_ = scratch;
    fault_.store(0, std::memory_order_relaxed);
  }

  void apply(int worker, void* data, int64_t ld, int64_t row, int64_t rows, int64_t col, int64_t cols) override {
    const size_t count = plan_.start.size();
    tile::StageRun run;
    run.places = buffers_;
    run.registers = scratch_ + worker * scratch_bytes();
    run.fault = &fault_;
    run.tile_step = ld * 4;
    int64_t by_col[tile::kMaxForms], forms[tile::kMaxForms];
    for (int64_t c = 0; c < cols;) {
      std::copy(plan_.start.begin(), plan_.start.end(), by_col);
      const int64_t width = std::min({cols_.locate(col + c, by_col, count), cols - c, kMaxTile});
      for (int64_t r = 0; r < rows;) {
        std::copy(by_col, by_col + count, forms);
        const int64_t height =
            std::min({rows_.locate(row + r, forms, count), rows - r, std::max<int64_t>(1, kMaxTile / width)});
        run.tile = static_cast<std::byte*>(data) + (r * ld + c) * 4;
        tile::run_tile(plan_, run, forms, height, width);
        r += height;
      }
      c += width;
    }
  }

  Status status() const override {
    if (fault_.load(std::memory_order_relaxed) == 0) return {};
    return Error(ErrorCode::kInvalidArgument,
                 "an index read from a tensor is outside the dimension that it selects from; correct the input");
  }

 private:
  Axis rows_, cols_;
  StagePlan plan_;
  std::byte* const* buffers_ = nullptr;
  std::byte* scratch_ = nullptr;
  std::atomic<int> fault_{0};
};

class ProgramEpilogue final : public TileEpilogue {
 public:
  explicit ProgramEpilogue(Program program) : program_(std::move(program)) {}
  int buffer_count() const override { return static_cast<int>(program_.buffers.size()); }
  bool writes(int buffer) const override { return tile::stores_to(program_, buffer); }
  int parameter_count() const override { return program_.parameters; }

  Expected<std::unique_ptr<Bound>> prepare(std::span<const int64_t> parameters,
                                           std::span<const int64_t> buffer_bytes) const override {
    const std::vector<int64_t> places = TEMPER_TRY(tile::check_numbers(program_, parameters, buffer_bytes));
    const tile::StageCode& stage = program_.stages[0];
    const std::vector<const tile::Form*> forms = tile::forms_of(stage);
    tile::StageInput in;
    in.program = &program_;
    in.stage = &stage;
    in.parameters = parameters;
    in.places = places;
    in.fixed_tile = true;
    for (const tile::Form* f : forms) in.start.push_back(tile::parameter_value(parameters, f->constant));
    Axis rows, cols;
    for (size_t d = 0; d < program_.shared.size(); ++d) {
      LocalDim dim;
      dim.extent = tile::parameter_value(parameters, program_.shared[d]);
      for (const tile::Form* f : forms) dim.step.push_back(tile::parameter_value(parameters, f->coefficients[d]));
      (static_cast<int32_t>(d) < program_.row_dims ? rows : cols).dims.push_back(std::move(dim));
    }
    rows.merge(forms.size());
    cols.merge(forms.size());
    in.dims = {rows.dims.back(), cols.dims.back()};
    StagePlan plan = tile::plan_stage(std::move(in));
    return std::unique_ptr<Bound>(std::make_unique<BoundEpilogue>(std::move(rows), std::move(cols), std::move(plan)));
  }

 private:
  Program program_;
};

}  // namespace

Expected<std::unique_ptr<TileEpilogue>> TileEpilogue::decode(ByteReader& blob) {
  Program program = TEMPER_TRY(tile::decode_program(blob));
  if (program.row_dims < 0 || program.stages.size() != 1 || !program.scratch.empty()) {
    return Error(ErrorCode::kCorrupt, "a tile program that is no epilogue; build the plan again");
  }
  return std::unique_ptr<TileEpilogue>(std::make_unique<ProgramEpilogue>(std::move(program)));
}

}  // namespace temper::cpu
