// Strips: adjacent points that one thread does together, so that what lies side by side in memory is loaded and stored at once.
//
// What is read or written along a strip is an array of the thread; the rest of a point's text is the same as without.
//   float p0[8]; load_pack(p0, (f16*)a.b[0], d0);
//   float p1[8];
//   for (int j = 0; j < 8; ++j) { const I d0 = s0 + j; const float t0 = p0[j]; ... p1[j] = h2; }
//   store_pack((f16*)a.b[1], d0, p1);
#include <algorithm>
#include <utility>

#include "backend/cuda/gen/kernel_writer.h"
#include "backend/cuda/gen/prelude.h"

namespace temper::cuda {
namespace {

constexpr int kStripBytes = 16;  // that one instruction moves
constexpr int kLongestStrip = 8;
constexpr int64_t kLeastStrips = 16384;  // fewer would leave multiprocessors without work

}  // namespace

// How many points along the last of these variables a thread does at once; 1 where nothing would be stored together.
int KernelWriter::strip_of(const Variables& variables) const {
  if (variables.empty()) return 1;
  const auto& [ordinal, extent] = variables.back();
  const SymInt var = context_.index(ordinal, extent), count = count_of(variables);
  int value = value_, bytes = 1;
  bool together = false;
  for (size_t s = stage_; s < group_end_; ++s) {
    for (const TensorType& type : result_types(region_.stages[s])) {
      for (const Place& place : places_[static_cast<size_t>(value)]) {
        bytes = std::max(bytes, dtype_bits(type.dtype) / 8);
        if (static_cast<size_t>(ordinal) < place.layout.strides.size())
          together = together || place.layout.strides[static_cast<size_t>(ordinal)].is_const(1);
      }
      ++value;
    }
  }
  if (!together || var.is_const()) return 1;
  int strip = std::min(kLongestStrip, kStripBytes / bytes);
  while (strip > 1 && !(proves_multiple_of(extent, strip) && best_(count) / strip >= kLeastStrips)) strip /= 2;
  return strip;
}

bool KernelWriter::lies_along_strip(SymInt address, SymInt guard, DType dtype) const {
  if (!strip_ || dtype_bits(dtype) < 8 || depends_on(guard, strip_->var)) return false;
  const SymInt rest = address - strip_->var;
  return !depends_on(rest, strip_->var) && proves_multiple_of(rest, strip_->count);
}

// After the point() of its first point. The variable's extent is a multiple of `count`.
void KernelWriter::begin_strip(int ordinal, SymInt extent, int count) {
  strip_ = Strip{ordinal, count, context_.index(ordinal, extent), std::exchange(body_, "")};
}

void KernelWriter::end_strip() {
  Strip strip = std::move(*strip_);
  strip_.reset();
  std::string points = std::exchange(body_, std::move(strip.outside));
  const std::string ordinal = std::to_string(strip.ordinal);
  line("const I s" + ordinal + " = d" + ordinal + ";");
  body_ += strip.before;
  line("#pragma unroll");
  line("for (int j = 0; j < " + std::to_string(strip.count) + "; ++j) {");
  line("const I d" + ordinal + " = s" + ordinal + " + j;");
  body_ += points;
  line("}");
  body_ += strip.after;
}

// The element of this point.
std::string KernelWriter::read_strip(const Access& access) {
  const TensorType& type = types_[static_cast<size_t>(access.value)];
  const Place& place = places_[static_cast<size_t>(access.value)][0];
  const std::string pack = "p" + std::to_string(strip_->packs++), count = std::to_string(strip_->count);
  const std::string declared = compute_type_text(type.dtype) + " " + pack + "[" + count + "];\n";
  if (strip_->reads_ahead && access.map.guard.is_const(1)) {
    strip_->members += "Elements<" + storage_type_text(type.dtype) + ", " + count + "> " + pack + ";\n";
    strip_->loads += "e." + pack + " = elements_at<" + count + ">((const " + storage_type_text(type.dtype) + "*)a.b[" +
                     std::to_string(place.buffer) + "], " + address(place, access.map.results) + ");\n";
    strip_->before += declared + "unpack(" + pack + ", e." + pack + ");\n";
    return pack + "[j]";
  }
  std::string point = std::exchange(body_, std::move(strip_->before) + declared);
  if (!access.map.guard.is_const(1)) {
    line("#pragma unroll");
    line("for (int j = 0; j < " + count + "; ++j) " + pack + "[j] = " + literal_text(access.fill, type.dtype) + ";");
  }
  line("{");
  locate(access, type.dims,
         "load_pack(" + pack + ", " + pointer(place.buffer, type.dtype) + ", " + address(place, access.map.results) + ");");
  line("}");
  strip_->before = std::exchange(body_, std::move(point));
  return pack + "[j]";
}

void KernelWriter::store_strip(const Place& place, DType dtype, std::span<const SymInt> index, const std::string& x) {
  const std::string pack = "p" + std::to_string(strip_->packs++);
  strip_->before += compute_type_text(dtype) + " " + pack + "[" + std::to_string(strip_->count) + "];\n";
  line(pack + "[j] = " + x + ";");
  strip_->after += std::string(strip_->reads_ahead ? "if (inside) " : "") + "store_pack(" + pointer(place.buffer, dtype) +
                   ", " + address(place, index) + ", " + pack + ");\n";
}

}  // namespace temper::cuda
