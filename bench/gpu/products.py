#!/usr/bin/env python3
"""Times products of 16-bit floats on the GPU of this machine, Temper's beside those of cuBLAS and cuDNN through PyTorch.

  bench/gpu/products.py --check PATH/gpu_check --out DIR [--level 0] [--only TEXT]

Matrix products of transformers and squares, and the 23 convolutions of ResNet-50 at batch 1 and 64, channels innermost. Every time
is that of a run among many in one CUDA graph, over rotated buffers of random data. A convolution of Temper is followed by a kernel
that takes one pixel of its result, whose time alone is taken off. Writes gpu_products.json and gpu_products.md.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import subprocess
import tempfile

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

# Channels, size, filters, kernel, stride, and how many layers of ResNet-50 are like that.
CONVOLUTIONS = [
    (3, 224, 64, 7, 2, 1), (64, 56, 64, 1, 1, 1), (64, 56, 64, 3, 1, 3), (64, 56, 256, 1, 1, 4), (256, 56, 64, 1, 1, 2),
    (256, 56, 128, 1, 1, 1), (128, 56, 128, 3, 2, 1), (128, 28, 512, 1, 1, 4), (256, 56, 512, 1, 2, 1), (512, 28, 128, 1, 1, 3),
    (128, 28, 128, 3, 1, 3), (512, 28, 256, 1, 1, 1), (256, 28, 256, 3, 2, 1), (256, 14, 1024, 1, 1, 6), (512, 28, 1024, 1, 2, 1),
    (1024, 14, 256, 1, 1, 5), (256, 14, 256, 3, 1, 5), (1024, 14, 512, 1, 1, 1), (512, 14, 512, 3, 2, 1), (512, 7, 2048, 1, 1, 3),
    (1024, 14, 2048, 1, 2, 1), (2048, 7, 512, 1, 1, 2), (512, 7, 512, 3, 1, 2),
]
BATCHES = (1, 64)
# Rows, columns, depth.
PRODUCTS = [
    (8192, 8192, 8192), (4096, 4096, 4096), (128, 768, 768), (128, 3072, 768), (128, 2304, 768), (128, 768, 3072), (4096, 768, 768),
    (4096, 3072, 768), (4096, 768, 3072),
]
SETS = 4  # of buffers that PyTorch's runs rotate over
RUNS = 20  # in a graph


def weights(*shape):
    return numpy_helper.from_array((np.random.default_rng(1).standard_normal(shape, dtype=np.float32) * 0.05).astype(np.float16), "w")


def save(path, nodes, x, y, constants):
    half = TensorProto.FLOAT16
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", half, x)], [helper.make_tensor_value_info("y", half, y)], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def pixel(dims):
    """The constants of a Slice of one pixel, over these dims."""
    return [numpy_helper.from_array(np.array(v, np.int64), n) for n, v in (("first", [0, 0]), ("last", [1, 1]), ("dims", dims))]


def write_models(folder):
    for rows, cols, depth in PRODUCTS:
        node = helper.make_node("MatMul", ["x", "w"], ["y"])
        save(folder / f"product_{rows}_{cols}_{depth}.onnx", [node], [rows, depth], [rows, cols], [weights(depth, cols)])
    take = lambda name: helper.make_node("Slice", [name, "first", "last", "dims"], ["y"])
    for c, size, filters, kernel, stride, _ in CONVOLUTIONS:
        for batch in BATCHES:
            nodes = [helper.make_node("Transpose", ["x"], ["inner"], perm=[0, 3, 1, 2]),
                     helper.make_node("Conv", ["inner", "w"], ["c"], strides=[stride] * 2, pads=[kernel // 2] * 4), take("c")]
            save(folder / f"conv_{c}_{size}_{filters}_{kernel}_{stride}_b{batch}.onnx", nodes, [batch, size, size, c],
                 [batch, filters, 1, 1], [weights(filters, c, kernel, kernel)] + pixel([2, 3]))
    save(folder / "pixel.onnx", [take("x")], [1, 56, 56, 256], [1, 1, 1, 256], pixel([1, 2]))


def torch_us(calls):
    for call in calls:
        call()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for i in range(RUNS):
            calls[i % len(calls)]()
    graph.replay()
    times = []
    for _ in range(5):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        for _ in range(3):
            graph.replay()
        end.record()
        torch.cuda.synchronize()
        times.append(begin.elapsed_time(end) * 1000 / 3 / RUNS)
    return sorted(times)[2]


def torch_times(only):
    torch.backends.cudnn.benchmark = True
    found = {}
    for rows, cols, depth in PRODUCTS:
        name = f"product_{rows}_{cols}_{depth}"
        if only in name:
            w = torch.randn(depth, cols, device="cuda").half()
            found[name] = torch_us([lambda x=x: x @ w for x in [torch.randn(rows, depth, device="cuda").half() for _ in range(SETS)]])
    for c, size, filters, kernel, stride, _ in CONVOLUTIONS:
        for batch in BATCHES:
            name = f"conv_{c}_{size}_{filters}_{kernel}_{stride}_b{batch}"
            if only not in name:
                continue
            inner = lambda *dims: (torch.randn(*dims, device="cuda") * 0.05).half().to(memory_format=torch.channels_last)
            w = inner(filters, c, kernel, kernel)
            xs = [inner(batch, c, size, size) for _ in range(SETS)]
            found[name] = torch_us([lambda x=x: torch.nn.functional.conv2d(x, w, stride=stride, padding=kernel // 2) for x in xs])
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", required=True, type=pathlib.Path)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--level", type=int, default=0, help="how much the builder measures")
    parser.add_argument("--only", default="", help="problems whose name has this text")
    args = parser.parse_args()
    check = args.check.resolve()
    args.out.mkdir(parents=True, exist_ok=True)
    work = pathlib.Path(tempfile.mkdtemp(prefix="temper-products-"))
    write_models(work)
    models = [m for m in sorted(work.glob("*.onnx")) if args.only in m.stem or m.stem == "pixel"]
    with concurrent.futures.ThreadPoolExecutor(1 if args.level else os.cpu_count()) as pool:
        list(pool.map(lambda m: subprocess.run([check, "build", m, m.with_suffix(".plan"), str(args.level)], capture_output=True), models))
    plans = [m.with_suffix(".plan") for m in models if m.with_suffix(".plan").exists()]
    done = subprocess.run([check, "graphs", *plans], capture_output=True, text=True)
    ours = {}
    for line in done.stdout.splitlines():
        found = json.loads(line)
        if "graph_us" in found:
            ours[pathlib.Path(found["plan"]).stem] = found["graph_us"]
    alone = ours.pop("pixel", 0)
    theirs = torch_times(args.only)
    record = {"gpu": torch.cuda.get_device_name(), "torch": torch.__version__, "level": args.level, "pixel_us": alone, "problems": {}}
    table = ["| problem | us | PyTorch us | ratio |", "|---|---|---|---|"]
    for name, peer in theirs.items():
        mine = ours[name] - (alone if name.startswith("conv") else 0) if name in ours else None
        record["problems"][name] = {"us": mine, "torch_us": peer}
        table.append(f"| {name} | {mine and round(mine, 2)} | {peer:.2f} | {mine and round(peer / mine, 2)} |")
    for batch in BATCHES:
        rows = [p for n, p in record["problems"].items() if n.startswith("conv") and n.endswith(f"_b{batch}")]
        record[f"convolutions_b{batch}_at_least_as_quick"] = [sum(p["us"] is not None and p["us"] <= p["torch_us"] for p in rows), len(rows)]
    (args.out / "gpu_products.json").write_text(json.dumps(record, indent=1))
    (args.out / "gpu_products.md").write_text("\n".join(table) + "\n")
    print("\n".join(table))


if __name__ == "__main__":
    main()
