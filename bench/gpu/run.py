#!/usr/bin/env python3
"""Checks and times Temper on the GPU of this machine: one JSON record and one table.

  bench/gpu/run.py --check PATH/gpu_check --zoo DIR --out DIR [--minutes 8.5] [--only NAME,...] [--no-samples]

Builds nothing. gpu_check is the program of that name from a build folder, NVRTC is found as Temper finds it (the variable
TEMPER_NVRTC names its folder; else that of an installed PyTorch is taken), and the zoo is a folder of NAME.onnx and NAME.tsv with its fill_weights.py. Every model is
built and compared with the CPU backend, many at a time; then every plan is timed alone. A model that fails or takes too long is a
line in the record, and the others go on.
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
    """Square products of floats, in 11-bit operands: Temper's time beside that of cuBLAS through PyTorch. Milliseconds."""
    found = {}
    try:
        import numpy as np
        import onnx
        import torch
        torch.backends.cuda.matmul.allow_tf32 = True
    except ImportError as why:
        return {"error": str(why)}
    for n in (1024, 4096):
        try:
            weights = onnx.numpy_helper.from_array(np.random.default_rng(7).standard_normal((n, n)).astype(np.float32), "w")
            value = lambda name: onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [n, n])
            graph = onnx.helper.make_graph([onnx.helper.make_node("MatMul", ["x", "w"], ["y"])], "product", [value("x")], [value("y")], [weights])
            path = work / f"product{n}.onnx"
            onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)
            row = {}
            for kind in ("exact", "tf32"):
                plan = work / f"product{n}.{kind}.plan"
                row[kind] = lines_of([check, "model", path, plan] + ([kind] if kind == "tf32" else []), limit())[-1]
                row[kind + "_time"] = lines_of([check, "time", plan, "0.3"], limit())[-1]
            a, b = torch.randn(n, n, device="cuda"), torch.randn(n, n, device="cuda")
            for kind, allowed in (("torch_tf32", True), ("torch_fp32", False)):
                torch.backends.cuda.matmul.allow_tf32 = allowed
                for _ in range(3):
                    torch.matmul(a, b)
                begin, finish = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
                begin.record()
                for _ in range(20):
                    torch.matmul(a, b)
                finish.record()
                torch.cuda.synchronize()
                row[kind] = begin.elapsed_time(finish) / 20
            found[n] = row
            say(f"product {n}: exact {row['exact_time'].get('run_ms')} tf32 {row['tf32_time'].get('run_ms')} torch tf32 {row['torch_tf32']:.4f} fp32 {row['torch_fp32']:.4f} ms; {row['exact'].get('difference')} {row['tf32'].get('difference')} {row['exact'].get('why', '')}")
        except Exception as why:
            found[n] = {"error": repr(why)[:300]}
            say(f"product {n}: {why!r}"[:300])
    return found


def gpu_facts():
    query = "name,driver_version,clocks.sm,clocks.mem,power.draw,memory.total"
    try:
        done = subprocess.run(["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader"], capture_output=True, text=True, timeout=30)
        return dict(zip(query.split(","), [x.strip() for x in done.stdout.splitlines()[0].split(",")]))
    except (OSError, IndexError, subprocess.TimeoutExpired) as why:
        return {"error": str(why)}


def nvrtc_folder():
    """The folder of NVRTC that came with PyTorch, if there is one."""
    for root in sys.path:
        for found in pathlib.Path(root or ".").glob("nvidia/**/libnvrtc.so.1[23]"):
            return str(found.parent)
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", required=True, type=pathlib.Path)
    parser.add_argument("--zoo", required=True, type=pathlib.Path)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--minutes", type=float, default=8.5)
    parser.add_argument("--only", default="")
    parser.add_argument("--no-samples", action="store_true")
    args = parser.parse_args()
    end = START + args.minutes * 60
    left = lambda: end - time.monotonic()
    args.check, args.zoo = args.check.resolve(), args.zoo.resolve()
    args.out.mkdir(parents=True, exist_ok=True)
    folder = nvrtc_folder()
    if folder and "TEMPER_NVRTC" not in os.environ:
        os.environ["TEMPER_NVRTC"] = folder
    record = {"gpu": gpu_facts(), "nvrtc": os.environ.get("TEMPER_NVRTC"), "cores": os.cpu_count(), "models": {}, "samples": {}}
    say(json.dumps(record))
    names = sorted(p.stem for p in args.zoo.glob("*.tsv"))
    if args.only:
        names = [n for n in names if n in args.only.split(",")]

    def save():
        (args.out / "gpu_record.json").write_text(json.dumps(record, indent=1))

    work = pathlib.Path(tempfile.mkdtemp(prefix="temper-gpu-"))
    threads = max(2, min(14, (os.cpu_count() or 2) - 2))
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        locks = {name: threading.Lock() for name in names}

        def fill(name):
            with locks[name]:
                if (work / f"{name}.bin").exists():
                    return
                subprocess.run([sys.executable, str(args.zoo / "fill_weights.py"), "--out", str(work), name], capture_output=True, timeout=120)

        def check(name, tf32):
            fill(name)
            plan = work / f"{name}.{'tf32' if tf32 else 'exact'}.plan"
            found = lines_of([args.check, "model", work / f"{name}.onnx", plan] + (["tf32"] if tf32 else []), min(150, left() - 60))[-1]
            record["models"].setdefault(name, {})["tf32" if tf32 else "exact"] = found
            say(f"{name}{' tf32' if tf32 else ''}: {found.get('status')} difference {found.get('difference')} build {found.get('build_ms')} ms {found.get('why', '')[:300]}")
            save()

        sample_parts = 0 if args.no_samples else threads // 2
        def samples(part):
            found = lines_of([args.check, "samples", part, sample_parts], min(170, left() - 60))
            counts = found[-1]
            record["samples"][part] = {"counts": counts, "bad": found[:-1]}
            say(f"samples {part}: {counts} " + "; ".join(f"{x.get('sample')} at {x.get('extent')}: {x.get('status')} {x.get('why', '')[:120]}" for x in found[:-1][:12]))
            save()

        # The largest first, so that none is left alone at the end.
        def size(name):
            return -int(open(args.zoo / f"{name}.tsv").readline().split("\t")[1])

        jobs = [pool.submit(check, n, False) for n in sorted(names, key=size)]
        jobs += [pool.submit(samples, p) for p in range(sample_parts)]
        jobs += [pool.submit(check, n, True) for n in sorted(names, key=size)]
        for job in jobs:
            try:
                job.result()
            except Exception as why:  # one job's failure is a line, not the end
                say(f"a job failed: {why!r}")
    say("timing, one plan at a time")
    for kind in ("exact", "tf32"):
        for name in names:
            plan = work / f"{name}.{kind}.plan"
            if not plan.exists() or left() < 15:
                continue
            found = lines_of([args.check, "time", plan, "0.5"], min(30, left() - 5))[-1]
            record["models"].setdefault(name, {})[kind + "_time"] = found
            say(f"time {name} {kind}: {found.get('run_ms')} ms (least {found.get('least_ms')}), steps {found.get('steps')}, load {found.get('load_ms')} ms {found.get('why', '')[:200]}")
            save()
    record["products"] = products(args.check, work, lambda: min(60, left() - 60))
    save()
    sanitizer = ["compute-sanitizer", "--tool", "memcheck", "--report-api-errors", "no", "--error-exitcode", "9"]
    bad = [n for n in names if record["models"].get(n, {}).get("exact", {}).get("status") in ("error", "crash")]
    for what, command in [(n, ["time", work / f"{n}.exact.plan", "0"]) for n in bad[:3]] + [("samples", ["samples", "0", "25"])]:
        if left() < 40 or args.no_samples:
            break
        record.setdefault("memcheck", {})[what] = checked(sanitizer + [args.check] + command, min(120, left() - 20))
        say(f"memcheck of {what}: {record['memcheck'][what]}")
        save()
    record["gpu_after"] = gpu_facts()
    save()
    table = ["| model | exact | difference | ms | tf32 | difference | ms | steps |", "|---|---|---|---|---|---|---|---|"]
    for name in names:
        m = record["models"].get(name, {})
        e, t = m.get("exact", {}), m.get("tf32", {})
        et, tt = m.get("exact_time", {}), m.get("tf32_time", {})
        table.append(f"| {name} | {e.get('status')} | {e.get('difference')} | {et.get('run_ms')} | {t.get('status')} | {t.get('difference')} | {tt.get('run_ms')} | {et.get('steps')} |")
    (args.out / "gpu_table.md").write_text("\n".join(table) + "\n")
    print("\n".join(table), flush=True)


if __name__ == "__main__":
    main()
