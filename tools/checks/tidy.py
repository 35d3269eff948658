"""clang-tidy, with the rules of .clang-tidy, over the files that the build compiles."""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess

# Debian's clang 14 can't compile the <ranges> of this libstdc++.
PROGRAM = "clang-tidy-16"
# Without --full: more would take longer than all other checks together. Which ones is fixed by their names.
AT_MOST = 20
FINDING = re.compile(r"^(\S.*?):(\d+):\d+: (?:warning|error): (.*)$")


def compiled(tree):
    """{path in the tree: file name as the build knows it}"""
    commands = tree.build / "compile_commands.json"
    if not commands.exists():
        return {}
    found = {}
    for entry in json.loads(commands.read_text()):
        file = pathlib.Path(entry["directory"], entry["file"])
        if file.is_relative_to(tree.root):
            found[pathlib.PurePosixPath(file.relative_to(tree.root))] = str(file)
    return found


def run_tidy(tree, file):
    # GCC's own flags mean nothing to clang; its warnings are the compiler's business, not this check's.
    done = subprocess.run([PROGRAM, "-p", str(tree.build), "--quiet", "--extra-arg=-Wno-everything", file],
                          capture_output=True, text=True, cwd=tree.root)
    problems = set()
    for line in done.stdout.splitlines():
        match = FINDING.match(line)
        # A name that is not absolute is meant from the build folder or the root, as the command said.
        path = match and (tree.root / match[1]).resolve()
        if path and path.is_relative_to(tree.root):
            problems.add(f"{path.relative_to(tree.root)}:{match[2]}: {match[3]}")
    return problems


def check_tidy(tree):
    """clang-tidy finds nothing (without --full: in 20 of the files that changed)"""
    if not shutil.which(PROGRAM):
        return [f"{PROGRAM} is not installed; run tools/setup check"]
    files = compiled(tree)
    if not files:
        return [f"{tree.build}/compile_commands.json is missing; run cmake first"]
    wanted = set(tree.paths) if tree.full else tree.changed()
    # Tests are mostly macros of GoogleTest, at which half of the rules aim.
    files = sorted((file for path, file in files.items() if path in wanted and path.parts[0] != "tests"),
                   key=lambda file: hashlib.sha256(file.encode()).digest())
    files = files if tree.full else files[:AT_MOST]
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return list(set().union(*pool.map(lambda f: run_tidy(tree, f), files)))
