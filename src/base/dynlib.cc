#include "base/dynlib.h"

#include <dlfcn.h>

namespace temper {
namespace {

Error clear_and(std::span<const DynamicSymbol> symbols, Error error) {
  for (const DynamicSymbol& symbol : symbols) *symbol.address = nullptr;
  return error;
}

}  // namespace

Expected<DynamicLibrary> DynamicLibrary::open(std::span<const std::string> names, std::span<const DynamicSymbol> symbols) {
  std::string tried;
  for (const std::string& name : names) {
    void* handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) {
      const char* why = dlerror();
      tried += (tried.empty() ? "" : "; ") + (why != nullptr ? std::string(why) : name + ": unknown reason");
      continue;
    }
    DynamicLibrary library(handle, name);
    std::string missing;
    for (const DynamicSymbol& symbol : symbols) {
      *symbol.address = dlsym(handle, symbol.name);
      if (*symbol.address == nullptr && symbol.required) missing += (missing.empty() ? "" : ", ") + std::string(symbol.name);
    }
    if (missing.empty()) return library;
    return clear_and(
        symbols, Error(ErrorCode::kIncompatible, "the library lacks " + missing + "; install a version that has it").at(name));
  }
  return clear_and(symbols, Error(ErrorCode::kNotFound, "no shared library could be loaded (" + tried + ")"));
}

DynamicLibrary::~DynamicLibrary() {
  if (handle_ != nullptr) dlclose(handle_);
}

void* DynamicLibrary::find(const char* symbol) const { return dlsym(handle_, symbol); }

}  // namespace temper
