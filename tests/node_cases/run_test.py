"""Does the node case runner see what goes wrong? A stand-in for the C++ program answers as told: right, wrong, refused, dead, stuck."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import numpy as np
from onnx.backend.test import loader

import run as node_cases

RUN = pathlib.Path(__file__).with_name("run.py")
STAND_IN = '''#!{python}
import os, pathlib, sys, time
import numpy as np
mode = os.environ["STAND_IN"]
for line in sys.stdin:
    kind, *fields = line.rstrip("\\n").split("\\t")
    if kind == "case":
        name, model, inputs = fields[0], fields[1], []
        print("begin", name, sep="\\t", flush=True)
    elif kind == "input":
        inputs.append((fields[1], pathlib.Path(fields[2]).read_bytes()))
    elif kind == "outputs":
        folder = pathlib.Path(fields[0])
    elif kind == "go":
        if mode == "dies" and name == "test_abs":
            os.abort()
        if mode == "sticks":
            time.sleep(60)
        if mode == "refuses":
            print("refused", "parse", "Abs", "no such operator", sep="\\t")
        else:
            x = np.frombuffer(inputs[0][1], np.float32)
            y = np.abs(x) if mode != "wrong" else x
            (folder / "y.bin").write_bytes(y.tobytes() if mode != "short" else y.tobytes()[:-4])
            print("output", "y", inputs[0][0] if mode != "shape" else "1", 4, folder / "y.bin", sep="\\t")
        print("end", name, sep="\\t", flush=True)
'''


class Runner(unittest.TestCase):
    def run_with(self, mode, *flags):
        with tempfile.TemporaryDirectory() as folder:
            stand_in, report = pathlib.Path(folder, "runner"), pathlib.Path(folder, "report.json")
            stand_in.write_text(STAND_IN.format(python=sys.executable))
            stand_in.chmod(0o755)
            done = subprocess.run([sys.executable, RUN, "--runner", stand_in, "--only", "test_abs", "--json", report, *flags],
                                  capture_output=True, text=True, env=os.environ | {"STAND_IN": mode})
            counts = re.search(r"^(\d+) passed, (\d+) refused, (\d+) wrong or crashed$", done.stdout, re.M)
            self.assertTrue(counts, done.stdout + done.stderr)
            return done, tuple(map(int, counts.groups())), json.loads(report.read_text())["cases"]

    def expect_bad(self, mode, part, *flags):
        done, (passed, _, bad), cases = self.run_with(mode, *flags)
        self.assertEqual(done.returncode, 1)
        self.assertGreaterEqual(bad, 1)
        self.assertIn(part, cases[0]["reason"])
        return passed, bad, cases

    def test_right_answers_pass(self):
        done, counts, _ = self.run_with("right")
        self.assertEqual((done.returncode, counts), (0, (1, 0, 0)))

    def test_a_second_look_in_f64(self):
        # 0 is right for the inverse transform at half the length, and the package's own answer is not 0 there.
        case = node_cases.Case(next(t for t in loader.load_model_tests(kind="node") if t.name == "test_dft_inverse_opset19"), pathlib.Path())
        exact = case.answers_in_f64()[0].astype(np.float32)
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "y.bin")
            got = {"y": (node_cases.spell(exact.shape), 4, file)}
            file.write_bytes(exact.tobytes())
            self.assertIn("values differ", case.compare(got))
            self.assertEqual(case.judge(got), (None, True))
            file.write_bytes((exact + np.float32(1e-4)).tobytes())
            self.assertIn("values differ", case.judge(got)[0])

    def test_causes_are_alike(self):
        cause = node_cases.cause
        self.assertEqual(cause("E_X: no a [node 'y' (A, opset 1), in /a/b.onnx]"), cause("E_X: no a [node 'z' (A, opset 1), in /c.onnx]"))
        self.assertEqual(cause("no kernel for region (%0: f32[2]) {"), cause("no kernel for region (%0: f32[3]) {"))

    def test_wrong_values(self):
        self.expect_bad("wrong", "values differ")

    def test_wrong_shape(self):
        self.expect_bad("shape", "has shape 1")

    def test_too_few_bytes(self):
        self.expect_bad("short", "another type")

    def test_death_is_a_crash(self):
        _, _, cases = self.expect_bad("dies", "signal 6")
        self.assertEqual(cases[0]["result"], "crash")

    def test_silence_is_a_crash(self):
        self.expect_bad("sticks", "no answer", "--limit", "0.5")

    def test_refusal_is_no_fault(self):
        done, counts, cases = self.run_with("refuses")
        self.assertEqual((done.returncode, counts), (0, (0, 1, 0)))
        self.assertEqual((cases[0]["operator"], cases[0]["reason"]), ("Abs", "no such operator"))

    def test_too_few_passing(self):
        done, _, _ = self.run_with("right", "--least", "2")
        self.assertEqual(done.returncode, 1)


if __name__ == "__main__":
    unittest.main()
