#include "backend/cpu/run/staged/staged.h"

#include <algorithm>

#include "backend/cpu/run/tile/program_run.h"

namespace temper::cpu {
namespace {

constexpr int32_t kMaxPlaces = 1024;

Error corrupt(const char* what) { return Error(ErrorCode::kCorrupt, std::string(what) + "; build the plan again"); }

void write(ByteWriter& w, const std::vector<StagedProgram>& programs) {
  w.count(programs.size());
  for (const StagedProgram& p : programs) {
    tile::encode(p.program, w);
    w.i32(p.first_parameter);
    w.vector(p.places);
  }
}
Expected<std::vector<StagedProgram>> read(ByteReader& r) {
  std::vector<StagedProgram> programs(TEMPER_TRY(r.count(32)));
  for (StagedProgram& p : programs) {
    p.program = TEMPER_TRY(tile::decode_kernel_program(r));
    p.first_parameter = TEMPER_TRY(r.i32());
    p.places = TEMPER_TRY(r.vector<int32_t>());
  }
  return programs;
}

struct Piece {
  std::unique_ptr<tile::ProgramRun> run;
  std::vector<int32_t> places;
};

class StagedLaunch final : public Launch {
 public:
  int64_t workspace_bytes(int workers) const override { return temporary_bytes + scratch_bytes(workers); }

  Status run(std::span<std::byte* const> buffers, std::byte* workspace, Executor& executor) override {
    std::copy(buffers.begin(), buffers.end(), places.begin());
    for (size_t t = 0; t < offsets.size(); ++t) places[buffers.size() + t] = workspace + offsets[t];
    std::byte* scratch = workspace + temporary_bytes;
    for (Piece& p : before) TEMPER_TRY(run_piece(p, scratch, executor));
    TEMPER_TRY(core->run(places, scratch, executor));
    for (Piece& p : after) TEMPER_TRY(run_piece(p, scratch, executor));
    return {};
  }

  std::vector<Piece> before, after;
  std::unique_ptr<CoreLaunch> core;
  std::vector<int64_t> offsets;
  int64_t temporary_bytes = 0;
  std::vector<std::byte*> places;  // all, filled in by run()

 private:
  int64_t scratch_bytes(int workers) const {
    int64_t most = core->workspace_bytes(workers);
    for (const Piece& p : before) most = std::max(most, p.run->workspace_bytes(workers));
    for (const Piece& p : after) most = std::max(most, p.run->workspace_bytes(workers));
    return most;
  }
  Status run_piece(Piece& p, std::byte* scratch, Executor& executor) {
    std::byte* buffers[kMaxPlaces];
    for (size_t b = 0; b < p.places.size(); ++b) buffers[b] = places[static_cast<size_t>(p.places[b])];
    return p.run->run(std::span(buffers, p.places.size()), scratch, executor);
  }
};

class StagedKernel final : public Kernel {
 public:
  StagedKernel(StagedFrame frame, std::unique_ptr<Core> core) : frame_(std::move(frame)), core_(std::move(core)) {}
  int buffer_count() const override { return frame_.buffers; }
  int parameter_count() const override { return frame_.parameters; }
  bool writes(int buffer) const override {
    for (const auto* programs : {&frame_.before, &frame_.after}) {
      for (const StagedProgram& p : *programs) {
        for (size_t b = 0; b < p.places.size(); ++b) {
          if (p.places[b] == buffer && tile::stores_to(p.program, static_cast<int32_t>(b))) return true;
        }
      }
    }
    return core_->writes(buffer);
  }

  Expected<std::unique_ptr<Launch>> prepare(std::span<const int64_t> parameters,
                                            std::span<const int64_t> buffer_bytes) const override {
    if (static_cast<int32_t>(parameters.size()) != frame_.parameters ||
        static_cast<int32_t>(buffer_bytes.size()) != frame_.buffers) {
      return Error(ErrorCode::kInvalidArgument, "prepared with the wrong number of parameters or buffers");
    }
    auto launch = std::make_unique<StagedLaunch>();
    std::vector<int64_t> sizes(buffer_bytes.begin(), buffer_bytes.end());
    for (const Temporary& t : frame_.temporaries) {
      const int64_t elements = parameters[static_cast<size_t>(t.elements)];
      if (elements < 0 || elements > (int64_t{1} << 40))
        return Error(ErrorCode::kInvalidArgument, "a temporary of " + std::to_string(elements) + " elements is out of range");
      sizes.push_back(dtype_bytes(t.dtype, elements));
      launch->offsets.push_back(launch->temporary_bytes);
      launch->temporary_bytes += (sizes.back() + 127) / 64 * 64;
    }
    launch->places.resize(sizes.size());
    auto prepare_all = [&](const std::vector<StagedProgram>& programs, std::vector<Piece>& pieces) -> Status {
      for (const StagedProgram& p : programs) {
        std::vector<int64_t> bytes;
        for (int32_t place : p.places) bytes.push_back(sizes[static_cast<size_t>(place)]);
        auto numbers = parameters.subspan(static_cast<size_t>(p.first_parameter), static_cast<size_t>(p.program.parameters));
        pieces.push_back({TEMPER_TRY(tile::ProgramRun::prepare(p.program, numbers, bytes)), p.places});
      }
      return {};
    };
    TEMPER_TRY(prepare_all(frame_.before, launch->before));
    TEMPER_TRY(prepare_all(frame_.after, launch->after));
    launch->core = TEMPER_TRY(core_->prepare(parameters, sizes));
    return std::unique_ptr<Launch>(std::move(launch));
  }

 private:
  StagedFrame frame_;
  std::unique_ptr<Core> core_;
};

}  // namespace

void encode_frame(const StagedFrame& f, ByteWriter& w) {
  w.i32(f.buffers);
  w.i32(f.parameters);
  w.count(f.temporaries.size());
  for (const Temporary& t : f.temporaries) {
    w.enumerator(t.dtype);
    w.i32(t.elements);
  }
  write(w, f.before);
  write(w, f.after);
}

Expected<StagedFrame> decode_frame(ByteReader& r) {
  StagedFrame f;
  f.buffers = TEMPER_TRY(r.i32());
  f.parameters = TEMPER_TRY(r.i32());
  f.temporaries.resize(TEMPER_TRY(r.count(5)));
  for (Temporary& t : f.temporaries) {
    t.dtype = TEMPER_TRY(r.enumerator<DType>(kDTypeCount));
    t.elements = TEMPER_TRY(r.i32());
  }
  f.before = TEMPER_TRY(read(r));
  f.after = TEMPER_TRY(read(r));
  return f;
}

Expected<std::unique_ptr<Kernel>> make_staged(StagedFrame f, std::unique_ptr<Core> core) {
  if (f.buffers < 0 || f.parameters < 0 || f.buffers > kMaxPlaces)
    return corrupt("a kernel with an impossible number of buffers");
  const int64_t places = f.buffers + static_cast<int64_t>(f.temporaries.size());
  if (places > kMaxPlaces || core->place_count() > places || core->parameter_count() > f.parameters)
    return corrupt("a kernel that names a buffer it does not have");
  for (const Temporary& t : f.temporaries) {
    if (t.dtype == DType::kString || t.elements < 0 || t.elements >= f.parameters)
      return corrupt("a temporary of unknown size");
  }
  for (const auto* programs : {&f.before, &f.after}) {
    for (const StagedProgram& p : *programs) {
      if (p.first_parameter < 0 || p.first_parameter > f.parameters - p.program.parameters ||
          p.places.size() != p.program.buffers.size()) {
        return corrupt("a tile program that does not fit its kernel");
      }
      for (int32_t place : p.places) {
        if (place < 0 || place >= places) return corrupt("a tile program that names a buffer its kernel does not have");
      }
    }
  }
  return std::unique_ptr<Kernel>(std::make_unique<StagedKernel>(std::move(f), std::move(core)));
}

bool fits(int64_t elements, DType dtype, int64_t bytes) {
  return elements >= 0 && elements <= (int64_t{1} << 50) && dtype_bytes(dtype, elements) <= bytes;
}

int64_t count_product(int64_t a, int64_t b) {
  int64_t product;
  if (a < 0 || b < 0 || __builtin_mul_overflow(a, b, &product)) return -1;
  return product;
}

}  // namespace temper::cpu
