// The wire format of protocol buffers, one message at a time, over protozero's varints: 64-bit lengths, each field's wire type
// checked, repeated scalars packed or not, groups skipped. A Decoder is what all messages of one file share: where we are in
// the tree (for messages), how deep, how much memory was spent, and where problems and long-lived bytes go.
//
// Inside these files a fault is thrown (wire::Fault, or protozero's exceptions, which Fields turns into Faults) and caught in
// reader.cc; nothing throws out of the room.
//
//   for (Fields f(decoder, bytes); f.next();) {
//     switch (f.number()) {
//       case 1: out.key = f.string("key"); break;
//       default: f.skip();
//     }
//   }
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "onnx/model.h"
#include "onnx/storage.h"

namespace temper::onnx {
class ExternalFiles;  // external_data.h
}

namespace temper::onnx::wire {

inline constexpr int kMaxDepth = 200;                           // messages inside messages; protobuf itself stops at 100
inline constexpr uint64_t kMaxBookkeeping = uint64_t(4) << 30;  // bytes of structs that a file's fields may become
inline constexpr size_t kMaxProblems = 1000;                    // after so many a file is given up

struct Fault {
  Error error;
};

class Decoder {
 public:
  Decoder(std::string file, Storage& storage, std::vector<Error>& problems, ExternalFiles& external)
      : storage(storage), problems(problems), external(external), file_(std::move(file)) {}

  Storage& storage;
  std::vector<Error>& problems;
  ExternalFiles& external;

  [[noreturn]] void fail(ErrorCode code, std::string message) const;  // the bytes cannot be followed any further
  void problem(ErrorCode code, std::string message);                  // this thing is wrong, the next one may be right
  void problem(Error error);
  void charge(uint64_t bytes);
  std::string where() const;  // "graph.node[17] 'conv1' (Conv).attribute[2] 'pads'"
  const std::string& file() const { return file_; }

 private:
  friend class Place;
  struct Frame {
    const char* field;
    int64_t index;                  // -1: not repeated
    const std::string_view* label;  // the name of the thing, once it has been read; may be null
    const std::string_view* kind;   // a node's operator; may be null
  };
  std::string file_;
  std::vector<Frame> frames_;
  uint64_t charged_ = 0;
};

// For its lifetime the decoder is inside that field.
class Place {
 public:
  Place(Decoder& decoder, const char* field, int64_t index = -1, const std::string_view* label = nullptr,
        const std::string_view* kind = nullptr);
  ~Place() { decoder_.frames_.pop_back(); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

 private:
  Decoder& decoder_;
};

class Fields {
 public:
  Fields(Decoder& decoder, std::string_view bytes)
      : decoder_(decoder), at_(bytes.data()), end_(bytes.data() + bytes.size()), begin_(bytes.data()) {}

  // On to the next field, whose value the caller then takes with exactly one of the functions below.
  bool next();
  uint32_t number() const { return number_; }
  void skip();

  int64_t integer(const char* field);
  float floating(const char* field);
  std::string_view string(const char* field) { return bytes(field); }
  std::string_view bytes(const char* field);

  // One value or a packed run of them, appended.
  void integers(const char* field, std::vector<int64_t>& out);
  void floats(const char* field, std::vector<float>& out);

  // The encoded bytes of one value or a packed run of them: concatenated, they are one packed run.
  std::string_view varints(const char* field);
  std::string_view fixed(const char* field, size_t width);

 private:
  enum Wire : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kStartGroup = 3, kEndGroup = 4, kFixed32 = 5 };
  static const char* wire_name(uint8_t wire);
  void expect(const char* field, Wire wire) const;
  [[noreturn]] void truncated() const;
  uint64_t varint();
  std::string_view take(uint64_t size);
  void skip_value(uint8_t wire, int depth);

  Decoder& decoder_;
  const char* at_;
  const char* end_;
  const char* begin_;
  uint32_t number_ = 0;
  uint8_t wire_ = 0;
};

// A message field that is not repeated may still stand in the bytes several times; it then means the merge of all, which is
// what decoding their concatenation gives.
class Merged {
 public:
  void add(std::string_view part) {
    seen_ ? more_.push_back(part) : void(first_ = part);
    seen_ = true;
  }
  void clear() { *this = Merged(); }
  explicit operator bool() const { return seen_; }
  std::string_view bytes(Decoder& decoder) const;

 private:
  bool seen_ = false;
  std::string_view first_;
  std::vector<std::string_view> more_;
};

// `text` for a message: cut to a readable length, with anything unprintable escaped; and the same in quotes.
std::string printable(std::string_view text, size_t longest = 120);
std::string quoted(std::string_view text);

void decode_model(Decoder& decoder, std::string_view bytes, Model& out);                 // wire_model.cc
void decode_graph(Decoder& decoder, std::string_view bytes, Graph& out);                 // wire_model.cc
void decode_attribute(Decoder& decoder, std::string_view bytes, Attribute& out);         // wire_attribute.cc
void decode_tensor(Decoder& decoder, std::string_view bytes, Tensor& out);               // wire_tensor.cc
void decode_sparse_tensor(Decoder& decoder, std::string_view bytes, SparseTensor& out);  // wire_sparse.cc
void decode_type(Decoder& decoder, std::string_view bytes, Type& out);                   // wire_type.cc
void decode_value_info(Decoder& decoder, std::string_view bytes, ValueInfo& out);
std::string_view normal_domain(std::string_view domain);  // "ai.onnx" is ""

// One more element of a repeated message field.
template <class T, class Decode>
void decode_next(Decoder& decoder, std::vector<T>& list, const char* field, std::string_view bytes, Decode decode,
                 std::string_view T::*label = nullptr, std::string_view T::*kind = nullptr) {
  decoder.charge(2 * sizeof(T));
  T& item = list.emplace_back();
  Place place(decoder, field, int64_t(list.size()) - 1, label ? &(item.*label) : nullptr, kind ? &(item.*kind) : nullptr);
  decode(decoder, bytes, item);
}

}  // namespace temper::onnx::wire
