#!/usr/bin/env python3
"""Runs the ONNX project's own operator cases, as its PyPI package carries them, through Temper's public API.

  build/venv/bin/python tests/node_cases/run.py [--runner build/node_case_runner] [--level 0] [--only softmax] [--json FILE]

A case passes when every output has the type, the shape and the values that the package says. It is refused when Temper gives
a reason instead of outputs: that is a gap, not a fault. Wrong outputs and crashes are faults and make the exit status 1.

Some of the package's own answers hold the rounding of an f32 computation, where the true value is 0. An f32 answer that differs is judged
a second time, by the same tolerance, against the package's reference evaluated in f64; such cases are listed.
"""
import argparse
import collections
import json
import pathlib
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnx.backend.test import loader
from onnx.reference import ReferenceEvaluator

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FOUR_BIT = {TensorProto.INT4, TensorProto.UINT4, TensorProto.FLOAT4E2M1}
TWO_BIT = {TensorProto.INT2, TensorProto.UINT2}
# Cases whose values are random by definition: the type and the shape are judged, and that values lie in the expected range.
RANDOM = ("bernoulli", "randomnormal", "randomuniform", "multinomial")
KINDS = ("node", "simple", "pytorch-converted", "pytorch-operator")


class Boundary(Exception):
    """The case has an input or output that isn't a tensor of numbers."""


def read_values(path, value_type):
    """The array in a .pb file, as the kind of value that the model declares there."""
    kind = value_type.WhichOneof("value")
    if kind != "tensor_type":
        raise Boundary(kind.removesuffix("_type"))
    tensor = TensorProto.FromString(path.read_bytes())
    if tensor.data_type == TensorProto.STRING:
        raise Boundary("string tensor")
    return tensor.data_type, numpy_helper.to_array(tensor)


def to_bytes(onnx_type, array):
    if onnx_type in TWO_BIT:
        raise Boundary("2-bit tensor")
    if onnx_type in FOUR_BIT:
        nibbles = array.astype(array.dtype).reshape(-1).view(np.uint8) & 15
        if nibbles.size % 2:
            nibbles = np.append(nibbles, np.uint8(0))
        return (nibbles[0::2] | (nibbles[1::2] << 4)).astype(np.uint8).tobytes()
    return np.ascontiguousarray(array).tobytes()


def from_bytes(onnx_type, shape, data):
    dtype = onnx.helper.tensor_dtype_to_np_dtype(onnx_type)
    count = int(np.prod(shape))
    if onnx_type in FOUR_BIT:
        packed = np.frombuffer(data, np.uint8)
        nibbles = np.stack([packed & 15, packed >> 4], -1).reshape(-1)[:count]
        if onnx_type == TensorProto.INT4:
            return ((nibbles.astype(np.int8) ^ 8) - 8).astype(dtype).reshape(shape)
        if onnx_type == TensorProto.UINT4:
            return nibbles.astype(dtype).reshape(shape)
        return nibbles.view(ml_dtypes.float4_e2m1fn).reshape(shape)
    if len(data) != count * dtype.itemsize:
        raise ValueError(f"{len(data)} bytes for {count} elements of {dtype}")
    return np.frombuffer(data, dtype).reshape(shape)


def spell(shape):
    return "x".join(map(str, shape)) or "scalar"


class Case:
    def __init__(self, test, work):
        self.name, self.rtol, self.atol = test.name, test.rtol, test.atol
        self.folder, self.data = work / test.name, pathlib.Path(test.model_dir)
        self.model = self.data / "model.onnx"
        proto = onnx.load(self.model, load_external_data=False)
        self.operators = sorted({node.op_type for node in proto.graph.node})
        held = {i.name for i in proto.graph.initializer}
        self.inputs = [i for i in proto.graph.input if i.name not in held]
        self.outputs = list(proto.graph.output)

    def request(self):
        """The lines for the runner; writes the inputs."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lines = [f"case\t{self.name}\t{self.model}"]
        for index, info in enumerate(self.inputs):
            onnx_type, array = read_values(self.data / f"test_data_set_0/input_{index}.pb", info.type)
            file = self.folder / f"input_{index}.bin"
            file.write_bytes(to_bytes(onnx_type, array))
            lines.append(f"input\t{info.name}\t{spell(array.shape)}\t{file}")
        for index, info in enumerate(self.outputs):
            read_values(self.data / f"test_data_set_0/output_{index}.pb", info.type)
        return "\n".join([*lines, f"outputs\t{self.folder}", "go", ""])

    def answers_in_f64(self):
        """The outputs as the reference computes them when all that is f32 in the model is f64; None where it can't."""
        model = onnx.load(self.model)
        for info in (*model.graph.input, *model.graph.output, *model.graph.value_info):
            if info.type.tensor_type.elem_type == TensorProto.FLOAT:
                info.type.tensor_type.elem_type = TensorProto.DOUBLE
        for tensor in model.graph.initializer:
            if tensor.data_type == TensorProto.FLOAT:
                tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float64), tensor.name))
        feed = {}
        for index, info in enumerate(self.inputs):
            onnx_type, array = read_values(self.data / f"test_data_set_0/input_{index}.pb", info.type)
            feed[info.name] = array.astype(np.float64) if onnx_type == TensorProto.FLOAT else array
        try:
            return ReferenceEvaluator(model).run(None, feed)
        except Exception:  # an operator that the reference has in f32 only, or not at all
            return None

    def judge(self, got):
        """(None, or what is wrong; whether that was judged in f64). got: {name: (dims, bytes per element, file)}"""
        problem = self.compare(got)
        if problem and "values differ" in problem and all(i.type.tensor_type.elem_type == TensorProto.FLOAT for i in self.outputs):
            better = self.answers_in_f64()
            if better and not self.compare(got, better):
                return None, True
        return problem, False

    def compare(self, got, answers=None):
        for index, info in enumerate(self.outputs):
            onnx_type, want = read_values(self.data / f"test_data_set_0/output_{index}.pb", info.type)
            want = answers[index] if answers else want
            if info.name not in got:
                return f"output {info.name} is missing"
            dims, _, file = got[info.name]
            shape = () if dims == "scalar" else tuple(int(d) for d in dims.split("x"))
            if shape != want.shape:
                return f"output {info.name} has shape {dims}, not {spell(want.shape)}"
            try:
                have = from_bytes(onnx_type, shape, pathlib.Path(file).read_bytes())
            except ValueError as problem:
                return f"output {info.name} has another type: {problem}"
            if problem := self.difference(have, want):
                return f"output {info.name}: {problem}"
        return None

    def difference(self, have, want):
        if any(r in self.name.lower() for r in RANDOM):
            return None if np.isfinite(have.astype(np.float64)).all() else "not finite"
        if want.dtype.kind in "iub" and want.dtype.itemsize >= 1 and want.dtype.kind != "V":
            wrong = have != want
            return f"{wrong.sum()} of {wrong.size} values differ" if wrong.any() else None
        a, b = have.astype(np.complex128 if want.dtype.kind == "c" else np.float64), want.astype(np.float64)
        close = np.isclose(a, b, rtol=self.rtol, atol=self.atol, equal_nan=True)
        if close.all():
            return None
        with np.errstate(invalid="ignore"):
            worst = np.nanmax(np.where(close, 0, np.abs(a - b)))
        return f"{(~close).sum()} of {close.size} values differ, by {worst:.3g} at the most"


class Process:
    """The runner, started anew after each crash."""

    def __init__(self, command, limit):
        self.command, self.limit, self.child = command, limit, None

    def start(self):
        self.child = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines, self.errors = queue.Queue(), collections.deque(maxlen=8)

        def pump(stream, put, end):
            for line in stream:
                put(line.rstrip("\n"))
            end()

        self.pumps = [threading.Thread(target=pump, args=(self.child.stdout, self.lines.put, lambda: self.lines.put(None)), daemon=True),
                      threading.Thread(target=pump, args=(self.child.stderr, self.errors.append, lambda: None), daemon=True)]
        for thread in self.pumps:
            thread.start()

    def stop(self):
        if self.child:
            self.child.kill()
            self.child.wait()
            for thread in self.pumps:
                thread.join()
        self.child = None

    def ask(self, request):
        """("ran", outputs), ("refused", [stage, operator, message]) or ("crash", how)."""
        if not self.child:
            self.start()
        outputs, refusal, end = {}, None, time.monotonic() + self.limit
        try:
            self.child.stdin.write(request)
            self.child.stdin.flush()
            while True:
                line = self.lines.get(timeout=max(0.01, end - time.monotonic()))
                if line is None:
                    status = self.child.wait()
                    for thread in self.pumps:
                        thread.join()
                    text = " | ".join(self.errors)
                    self.child = None
                    return "crash", f"{'signal ' + str(-status) if status < 0 else 'exit ' + str(status)} {text}".strip()
                kind, *fields = line.split("\t")
                if kind == "output":
                    outputs[fields[0]] = fields[1:]
                elif kind == "refused":
                    refusal = fields
                elif kind == "end":
                    return ("refused", refusal) if refusal else ("ran", outputs)
        except queue.Empty:
            self.stop()
            return "crash", f"no answer in {self.limit} s"
        except BrokenPipeError:
            self.stop()
            return "crash", "the runner ended early: " + " | ".join(self.errors)


def run_case(process, case):
    try:
        request = case.request()
    except Boundary as what:
        return "refused", ["boundary", case.operators[0], f"a {what} as input or output, which the API has no type for"]
    kind, answer = process.ask(request)
    if kind == "refused" and answer[1] == "-":
        answer[1] = ",".join(case.operators) if len(case.operators) < 4 else case.operators[0]
    if kind != "ran":
        return kind, answer
    problem, in_f64 = case.judge(answer)
    return ("wrong", problem) if problem else ("passed", "agrees with the reference in f64, not with its answer in f32" if in_f64 else None)


def cause(reason):
    """The reason without what differs from case to case: its places, and the text of a region."""
    reason = re.sub(r" \[(node|input|output|tensor) '.*\]$", "", reason)
    return re.sub(r"region \(%0.*", "a region", reason)


def print_table(rows):
    refused = collections.defaultdict(list)
    for row in rows:
        if row["result"] == "refused":
            refused[(row["operator"], row["stage"], cause(row["reason"]))].append(row["case"])
    if refused:
        print(f"{'refused':28}{'cases':>6} {'stage':9} reason")
    for (operator, stage, reason), cases in sorted(refused.items(), key=lambda item: (-len(item[1]), item[0])):
        print(f"{operator[:27]:28}{len(cases):>6} {stage:9} {reason[:160]}")
    for result in ("passed", "wrong", "crash"):
        for row in (r for r in rows if r["result"] == result and "reason" in r):
            print(f"{result:6} {row['case']:60} {row['reason'][:160]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runner", type=pathlib.Path, default=ROOT / "build/node_case_runner")
    parser.add_argument("--level", default="0", help="the builder's optimisation level")
    parser.add_argument("--kind", default="node", choices=KINDS)
    parser.add_argument("--only", default="", help="cases with this text in their name")
    parser.add_argument("--limit", type=float, default=60, help="seconds for one case")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--least", type=int, default=0, help="fail when fewer pass")
    parser.add_argument("-v", "--verbose", action="store_true", help="a line for every case")
    args = parser.parse_args()
    if not args.runner.exists():
        print(f"{args.runner} is missing; build it first (cmake -DTEMPER_TESTS=ON)", file=sys.stderr)
        return 2
    idle = subprocess.run([args.runner, args.level], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if idle.returncode:
        print(f"the runner can't even start: {idle.stderr.strip()[-300:]}\n0 passed, 0 refused, 1 wrong or crashed")
        return 1
    work = pathlib.Path(tempfile.mkdtemp(prefix="node_cases_"))
    process, rows = Process([str(args.runner), args.level], args.limit), []
    try:
        for test in sorted(loader.load_model_tests(kind=args.kind), key=lambda t: t.name):
            if args.only not in test.name:
                continue
            case = Case(test, work)
            result, detail = run_case(process, case)
            row = {"case": case.name, "result": result, "operators": case.operators}
            if result == "refused":
                row |= {"stage": detail[0], "operator": detail[1], "reason": detail[2]}
            elif detail:
                row["reason"] = detail
            rows.append(row)
            shutil.rmtree(case.folder, ignore_errors=True)
            if args.verbose:
                print(f"{result:8} {case.name} {row.get('reason', '')}", flush=True)
    finally:
        process.stop()
        shutil.rmtree(work, ignore_errors=True)
    counts = collections.Counter(row["result"] for row in rows)
    print_table(rows)
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps({"counts": counts, "cases": rows}, indent=1) + "\n")
    bad = counts["wrong"] + counts["crash"]
    if counts["passed"] < args.least:
        print(f"only {counts['passed']} cases pass, {args.least} are asked for")
        bad += 1
    print(f"{counts['passed']} passed, {counts['refused']} refused, {bad} wrong or crashed")
    return 1 if bad or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
