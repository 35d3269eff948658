"""Formatting, by clang-format of one fixed version: other versions format differently."""
import re
import shutil
import subprocess

PROGRAM = "clang-format-14"
LINE = re.compile(r"^(.*?):(\d+):\d+: (?:error|warning): code should be clang-formatted")


def check_format(tree):
    """clang-format would change nothing"""
    if not shutil.which(PROGRAM):
        return [f"{PROGRAM} is not installed; run tools/setup check"]
    files = [str(p) for p in tree.under()]
    if not files:
        return []
    if tree.fix:
        subprocess.run([PROGRAM, "-i", *files], cwd=tree.root, check=True)
    done = subprocess.run([PROGRAM, "--dry-run", *files], cwd=tree.root, capture_output=True, text=True)
    first = {}
    for match in filter(None, map(LINE.match, done.stderr.splitlines())):
        first.setdefault(match[1], int(match[2]))
    return [f"{path}:{line}: is not formatted; run tools/check --fix format" for path, line in first.items()]
