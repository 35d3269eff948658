"""Builds programs that others wrote for TensorRT, with no edit, against Temper's headers and libraries, and runs them.

    run_programs.py SOURCES BUILD [--only NAME]

SOURCES is a folder outside of the project that holds what is there of: tensorrt-8.6.1, tensorrt-10.16, tensorrt-11.1 (checkouts
of NVIDIA/TensorRT), tensorrt-rtx (NVIDIA/TensorRT-RTX), tensorrtx (wang-xinyu/tensorrtx), and mnist (mnist.onnx and the digits
0.pgm to 9.pgm). BUILD is Temper's build folder, with lib/.
"""
import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMON = ["samples/common/logger.cpp", "samples/common/sampleUtils.cpp", "samples/common/getOptions.cpp",
          "samples/common/bfloat16.cpp", "samples/common/common.cpp", "samples/common/bigInt.cpp", "shared/utils/*.cpp"]
TRTEXEC = ["samples/trtexec/trtexec.cpp", "samples/common/sample*.cpp", "samples/common/debugTensorWriter.cpp",
           "samples/common/logger.cpp", "samples/common/getOptions.cpp", "samples/common/bfloat16.cpp", "shared/utils/*.cpp"]
INCLUDES = ["samples/common", "samples", ".", "shared"]
PASSED = "&&&& PASSED"
HELLO = r"Output: 30 30(.|\n)*Output: 120 120"


class Program:
    def __init__(self, name, folder, level, standard, sources, runs):
        self.name, self.folder, self.level, self.standard, self.sources, self.runs = name, folder, level, standard, sources, runs


def mnist_sample(folder, level, standard, more=()):
    runs = [(["--datadir={mnist}/", *flags], PASSED) for flags in ([], ["--fp16"], *more)]
    return Program(f"mnist-{level}", folder, level, standard, ["samples/sampleOnnxMNIST/*.cpp", *COMMON], runs)


PROGRAMS = [
    mnist_sample("tensorrt-8.6.1", 8, "c++14", more=[["--int8"]]),
    mnist_sample("tensorrt-10.16", 10, "c++17"),
    mnist_sample("tensorrt-11.1", 11, "c++20"),
    Program("dynamic-reshape", "tensorrt-10.16", 10, "c++17", ["samples/sampleDynamicReshape/*.cpp", *COMMON],
            [(["--datadir={mnist}/"], PASSED)]),
    Program("trtexec", "tensorrt-10.16", 10, "c++17", TRTEXEC,
            [(["--onnx={mnist}/mnist.onnx", "--saveEngine=mnist.plan", "--dumpOutput", "--duration=0"], PASSED),
             (["--loadEngine=mnist.plan", "--exportOutput=output.json", "--duration=0"], PASSED)]),
    *[Program(f"hello-{level}", "tensorrt-rtx", level, "c++17", ["samples/helloWorld/cpp/*.cpp"],
              [([], HELLO), (["--onnx={folder}/samples/helloWorld/helloWorld.onnx"], HELLO)]) for level in (10, 11)],
    *[Program(f"mlp-{level}", "tensorrtx", level, "c++17", ["mlp/*.cpp"], [(["-s"], "Success"), (["-d"], "23.9615")])
      for level in (8, 10, 11)],
]


def build(program, folder, libraries, binary):
    sources = [str(path) for pattern in program.sources for path in sorted(folder.glob(pattern)) if ".test." not in path.name]
    command = ["g++", f"-std={program.standard}", "-w", f"-I{ROOT}/include/{program.level}", f"-I{ROOT}/hostcuda/include",
               *[f"-I{folder / include}" for include in INCLUDES], *sources, f"-L{libraries}", "-lnvinfer", "-lnvonnxparser",
               "-lnvinfer_plugin", "-lcudart", "-ldl", "-lpthread", f"-Wl,-rpath,{libraries}", "-o", str(binary)]
    return subprocess.run(command, capture_output=True, text=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", type=pathlib.Path)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    sources, libraries = args.sources.resolve(), (args.build / "lib").resolve()
    failed = 0
    for program in PROGRAMS:
        folder = sources / program.folder
        if args.only not in program.name:
            continue
        if not folder.exists():
            print(f"{program.name:18}left out: {folder} is not there")
            continue
        with tempfile.TemporaryDirectory() as work:
            place = pathlib.Path(work) / "run"
            place.mkdir()
            # The weights of mlp are in its README: 3fff7e32 and 3c138a5a.
            (pathlib.Path(work) / "models").mkdir()
            (pathlib.Path(work) / "models/mlp.wts").write_text("2\nlinear.weight 1 3fff7e32\nlinear.bias 1 3c138a5a\n")
            built = build(program, folder, libraries, place / "program")
            problem = "" if built.returncode == 0 else "does not build:\n" + built.stderr[:1500]
            for flags, expected in program.runs if not problem else []:
                command = ["./program", *[flag.format(mnist=sources / "mnist", folder=folder) for flag in flags]]
                ran = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=300)
                if ran.returncode != 0 or not re.search(expected, ran.stdout + ran.stderr):
                    problem = f"{' '.join(command)} ended with {ran.returncode}:\n{(ran.stdout + ran.stderr)[-1500:]}"
                    break
            print(f"{program.name:18}{problem or 'as expected'}", flush=True)
            failed += bool(problem)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
