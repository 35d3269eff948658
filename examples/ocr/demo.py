"""What tools/demo does after the build: draws the picture, lets the program `ocr` read it, and sets it beside ONNX Runtime.

The comparison is fair by construction: the same tensors, the same number of threads, in turns on the same machine, and the outputs
must agree.
"""
import argparse
import collections
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
TOLERANCE = 2e-3  # of chances between 0 and 1, after about a hundred layers in float32


class Peer:
    """ONNX Runtime on the tensors that Temper was given."""

    def __init__(self, models, tensors, threads):
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = threads, 1, 3

        def session(name):
            return onnxruntime.InferenceSession(str(models / name), options, providers=["CPUExecutionProvider"])

        self.detector, self.reader = session("PP-OCRv6_det_small.onnx"), session("PP-OCRv6_rec_small.onnx")
        self.page = self.load(next(tensors.glob("page_*.bin")))
        lines = {int(re.match(r"line(\d+)_", p.name)[1]): p for p in tensors.glob("line*_*.bin")}
        self.lines = [self.load(lines[k]) for k in sorted(lines)]
        self.theirs = [np.fromfile(tensors / "page.out", np.float32)]
        self.theirs += [np.fromfile(tensors / f"line{k}.out", np.float32) for k in sorted(lines)]

    @staticmethod
    def load(path):
        height, width = map(int, re.search(r"_(\d+)x(\d+)\.bin$", path.name).groups())
        return np.fromfile(path, np.float32).reshape(1, 3, height, width)

    def disagreement(self):
        """The largest difference between Temper's outputs and ONNX Runtime's."""
        ours = [self.detector.run(None, {"x": self.page})[0]] + [self.reader.run(None, {"x": line})[0] for line in self.lines]
        return max(float(np.abs(a.reshape(-1) - b).max()) if a.size == b.size else float("inf") for a, b in zip(ours, self.theirs))

    def round(self, seconds):
        """Medians in milliseconds: the page through the detector, all lines through the reader."""
        detection, reading, end = [], [], time.perf_counter() + seconds
        while len(detection) < 2 or time.perf_counter() < end:
            start = time.perf_counter()
            self.detector.run(None, {"x": self.page})
            found = time.perf_counter()
            for line in self.lines:
                self.reader.run(None, {"x": line})
            detection.append(1e3 * (found - start))
            reading.append(1e3 * (time.perf_counter() - found))
        return statistics.median(detection), statistics.median(reading)


def compare(child, peer, rounds, seconds):
    """Rows (name, Temper's ms, ONNX Runtime's ms): the best of the rounds, taken in turns."""
    ours, theirs = [], []
    for _ in range(rounds):
        child.stdin.write(f"{1e3 * seconds}\n")
        child.stdin.flush()
        answer = child.stdout.readline().split()
        if answer[:1] != ["round"]:
            raise RuntimeError("the program ended early")
        ours.append(tuple(map(float, answer[1:])))
        theirs.append(peer.round(seconds))
    best = [(min(o[i] for o in ours), min(t[i] for t in theirs)) for i in (0, 1)]
    rows = [("detector", *best[0]), ("reader", *best[1])]
    return rows + [("both", best[0][0] + best[1][0], best[0][1] + best[1][1])]


def missing_words(lines, words):
    read = collections.Counter(word for line in lines for word in line.split())
    return list((collections.Counter(words) - read).elements())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--cpuThreads", type=int, default=0)
    parser.add_argument("--picture", type=pathlib.Path, help="read this picture instead of the drawn one")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each round of each runtime")
    args = parser.parse_args()
    work = args.build / "demo"
    tensors = work / "tensors"
    tensors.mkdir(parents=True, exist_ok=True)
    for old in tensors.iterdir():
        old.unlink()
    models, picture, words = args.build / "models/rapidocr", args.picture, []
    if picture is None:
        picture = work / "picture.png"
        subprocess.run([sys.executable, HERE / "draw_picture.py", picture, work / "picture.txt"], check=True)
        words = (work / "picture.txt").read_text(encoding="utf-8").split()

    command = [args.build / "ocr", f"--models={models}", f"--picture={picture}", f"--plans={work}", f"--boxes={work / 'boxes.png'}",
               f"--tensors={tensors}", f"--cpuThreads={args.cpuThreads}", "--rounds"]
    # The program prints its tables, then waits for requests; ONNX Runtime starts meanwhile.
    child = subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    lines, in_lines = [], False
    child.stdin.write("1\n")
    child.stdin.flush()
    for row in child.stdout:
        if row.startswith("round "):
            break
        print(row, end="", flush=True)
        found = re.match(r"\s*[\d.]+% +[\d.]+%  (.*)", row)
        if row.split() == ["found", "read", "text"]:
            in_lines = True
        elif in_lines and found:
            lines.append(found[1])
        elif in_lines:
            in_lines = False
    else:
        return child.wait() or 1
    threads = args.cpuThreads or len(os.sched_getaffinity(0))
    peer = Peer(models, tensors, threads)
    worst = peer.disagreement()
    print(f"\n{'':10}{'Temper ms':>12}{'ONNX Runtime ms':>17}{'ratio':>8}   threads: {threads}")
    for name, ours, theirs in compare(child, peer, args.rounds, args.seconds):
        print(f"{name:10}{ours:12.2f}{theirs:17.2f}{theirs / ours:8.2f}")
    child.stdin.close()
    child.wait()
    print(f"\nlargest difference between the outputs of the two: {worst:.1e}")
    print(f"picture with boxes: {work / 'boxes.png'}")
    missing = missing_words(lines, words)
    if missing:
        print(f"{len(words) - len(missing)} of {len(words)} words were read; missing: {' '.join(missing)}")
    elif words:
        print(f"all {len(words)} words were read")
    if worst > TOLERANCE:
        print(f"the outputs differ by more than {TOLERANCE}")
    return 1 if missing or worst > TOLERANCE or child.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
