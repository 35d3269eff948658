// DynamicLibrary: a shared library found at run time, with a declared table of the symbols that are wanted from it.
//
//   struct { int (*version)(); } api;
//   const DynamicSymbol table[] = {{"foo_version", reinterpret_cast<void**>(&api.version)}};
//   DynamicLibrary library = TEMPER_TRY(DynamicLibrary::open({{"libfoo.so.3", "libfoo.so.2"}}, table));
#pragma once

#include <span>
#include <string>
#include <utility>

#include "base/error.h"

namespace temper {

struct DynamicSymbol {
  const char* name;
  void** address;  // set by open(); for an optional symbol that is not there, to null
  bool required = true;
};

class DynamicLibrary {
 public:
  // Tries the names in order; the first library that loads is taken, and must have all required symbols. The Error (kNotFound:
  // none loads; kIncompatible: symbols are missing) says what was tried and why it failed. On an Error every address is null.
  static Expected<DynamicLibrary> open(std::span<const std::string> names, std::span<const DynamicSymbol> symbols);

  DynamicLibrary(DynamicLibrary&& other) noexcept
      : handle_(std::exchange(other.handle_, nullptr)), name_(std::move(other.name_)) {}
  DynamicLibrary& operator=(DynamicLibrary&& other) noexcept {
    std::swap(handle_, other.handle_);
    std::swap(name_, other.name_);
    return *this;
  }
  ~DynamicLibrary();  // unloads it: no function of it may be called afterwards

  const std::string& name() const { return name_; }  // the name that loaded
  void* find(const char* symbol) const;              // null: not there

 private:
  DynamicLibrary(void* handle, std::string name) : handle_(handle), name_(std::move(name)) {}
  void* handle_;
  std::string name_;
};

}  // namespace temper
