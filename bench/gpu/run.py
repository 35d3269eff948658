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
    sanitizer = "compute-sanitizer"
    if left() > 60 and not args.no_samples:
        try:
            found = lines_of([sanitizer, "--tool", "memcheck", "--error-exitcode", "9", args.check, "samples", "0", "40"], left() - 20)
            record["memcheck"] = found[-1]
            say(f"memcheck of one sample in forty: {found[-1]}")
        except OSError as why:
            record["memcheck"] = str(why)
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
