// Writes what the fuzzers begin with: the small models as ONNX files, plans, graph texts and a timing cache.
//
//   fuzz_seeds build/fuzz/seeds     # onnx/ plan/ graph_text/ timing_cache/
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "tests/programs/client.h"
#include "tests/programs/sample_plugins.h"
#include "tests/programs/small_models.h"

namespace {

bool put(const std::filesystem::path& file, const std::string& bytes) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream out(file, std::ios::binary);
  return bool(out.write(bytes.data(), std::streamsize(bytes.size())));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: fuzz_seeds FOLDER\n"), 2;
  const std::filesystem::path folder = argv[1];
  client::Logger logger;
  bool good = true;
  for (const small::Named& named : small::all_models()) {
    good &= put(folder / "onnx" / named.name, named.model);
    client::Build build(logger);
    std::unique_ptr<nvinfer1::ITimingCache> cache(build.config->createTimingCache(nullptr, 0));
    build.config->setTimingCache(*cache, false);
    if (!build.parse(named.model))
      return std::fprintf(stderr, "%s: %s\n", named.name.c_str(), temper::lastError().text().c_str()), 1;
    good &= put(folder / "graph_text" / named.name, temper::print(*build.network));
    auto plan = build.plan();
    if (!plan) return std::fprintf(stderr, "%s: %s\n", named.name.c_str(), temper::lastError().text().c_str()), 1;
    std::printf("%-16s %zu bytes of plan\n", named.name.c_str(), plan->size());
    good &= put(folder / "plan" / named.name, std::string(static_cast<char*>(plan->data()), plan->size()));
    std::unique_ptr<nvinfer1::IHostMemory> text(cache->serialize());
    good &= put(folder / "timing_cache" / named.name, std::string(static_cast<char*>(text->data()), text->size()));
  }
  auto plugins = sample::plan_of_plugins(logger);
  good &= plugins && put(folder / "plan" / "plugins", std::string(static_cast<char*>(plugins->data()), plugins->size()));
  return good ? 0 : 1;
}
