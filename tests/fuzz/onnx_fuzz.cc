// Fuzzes the ONNX reader: whatever the bytes, it ends with a model or an error, and so does all that works on models alone.
//
//   clang++ -std=gnu++20 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -Isrc -Iinclude
//     tests/fuzz/onnx_fuzz.cc src/onnx/{wire_*,reader,text,validate,scopes,function*,external_data,other_format}.cc
//     src/base/{error,mapped_file,hash}.cc -lxxhash -o onnx_fuzz
//   ./onnx_fuzz -max_len=16384 corpus/        (any small .onnx and .pb files)
#include <cstdint>
#include <cstdlib>

#include "base/hash.h"
#include "onnx/functions.h"
#include "onnx/reader.h"
#include "onnx/storage.h"
#include "onnx/text.h"
#include "onnx/validate.h"

namespace {

using namespace temper;
using namespace temper::onnx;

void fuzz_model(std::span<const std::byte> bytes) {
  Expected<Model> model = read_model(bytes, "", "fuzz");
  if (!model.ok()) return;
  std::string text = to_text(*model);
  bool valid = validate(*model).empty();
  Status inlined = inline_functions(*model);
  text += to_text(*model);
  if (hash64(text) == 0 && text.empty()) std::abort();
  // A valid model stays valid; only attributes of the wrong type and the limits may refuse it.
  if (valid && inlined.ok() && !validate(*model).empty()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  fuzz_model(bytes);
  for (Type::Kind kind : {Type::kTensor, Type::kSequence, Type::kOptional}) {
    Expected<Value> value = read_value(bytes, kind, "fuzz");
    if (value.ok() && kind == Type::kTensor) (void)to_text(value->tensor);
  }
  return 0;
}
