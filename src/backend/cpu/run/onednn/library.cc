#include "backend/cpu/run/onednn/library.h"

#include <memory>

namespace temper::cpu::onednn {

#ifdef TEMPER_ONEDNN

namespace {

constexpr const char* kCure = "; install oneDNN 2 (Debian: libdnnl2), or build the plan without --tacticSources=+ONEDNN";

Expected<const Library*> load() {
  auto made = std::make_unique<Library>();
  Library& l = *made;
  const DynamicSymbol table[] = {
#define TEMPER_ONEDNN_SYMBOL(name) {"dnnl_" #name, reinterpret_cast<void**>(&l.name)},
      TEMPER_ONEDNN_FUNCTIONS(TEMPER_ONEDNN_SYMBOL)
#undef TEMPER_ONEDNN_SYMBOL
          {"omp_set_num_threads", reinterpret_cast<void**>(&l.omp_set_num_threads), false},
      {"omp_get_max_threads", reinterpret_cast<void**>(&l.omp_get_max_threads), false}};
  const std::string names[] = {"libdnnl.so.2"};
  auto opened = DynamicLibrary::open(names, table);
  if (!opened.ok()) return Error(ErrorCode::kIncompatible, "oneDNN can't be loaded: " + opened.error().message() + kCure);
  // Its static objects may be in use until the process ends.
  static DynamicLibrary* const kept = new DynamicLibrary(std::move(*opened));
  const dnnl_version_t& version = *l.version();
  const std::string number =
      std::to_string(version.major) + "." + std::to_string(version.minor) + "." + std::to_string(version.patch);
  if (version.major != DNNL_VERSION_MAJOR) {
    return Error(ErrorCode::kIncompatible, kept->name() + " is oneDNN " + number + kCure);
  }
  const bool serial = version.cpu_runtime == DNNL_RUNTIME_SEQ;
  const bool openmp = version.cpu_runtime == DNNL_RUNTIME_OMP && l.omp_set_num_threads && l.omp_get_max_threads;
  if (!serial && !openmp) {
    return Error(ErrorCode::kIncompatible,
                 kept->name() + " was built for threads that can't be kept to one (neither OpenMP nor serial)" + kCure);
  }
  if (serial) l.omp_set_num_threads = nullptr, l.omp_get_max_threads = nullptr;
  TEMPER_TRY(l.check(l.engine_create(&l.engine, dnnl_cpu, 0), "create an engine"));
  l.text = "oneDNN " + number + " for instruction set " + std::to_string(l.get_effective_cpu_isa());
  return made.release();
}

}  // namespace

Status Library::check(dnnl_status_t status, const char* action) const {
  if (status == dnnl_success) return {};
  const std::string what = std::string("oneDNN could not ") + action;
  switch (status) {
    case dnnl_out_of_memory:
      return Error(ErrorCode::kOutOfMemory, what + ": there is no memory for it");
    case dnnl_unimplemented:
      return Error(ErrorCode::kUnsupported, what + ": it has no implementation; use another kernel source");
    default:
      return Error(ErrorCode::kUnsupported, what + " (status " + std::to_string(int(status)) + "); use another kernel source");
  }
}

Expected<const Library*> library() {
  static const Expected<const Library*> kLoaded = load();
  return kLoaded;
}

std::string library_version() {
  auto loaded = library();
  return loaded.ok() ? (*loaded)->text : std::string();
}

#else

Expected<const Library*> library() {
  return Error(ErrorCode::kIncompatible,
               "this Temper was compiled without the headers of oneDNN 2; compile it where they are installed (Debian: "
               "libdnnl-dev), or build the plan without --tacticSources=+ONEDNN");
}

std::string library_version() { return {}; }

#endif

}  // namespace temper::cpu::onednn
