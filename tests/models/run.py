#!/usr/bin/env python3
"""Real networks from PyPI wheels, from file to outputs through the tool, against ONNX Runtime. The dynamic ones over several shapes from
one plan, the last of them outside the range that the plan was built for.

  tools/setup models && build/venv/bin/python tests/models/run.py [--temper build/temper] [--level 0] [FOLDER ...]

FOLDERs with more ONNX files (dims named batch are 1; give others with --dim NAME=N) are run at one shape. Last line: "N agree, M fail".
"""
import argparse
import pathlib
import sys
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "bench"))
import compare  # noqa: E402
import tool  # noqa: E402

# Shapes of each input, in the order of the model's: (least, best, largest, one outside). One entry: a fixed shape.
MODELS = {
    "basic-pitch/nmp.onnx": [[(1, 43844, 1)], [(2, 43844, 1)]],
    "magika/model.onnx": [[(1, 2048)], [(2, 2048)], [(4, 2048)], [(5, 2048)]],
    "rapidocr/PP-OCRv6_det_small.onnx": [[(1, 3, 64, 64)], [(1, 3, 160, 224)], [(1, 3, 256, 256)], [(2, 3, 288, 96)]],
    "rapidocr/PP-OCRv6_rec_small.onnx": [[(1, 3, 48, 32)], [(1, 3, 48, 160)], [(2, 3, 48, 320)], [(3, 3, 48, 336)]],
    "rapidocr/ch_ppocr_mobile_v2.0_cls_mobile.onnx": [[(1, 3, 48, 192)], [(2, 3, 48, 192)], [(4, 3, 48, 192)], [(5, 3, 48, 192)]],
    "silero-vad/silero_vad.onnx": [[(1, 512), (2, 1, 128), ()], [(1, 512), (2, 1, 128), ()], [(2, 512), (2, 2, 128), ()],
                                   [(3, 512), (2, 3, 128), ()]],
    "silero-vad/silero_vad_16k_op15.onnx": [[(1, 576), (2, 1, 128), ()], [(1, 576), (2, 1, 128), ()], [(2, 576), (2, 2, 128), ()],
                                            [(3, 576), (2, 3, 128), ()]],
    "silero-vad/silero_vad_16k_sequence.onnx": [[(1, 576), (1, 1, 128), (1, 1, 128)], [(8, 576), (1, 1, 128), (1, 1, 128)],
                                                [(16, 576), (1, 1, 128), (1, 1, 128)], [(20, 576), (1, 1, 128), (1, 1, 128)]],
    "silero-vad/silero_vad_half.onnx": [[(1, 576), (2, 1, 128)], [(1, 576), (2, 1, 128)], [(2, 576), (2, 2, 128)], [(3, 576), (2, 3, 128)]],
    "silero-vad/silero_vad_op18_ifless.onnx": [[(1, 576), (), (2, 1, 128)], [(1, 576), (), (2, 1, 128)], [(2, 576), (), (2, 2, 128)],
                                               [(3, 576), (), (2, 3, 128)]],
    "silero-vad/silero_vad_openvino_16k.onnx": [[(1, 576), (2, 1, 128)]],
}
# Inputs whose value means something: the sample rate chooses a branch.
VALUES = {"sr": np.array(16000, np.int64)}
# Of an output's largest value, in float32: about ten times what two orders of summation differ by in these networks.
TOLERANCE = 2e-4
COARSER = {"PP-OCRv6_det_small": 2e-3}


def feeds_of(path, shape_lists):
    names = [i.name for i in tool.inputs_of(path)]
    for shapes in shape_lists:
        feed = tool.make_feed(path, {}, dict(zip(names, shapes)))
        yield {name: VALUES.get(name, value) for name, value in feed.items()}


def check(temper, name, path, feeds, level, threads):
    """One row for each shape. feeds: one, or those of a range and one outside."""
    rows, more = [], [f"--builderOptimizationLevel={level}"]
    with tempfile.TemporaryDirectory() as work:
        plan = f"{work}/model.plan"
        try:
            if len(feeds) == 4:
                for flag, feed in zip(("minShapes", "optShapes", "maxShapes"), feeds):
                    more += [f.replace("--shapes=", f"--{flag}=") for f in tool.shape_flags(path, feed)]
            build_s = temper.build(path, plan, threads, feeds[0] if len(feeds) < 4 else None, more).seconds
        except tool.Failure as problem:
            return [{"model": name, "problem": f"build: {problem}"}]
        for feed in feeds:
            shape = next(iter(feed.values())).shape
            row = {"model": f"{name[:24]} {tuple(shape)}", "build_s": build_s}
            try:
                reference = compare.OnnxRuntime(path, threads, feed)
                row["error"] = compare.disagreement(temper.outputs(path, plan, threads, feed, work), reference.run())
                if not row["error"] <= COARSER.get(name, TOLERANCE):
                    raise tool.Failure(f"the outputs differ by {row['error']:.1e}")
            except Exception as problem:  # whatever the reference raises is a row too
                row["problem"] = " ".join(str(problem).split())[:200]
            rows.append(row)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    tool.add_model_arguments(parser, count="*")
    parser.add_argument("--level", default="0")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--wheels", type=pathlib.Path, default=ROOT / "build/models", help="where tools/setup models has put them")
    args = parser.parse_args()
    temper, only, failed, agreed = tool.Tool(args.temper), set(filter(None, args.only.split(","))), 0, 0
    work = [(pathlib.Path(key).stem if "model.onnx" not in key else key.split("/")[0], args.wheels / key, shapes) for key, shapes in MODELS.items()]
    work += [(name, path, None) for name, path in tool.models_in(args.models)]
    for name, path, shapes in work:
        if only and name not in only:
            continue
        try:
            feeds = list(feeds_of(path, shapes)) if shapes else [tool.feed_of(args, path)]
            rows = check(temper, name, path.resolve(), feeds, args.level, args.threads)
        except (OSError, tool.Failure) as problem:
            rows = [{"model": name, "problem": str(problem)[:200]}]
        for row in rows:
            bad = "problem" in row
            failed, agreed = failed + bad, agreed + (not bad)
            error = format(row["error"], ".1e") if "error" in row else "-"
            print(f"{row['model']:48}{error:>9}  {row.get('problem', 'ok')}", flush=True)
    print(f"{agreed} agree, {failed} fail")
    return 1 if failed or not agreed else 0


if __name__ == "__main__":
    sys.exit(main())
