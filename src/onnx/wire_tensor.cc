// TensorProto: one array in one of seven encodings, brought into one form.
//
// raw_data, and float_data and double_data where the bytes have them in one piece, are used where they lie. The varint
// encodings are converted into a buffer of the storage, whose size is known from dims and checked against the count of
// varints first, so that no file makes us allocate more than 16 bytes for one of its own.
#include <algorithm>
#include <bit>
#include <protozero/varint.hpp>

#include "onnx/external_data.h"
#include "onnx/wire_fields.h"

namespace temper::onnx {
namespace {

static_assert(std::endian::native == std::endian::little, "weights are used as they lie in the file");

struct DataTypeRow {
  std::string_view name;
  int bits;
  uint32_t field;  // the typed field that holds such elements
};
constexpr uint32_t kFloatData = 4, kInt32Data = 5, kStringData = 6, kInt64Data = 7, kDoubleData = 10, kUint64Data = 11;
constexpr DataTypeRow kDataTypes[] = {
    {"undefined", 0, 0},
    {"float", 32, kFloatData},
    {"uint8", 8, kInt32Data},
    {"int8", 8, kInt32Data},
    {"uint16", 16, kInt32Data},
    {"int16", 16, kInt32Data},
    {"int32", 32, kInt32Data},
    {"int64", 64, kInt64Data},
    {"string", 0, kStringData},
    {"bool", 8, kInt32Data},
    {"float16", 16, kInt32Data},
    {"double", 64, kDoubleData},
    {"uint32", 32, kUint64Data},
    {"uint64", 64, kUint64Data},
    {"complex64", 64, kFloatData},
    {"complex128", 128, kDoubleData},
    {"bfloat16", 16, kInt32Data},
    {"float8e4m3fn", 8, kInt32Data},
    {"float8e4m3fnuz", 8, kInt32Data},
    {"float8e5m2", 8, kInt32Data},
    {"float8e5m2fnuz", 8, kInt32Data},
    {"uint4", 4, kInt32Data},
    {"int4", 4, kInt32Data},
    {"float4e2m1", 4, kInt32Data},
    {"float8e8m0", 8, kInt32Data},
    {"uint2", 2, kInt32Data},
    {"int2", 2, kInt32Data},
};
static_assert(std::size(kDataTypes) == kLastDataType + 1);

const DataTypeRow& row_of(int32_t data_type) { return kDataTypes[data_type > 0 && data_type <= kLastDataType ? data_type : 0]; }

// Far more than any memory, and small enough that no product of it with an element's size overflows.
constexpr int64_t kMaxElements = int64_t(1) << 55;

}  // namespace

std::string_view data_type_name(int32_t data_type) { return row_of(data_type).name; }
int data_type_bits(int32_t data_type) { return row_of(data_type).bits; }

namespace wire {
namespace {

const char* field_name(uint32_t field) {
  switch (field) {
    case kFloatData:
      return "float_data";
    case kInt32Data:
      return "int32_data";
    case kStringData:
      return "string_data";
    case kInt64Data:
      return "int64_data";
    case kDoubleData:
      return "double_data";
    default:
      return "uint64_data";
  }
}

// A tensor on its way: what the fields hold, before dims and type are all known. Without the empty ones.
struct Parts {
  std::vector<std::string_view> runs[12];  // by field number; each list, concatenated, is one packed run
  std::string_view raw;
  std::string_view location, offset, length;
  bool external = false;
  bool segment = false;
};

std::span<const std::byte> as_bytes(std::string_view view) {
  return {reinterpret_cast<const std::byte*>(view.data()), view.size()};
}

std::string describe(const Tensor& t) {
  std::string out(data_type_name(t.data_type));
  out += '[';
  for (size_t i = 0; i < t.dims.size() && i < 16; ++i) out += (i ? "," : "") + std::to_string(t.dims[i]);
  return out + (t.dims.size() > 16 ? ",...]" : "]");
}

void external_entry(Decoder& decoder, std::string_view bytes, Parts& parts) {
  std::string_view key, value;
  for (Fields f(decoder, bytes); f.next();) {
    switch (f.number()) {
      case 1:
        key = f.string("key");
        break;
      case 2:
        value = f.string("value");
        break;
      default:
        f.skip();
    }
  }
  if (key == "location") parts.location = value;
  if (key == "offset") parts.offset = value;
  if (key == "length") parts.length = value;
}

std::optional<int64_t> decimal(std::string_view text) {
  if (text.empty() || text.size() > 18) return std::nullopt;
  int64_t value = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

size_t count_varints(const std::vector<std::string_view>& runs) {
  size_t count = 0;
  for (std::string_view run : runs)
    count += size_t(std::count_if(run.begin(), run.end(), [](char c) { return (c & 0x80) == 0; }));
  return count;
}

// Whether a varint may stand for an element of that many bits: as signed or as unsigned number, exporters differ.
bool fits(int64_t value, int bits) {
  return bits >= 64 || (value >= -(int64_t(1) << (bits - 1)) && value < int64_t(1) << bits);
}

class Builder {
 public:
  Builder(Decoder& decoder, const Parts& parts, Tensor& out) : decoder_(decoder), parts_(parts), out_(out) {}

  void build() {
    if (!check_type_and_dims()) return;
    const DataTypeRow& row = row_of(out_.data_type);
    size_ = (uint64_t(out_.elements()) * uint64_t(row.bits) + 7) / 8;
    if (parts_.segment) {
      return wrong(ErrorCode::kUnsupported, "the tensor is stored in segments; save the model with whole tensors");
    }
    if (parts_.external) return from_external();
    for (uint32_t field : {kFloatData, kInt32Data, kStringData, kInt64Data, kDoubleData, kUint64Data}) {
      if (parts_.runs[field].empty()) continue;
      if (field != row.field || !parts_.raw.empty()) {
        std::string holder = parts_.raw.empty() ? field_name(row.field) : "raw_data";
        return wrong(ErrorCode::kCorrupt, "the tensor is " + describe(out_) + " with its elements in " + holder + ", but " +
                                              field_name(field) + " is filled; export the model again");
      }
    }
    if (!parts_.raw.empty()) return from_raw();
    switch (row.field) {
      case kStringData:
        return from_strings();
      case kFloatData:
      case kDoubleData:
        return from_fixed(parts_.runs[row.field]);
      default:
        return from_varints(parts_.runs[row.field], row);
    }
  }

 private:
  void wrong(ErrorCode code, std::string message) { decoder_.problem(code, std::move(message)); }

  bool check_type_and_dims() {
    bool good = true;
    if (out_.data_type <= 0 || out_.data_type > kLastDataType) {
      wrong(out_.data_type == 0 ? ErrorCode::kCorrupt : ErrorCode::kUnsupported,
            "the tensor's element type is " + std::to_string(out_.data_type) +
                ", which ONNX up to IR version 13 does not have; export the model again");
      good = false;
    }
    int64_t nonzero = 1;
    for (int64_t& dim : out_.dims) {
      if (dim < 0) {
        wrong(ErrorCode::kCorrupt, "the tensor has a dimension of " + std::to_string(dim) +
                                       "; stored sizes can't be negative, export the model again");
        good = false;
      } else if (dim > 0 && (__builtin_mul_overflow(nonzero, dim, &nonzero) || nonzero > kMaxElements)) {
        wrong(ErrorCode::kCorrupt, "the tensor's dimensions " + describe(out_) +
                                       " multiply to more elements than any memory holds; export the model again");
        good = false;
      }
      if (!good) {
        out_.dims = {0};
        return false;
      }
    }
    return good;
  }

  void wrong_size(uint64_t has, const char* unit, const std::string& holder, uint64_t needs) {
    std::string cause = has == 0 ? "the tensor has no data" : holder + " has " + std::to_string(has) + " " + unit;
    wrong(ErrorCode::kCorrupt,
          cause + ", but " + describe(out_) + " takes " + std::to_string(needs) + "; export the model again");
  }

  void from_raw() {
    if (out_.data_type == kString) return wrong(ErrorCode::kCorrupt, "strings can't be in raw_data; export the model again");
    if (parts_.raw.size() != size_) return wrong_size(parts_.raw.size(), "bytes", "raw_data", size_);
    accept(as_bytes(parts_.raw));
  }

  void from_external() {
    ExternalLocation place{parts_.location};
    if (out_.data_type == kString) {
      return wrong(ErrorCode::kUnsupported, "strings can't be in an external file; save the model with this tensor inside");
    }
    if (!parts_.offset.empty()) {
      std::optional<int64_t> offset = decimal(parts_.offset);
      if (!offset)
        return wrong(ErrorCode::kCorrupt,
                     "external data offset " + quoted(parts_.offset) + " is no number of bytes; save the model again");
      place.offset = *offset;
    }
    if (!parts_.length.empty()) {
      place.length = decimal(parts_.length);
      if (!place.length)
        return wrong(ErrorCode::kCorrupt,
                     "external data length " + quoted(parts_.length) + " is no number of bytes; save the model again");
      if (uint64_t(*place.length) != size_) return wrong_size(uint64_t(*place.length), "bytes", "the external data", size_);
    }
    out_.external = place;
    Expected<std::span<const std::byte>> data = decoder_.external.range(place, size_);
    if (!data.ok()) return decoder_.problem(std::move(data).error());
    accept(*data);
  }

  void from_strings() {
    const std::vector<std::string_view>& strings = parts_.runs[kStringData];
    if (strings.size() != uint64_t(out_.elements())) {
      return wrong_size(strings.size(), "strings", "string_data", uint64_t(out_.elements()));
    }
    out_.strings = strings;
  }

  void from_fixed(const std::vector<std::string_view>& runs) {
    uint64_t has = 0;
    for (std::string_view run : runs) has += run.size();
    if (has != size_) return wrong_size(has, "bytes", field_name(row_of(out_.data_type).field), size_);
    if (runs.size() == 1) return accept(as_bytes(runs[0]));
    std::span<std::byte> buffer = decoder_.storage.buffer(size_);
    size_t at = 0;
    for (std::string_view run : runs) {
      if (!run.empty()) std::memcpy(buffer.data() + at, run.data(), run.size());
      at += run.size();
    }
    out_.data = buffer;
  }

  void from_varints(const std::vector<std::string_view>& runs, const DataTypeRow& row) {
    int bits = std::max(row.bits, 8);  // of what one varint stands for: smaller types come packed into bytes
    uint64_t needs = size_ / uint64_t(bits / 8);
    size_t has = count_varints(runs);
    if (has != needs) return wrong_size(has, "elements", field_name(row.field), needs);
    std::span<std::byte> buffer = decoder_.storage.buffer(size_);
    std::byte* to = buffer.data();
    for (std::string_view run : runs) {
      const char* at = run.data();
      const char* end = at + run.size();
      while (at != end) {
        int64_t value = next_varint(at, end);
        // int32_data is cut to 32 bits, as protobuf does with a field of that type.
        if (row.field == kInt32Data) value = int32_t(value);
        if (out_.data_type == kBool) value = value != 0;
        if (!fits(value, bits)) {
          out_.data = {};
          return wrong(ErrorCode::kCorrupt, "element " + std::to_string((to - buffer.data()) / (bits / 8)) + " of " +
                                                field_name(row.field) + " is " + std::to_string(value) + ", which is no " +
                                                std::string(row.name) + "; export the model again");
        }
        std::memcpy(to, &value, size_t(bits / 8));
        to += bits / 8;
      }
    }
    out_.data = buffer;
  }

  int64_t next_varint(const char*& at, const char* end) {
    try {
      return int64_t(protozero::decode_varint(&at, end));
    } catch (const protozero::exception&) {
      decoder_.fail(ErrorCode::kCorrupt,
                    "the tensor's elements end inside a number; the file is damaged: copy or export it again");
    }
  }

  // Bytes used where they lie, except that a bool is 0 or 1 for all who read it later.
  void accept(std::span<const std::byte> data) {
    out_.data = data;
    if (out_.data_type != kBool) return;
    auto odd = [](std::byte b) { return b > std::byte(1); };
    if (std::none_of(data.begin(), data.end(), odd)) return;
    std::span<std::byte> buffer = decoder_.storage.buffer(data.size());
    std::transform(data.begin(), data.end(), buffer.begin(), [](std::byte b) { return std::byte(b != std::byte(0)); });
    out_.data = buffer;
  }

  Decoder& decoder_;
  const Parts& parts_;
  Tensor& out_;
  uint64_t size_ = 0;
};

}  // namespace

void decode_tensor(Decoder& decoder, std::string_view bytes, Tensor& out) {
  Parts parts;
  auto add = [&](uint32_t field, std::string_view run) {
    if (run.empty() && field != kStringData) return;
    decoder.charge(2 * sizeof(run));
    parts.runs[field].push_back(run);
  };
  for (Fields f(decoder, bytes); f.next();) {
    switch (f.number()) {
      case 1:
        f.integers("dims", out.dims);
        break;
      case 2:
        out.data_type = int32_t(f.integer("data_type"));
        break;
      case 3:
        parts.segment = true;
        f.skip();
        break;
      case kFloatData:
        add(kFloatData, f.fixed("float_data", 4));
        break;
      case kInt32Data:
        add(kInt32Data, f.varints("int32_data"));
        break;
      case kStringData:
        add(kStringData, f.bytes("string_data"));
        break;
      case kInt64Data:
        add(kInt64Data, f.varints("int64_data"));
        break;
      case 8:
        out.name = f.string("name");
        break;
      case 9:
        parts.raw = f.bytes("raw_data");
        break;
      case kDoubleData:
        add(kDoubleData, f.fixed("double_data", 8));
        break;
      case kUint64Data:
        add(kUint64Data, f.varints("uint64_data"));
        break;
      case 13:
        external_entry(decoder, f.bytes("external_data"), parts);
        break;
      case 14:
        parts.external = f.integer("data_location") == 1;
        break;
      default:
        f.skip();
    }
  }
  Builder(decoder, parts, out).build();
}

}  // namespace wire
}  // namespace temper::onnx
