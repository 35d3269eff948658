"""The steps of tools/test: each runs a command, counts what passed, failed and was skipped, and keeps its output in a file."""
import argparse
import dataclasses
import datetime
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / os.environ.get("TEMPER_BUILD", "build")
JOBS = len(os.sched_getaffinity(0))
# Checks of the sources that take seconds; clang-tidy takes minutes.
QUICK_CHECKS = ["layering", "size", "names", "words", "composites", "readme", "spelling", "format", "headers"]
# What reads untrusted bytes or does index arithmetic: small enough to compile a second time within the quick suite.
CORE = ["base", "sym", "scalar", "ir", "onnx", "memory", "plan"]


@dataclasses.dataclass
class Result:
    """What a step found. A step that could not run at all is one failure."""
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    note: str = ""

    def __add__(self, other):
        return Result(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped,
                      "; ".join(filter(None, (self.note, other.note))))


class Suite:
    def __init__(self, args):
        self.args = args
        self.logs = BUILD / "records" / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.rows, self.start = [], time.monotonic()

    def command(self, log, command, env=None, limit=3600):
        """Runs a command with its output in a file; (exit status, output)."""
        path = self.logs / f"{log}.txt"
        with path.open("w") as out:
            try:
                status = subprocess.run([str(c) for c in command], stdout=out, stderr=subprocess.STDOUT, cwd=ROOT, timeout=limit,
                                        env=os.environ | {"TEMPER_BUILD": str(BUILD)} | (env or {})).returncode
            except subprocess.TimeoutExpired:
                status = -1
                out.write(f"\nstopped after {limit} seconds\n")
        return status, path.read_text(errors="replace")

    def step(self, name, function, *arguments):
        if self.args.only and not name.startswith(self.args.only) and function is not build:
            return None
        print(f"{name:24}", end="", flush=True)
        start = time.monotonic()
        try:
            result = function(self, name.replace(" ", "-"), *arguments)
        except Exception as problem:  # a broken step is a failure of that step, and the others still run
            result = Result(failed=1, note=f"{type(problem).__name__}: {problem}")
        seconds = time.monotonic() - start
        self.rows.append({"step": name, "seconds": round(seconds, 1)} | dataclasses.asdict(result))
        print(f"{result.passed:7} passed {result.failed:4} failed {result.skipped:5} skipped {seconds:8.1f} s  {result.note}", flush=True)
        return result


def tail(text, count=15):
    for line in text.rstrip().splitlines()[-count:]:
        print("    " + line)


def build(suite, log, folder, flags=(), targets=()):
    """Configures and builds. Counts nothing when it goes well: a build is not a test."""
    status, text = suite.command(log + "-configure", ["cmake", "-S", ROOT, "-B", folder, "-G", "Ninja", "-DTEMPER_TESTS=ON", *flags])
    if status == 0:
        wanted = [t for t in targets if has_target(folder, t)] if targets else ["all"]
        if not wanted:
            return Result(failed=1, note=f"none of these targets is there: {' '.join(targets)}")
        status, text = suite.command(log, ["ninja", "-C", folder, "-k", "0", *wanted])
    if status:
        print()
        tail("\n".join(l for l in text.splitlines() if re.search(r"error|FAILED|stopped", l)) or text)
        return Result(failed=1, note=f"see {suite.logs / log}*.txt")
    return Result()


def has_target(folder, name):
    listed = subprocess.run(["ninja", "-C", str(folder), "-t", "targets", "all"], capture_output=True, text=True).stdout
    return any(line.startswith(name + ":") for line in listed.splitlines())


def unit(suite, log, folder, names=None, env=None, limit=3600):
    """GoogleTest programs under ctest. Cases are counted from their JSON; a program that wrote none has crashed."""
    reports = suite.logs / f"{log}-gtest"
    shutil.rmtree(reports, ignore_errors=True)
    reports.mkdir(parents=True)
    chosen = ["-R", "^(" + "|".join(n.replace("/", "_") for n in names) + ")$"] if names else []
    listed = json.loads(subprocess.run(["ctest", "--test-dir", str(folder), "--show-only=json-v1", *chosen], capture_output=True, text=True,
                                       check=True).stdout)["tests"]
    status, text = suite.command(log, ["ctest", "--test-dir", folder, "-j", JOBS, "--output-on-failure", "--no-tests=error",
                                       "--timeout", "900", *chosen], env={"GTEST_OUTPUT": f"json:{reports}/"} | (env or {}), limit=limit)
    result = Result()
    for test in listed:
        program = pathlib.Path(test["command"][0]).name if "command" in test else test["name"]
        report = reports / f"{program}.json"
        if not report.exists():
            # Either no GoogleTest program, or one that died: ctest knows which.
            good = re.search(rf"Test +#\d+: {re.escape(test['name'])} \.+ +Passed", text)
            result += Result(passed=1) if good else Result(failed=1, note=f"{program} died")
            continue
        found = json.loads(report.read_text())
        skipped = sum(case.get("result") == "SKIPPED" for group in found["testsuites"] for case in group["testsuite"])
        failed = found["failures"] + found.get("errors", 0)
        result += Result(found["tests"] - failed - found.get("disabled", 0) - skipped, failed, skipped + found.get("disabled", 0))
    if status and not result.failed:
        result += Result(failed=1, note="ctest failed")
    if result.failed:
        print()
        tail("\n".join(l for l in text.splitlines() if re.search(r"FAILED|Failure$|ERROR|Sanitizer", l)), 30)
    return result


def counted(suite, log, command, pattern, limit=3600, env=None):
    """A program of ours that ends with a line of counts; pattern has groups passed, failed and maybe skipped."""
    status, text = suite.command(log, command, env=env, limit=limit)
    found = list(re.finditer(pattern, text, re.M))
    if not found:
        print()
        tail(text)
        return Result(failed=1, note=f"ended with status {status} and no counts; see {suite.logs / log}.txt")
    counts = {k: int(v) for k, v in found[-1].groupdict().items() if v}
    result = Result(**counts)
    if status and not result.failed:
        result += Result(failed=1, note=f"exit status {status}")
    if result.failed:
        print()
        tail(text, 40)
    return result


def python_tests(suite, log, folder, top):
    """unittest: its summary counts what ran, so failures are taken from it."""
    if not list((ROOT / folder).rglob("*_test.py")):
        return Result(note="none there")
    status, text = suite.command(log, [sys.executable, "-m", "unittest", "discover", "-s", folder, "-t", top, "-p", "*_test.py"])
    ran = re.search(r"^Ran (\d+) tests?", text, re.M)
    if not ran:
        print()
        tail(text)
        return Result(failed=1, note=f"see {suite.logs / log}.txt")
    bad = sum(int(n) for n in re.findall(r"(?:failures|errors)=(\d+)", text))
    skipped = sum(int(n) for n in re.findall(r"skipped=(\d+)", text))
    if bad or status:
        print()
        tail(text, 40)
    return Result(int(ran[1]) - bad - skipped, max(bad, int(status != 0)), skipped)


FUZZERS = ["fuzz_onnx", "fuzz_plan", "fuzz_timing_cache", "fuzz_graph_text"]


def fuzzers(suite, log, folder, runs):
    """Each fuzzer, from the seeds that the small models give."""
    seeds = BUILD / "fuzz" / "seeds"
    status, text = suite.command(f"{log}-seeds", [BUILD / "fuzz_seeds", seeds])
    if status:
        tail(text)
        return Result(failed=1, note="no seeds")
    result = Result()
    for program in (pathlib.Path(folder) / name for name in FUZZERS):
        corpus = BUILD / "fuzz" / program.name
        corpus.mkdir(parents=True, exist_ok=True)
        status, text = suite.command(f"{log}-{program.name}", [program, f"-runs={runs}", "-max_len=16384", "-rss_limit_mb=4096", "-malloc_limit_mb=1048576",
                                                               "-timeout=20", f"-artifact_prefix={BUILD}/fuzz/found-", corpus,
                                                               seeds / program.name.removeprefix("fuzz_")],
                                     env={"ASAN_OPTIONS": "allocator_may_return_null=1:max_allocation_size_mb=1024"}, limit=24 * 3600)
        result += Result(passed=1) if status == 0 else Result(failed=1, note=program.name)
        if status:
            print()
            tail(text, 20)
    return result if result.passed or result.failed else Result(note="no fuzzer was built")


def check_counts(suite, log, *flags):
    return counted(suite, log, ["tools/check", "--build", BUILD, *flags], r"^(?P<passed>\d+) checks passed, (?P<failed>\d+) failed$")


def node_cases(suite, log, *flags):
    return counted(suite, log, [sys.executable, "tests/node_cases/run.py", "--runner", BUILD / "node_case_runner",
                                "--json", BUILD / "records/node_cases.json", *flags],
                   r"^(?P<passed>\d+) passed, (?P<skipped>\d+) refused, (?P<failed>\d+) wrong or crashed$", limit=1800)


def models(suite, log, *flags):
    """Networks of the wheels; --full also takes the folders of ONNX files that TEMPER_ZOO names."""
    return counted(suite, log, [sys.executable, "tests/models/run.py", "--temper", BUILD / "temper", "--wheels", BUILD / "models", *flags],
                   r"^(?P<passed>\d+) agree, (?P<failed>\d+) fail$")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--only", default="", metavar="STEP")
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()
    sanitized, clang, threads, fuzzing = BUILD / "sanitize", BUILD / "clang", BUILD / "tsan", BUILD / "fuzzers"
    second = ["-DCMAKE_CXX_COMPILER=clang++-16"]
    hard = {"ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1:allocator_may_return_null=1:max_allocation_size_mb=1024", "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}
    light = ["-DCMAKE_BUILD_TYPE=None", "-DCMAKE_CXX_FLAGS=-O1", "-DTEMPER_SANITIZE=address,undefined"]
    tests = [f"{room.replace('/', '_')}_tests" for room in CORE]
    steps = [
        ("build", build, BUILD),
        ("unit", unit, BUILD),
        ("checks", check_counts, *(["--full"] if args.full else QUICK_CHECKS)),
        ("checks of the checks", python_tests, "tools/checks", "tools"),
        ("programs", python_tests, "tests/programs", "tests/programs"),
        ("node case runner", python_tests, "tests/node_cases", "tests/node_cases"),
        ("node cases", node_cases, "--level", "3" if args.full else "0"),
    ]
    zoo = os.environ.get("TEMPER_ZOO", "").split()
    steps.append(("models", models, "--level", "3" if args.full else "0", *(zoo if args.full else [])))
    if args.full:
        steps += [
            ("sanitized build", build, sanitized, light),
            ("sanitized unit", unit, sanitized, None, hard | {"TEMPER_ALL_FLIPS": "1"}),
            ("clang build", build, clang, second),
            ("clang unit", unit, clang),
            ("thread build", build, threads, [*second, "-DTEMPER_SANITIZE=thread", "-DCMAKE_BUILD_TYPE=RelWithDebInfo"]),
            ("thread unit", unit, threads, ["base", "runtime", "backend/cpu", "programs"]),
            ("fuzzer build", build, fuzzing, [*second, *light, "-DTEMPER_FUZZ=ON"], FUZZERS),
            ("fuzzers", fuzzers, fuzzing, 2_000_000),
            ("kill -9 while saving", counted, [sys.executable, "tests/programs/kill_saving.py", "--temper", BUILD / "temper", "--times", "200"],
             r"^(?P<passed>\d+) whole or absent, (?P<failed>\d+) torn$"),
        ]
    else:
        steps += [("sanitized build", build, sanitized, light, tests), ("sanitized unit", unit, sanitized, CORE, hard)]
    if args.list:
        print("\n".join(name for name, *_ in steps))
        return 0
    suite = Suite(args)
    for name, function, *arguments in steps:
        suite.step(name, function, *arguments)
    total = sum((Result(r["passed"], r["failed"], r["skipped"]) for r in suite.rows), Result())
    record(suite, total)
    print(f"{total.passed} passed, {total.failed} failed" + (f", {total.skipped} skipped" if total.skipped else ""))
    return 1 if total.failed or not total.passed else 0


def record(suite, total):
    """The same facts as JSON and as a page; --full runs are kept under their time, the last quick run is overwritten."""
    git = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    facts = {
        "time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"), "commit": git, "full": suite.args.full,
        "cpu": model[1] if model else platform.machine(), "cores": JOBS, "seconds": round(time.monotonic() - suite.start, 1),
        "passed": total.passed, "failed": total.failed, "skipped": total.skipped, "steps": suite.rows,
    }
    name = "full-" + facts["time"].replace(":", "").replace("+0000", "Z") if suite.args.full else "quick"
    (BUILD / "records" / f"{name}.json").write_text(json.dumps(facts, indent=1) + "\n")
    lines = [f"{'step':24}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}"]
    lines += [f"{r['step']:24}{r['passed']:>8}{r['failed']:>8}{r['skipped']:>9}{r['seconds']:>9}  {r['note']}".rstrip() for r in suite.rows]
    lines += [f"{k}: {facts[k]}" for k in ("time", "commit", "cpu", "cores", "seconds")]
    (BUILD / "records" / f"{name}.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
