#include "onnx/wire_fields.h"

#include <protozero/exception.hpp>
#include <protozero/varint.hpp>

namespace temper::onnx::wire {

std::string printable(std::string_view text, size_t longest) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (char c : text.substr(0, longest)) {
    if (uint8_t(c) < 0x20 || uint8_t(c) == 0x7f) {
      out += "\\x";
      out += kHex[uint8_t(c) >> 4];
      out += kHex[c & 15];
    } else {
      out += c;
    }
  }
  return text.size() > longest ? out + "..." : out;
}

std::string quoted(std::string_view text) { return "'" + printable(text) + "'"; }

std::string_view normal_domain(std::string_view domain) { return domain == "ai.onnx" ? std::string_view() : domain; }

void Decoder::fail(ErrorCode code, std::string message) const {
  Error error(code, std::move(message));
  if (std::string place = where(); !place.empty()) error = std::move(error).at(std::move(place));
  throw Fault{std::move(error).at(file_)};
}

void Decoder::problem(ErrorCode code, std::string message) { problem(Error(code, std::move(message))); }

void Decoder::problem(Error error) {
  if (problems.size() >= kMaxProblems) fail(ErrorCode::kCorrupt, "the file has more than 1000 faults; export the model again");
  if (std::string place = where(); !place.empty()) error = std::move(error).at(std::move(place));
  problems.push_back(std::move(error).at(file_));
}

void Decoder::charge(uint64_t bytes) {
  charged_ += bytes;
  if (charged_ > kMaxBookkeeping) {
    fail(ErrorCode::kOutOfMemory,
         "the fields of this file, without its weights, would take more than 4 GiB of memory; "
         "no model is like that, so check where the file comes from");
  }
}

std::string Decoder::where() const {
  std::string out;
  for (const Frame& frame : frames_) {
    if (!out.empty()) out += '.';
    out += frame.field;
    if (frame.index >= 0) out += "[" + std::to_string(frame.index) + "]";
    if (frame.label && !frame.label->empty()) out += " " + quoted(*frame.label);
    if (frame.kind && !frame.kind->empty()) out += " (" + printable(*frame.kind) + ")";
  }
  return out;
}

Place::Place(Decoder& decoder, const char* field, int64_t index, const std::string_view* label, const std::string_view* kind)
    : decoder_(decoder) {
  if (decoder.frames_.size() >= size_t(kMaxDepth)) {
    decoder.fail(ErrorCode::kCorrupt,
                 "messages are nested more than 200 deep; no exporter writes this, so check where the file comes from");
  }
  decoder.frames_.push_back({field, index, label, kind});
}

const char* Fields::wire_name(uint8_t wire) {
  constexpr const char* kNames[] = {"a varint", "8 bytes", "a length and bytes", "a group", "the end of a group", "4 bytes"};
  return wire < 6 ? kNames[wire] : "an unknown wire type";
}

void Fields::truncated() const {
  decoder_.fail(ErrorCode::kCorrupt, "the bytes end inside a value, " + std::to_string(at_ - begin_) +
                                         " bytes into a message of " + std::to_string(end_ - begin_) +
                                         "; the file was cut or damaged: copy or export it again");
}

uint64_t Fields::varint() {
  try {
    return protozero::decode_varint(&at_, end_);
  } catch (const protozero::end_of_buffer_exception&) {
    truncated();
  } catch (const protozero::exception&) {
    decoder_.fail(ErrorCode::kCorrupt, "an integer of more than 10 bytes, " + std::to_string(at_ - begin_) +
                                           " bytes into the message; the file is damaged: copy or export it again");
  }
}

std::string_view Fields::take(uint64_t size) {
  if (size > uint64_t(end_ - at_)) truncated();
  std::string_view view(at_, size);
  at_ += size;
  return view;
}

bool Fields::next() {
  if (at_ == end_) return false;
  uint64_t tag = varint();
  wire_ = uint8_t(tag & 7);
  if (tag >> 3 == 0 || tag >> 32 != 0 || wire_ > kFixed32) {
    decoder_.fail(ErrorCode::kCorrupt, "a field tag that does not exist (" + std::to_string(tag) + "), " +
                                           std::to_string(at_ - begin_) +
                                           " bytes into the message; the file is damaged: copy or export it again");
  }
  number_ = uint32_t(tag >> 3);
  return true;
}

void Fields::skip() { skip_value(wire_, 0); }

void Fields::skip_value(uint8_t wire, int depth) {
  switch (wire) {
    case kVarint:
      varint();
      return;
    case kFixed64:
      take(8);
      return;
    case kBytes:
      take(varint());
      return;
    case kFixed32:
      take(4);
      return;
    case kStartGroup: {
      if (depth > kMaxDepth) decoder_.fail(ErrorCode::kCorrupt, "groups nested more than 200 deep; the file is damaged");
      uint32_t group = number_;
      while (true) {
        if (!next()) truncated();
        if (wire_ == kEndGroup && number_ == group) return;
        skip_value(wire_, depth + 1);
      }
    }
    default:
      decoder_.fail(ErrorCode::kCorrupt, "the end of a group that never began; the file is damaged: copy or export it again");
  }
}

void Fields::expect(const char* field, Wire wire) const {
  if (wire_ == wire) return;
  decoder_.fail(ErrorCode::kCorrupt, std::string("field '") + field + "' is encoded as " + wire_name(wire_) +
                                         ", but ONNX has it as " + wire_name(wire) +
                                         "; the file is damaged or no ONNX model: export it again");
}

int64_t Fields::integer(const char* field) {
  expect(field, kVarint);
  return int64_t(varint());
}

float Fields::floating(const char* field) {
  expect(field, kFixed32);
  float value;
  std::memcpy(&value, take(4).data(), 4);
  return value;
}

std::string_view Fields::bytes(const char* field) {
  expect(field, kBytes);
  return take(varint());
}

std::string_view Fields::varints(const char* field) {
  if (wire_ == kBytes) return take(varint());
  expect(field, kVarint);
  const char* start = at_;
  varint();
  return {start, size_t(at_ - start)};
}

std::string_view Fields::fixed(const char* field, size_t width) {
  if (wire_ != kBytes) {
    expect(field, width == 4 ? kFixed32 : kFixed64);
    return take(width);
  }
  std::string_view run = take(varint());
  if (run.size() % width != 0) {
    decoder_.fail(ErrorCode::kCorrupt,
                  std::string("field '") + field + "' has " + std::to_string(run.size()) +
                      " bytes, which is no whole number of elements; the file is damaged: export it again");
  }
  return run;
}

void Fields::integers(const char* field, std::vector<int64_t>& out) {
  std::string_view run = varints(field);
  decoder_.charge(run.size() * 2 * sizeof(int64_t));
  Fields packed(decoder_, run);
  while (packed.at_ != packed.end_) out.push_back(int64_t(packed.varint()));
}

void Fields::floats(const char* field, std::vector<float>& out) {
  std::string_view run = fixed(field, 4);
  decoder_.charge(run.size() * 2);
  size_t before = out.size();
  out.resize(before + run.size() / 4);
  if (!run.empty()) std::memcpy(out.data() + before, run.data(), run.size());
}

std::string_view Merged::bytes(Decoder& decoder) const {
  if (more_.empty()) return first_;
  std::string all(first_);
  for (std::string_view part : more_) all += part;
  decoder.charge(all.size());
  return decoder.storage.keep(std::move(all));
}

}  // namespace temper::onnx::wire
