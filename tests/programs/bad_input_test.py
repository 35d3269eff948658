"""The tool itself, given what is wrong: one kind of error with code, place, cause and cure; a status that is not 0; nothing half-written.

Needs the tool and fuzz_seeds of the build folder that TEMPER_BUILD names.
"""
import os
import pathlib
import resource
import subprocess
import tempfile
import unittest

BUILD = pathlib.Path(os.environ.get("TEMPER_BUILD", pathlib.Path(__file__).resolve().parent.parent.parent / "build"))


def no_large_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


@unittest.skipUnless((BUILD / "temper").exists() and (BUILD / "fuzz_seeds").exists(), "the tool is not built")
class BadInput(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.seeds = tempfile.TemporaryDirectory()
        subprocess.run([BUILD / "fuzz_seeds", cls.seeds.name], check=True, stdout=subprocess.DEVNULL)

    @classmethod
    def tearDownClass(cls):
        cls.seeds.cleanup()

    def seed(self, kind, name):
        return f"{self.seeds.name}/{kind}/{name}"

    def refused(self, code, words, *arguments, before=(), **how):
        """Runs the tool in an empty folder, which must stay empty (but for `before`: names and bytes of files)."""
        with tempfile.TemporaryDirectory() as folder:
            for name, data in before:
                pathlib.Path(folder, name).write_bytes(data)
            done = subprocess.run([BUILD / "temper", *arguments], cwd=folder, capture_output=True, text=True, timeout=120, **how)
            errors = [line for line in (done.stderr + done.stdout).splitlines() if "[E]" in line]
            self.assertEqual(done.returncode, 1, errors)
            self.assertTrue(errors)
            for line in errors:
                self.assertIn(code, line)
            for word in words:
                self.assertIn(word, errors[-1])
            left = {p.name: p.read_bytes() for p in pathlib.Path(folder).iterdir()}
            self.assertEqual(left, dict(before))

    def build(self, model):
        return ["trtexec", f"--onnx={model}", "--saveEngine=a.plan", "--skipInference"]

    def test_missing_files(self):
        self.refused("E_NOT_FOUND", ["nowhere.onnx", "check the path"], *self.build("nowhere.onnx"))
        self.refused("E_NOT_FOUND", ["nowhere.plan"], "trtexec", "--loadEngine=nowhere.plan")
        self.refused("E_NOT_FOUND", ["nowhere.plan"], "verify", "nowhere.plan")

    def test_files_that_are_something_else(self):
        self.refused("E_INVALID_ARGUMENT", ["ONNX file, not a plan", "--onnx="], "trtexec", "--loadEngine=" + self.seed("onnx", "conv"))
        self.refused("E_INVALID_ARGUMENT", ["plan, not an ONNX model"], *self.build(self.seed("plan", "conv")))
        self.refused("E_CORRUPT", ["timing cache", "delete it"], *self.build(self.seed("onnx", "conv")), "--timingCacheFile=" + self.seed("plan", "conv"))

    def test_a_cut_plan(self):
        whole = pathlib.Path(self.seed("plan", "conv")).read_bytes()
        self.refused("E_CORRUPT", ["cut.plan", "bytes and has 3000"], "trtexec", "--loadEngine=cut.plan", before=[("cut.plan", whole[:3000])])

    def test_wrong_shapes(self):
        self.refused("E_INVALID_ARGUMENT", ["'x'", "1x3x8x8"], *self.build(self.seed("onnx", "conv")), "--shapes=x:1x3x9x9")
        self.refused("E_INVALID_ARGUMENT", ["'x'"], "trtexec", "--loadEngine=" + self.seed("plan", "gemm_softmax"), "--shapes=x:2x5")

    def test_an_unknown_operator(self):
        model = pathlib.Path(self.seed("onnx", "conv")).read_bytes().replace(b"Relu", b"Rexu")
        self.refused("E_UNSUPPORTED", ["operator Rexu", "node 'Rexu_y'", "bad.onnx"], *self.build("bad.onnx"), before=[("bad.onnx", model)])

    def test_a_full_disk(self):
        self.refused("E_IO", ["a.plan"], *self.build(self.seed("onnx", "conv")), preexec_fn=no_large_files)
        self.refused("E_IO", ["a.plan"], *self.build(self.seed("onnx", "conv")), preexec_fn=no_large_files, before=[("a.plan", b"old")])

    def test_too_little_workspace(self):
        self.refused("E_OUT_OF_MEMORY", ["workspace", "memPoolSize"], *self.build(self.seed("onnx", "top_k")), "--shapes=x:2x4", "--memPoolSize=workspace:0.00001")


if __name__ == "__main__":
    unittest.main()
