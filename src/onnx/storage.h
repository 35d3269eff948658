// What the views of a Model point into: mapped files, converted weights, merged messages, invented names. Only grows, never
// moves what it holds; everything lives until the last share of it is gone. Filled by one thread, then only read.
//
//   node.name = storage->keep("call/" + std::string(body_node.name));
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mapped_file.h"

namespace temper::onnx {

class Storage {
 public:
  Storage() = default;
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  std::string_view keep(std::string text) { return texts_.emplace_back(std::move(text)); }
  std::span<const std::byte> keep(MappedFile file) { return files_.emplace_back(std::move(file)).bytes(); }

  // A new buffer to be filled by the caller; its bytes are not set. Throws std::bad_alloc, as all of this class does.
  std::span<std::byte> buffer(size_t size) {
    return {buffers_.emplace_back(std::make_unique_for_overwrite<std::byte[]>(size)).get(), size};
  }

  // An Error when a file that weights lie in was cut or written to since it was opened: ask when they have been used.
  Status still_intact() const {
    for (const MappedFile& file : files_) TEMPER_TRY(file.still_intact());
    return {};
  }

  // Weights will not be read for a while: the memory of mapped files can go.
  void let_go() const {
    for (const MappedFile& file : files_) file.let_go();
  }

 private:
  std::deque<std::string> texts_;
  std::vector<std::unique_ptr<std::byte[]>> buffers_;
  std::deque<MappedFile> files_;
};

}  // namespace temper::onnx
