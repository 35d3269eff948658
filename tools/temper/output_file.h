// Files that appear whole or not at all: written under a temporary name beside the target, and renamed by commit(). An object
// that ends without commit() removes its temporary file; so does the second Ctrl-C, which ends the process at once.
#pragma once

#include <string>
#include <string_view>

#include "NvInferRuntime.h"

namespace tool {

class OutputFile {
 public:
  explicit OutputFile(std::string path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::string_view bytes);
  // Flushes to the disk and gives the file its name.
  void commit();

 private:
  friend class StreamToFile;
  bool write_some(const void* data, size_t size) noexcept;  // false: see errno

  std::string path_;
  std::string temporary_;  // empty: path_ is a device or a pipe
  int file_ = -1;
};

// Lets the library write a plan into an OutputFile.
class StreamToFile : public nvinfer1::IStreamWriter {
 public:
  explicit StreamToFile(OutputFile& file) : file_(file) {}
  int64_t write(const void* data, int64_t size) noexcept override;
  int error_number() const { return error_number_; }  // 0: every write succeeded

 private:
  OutputFile& file_;
  int error_number_ = 0;
};

void write_file(const std::string& path, std::string_view bytes);
// The whole file; Problem when it can't be read.
std::string read_file(const std::string& path);
bool file_exists(const std::string& path);

// Ctrl-C. The first sets a flag that builds and runs look at; the second removes temporary files and ends the process.
void catch_interrupts();
bool interrupted() noexcept;
// Throws Interrupted when the flag is set.
void stop_if_interrupted();

}  // namespace tool
