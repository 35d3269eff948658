#include "backend/cuda/run/program.h"

#include <algorithm>

namespace temper::cuda {
namespace {

Error bad(const char* what) {
  return Error(ErrorCode::kCorrupt, std::string("a GPU kernel with impossible ") + what + "; build the plan again");
}

}  // namespace

Expected<int> architecture_of(std::string_view target) {
  int number = 0;
  bool is_known = target.starts_with("sm_") && target.size() >= 5 && target.size() <= 6;
  for (char c : target.substr(std::min<size_t>(3, target.size()))) {
    is_known = is_known && c >= '0' && c <= '9';
    number = number * 10 + (c - '0');
  }
  if (is_known && number >= 80) return number;
  return Error(ErrorCode::kInvalidArgument,
               "'" + std::string(target) + "' is no GPU target that Temper builds for; name one as sm_80, sm_90, ...");
}

void encode(const KernelProgram& p, ByteWriter& out) {
  out.string(p.source);
  out.i32(p.buffers);
  out.i32(p.numbers);
  out.i32(p.narrow);
  out.vector(p.temporaries);
  out.count(p.entries.size());
  for (const KernelProgram::Entry& e : p.entries) {
    out.string(e.name);
    out.i32(e.threads);
    out.i32(e.blocks);
    out.i32(e.shared_bytes);
  }
  out.i32(p.architecture);
  out.vector(p.code.empty() ? std::span<const int8_t>()
                            : std::span(reinterpret_cast<const int8_t*>(p.code.data()), p.code.size()));
}

Expected<KernelProgram> decode_program(ByteReader& in) {
  KernelProgram p;
  p.source = TEMPER_TRY(in.string());
  p.buffers = TEMPER_TRY(in.i32());
  p.numbers = TEMPER_TRY(in.i32());
  p.narrow = TEMPER_TRY(in.i32()) != 0;
  if (p.buffers < 0 || p.numbers < 0 || p.buffers > kMostWords || p.numbers > kMostWords) return bad("arguments");
  p.temporaries = TEMPER_TRY(in.vector<int32_t>());
  if (size_t(p.buffers) + size_t(p.numbers) + p.temporaries.size() + 2 > size_t(kMostWords)) return bad("arguments");
  auto is_number = [&](int32_t n) { return n >= 0 && n < p.numbers; };
  for (int32_t t : p.temporaries) {
    if (!is_number(t)) return bad("temporaries");
  }
  const uint32_t entries = TEMPER_TRY(in.count(16));
  for (uint32_t i = 0; i < entries; ++i) {
    KernelProgram::Entry e;
    e.name = TEMPER_TRY(in.string());
    e.threads = TEMPER_TRY(in.i32());
    e.blocks = TEMPER_TRY(in.i32());
    e.shared_bytes = TEMPER_TRY(in.i32());
    if (e.name.empty() || e.threads < 1 || e.threads > 1024 || !is_number(e.blocks) || e.shared_bytes < 0 ||
        e.shared_bytes > kMostSharedBytes)
      return bad("launches");
    p.entries.push_back(std::move(e));
  }
  p.architecture = TEMPER_TRY(in.i32());
  const std::vector<int8_t> code = TEMPER_TRY(in.vector<int8_t>());
  const auto* bytes = reinterpret_cast<const std::byte*>(code.data());
  p.code.assign(bytes, bytes + code.size());
  return p;
}

}  // namespace temper::cuda
