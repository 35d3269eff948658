// Fuzzes the reader of graph texts: what it takes verifies, and is written and read as the same text.
#include <cstdlib>

#include "ir/graph_text.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace temper;
  // Constants that are named by their hash are zeros, unless they are large.
  ConstantResolver zeros = [](const TensorType& type, std::string_view) -> Expected<Tensor> {
    std::vector<int64_t> dims;
    int64_t elements = 1;
    for (SymInt d : type.dims) {
      if (!d.is_const() || d.value() < 0 || d.value() > 4096 || (elements *= d.value()) > 4096)
        return Error(ErrorCode::kNotFound, "no such constant");
      dims.push_back(d.value());
    }
    return Tensor::zeros(type.dtype, dims);
  };
  auto graph = parse_graph({reinterpret_cast<const char*>(data), size}, std::make_shared<SymContext>(), zeros);
  if (!graph.ok()) return 0;
  if (!verify(*graph).ok()) std::abort();
  std::string text = graph->to_string();
  auto again = parse_graph(text, std::make_shared<SymContext>(), zeros);
  if (again.ok() && again->to_string() != text) std::abort();
  return 0;
}
