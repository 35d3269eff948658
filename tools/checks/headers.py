"""A public header can be included first and alone, as programs do."""
import concurrent.futures
import os
import subprocess

# The API speaks of CUDA's streams and events; this is where a machine without CUDA gets them from.
HOST_CUDA = ["-Ihostcuda", "-Ihostcuda/include"]


def compile_alone(tree, path):
    name = path.relative_to("include")
    flags = ["-std=c++17", "-fsyntax-only", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Iinclude", *HOST_CUDA, "-x", "c++", "-"]
    done = subprocess.run([os.environ.get("CXX", "g++"), *flags], input=f"#include <{name}>\n", cwd=tree.root,
                          capture_output=True, text=True)
    if not done.stderr.strip():
        return []
    first = next((l for l in done.stderr.splitlines() if "error" in l or "warning" in l), done.stderr.splitlines()[0])
    return [f"{path}: does not compile by itself in C++17: {first.strip()}"]


def check_headers(tree):
    """every public header compiles by itself, without a warning, in C++17"""
    headers = tree.under("include", suffixes={".h"})
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return [problem for found in pool.map(lambda p: compile_alone(tree, p), headers) for problem in found]
