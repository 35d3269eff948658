#!/usr/bin/env python3
"""Sets Temper beside ONNX Runtime and OpenVINO on your ONNX files: same inputs, same threads, same machine, in turns.

  tools/setup bench
  build/venv/bin/python bench/compare.py MODEL.onnx ... [--threads 1,2] [--dim sequence=128] [--shape 'x:1x3x224x224']

Every output is compared with ONNX Runtime's before anything is timed. A time is the best of --rounds medians; the rounds of the
runtimes take turns, so that a disturbance of the machine meets all of them. Exit status 1 when a model fails or disagrees.
"""
import argparse
import shlex
import statistics
import sys
import tempfile
import time

import numpy as np

import tool


class OnnxRuntime:
    title = "ort"

    def __init__(self, path, threads, feed):
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = threads, 1, 3
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.names, self.feed = [o.name for o in self.session.get_outputs()], feed

    def run(self):
        return dict(zip(self.names, self.session.run(None, self.feed)))


class OpenVino:
    title = "openvino"

    def __init__(self, path, threads, feed):
        import openvino
        core, self.feed = openvino.Core(), feed
        model = core.read_model(path)
        model.reshape({name: list(value.shape) for name, value in feed.items()})
        settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
        self.request = core.compile_model(model, "CPU", settings).create_infer_request()

    def run(self):
        return self.request.infer(self.feed, share_inputs=True)


PEERS = {peer.title: peer for peer in (OnnxRuntime, OpenVino)}


def median_ms(peer, seconds):
    for _ in range(2):
        peer.run()
    times, end = [], time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        peer.run()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


def disagreement(ours, theirs):
    """The largest difference, as a part of the largest value of its output; Failure when shapes or integers differ."""
    worst = 0.0
    for name, want in theirs.items():
        if name not in ours or ours[name].shape != want.shape:
            raise tool.Failure(f"output {name}: shape {list(ours[name].shape) if name in ours else 'none'}, not {list(want.shape)}")
        a, b = ours[name], want.astype(np.float64)
        if want.dtype.kind in "iub":
            if (a != b).mean() > 1e-3:
                raise tool.Failure(f"output {name}: {(a != b).mean():.2%} of the integers differ")
            continue
        finite = np.isfinite(b)
        if not np.array_equal(finite, np.isfinite(a)):
            raise tool.Failure(f"output {name}: infinities or NaN differ")
        if finite.any():
            worst = max(worst, float(np.abs(a - b)[finite].max() / max(np.abs(b[finite]).max(), 1e-6)))
    return worst


def measure(temper, name, path, threads, args):
    row = {"model": name, "threads": threads}
    try:
        feed = tool.feed_of(args, path)
        reference = OnnxRuntime(path, threads, feed)
        with tempfile.TemporaryDirectory() as work:
            plan = f"{work}/model.plan"
            row["build_s"] = temper.build(path, plan, threads, feed).seconds
            row["error"] = disagreement(temper.outputs(path, plan, threads, feed, work), reference.run())
            if row["error"] > args.tolerance:
                raise tool.Failure(f"the outputs differ by {row['error']:.1e}")
            peers = {k: reference if k == "ort" else PEERS[k](path, threads, feed) for k in args.peers}
            rounds = {k: [] for k in ("temper", *peers)}
            for _ in range(args.rounds):
                rounds["temper"].append(statistics.median(temper.times(path, plan, threads, feed, args.seconds, work)))
                for k, peer in peers.items():
                    rounds[k].append(median_ms(peer, args.seconds))
        row |= {f"{k}_ms": min(v) for k, v in rounds.items()}
        row |= {f"x_{k}": row[f"{k}_ms"] / row["temper_ms"] for k in peers}
        row["x_best"] = min(row[f"{k}_ms"] for k in peers) / row["temper_ms"]
    except Exception as problem:  # whatever a peer raises is a row of the table too
        row["problem"] = " ".join(str(problem).split())[:200]
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    tool.add_model_arguments(parser)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", default="ort,openvino", type=lambda text: text.split(","))
    parser.add_argument("--flags", default="", help="more flags for the build")
    parser.add_argument("--tolerance", type=float, default=1e-4, help="of the output's largest value")
    args = parser.parse_args()
    if unknown := set(args.peers) - set(PEERS):
        parser.error(f"unknown peer {', '.join(unknown)}; there are {', '.join(PEERS)}")
    temper = tool.Tool(args.temper, shlex.split(args.flags))
    columns = [("threads", "threads", "d"), ("error", "error", ".1e"), ("build_s", "build s", ".1f"), ("temper_ms", "temper ms", ".2f")]
    columns += [(f"{k}_ms", f"{k} ms", ".2f") for k in args.peers] + [(f"x_{k}", f"x {k}", ".2f") for k in args.peers]
    table = tool.Table(columns + [("x_best", "x best", ".2f")])
    for name, path in tool.chosen_models(args):
        for threads in map(int, args.threads.split(",")):
            table.add(measure(temper, name, path, threads, args))
    for key in [f"x_{k}" for k in args.peers] + ["x_best"]:
        values = [row[key] for row in table.rows if key in row]
        if values:
            print(f"{key}: geometric mean {statistics.geometric_mean(values):.3f}, least {min(values):.3f}, of {len(values)}")
    table.save(args.json, rounds=args.rounds, seconds=args.seconds)
    return 1 if not table.rows or any("problem" in row for row in table.rows) else 0


if __name__ == "__main__":
    sys.exit(main())
