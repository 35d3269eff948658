#include "onnx/reader.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <stdexcept>

#include "base/mapped_file.h"
#include "onnx/external_data.h"
#include "onnx/other_format.h"
#include "onnx/storage.h"
#include "onnx/validate.h"
#include "onnx/wire_fields.h"
#include "onnx/wire_value.h"

namespace temper::onnx {
namespace {

std::string_view as_view(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Runs `decode`, which may throw, and returns what it threw as an Error.
template <class Decode>
Status guarded(const std::string& file, Decode decode) {
  try {
    decode();
    return {};
  } catch (wire::Fault& fault) {
    return std::move(fault.error);
  } catch (const std::bad_alloc&) {
    return Error(ErrorCode::kOutOfMemory, "there is not enough memory to read the file").at(file);
  } catch (const std::length_error&) {
    return Error(ErrorCode::kOutOfMemory, "there is not enough memory to read the file").at(file);
  }
}

std::string folder_of(const std::string& path) {
  size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// What can be told about a path before opening it; pipes and devices are refused, for they can't be mapped.
Status check_path(const std::string& path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR)
      return Error(ErrorCode::kNotFound, "there is no such file; check the path").at(path);
    return Error(ErrorCode::kIo, std::string("the file can't be opened: ") + std::strerror(errno)).at(path);
  }
  if (S_ISDIR(status.st_mode))
    return Error(ErrorCode::kInvalidArgument, "this is a folder; give the .onnx file in it").at(path);
  if (!S_ISREG(status.st_mode))
    return Error(ErrorCode::kInvalidArgument, "this is no regular file; save the model to a file first").at(path);
  return {};
}

struct OpenFile {
  std::shared_ptr<Storage> storage;
  std::span<const std::byte> bytes;
};

Expected<OpenFile> open_file(const std::string& path) {
  TEMPER_TRY(check_path(path));
  OpenFile out{std::make_shared<Storage>(), {}};
  out.bytes = out.storage->keep(TEMPER_TRY(MappedFile::open(path)));
  return out;
}

Expected<Model> decode_whole_model(std::span<const std::byte> bytes, const std::string& folder, std::string display_name,
                                   std::shared_ptr<Storage> storage) {
  Model model;
  model.display_name = std::move(display_name);
  model.storage = std::move(storage);
  Status status = guarded(model.display_name, [&] {
    ExternalFiles external(folder, *model.storage);
    wire::Decoder decoder(model.display_name, *model.storage, model.problems, external);
    wire::decode_model(decoder, as_view(bytes), model);
  });
  // A file that was cut while we read has lost pages, which read as zero: whatever came out of it counts for nothing.
  TEMPER_TRY(model.storage->still_intact());
  bool is_model = status.ok() && (model.has_graph || model.ir_version != 0 || !model.functions.empty());
  if (is_model) {
    sort_nodes(model);
    return model;
  }
  if (std::optional<Error> other = recognise_other_format(bytes)) return std::move(*other).at(model.display_name);
  if (!status.ok()) return std::move(status).error();
  return Error(ErrorCode::kInvalidArgument,
               "this is no ONNX model: there is no graph in it; give a file that was exported as ONNX")
      .at(model.display_name);
}

}  // namespace

Expected<Model> read_model(const std::string& path) {
  OpenFile file = TEMPER_TRY(open_file(path));
  return decode_whole_model(file.bytes, folder_of(path), path, std::move(file.storage));
}

Expected<Model> read_model(std::span<const std::byte> bytes, const std::string& folder, std::string display_name) {
  return decode_whole_model(bytes, folder, std::move(display_name), std::make_shared<Storage>());
}

namespace {

Expected<Value> decode_whole_value(std::span<const std::byte> bytes, Type::Kind kind, const std::string& name,
                                   const std::string& folder, std::shared_ptr<Storage> storage) {
  Value value;
  value.kind = kind;
  value.storage = std::move(storage);
  std::vector<Error> problems;
  TEMPER_TRY(guarded(name, [&] {
    ExternalFiles external(folder, *value.storage);
    wire::Decoder decoder(name, *value.storage, problems, external);
    wire::decode_value(decoder, as_view(bytes), value);
  }));
  TEMPER_TRY(value.storage->still_intact());
  if (!problems.empty()) return std::move(problems.front());
  return value;
}

}  // namespace

Expected<Value> read_value(const std::string& path, Type::Kind kind) {
  OpenFile file = TEMPER_TRY(open_file(path));
  return decode_whole_value(file.bytes, kind, path, folder_of(path), std::move(file.storage));
}

Expected<Value> read_value(std::span<const std::byte> bytes, Type::Kind kind, std::string display_name) {
  return decode_whole_value(bytes, kind, display_name, "", std::make_shared<Storage>());
}

Expected<OwnedTensor> read_tensor(const std::string& path) {
  Value value = TEMPER_TRY(read_value(path, Type::kTensor));
  OwnedTensor out;
  static_cast<Tensor&>(out) = std::move(value.tensor);
  out.storage = std::move(value.storage);
  return out;
}

}  // namespace temper::onnx
