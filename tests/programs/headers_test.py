"""The public headers by themselves: each compiles alone at every level, without a warning, as C++14 (level 8), C++17 and C++20,
with g++ and with clang; the library has one version and the headers of a level say theirs as text.

    headers_test.py INCLUDE CUDA_INCLUDE
"""
import concurrent.futures
import pathlib
import re
import shutil
import subprocess
import sys

HEADERS = ["NvInfer", "NvInferRuntime", "NvInferRuntimeCommon", "NvInferRuntimeBase", "NvInferRuntimePlugin", "NvInferPluginBase",
           "NvInferImpl", "NvInferVersion", "NvInferPlugin", "NvInferPluginUtils", "NvInferLegacyDims", "NvOnnxParser",
           "NvOnnxConfig", "NvUtils", "NvInferConsistency", "NvInferSafeRuntime", "NvCaffeParser", "NvUffParser"]
# Of the CUDA runtime for machines without one.
CUDA_HEADERS = ["cuda", "cuda_runtime_api", "cuda_runtime", "cuda_profiler_api", "cuda_fp16", "cuda_bf16", "cuda_fp8"]
STANDARDS = {8: ["c++14", "c++17"], 10: ["c++17", "c++20"], 11: ["c++20"]}
VERSIONS = {8: "8.6.1", 10: "10.16.0", 11: "11.1.0"}


def compile_alone(include, cuda, compiler, level, standard, header):
    command = [compiler, f"-std={standard}", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wno-unused-parameter",
               "-fsyntax-only", "-I", include / str(level), "-I", cuda, "-x", "c++", "-"]
    done = subprocess.run(command, input=f'#include "{header}.h"\nint main() {{}}\n', text=True, capture_output=True)
    return [] if done.returncode == 0 else [f"{header}.h, level {level}, {compiler} -std={standard}:\n{done.stderr[:2000]}"]


def version_as_text(include, level):
    """The version as a build script finds it, without a compiler."""
    text = (include / str(level) / "NvInferVersion.h").read_text()
    found = []
    for part in ("MAJOR", "MINOR", "PATCH"):
        value = re.search(rf"^#define NV_TENSORRT_{part} (\w+)", text, re.M).group(1)
        found.append(value if value.isdigit() else re.search(rf"^#define {value} (\d+)", text, re.M).group(1))
    return ".".join(found)


def main():
    include, cuda = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    problems = [f"level {level} says {version_as_text(include, level)} as text, not {version}"
                for level, version in VERSIONS.items() if version_as_text(include, level) != version]
    compilers = [c for c in ("g++", "clang++-14", "clang++") if shutil.which(c)][:2]
    jobs = [(include, cuda, compiler, level, standard, header)
            for level, standards in STANDARDS.items() for compiler in compilers for standard in standards for header in HEADERS + CUDA_HEADERS]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for found in pool.map(lambda job: compile_alone(*job), jobs):
            problems += found
    print("\n".join(problems) or f"{len(jobs)} compilations of {len(HEADERS + CUDA_HEADERS)} headers are clean")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
