#!/usr/bin/env python3
"""Kills builds at random moments: whatever file is there afterwards must be a whole plan, or a whole timing cache.

  kill_saving.py --temper build/temper [--times 200] [--model MODEL.onnx]

A first, undisturbed build says how long one takes. Then each build is killed somewhere within that time, most of them near its
end, where the files are written. Last line: "N whole or absent, M torn".
"""
import argparse
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def small_model(path, megabytes):
    """One matrix product with enough weights that writing the plan takes a while."""
    columns = megabytes * 1_000_000 // 4 // 1000
    weights = np.random.default_rng(0).standard_normal((1000, columns)).astype(np.float32)
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "one",
                              [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1000])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, columns])],
                              [numpy_helper.from_array(weights, "w")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def build(temper, model, plan, cache):
    return subprocess.Popen([temper, "trtexec", f"--onnx={model}", f"--saveEngine={plan}", f"--timingCacheFile={cache}", "--skipInference",
                             "--builderOptimizationLevel=0"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def is_whole(temper, model, plan, cache):
    if plan.exists() and subprocess.run([temper, "verify", plan], capture_output=True).returncode:
        return False
    # A torn cache would be refused, or replaced with a warning; a whole one is read without a word.
    if cache.exists():
        again = subprocess.run([temper, "trtexec", f"--onnx={model}", f"--timingCacheFile={cache}", "--skipInference",
                                "--builderOptimizationLevel=0"], capture_output=True, text=True)
        return again.returncode == 0 and "E_CORRUPT" not in again.stdout + again.stderr
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--temper", type=pathlib.Path, required=True)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--model", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    temper, rng, torn, killed, present = args.temper.resolve(), random.Random(args.seed), 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        model = args.model or folder / "model.onnx"
        if not args.model:
            small_model(model, 40)
        plan, cache = folder / "a.plan", folder / "timing.cache"
        start = time.monotonic()
        if build(temper, model, plan, cache).wait():
            print("the undisturbed build fails", file=sys.stderr)
            return 1
        whole = time.monotonic() - start
        for _ in range(args.times):
            # The old plan stays in half of the cases: saving over a file must not tear it either.
            if rng.random() < 0.5:
                plan.unlink(missing_ok=True)
                cache.unlink(missing_ok=True)
            child = build(temper, model, plan, cache)
            time.sleep(whole * (rng.uniform(0.6, 1.05) if rng.random() < 0.8 else rng.random()))
            killed += child.poll() is None
            child.send_signal(signal.SIGKILL)
            child.wait()
            present += plan.exists()
            torn += not is_whole(temper, model, plan, cache)
            for left in folder.iterdir():
                if left not in (model, plan, cache):
                    left.unlink()
    print(f"{killed} of {args.times} builds were killed before their end; a plan was there {present} times")
    print(f"{args.times - torn} whole or absent, {torn} torn")
    return 1 if torn or killed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
