#!/usr/bin/env python3
"""What a plan costs: seconds to build it (cold, with a timing cache, at level 0), to load it, and memory to build and to run it.

  build/venv/bin/python bench/build_cost.py MODEL.onnx ... [--threads 2] [--dim sequence=128]

Each step is a process of its own. Peak memory is what the operating system counted, mapped files among it. A row fails when the plan's
weights are more than 1.5 x the model's, or memory goes beyond: build 2.5 x the model's weights + 300 MB, run 1.2 x the plan's weights +
activations + 60 MB.
"""
import argparse
import json
import sys
import tempfile

import tool

MB = 1e6
# How the tool reports, as trtexec does.
LOADED = r"(?:[Dd]eserialized|[Ll]oaded) in ([\d.]+(?:e-?\d+)?) sec"
CONTEXT = r"device memory size: ([\d.]+) MiB"


def measure(temper, name, path, args):
    row = {"model": name, "threads": args.threads, "weights_mb": tool.weight_bytes(path) / MB}
    try:
        feed = tool.feed_of(args, path)
        with tempfile.TemporaryDirectory() as work:
            plan, cache = f"{work}/model.plan", f"--timingCacheFile={work}/timing.cache"
            cold = temper.build(path, plan, args.threads, feed, [cache])
            row |= {"cold_s": cold.seconds, "build_mb": cold.peak_bytes / MB}
            row["cached_s"] = temper.build(path, plan, args.threads, feed, [cache]).seconds
            row["plan_mb"] = json.loads(temper.explain(plan))["totals"]["weightBytes"] / MB
            loads, peaks = [], []
            for _ in range(args.repeat):
                ran = temper.trtexec(f"--loadEngine={plan}", *tool.shape_flags(path, feed), "--iterations=2", "--duration=0", "--warmUp=0",
                                     f"--cpuThreads={args.threads}")
                loads.append(ran.number(LOADED))
                peaks.append(ran.peak_bytes / MB)
            row["run_mb"] = min(peaks)
            if None not in loads:
                row["load_ms"] = 1e3 * min(loads)
            activations = ran.number(CONTEXT)
            if activations is not None:
                row["activations_mb"] = activations * (1 << 20) / MB
            row["level0_s"] = temper.build(path, f"{work}/level0.plan", args.threads, feed, ["--builderOptimizationLevel=0"]).seconds
        limits = [("build_mb", 2.5 * row["weights_mb"] + 300), ("plan_mb", 1.5 * row["weights_mb"])]
        if "activations_mb" in row:
            limits.append(("run_mb", 1.2 * row["plan_mb"] + row["activations_mb"] + 60))
        over = [f"{key} {row[key]:.0f} > {limit:.0f}" for key, limit in limits if row[key] > limit]
        if over:
            row["problem"] = "; ".join(over)
    except tool.Failure as problem:
        row["problem"] = str(problem)[:200]
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    tool.add_model_arguments(parser)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3, help="loads; the least counts")
    args = parser.parse_args()
    temper = tool.Tool(args.temper)
    table = tool.Table([("cold_s", "cold s", ".1f"), ("cached_s", "cached s", ".2f"), ("level0_s", "level 0 s", ".2f"),
                        ("load_ms", "load ms", ".1f"), ("weights_mb", "weights MB", ".1f"), ("plan_mb", "plan MB", ".1f"),
                        ("build_mb", "build MB", ".0f"), ("run_mb", "run MB", ".0f")])
    for name, path in tool.chosen_models(args):
        table.add(measure(temper, name, path, args))
    table.save(args.json, threads=args.threads)
    return 1 if not table.rows or any("problem" in row for row in table.rows) else 0


if __name__ == "__main__":
    sys.exit(main())
