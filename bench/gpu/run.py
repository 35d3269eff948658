#!/usr/bin/env python3
"""Checks and times Temper on the GPU of this machine: one JSON record and one table.

  bench/gpu/run.py --check PATH/gpu_check --zoo DIR --out DIR [--minutes 8.5] [--only NAME,...] [--kinds exact,tf32,fp16,bf16]
                   [--level 3] [--parts models,samples,rows,products,memcheck]

Builds nothing. gpu_check is the program of that name from a build folder; NVRTC and cuBLASLt are found as Temper finds them (the
variables TEMPER_NVRTC and TEMPER_CUBLAS name their folders; else those of an installed PyTorch are taken); the zoo is a folder
of NAME.onnx and NAME.tsv with its fill_weights.py, and perhaps a folder large/ of more.

models    every model in every kind of products at level 0, many at a time, compared with the CPU backend in f32
samples   every sample of every operator against the exact interpreter
rows      the table of rows.py in FP16, tuned, one at a time: time on the device of a run in a graph over rotating inputs, host's
          time of an enqueue, time of a build cold, from the caches and at level 0, time of loading; of each its steps, in
          gpu_steps.md
products  square products beside those of cuBLAS, and convolutions of ResNet-50 beside those of cuDNN, through PyTorch
memcheck  compute-sanitizer over some of it

A model that fails or takes too long is a line in the record, and the others go on.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

from rows import ROWS

START = time.monotonic()


def say(text):
    print(f"[{time.monotonic() - START:6.1f} s] {text}", flush=True)


def lines_of(command, limit):
    """What a command prints as JSON lines; a line that says so where it fails or takes too long."""
    limit = max(1, limit)
    try:
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=limit)
        out, err, code = done.stdout, done.stderr, done.returncode
    except subprocess.TimeoutExpired as expired:
        out, err, code = (expired.stdout or b"").decode(errors="replace"), f"more than {limit:.0f} s", "late"
    found = []
    for line in out.splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            pass
    if code not in (0, 1) or not found:
        found.append({"status": "crash", "code": code, "why": (err or out)[-600:]})
    return found


def checked(command, limit):
    """The first complaint of compute-sanitizer, or its summary."""
    try:
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=max(1, limit))
    except (OSError, subprocess.TimeoutExpired) as why:
        return str(why)[:300]
    steps = [x for x in done.stderr.splitlines() if x.startswith("step ")]
    lines = [x[10:] for x in (done.stdout + done.stderr).splitlines() if x.startswith("=========")]
    wrong = [k for k, x in enumerate(lines) if "Invalid" in x or "Error" in x or "error" in x]
    first = lines[wrong[0] : wrong[0] + 8] if wrong else []
    return " | ".join(steps[-1:] + first + lines[-1:] + [x for x in done.stdout.splitlines() if "status" in x][-1:])


def products(check, work, limit):
    """Square products: Temper's time beside that of cuBLAS through PyTorch. Milliseconds."""
    found = {}
    try:
        import numpy as np
        import onnx
        import torch
        torch.backends.cuda.matmul.allow_tf32 = True
    except ImportError as why:
        return {"error": str(why)}
    for n in (1024, 4096, 8192):
        try:
            weights = onnx.numpy_helper.from_array(np.random.default_rng(7).standard_normal((n, n)).astype(np.float32), "w")
            value = lambda name: onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [n, n])
            graph = onnx.helper.make_graph([onnx.helper.make_node("MatMul", ["x", "w"], ["y"])], "product", [value("x")], [value("y")], [weights])
            path = work / f"product{n}.onnx"
            onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)
            row = {}
            for kind in ("exact", "tf32", "fp16") if n < 8192 else ("fp16",):
                plan = work / f"product{n}.{kind}.plan"
                row[kind] = lines_of([check, "model", path, plan, kind, "level=3", "compare=0"], limit())[-1]
                row[kind + "_us"] = lines_of([check, "graphs", plan], limit())[-1].get("graph_us")
            for kind, dtype, allowed in (("torch_fp32", torch.float32, False), ("torch_tf32", torch.float32, True), ("torch_fp16", torch.float16, True)):
                torch.backends.cuda.matmul.allow_tf32 = allowed
                pairs = [(torch.randn(n, n, device="cuda", dtype=dtype), torch.randn(n, n, device="cuda", dtype=dtype)) for _ in range(4)]
                row[kind + "_us"] = torch_us(lambda i: torch.matmul(*pairs[i % 4]))
            found[n] = row
            say(f"product {n}: " + ", ".join(f"{k} {v:.1f}" for k, v in row.items() if k.endswith("_us") and v))
        except Exception as why:
            found[n] = {"error": repr(why)[:300]}
            say(f"product {n}: {why!r}"[:300])
    return found


def torch_us(work, runs=20):
    """Microseconds of a call of work(i) on the device: the median of several graphs' replays."""
    import torch
    for i in range(3):
        work(i)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for i in range(runs):
            work(i)
    times = []
    for _ in range(5):
        begin, finish = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        graph.replay()
        finish.record()
        torch.cuda.synchronize()
        times.append(begin.elapsed_time(finish) * 1000 / runs)
    return sorted(times)[2]


# Of ResNet-50: channels in and out, side of the picture, kernel, stride.
CONVOLUTIONS = [
    (3, 64, 224, 7, 2), (64, 64, 56, 1, 1), (64, 64, 56, 3, 1), (64, 256, 56, 1, 1), (256, 64, 56, 1, 1), (256, 128, 56, 1, 1),
    (128, 128, 56, 3, 2), (128, 512, 28, 1, 1), (256, 512, 56, 1, 2), (512, 128, 28, 1, 1), (128, 128, 28, 3, 1), (512, 256, 28, 1, 1),
    (256, 256, 28, 3, 2), (256, 1024, 14, 1, 1), (512, 1024, 28, 1, 2), (1024, 256, 14, 1, 1), (256, 256, 14, 3, 1), (1024, 512, 14, 1, 1),
    (512, 512, 14, 3, 2), (512, 2048, 7, 1, 1), (1024, 2048, 14, 1, 2), (2048, 512, 7, 1, 1), (512, 512, 7, 3, 1)]


def convolutions(check, work, limit):
    """The convolutions of ResNet-50 in FP16: Temper's time beside that of cuDNN's best through PyTorch. Microseconds."""
    found = {}
    try:
        import numpy as np
        import onnx
        import torch
        torch.backends.cudnn.benchmark = True
    except ImportError as why:
        return {"error": str(why)}
    for batch in (1, 64):
        for c, k, side, kernel, stride in CONVOLUTIONS:
            name = f"b{batch} {c}>{k} {side} k{kernel} s{stride}"
            if limit() < 20:
                return found
            try:
                weights = onnx.numpy_helper.from_array(np.random.default_rng(7).standard_normal((k, c, kernel, kernel)).astype(np.float32), "w")
                out = (side + 2 * (kernel // 2) - kernel) // stride + 1
                value = lambda n, dims: onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, dims)
                node = onnx.helper.make_node("Conv", ["x", "w"], ["y"], kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[kernel // 2] * 4)
                graph = onnx.helper.make_graph([node], "convolution", [value("x", [batch, c, side, side])], [value("y", [batch, k, out, out])], [weights])
                path, plan = work / "convolution.onnx", work / "convolution.plan"
                onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)
                lines_of([check, "model", path, plan, "fp16", "level=3", "compare=0"], limit())
                steps = lines_of([check, "time", plan, "0.05"], limit())[-1].get("slowest", [])
                layer = torch.nn.Conv2d(c, k, kernel, stride, kernel // 2, bias=False).cuda().half().to(memory_format=torch.channels_last)
                xs = [torch.randn(batch, c, side, side, device="cuda", dtype=torch.float16).to(memory_format=torch.channels_last) for _ in range(4)]
                with torch.no_grad():
                    cudnn = torch_us(lambda i: layer(xs[i % 4]))
                graph_us = lines_of([check, "graphs", plan], limit())[-1].get("graph_us")
                found[name] = {"graph_us": graph_us, "cudnn_us": cudnn, "steps": steps}
                say(f"convolution {name}: {graph_us} with its reformats, cuDNN {cudnn:.1f} us")
            except Exception as why:
                found[name] = {"error": repr(why)[:300]}
    return found


def gpu_facts():
    query = "name,driver_version,clocks.sm,clocks.mem,power.draw,memory.total"
    try:
        done = subprocess.run(["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader"], capture_output=True, text=True, timeout=30)
        return dict(zip(query.split(","), [x.strip() for x in done.stdout.splitlines()[0].split(",")]))
    except (OSError, IndexError, subprocess.TimeoutExpired) as why:
        return {"error": str(why)}


def library_folder(pattern):
    """The folder of a library that came with PyTorch, if there is one."""
    for root in sys.path:
        for found in pathlib.Path(root or ".").glob(f"nvidia/**/{pattern}"):
            return str(found.parent)
    return None


class Bench:
    def __init__(self, args):
        self.args = args
        self.end = START + args.minutes * 60
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="temper-gpu-"))
        os.environ["TEMPER_KERNEL_CACHE"] = str(self.work / "kernels")
        package = lambda variable: "/".join(pathlib.Path(os.environ.get(variable, "")).parts[-3:])  # not where it lies on this machine
        self.record = {"gpu": gpu_facts(), "nvrtc": package("TEMPER_NVRTC"), "cublas": package("TEMPER_CUBLAS"),
                       "cores": os.cpu_count(), "models": {}, "samples": {}, "rows": {}}
        self.filled = {}
        self.lock = threading.Lock()

    def left(self):
        return self.end - time.monotonic()

    def save(self):
        with self.lock:
            (self.args.out / "gpu_record.json").write_text(json.dumps(self.record, indent=1))

    def model(self, name):
        """The file of a model, its weights made."""
        with self.lock:
            lock = self.filled.setdefault(name, threading.Lock())
        with lock:
            path = self.work / f"{name}.onnx"
            if not (self.work / f"{name}.bin").exists():
                large = ["--large"] if (self.args.zoo / "large" / f"{name}.onnx").exists() else []
                subprocess.run([sys.executable, str(self.args.zoo / "fill_weights.py"), "--out", str(self.work)] + large + [name], capture_output=True, timeout=240)
            return path

    def check_model(self, name, kind):
        plan = self.work / f"{name}.{kind}.plan"
        found = lines_of([self.args.check, "model", self.model(name), plan, kind], min(150, self.left() - 20))
        result = found[-1] if found else {}
        self.record["models"].setdefault(name, {})[kind] = result
        say(f"{name} {kind}: {result.get('status')} difference {result.get('difference')} build {result.get('build_ms')} ms {str(result.get('why', ''))[:300]}")
        self.save()

    def samples(self, part, parts):
        found = lines_of([self.args.check, "samples", part, parts], min(170, self.left() - 20))
        self.record["samples"][part] = {"counts": found[-1], "bad": found[:-1]}
        say(f"samples {part}: {found[-1]} " + "; ".join(f"{x.get('sample')} at {x.get('extent')}: {x.get('status')} {x.get('why', '')[:120]}" for x in found[:-1][:12]))
        self.save()

    def check_all(self, names, parts):
        # The largest first, so that none is left alone at the end.
        size = lambda n: -int(open(self.args.zoo / f"{n}.tsv").readline().split("\t")[1])
        threads = max(2, min(14, (os.cpu_count() or 2) - 2))
        with concurrent.futures.ThreadPoolExecutor(threads) as pool:
            jobs = []
            if "models" in parts:
                jobs += [pool.submit(self.check_model, n, self.args.kinds[0]) for n in sorted(names, key=size)]
            if "samples" in parts:
                jobs += [pool.submit(self.samples, p, threads // 2) for p in range(threads // 2)]
            if "models" in parts:
                jobs += [pool.submit(self.check_model, n, k) for k in self.args.kinds[1:] for n in sorted(names, key=size)]
            for job in jobs:
                try:
                    job.result()
                except Exception as why:  # one job's failure is a line, not the end
                    say(f"a job failed: {why!r}")

    def time_row(self, row):
        """Tuned FP16 at one shape; cold, the caches of other rows may know some kernels."""
        found = {"compiled_ms": row.compiled, "aim_ms": row.aim}
        self.record["rows"][row.name] = found
        path, plan = self.model(row.model), self.work / "row.plan"
        plan.unlink(missing_ok=True)  # a build that fails must not leave the row before to be timed
        cache = self.work / f"{row.model}.cache"
        command = [self.args.check, "model", path, plan, "fp16", "compare=0", f"cache={cache}"] + [f"{k}={v}" for k, v in row.extents.items()]
        cold = lines_of(command + [f"level={self.args.level}"], min(120, self.left() - 10))[-1]
        again = lines_of(command + [f"level={self.args.level}"], min(60, self.left() - 10))[-1]
        found.update({"build_ms": cold.get("build_ms"), "again_ms": again.get("build_ms"), "why": cold.get("why")})
        found.update(lines_of([self.args.check, "graphs", plan], min(40, self.left() - 5))[-1])
        enqueue = lines_of([self.args.check, "enqueue", plan], min(40, self.left() - 5))[-1]
        found["enqueue"] = enqueue
        timed = lines_of([self.args.check, "time", plan, "0.2", "1000"], min(30, self.left() - 5))[-1]
        found.update({k: timed.get(k) for k in ("load_ms", "run_ms", "steps", "slowest")})
        found["gpu"] = gpu_facts()
        say(f"{row.name}: {found.get('graph_us')} us (torch.compile {row.compiled} ms, aim {row.aim}), build {found['build_ms']} / {found['again_ms']} ms, "
            f"load {found.get('load_ms')} ms, enqueue {enqueue.get('host_us')} / {enqueue.get('host_rotating_us')} us {found.get('why') or ''}")
        self.save()

    def level_zero(self, name):
        """A build that measures nothing, with no cache of kernels."""
        os.environ["TEMPER_KERNEL_CACHE"] = ""
        found = lines_of([self.args.check, "model", self.model(name), self.work / "zero.plan", "fp16", "compare=0"], min(100, self.left() - 10))[-1]
        os.environ["TEMPER_KERNEL_CACHE"] = str(self.work / "kernels")
        self.record.setdefault("level 0", {})[name] = found.get("build_ms")
        say(f"level 0 of {name}, no cache: {found.get('build_ms')} ms")

    def memcheck(self, names):
        sanitizer = ["compute-sanitizer", "--tool", "memcheck", "--report-api-errors", "no", "--error-exitcode", "9"]
        for what, command in [(n, ["time", self.work / f"{n}.{self.args.kinds[0]}.plan", "0"]) for n in names[:2]] + [("samples", ["samples", "0", "25"])]:
            if self.left() < 40:
                break
            self.record.setdefault("memcheck", {})[what] = checked(sanitizer + [self.args.check] + command, min(120, self.left() - 20))
            say(f"memcheck of {what}: {self.record['memcheck'][what]}")
            self.save()

    def table(self, names):
        kinds = self.args.kinds
        lines = ["| model | " + " | ".join(f"{k} | difference" for k in kinds) + " |", "|---" * (1 + 2 * len(kinds)) + "|"]
        for name in names:
            found = self.record["models"].get(name, {})
            lines.append(f"| {name} | " + " | ".join(f"{found.get(k, {}).get('status')} | {found.get(k, {}).get('difference')}" for k in kinds) + " |")
        lines += ["", "| row (FP16) | ms | torch.compile | aim | build cold s | again s | load s | enqueue us | rotating us |", "|---|---|---|---|---|---|---|---|---|"]
        ms = lambda x: f"{x / 1000:.3f}" if isinstance(x, (int, float)) else "-"
        for name, r in self.record["rows"].items():
            e = r.get("enqueue", {})
            lines.append(f"| {name} | {ms(r.get('graph_us'))} | {r['compiled_ms']} | {r['aim_ms'] or '-'} | {ms(r.get('build_ms'))} | {ms(r.get('again_ms'))} | {ms(r.get('load_ms'))} | {e.get('host_us')} | {e.get('host_rotating_us')} |")
        return "\n".join(lines) + "\n"


def steps_table(record, most=15):
    """Of each row the steps that take longest: microseconds, operations, bytes, and the share of the card's best that it is."""
    lines = []
    for name, row in record["rows"].items():
        steps = row.get("slowest") or []
        lines += [f"## {name}: {len(steps)} steps, {sum(s['us'] for s in steps):.0f} us one by one", "",
                  "| us | GFLOP | MB | share of the best | step |", "|---|---|---|---|---|"]
        lines += [f"| {s['us']} | {s['gflop']} | {s['mb']} | {s['share']} | {s['step']} |" for s in steps[:most]] + [""]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", required=True, type=pathlib.Path)
    parser.add_argument("--zoo", required=True, type=pathlib.Path)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--minutes", type=float, default=8.5)
    parser.add_argument("--only", default="", help="names of models")
    parser.add_argument("--kinds", default="exact,tf32,fp16,bf16", type=lambda text: text.split(","))
    parser.add_argument("--level", type=int, default=3)
    parser.add_argument("--parts", default="models,samples,rows,products,memcheck", type=lambda text: text.split(","))
    args = parser.parse_args()
    args.check, args.zoo = args.check.resolve(), args.zoo.resolve()
    args.out.mkdir(parents=True, exist_ok=True)
    for variable, pattern in (("TEMPER_NVRTC", "libnvrtc.so.1[23]"), ("TEMPER_CUBLAS", "libcublasLt.so.1[23]")):
        folder = library_folder(pattern)
        if folder and variable not in os.environ:
            os.environ[variable] = folder
    bench = Bench(args)
    say(json.dumps(bench.record))
    names = sorted(p.stem for p in args.zoo.glob("*.tsv"))
    if args.only:
        names = [n for n in names if n in args.only.split(",")]
    bench.check_all(names, args.parts)
    if "rows" in args.parts:
        say("timing, one plan at a time")
        for row in ROWS:
            there = any((args.zoo / folder / f"{row.model}.onnx").exists() for folder in ("", "large"))
            if there and bench.left() > 30 and (not args.only or row.model in args.only.split(",")):
                bench.time_row(row)
        for name in ("resnet50", "bert_base_sdpa"):
            if name in names and bench.left() > 30:
                bench.level_zero(name)
    if "products" in args.parts:
        bench.record["products"] = products(args.check, bench.work, lambda: min(60, bench.left() - 30))
        bench.record["convolutions"] = convolutions(args.check, bench.work, lambda: min(60, bench.left() - 30))
    if "memcheck" in args.parts:
        bench.memcheck(names)
    bench.record["gpu_after"] = gpu_facts()
    bench.save()
    text = bench.table(names)
    (args.out / "gpu_table.md").write_text(text)
    (args.out / "gpu_steps.md").write_text(steps_table(bench.record))
    print(text, flush=True)


if __name__ == "__main__":
    main()
