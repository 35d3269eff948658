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

int args_words(const KernelProgram& p) {
  const int plain = p.buffers + static_cast<int>(p.temporaries.size()) + std::max(1, p.numbers) + 2;
  if (p.maps.empty()) return plain;
  return first_map_word(p) + kWordsOfMap * static_cast<int>(p.maps.size());
}

int first_map_word(const KernelProgram& p) {
  const int plain = p.buffers + static_cast<int>(p.temporaries.size()) + std::max(1, p.numbers) + 2;
  return (plain + 7) / 8 * 8;
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
    out.i32(e.waits);
    out.i32(e.together);
  }
  out.count(p.maps.size());
  for (const KernelProgram::Map& m : p.maps) {
    for (int32_t field : {m.buffer, m.dtype, m.lines, m.offset}) out.i32(field);
    out.vector(m.dims);
    out.vector(m.strides);
    out.vector(m.window);
  }
  out.i32(p.architecture);
  out.i32(p.only_there);
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
  const uint32_t entries = TEMPER_TRY(in.count(24));
  for (uint32_t i = 0; i < entries; ++i) {
    KernelProgram::Entry e;
    e.name = TEMPER_TRY(in.string());
    e.threads = TEMPER_TRY(in.i32());
    e.blocks = TEMPER_TRY(in.i32());
    e.shared_bytes = TEMPER_TRY(in.i32());
    e.waits = TEMPER_TRY(in.i32()) != 0;
    e.together = TEMPER_TRY(in.i32()) != 0;
    if (e.name.empty() || e.threads < 1 || e.threads > 1024 || !is_number(e.blocks) || e.shared_bytes < 0 ||
        e.shared_bytes > kMostSharedBytes)
      return bad("launches");
    p.entries.push_back(std::move(e));
  }
  const uint32_t maps = TEMPER_TRY(in.count(16));
  for (uint32_t i = 0; i < maps; ++i) {
    KernelProgram::Map m;
    for (int32_t* field : {&m.buffer, &m.dtype, &m.lines, &m.offset}) *field = TEMPER_TRY(in.i32());
    m.dims = TEMPER_TRY(in.vector<int32_t>());
    m.strides = TEMPER_TRY(in.vector<int32_t>());
    m.window = TEMPER_TRY(in.vector<int32_t>());
    const auto dtype = static_cast<DType>(m.dtype);
    const int32_t buffers = p.buffers + static_cast<int32_t>(p.temporaries.size());
    const bool fits = m.buffer >= 0 && m.buffer < buffers && (dtype == DType::kF16 || dtype == DType::kBF16) && m.lines >= 1 &&
                      m.lines <= 256 && is_number(m.offset) && m.dims.size() == kRankOfMaps &&
                      m.strides.size() == kRankOfMaps - 1 && (m.window.empty() || m.window.size() == 6) &&
                      std::all_of(m.dims.begin(), m.dims.end(), is_number) &&
                      std::all_of(m.strides.begin(), m.strides.end(), is_number);
    if (!fits) return bad("maps");
    p.maps.push_back(std::move(m));
  }
  if (args_words(p) > kMostWords) return bad("arguments");
  p.architecture = TEMPER_TRY(in.i32());
  p.only_there = TEMPER_TRY(in.i32()) != 0;
  const std::vector<int8_t> code = TEMPER_TRY(in.vector<int8_t>());
  const auto* bytes = reinterpret_cast<const std::byte*>(code.data());
  p.code.assign(bytes, bytes + code.size());
  return p;
}

}  // namespace temper::cuda
