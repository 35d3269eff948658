#!/usr/bin/env python3
"""Quantised networks: makes them with onnxruntime's quantiser, and compares their speed and results.

    bench/int8.py make FOLDER MODEL.onnx...        FOLDER/NAME-u8-channel.onnx and so on, with Q/DQ around what can be quantised
    bench/int8.py compare FOLDER --temper=build/temper [--threads=1] [--openvino] [--only=TEXT]

Ranges come from random inputs, so the networks say nothing about accuracy; they have the operators, shapes and rounding of real ones.
"""
import argparse
import pathlib
import sys
import tempfile
import time

import numpy as np
import onnx
import onnxruntime as ort

from tool import Tool

VARIANTS = {  # name: activations, weights of each channel on their own
    "u8-channel": ("QUInt8", True),
    "u8-tensor": ("QUInt8", False),
    "s8-channel": ("QInt8", True),
}


def inputs_of(model, seed):
    """Random values for every input; a dimension with a name is 1."""
    random = np.random.default_rng(seed)
    weights = {w.name for w in model.graph.initializer}
    feeds = {}
    for value in model.graph.input:
        if value.name in weights:
            continue
        tensor = value.type.tensor_type
        shape = [d.dim_value if d.HasField("dim_value") else 1 for d in tensor.shape.dim]
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        if np.issubdtype(dtype, np.floating):
            feeds[value.name] = random.standard_normal(shape).astype(dtype)
        else:
            feeds[value.name] = random.integers(0, 2, shape).astype(dtype)
    return feeds


def make(folder, paths):
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Random(CalibrationDataReader):
        def __init__(self, model):
            self.all = iter([inputs_of(model, seed) for seed in range(2)])

        def get_next(self):
            return next(self.all, None)

    folder.mkdir(parents=True, exist_ok=True)
    for path in paths:
        with tempfile.TemporaryDirectory() as scratch:
            whole, prepared = pathlib.Path(scratch) / "whole.onnx", pathlib.Path(scratch) / "model.onnx"
            onnx.save(onnx.load(path), whole)  # weights in the file itself: the quantiser does not follow links to them
            quant_pre_process(str(whole), str(prepared), skip_symbolic_shape=True)
            model = onnx.load(prepared)
            for variant, (activations, per_channel) in VARIANTS.items():
                out = folder / f"{path.stem}-{variant}.onnx"
                quantize_static(
                    str(prepared), str(out), Random(model), quant_format=QuantFormat.QDQ, per_channel=per_channel,
                    activation_type=QuantType[activations], weight_type=QuantType.QInt8)
                print(out, flush=True)


def best_ms(run, seconds):
    run()
    best, begin = 1e9, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best * 1e3


def openvino_run(path, feeds, threads):
    import openvino
    core = openvino.Core()
    model = core.read_model(path)
    model.reshape({name: list(value.shape) for name, value in feeds.items()})
    compiled = core.compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1})
    request = compiled.create_infer_request()
    return lambda: request.infer(feeds)


def compare(args):
    tool = Tool(args.temper)
    print(f"{'model':32}{'off by':>10}{'temper ms':>11}{'ort ms':>9}{'ov ms':>9}")
    for path in sorted(args.folder.glob("*.onnx")):
        if args.only not in path.stem:
            continue
        feeds = inputs_of(onnx.load(path), 7)
        options = ort.SessionOptions()
        options.intra_op_num_threads = args.threads
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        wanted = dict(zip([o.name for o in session.get_outputs()], session.run(None, feeds)))
        with tempfile.TemporaryDirectory() as work:
            plan = pathlib.Path(work) / "plan"
            tool.build(path, plan, args.threads, feeds)
            got = tool.outputs(path, plan, args.threads, feeds, work)
            off = max(float(np.abs(got[k].reshape(v.shape) - v).max() / max(np.abs(v).max(), 1e-30)) for k, v in wanted.items())
            ours = min(tool.times(path, plan, args.threads, feeds, args.seconds, work))
        row = f"{path.stem:32}{off:10.1e}{ours:11.2f}{best_ms(lambda: session.run(None, feeds), args.seconds):9.2f}"
        if args.openvino:
            row += f"{best_ms(openvino_run(path, feeds, args.threads), args.seconds):9.2f}"
        print(row, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    maker = commands.add_parser("make")
    maker.add_argument("folder", type=pathlib.Path)
    maker.add_argument("models", type=pathlib.Path, nargs="+")
    comparer = commands.add_parser("compare")
    comparer.add_argument("folder", type=pathlib.Path)
    comparer.add_argument("--temper", default="build/temper")
    comparer.add_argument("--threads", type=int, default=1)
    comparer.add_argument("--seconds", type=float, default=2)
    comparer.add_argument("--openvino", action="store_true")
    comparer.add_argument("--only", default="")
    args = parser.parse_args()
    if args.command == "make":
        make(args.folder, args.models)
    else:
        compare(args)


if __name__ == "__main__":
    sys.exit(main())
