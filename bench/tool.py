"""What the benchmarks share: running Temper's tool, inputs for a model, tables."""
import json
import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import onnx

ROOT = pathlib.Path(__file__).resolve().parent.parent
# A process's peak memory begins with that of its parent at the moment it was made; so a small one stands between.
MEASURE = """
import os, sys, time
start = time.perf_counter()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(child, 0)
print(f"\\n@{os.waitstatus_to_exitcode(status)} {time.perf_counter() - start} {usage.ru_maxrss * 1024}", file=sys.stderr)
"""


class Failure(Exception):
    """A command ended badly; the text says how."""


class Done:
    def __init__(self, text, seconds, peak):
        self.text, self.seconds, self.peak_bytes = text, seconds, peak

    def number(self, pattern):
        """The first group of the pattern in what was printed, as a number; None when it is not there."""
        found = re.search(pattern, self.text)
        return float(found[1]) if found else None


def run(command, limit=1800):
    """Runs a command: its output, wall-clock seconds and peak memory. Failure unless it exits with 0."""
    command = [str(c) for c in command]
    try:
        done = subprocess.run([sys.executable, "-I", "-S", "-c", MEASURE, *command], capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        raise Failure(f"no end after {limit} s") from None
    text, _, last = done.stderr.rstrip().rpartition("\n@")
    try:
        status, seconds, peak = last.split()
    except ValueError:
        raise Failure(done.stderr.strip()[-300:]) from None
    if status != "0":
        told = [l for l in (text + "\n" + done.stdout).splitlines() if re.search(r"E_|\[E\]|rror", l)] or [text.strip()[-300:]]
        raise Failure(f"exit {status}: {told[0].strip()[:300]}")
    return Done(done.stdout + text, float(seconds), int(peak))


class Tool:
    """`temper trtexec`, with trtexec's own flags."""

    def __init__(self, binary, flags=()):
        self.binary, self.flags = pathlib.Path(binary).resolve(), list(flags)
        if not self.binary.exists():
            sys.exit(f"{binary} is missing; build it first: cmake -S . -B build && cmake --build build")

    def trtexec(self, *flags, limit=1800):
        return run([self.binary, "trtexec", *flags], limit)

    def explain(self, plan):
        """What the plan says of its kernels, as JSON."""
        return run([self.binary, "explain", "--json", plan]).text

    def build(self, model, plan, threads, feed=None, more=()):
        return self.trtexec(f"--onnx={model}", f"--saveEngine={plan}", "--skipInference", f"--cpuThreads={threads}",
                            *shape_flags(model, feed), *self.flags, *more)

    def times(self, model, plan, threads, feed, seconds, work):
        """Milliseconds of every inference of a run of so many seconds, in a new process."""
        out = pathlib.Path(work) / "times.json"
        self.trtexec(f"--loadEngine={plan}", *shape_flags(model, feed), f"--duration={seconds}", "--warmUp=200", f"--exportTimes={out}",
                     f"--cpuThreads={threads}")
        return [row["computeMs"] for row in json.loads(out.read_text())]

    def outputs(self, model, plan, threads, feed, work):
        work, loads = pathlib.Path(work), []
        for index, (name, value) in enumerate(feed.items()):
            np.ascontiguousarray(value).tofile(work / f"input_{index}.bin")
            loads.append(f"'{name}':{work / f'input_{index}.bin'}")
        out = work / "outputs.json"
        self.trtexec(f"--loadEngine={plan}", *shape_flags(model, feed), "--loadInputs=" + ",".join(loads), f"--exportOutput={out}",
                     "--iterations=1", "--duration=0", "--warmUp=0", f"--cpuThreads={threads}")
        found = {}
        for row in json.loads(out.read_text()):
            dims = [int(d) for d in row["dimensions"].split("x")] if row["dimensions"] not in ("", "scalar") else []
            found[row["name"]] = np.array(row["values"], np.float64).reshape(dims)
        return found


_models = {}


def graph_of(path):
    path = pathlib.Path(path)
    if path not in _models:
        _models[path] = onnx.load(path, load_external_data=False).graph
    return _models[path]


def inputs_of(path):
    graph = graph_of(path)
    held = {i.name for i in graph.initializer}
    return [i for i in graph.input if i.name not in held]


def is_dynamic(info):
    return any(not d.HasField("dim_value") or d.dim_value < 0 for d in info.type.tensor_type.shape.dim)


def shape_flags(path, feed):
    """--shapes for the inputs that have no fixed shape: the others must not be named."""
    named = [(i.name, feed[i.name].shape) for i in inputs_of(path) if feed and is_dynamic(i)]
    return ["--shapes=" + ",".join(f"'{name}':" + ("x".join(map(str, shape)) or "scalar") for name, shape in named)] if named else []


def make_feed(path, dims, shapes):
    """Inputs from a fixed seed. dims: extents by the name of a dimension; shapes: whole shapes by the name of an input."""
    rng, feed = np.random.default_rng(0), {}
    for info in inputs_of(path):
        tensor = info.type.tensor_type
        if info.name in shapes:
            shape = shapes[info.name]
        else:
            shape = []
            for axis, d in enumerate(tensor.shape.dim):
                extent = d.dim_value if d.HasField("dim_value") and d.dim_value >= 0 else dims.get(d.dim_param)
                if extent is None:
                    raise Failure(f"input {info.name}: dimension {axis} ('{d.dim_param}') is open; give --dim {d.dim_param or '?'}=N "
                                  f"or --shape {info.name}:AxBxC")
                shape.append(extent)
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        if np.issubdtype(dtype, np.integer) or dtype == np.bool_:
            # A mask lets everything through; other integers are mostly indices: small enough for any vocabulary.
            feed[info.name] = np.ones(shape, dtype) if "mask" in info.name else rng.integers(0, 100, shape).astype(dtype)
        else:
            feed[info.name] = rng.standard_normal(shape).astype(dtype)
    return feed


def weight_bytes(path):
    total = 0
    for tensor in graph_of(path).initializer:
        bits = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize * 8
        total += int(np.prod(tensor.dims, dtype=np.int64)) * bits // 8
    return total


def models_in(paths):
    """(name, path) of each ONNX file: files as given, FOLDER/*.onnx and FOLDER/NAME/model.onnx."""
    for path in map(pathlib.Path, paths):
        if path.is_file():
            yield path.stem, path
        elif path.is_dir():
            yield from ((p.stem, p) for p in sorted(path.glob("*.onnx")))
            yield from ((p.parent.name, p) for p in sorted(path.glob("*/model.onnx")))
        else:
            sys.exit(f"{path} does not exist")


def add_model_arguments(parser, count="+"):
    parser.add_argument("models", nargs=count, metavar="MODEL.onnx|FOLDER")
    parser.add_argument("--temper", default=ROOT / "build/temper", help="the tool (default: build/temper)")
    parser.add_argument("--only", default="", help="names of models, separated by commas")
    parser.add_argument("--dim", action="append", default=[], metavar="NAME=N", help="an extent for every dimension of this name")
    parser.add_argument("--shape", action="append", default=[], metavar="INPUT:AxBxC", help="the shape of an input")
    parser.add_argument("--json", type=pathlib.Path, help="also write all numbers to this file")


def chosen_models(args):
    only = set(filter(None, args.only.split(",")))
    return [(name, path.resolve()) for name, path in models_in(args.models) if not only or name in only]


def feed_of(args, path):
    dims = {"batch": 1} | {k: int(v) for k, _, v in (d.partition("=") for d in args.dim)}
    shapes = {k: [int(e) for e in v.split("x")] if v != "scalar" else [] for k, _, v in (s.rpartition(":") for s in args.shape)}
    return make_feed(path, dims, shapes)


class Table:
    """Rows printed as they come, columns aligned. columns: (key, title, format)."""

    def __init__(self, columns):
        self.columns, self.rows = columns, []
        print(f"{'model':26}" + "".join(f"{title:>{max(9, len(title) + 2)}}" for _, title, _ in columns), flush=True)

    def add(self, row):
        self.rows.append(row)
        cells = (format(row[key], form) if isinstance(row.get(key), (int, float)) else "-" for key, _, form in self.columns)
        line = "".join(f"{cell:>{max(9, len(title) + 2)}}" for cell, (_, title, _) in zip(cells, self.columns))
        print(f"{row['model'][:25]:26}{line}" + (f"  {row['problem']}" if row.get("problem") else ""), flush=True)

    def save(self, path, **facts):
        if path:
            cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
            facts |= {"cpu": cpu[1] if cpu else "", "cores": len(os.sched_getaffinity(0))}
            path.write_text(json.dumps({"facts": facts, "rows": self.rows}, indent=1) + "\n")
