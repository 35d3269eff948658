#include "backend/cuda/run/nvrtc.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>

#include "backend/cuda/run/code_store.h"
#include "backend/cuda/run/compile_pool.h"
#include "base/dynlib.h"
#include "base/hash.h"

namespace temper::cuda {
namespace {

using Program = struct ProgramTag*;

struct Nvrtc {
  int (*version)(int*, int*) = nullptr;
  int (*arch_count)(int*) = nullptr;
  int (*archs)(int*) = nullptr;
  const char* (*error_text)(int) = nullptr;
  int (*create)(Program*, const char*, const char*, int, const char* const*, const char* const*) = nullptr;
  int (*destroy)(Program*) = nullptr;
  int (*compile)(Program, int, const char* const*) = nullptr;
  int (*log_size)(Program, size_t*) = nullptr;
  int (*log)(Program, char*) = nullptr;
  int (*code_size)(Program, size_t*) = nullptr;
  int (*code)(Program, char*) = nullptr;
  std::optional<DynamicLibrary> library;
  int major = 0, minor = 0;
  std::vector<int> architectures;
};

std::vector<std::string> places() {
  std::vector<std::string> folders{"", "/usr/local/cuda/lib64/"};
  if (const char* wanted = std::getenv("TEMPER_NVRTC")) folders.insert(folders.begin(), std::string(wanted) + "/");
  std::vector<std::string> names;
  for (const std::string& folder : folders) {
    for (const char* name : {"libnvrtc.so.13", "libnvrtc.so.12"}) names.push_back(folder + name);
  }
  return names;
}

Expected<std::unique_ptr<Nvrtc>> open() {
  auto n = std::make_unique<Nvrtc>();
  const DynamicSymbol table[] = {
      {"nvrtcVersion", reinterpret_cast<void**>(&n->version)},
      {"nvrtcGetNumSupportedArchs", reinterpret_cast<void**>(&n->arch_count)},
      {"nvrtcGetSupportedArchs", reinterpret_cast<void**>(&n->archs)},
      {"nvrtcGetErrorString", reinterpret_cast<void**>(&n->error_text)},
      {"nvrtcCreateProgram", reinterpret_cast<void**>(&n->create)},
      {"nvrtcDestroyProgram", reinterpret_cast<void**>(&n->destroy)},
      {"nvrtcCompileProgram", reinterpret_cast<void**>(&n->compile)},
      {"nvrtcGetProgramLogSize", reinterpret_cast<void**>(&n->log_size)},
      {"nvrtcGetProgramLog", reinterpret_cast<void**>(&n->log)},
      {"nvrtcGetCUBINSize", reinterpret_cast<void**>(&n->code_size)},
      {"nvrtcGetCUBIN", reinterpret_cast<void**>(&n->code)},
  };
  auto library = DynamicLibrary::open(places(), table);
  if (!library.ok()) {
    return Error(library.error().code(),
                 "NVRTC is needed to compile kernels for this GPU, and can't be used: " + library.error().message() +
                     "; install the PyPI package nvidia-cuda-nvrtc and set TEMPER_NVRTC to its lib folder");
  }
  n->library.emplace(std::move(*library));
  int count = 0;
  if (n->version(&n->major, &n->minor) != 0 || n->arch_count(&count) != 0)
    return Error(ErrorCode::kIncompatible, "NVRTC does not tell its version");
  n->architectures.resize(size_t(count));
  if (n->archs(n->architectures.data()) != 0) return Error(ErrorCode::kIncompatible, "NVRTC does not tell its architectures");
  return n;
}

const Expected<std::unique_ptr<Nvrtc>>& nvrtc() {
  static const Expected<std::unique_ptr<Nvrtc>> kNvrtc = open();
  return kNvrtc;
}

using Code = std::shared_ptr<const std::vector<std::byte>>;

// Of Hopper, everything: there is no other device of its major version. Products and sums are not contracted: fused bodies
// round as they do on the CPU; matrix products ask for fma by name.
std::vector<std::string> options_for(int architecture) {
  return {"--gpu-architecture=sm_" + std::to_string(architecture) + (architecture == 90 ? "a" : ""), "--std=c++17",
          "--fmad=false", "--device-as-default-execution-space"};
}

struct Compiled {
  Code code;
  std::string log;
};

Expected<Compiled> compile_now(const Nvrtc& n, const std::string& source, int architecture, bool reports) {
  Program program = nullptr;
  int result = n.create(&program, source.c_str(), "kernel.cu", 0, nullptr, nullptr);
  if (result != 0) return Error(ErrorCode::kInternal, std::string("NVRTC takes no program: ") + n.error_text(result));
  struct Guard {
    const Nvrtc& n;
    Program* program;
    ~Guard() { n.destroy(program); }
  } guard{n, &program};
  std::vector<const char*> options;
  const std::vector<std::string> texts = options_for(architecture);
  for (const std::string& text : texts) options.push_back(text.c_str());
  options.push_back(reports ? "--ptxas-options=-v" : "--disable-warnings");
  result = n.compile(program, static_cast<int>(options.size()), options.data());
  size_t log_size = 0;
  n.log_size(program, &log_size);
  std::string log(log_size, '\0');
  n.log(program, log.data());
  if (result != 0) {
    return Error(ErrorCode::kInternal,
                 std::string("a generated kernel does not compile: ") + n.error_text(result) + "\n" + log);
  }
  size_t size = 0;
  if (n.code_size(program, &size) != 0 || size == 0) return Error(ErrorCode::kInternal, "NVRTC made no machine code");
  auto code = std::make_shared<std::vector<std::byte>>(size);
  if (n.code(program, reinterpret_cast<char*>(code->data())) != 0)
    return Error(ErrorCode::kInternal, "NVRTC hands out no machine code");
  return Compiled{std::move(code), std::move(log)};
}

}  // namespace

std::string nvrtc_version() {
  const auto& n = nvrtc();
  return n.ok() ? std::to_string((*n)->major) + "." + std::to_string((*n)->minor) : "";
}

Status nvrtc_status(int architecture) {
  const auto& n = nvrtc();
  if (!n.ok()) return Error(n.error());
  const auto& known = (*n)->architectures;
  if (std::find(known.begin(), known.end(), architecture) == known.end()) {
    return Error(ErrorCode::kIncompatible,
                 "NVRTC " + nvrtc_version() + " does not know sm_" + std::to_string(architecture) + "; install a newer one");
  }
  return {};
}

namespace {

struct Job {
  std::once_flag once;
  std::string source;  // until it is done
  Expected<Code> code = Error(ErrorCode::kInternal, "not compiled");
};

Hash128 key_of(const std::string& source, int architecture) {
  Hasher hasher;
  hasher.add(nvrtc_version()).add(source);
  for (const std::string& option : options_for(architecture)) hasher.add(option);
  return hasher.finish();
}

std::shared_ptr<Job> job_of(const Hash128& key, const std::string& source) {
  static std::mutex mutex;
  static std::map<Hash128, std::shared_ptr<Job>> jobs;
  std::lock_guard lock(mutex);
  std::shared_ptr<Job>& job = jobs[key];
  if (!job) {
    job = std::make_shared<Job>();
    job->source = source;
  }
  return job;
}

const std::optional<CodeStore>& store() {
  static const std::optional<CodeStore> kStore = [] {
    std::optional<CodeStore> made;
    if (auto folder = CodeStore::usual_folder()) made.emplace(*folder).trim();
    return made;
  }();
  return kStore;
}

void do_job(Job& job, const Hash128& key, int architecture) {
  std::call_once(job.once, [&] {
    if (auto kept = store() ? store()->get(key) : std::nullopt) {
      job.code = std::make_shared<const std::vector<std::byte>>(std::move(*kept));
    } else {
      auto compiled = compile_now(**nvrtc(), job.source, architecture, false);
      job.code = compiled.ok() ? Expected<Code>(std::move(compiled->code)) : Expected<Code>(compiled.error());
      if (job.code.ok() && store()) store()->put(key, **job.code);
    }
    std::string().swap(job.source);
  });
}

}  // namespace

Expected<Code> compile_cuda(const std::string& source, int architecture) {
  TEMPER_TRY(nvrtc_status(architecture));
  const Hash128 key = key_of(source, architecture);
  std::shared_ptr<Job> job = job_of(key, source);
  do_job(*job, key, architecture);
  return job->code;
}

void begin_compiling(const std::string& source, int architecture) {
  if (!nvrtc_status(architecture).ok()) return;
  const Hash128 key = key_of(source, architecture);
  auto job = job_of(key, source);
  (void)store();  // whatever the threads use was there before them, and goes after them
  CompilePool::process().add([job, key, architecture] { do_job(*job, key, architecture); });
}

Expected<std::string> compiler_report(const std::string& source, int architecture) {
  TEMPER_TRY(nvrtc_status(architecture));
  return TEMPER_TRY(compile_now(**nvrtc(), source, architecture, true)).log;
}

}  // namespace temper::cuda
