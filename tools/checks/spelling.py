"""Spelling, by codespell; words that it gets wrong are in spelling_words.txt."""
import pathlib
import shutil
import subprocess

from .tree import TEXT


def check_spelling(tree):
    """codespell finds no misspelt word"""
    if not shutil.which("codespell"):
        return ["codespell is not installed; run tools/setup check"]
    words = pathlib.Path(__file__).with_name("spelling_words.txt")
    files = [str(p) for p in tree.under(suffixes=TEXT) if p.suffix not in {".ir", ".json"} and p.name != "LICENSE"]
    done = subprocess.run(["codespell", "--ignore-words", str(words), *files], capture_output=True, text=True, cwd=tree.root)
    return [line.removeprefix("./").replace(" ==> ", " is written ") for line in done.stdout.splitlines() if "==>" in line]
