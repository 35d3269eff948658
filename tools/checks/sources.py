"""Size, names and words of files."""
import re

from .tree import SOURCE, TEXT

LINES = 800
FORBIDDEN = {"utils", "util", "common", "helpers", "helper", "misc"}
SNAKE = re.compile(r"^[a-z0-9]+(_[a-z0-9]+)*$")
# Written in pieces, so that this file passes its own check.
UNFINISHED = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX"]) + r")\b")
FOREIGN_PATH = re.compile(r"(?<![\w.$}/])/(home|root|work|Users)/\w")


def check_size(tree):
    """no source file is longer than 800 lines"""
    problems = []
    for path in tree.under(suffixes=SOURCE | {""}):
        count = tree.text(path).count("\n")
        if count > LINES and path.name != "LICENSE":
            problems.append(f"{path}: {count} lines, {LINES} is the limit; split it by concept")
    return problems


def check_names(tree):
    """files are snake_case, and none is called utils, common, helpers or misc"""
    problems = []
    for path in tree.paths:
        for part in path.parts:
            if part.split(".")[0].lower() in FORBIDDEN:
                problems.append(f"{path}: '{part}' says nothing; name the concept it holds")
        if path.suffix in {".h", ".cc"} and not SNAKE.match(path.stem) and path.parts[0] != "include":
            problems.append(f"{path}: C++ files are called in snake_case")
        if path.suffix in {".cpp", ".cxx", ".hpp", ".hh", ".c++"}:
            problems.append(f"{path}: C++ files end in .cc and .h")
    return problems


def check_words(tree):
    """no unfinished business, no path of one machine, no tabs, no blanks at line ends"""
    problems = []
    for path in tree.under(suffixes=TEXT):
        if path.name == "LICENSE":
            continue
        for number, line in tree.lines(path):
            place = f"{path}:{number}"
            if match := UNFINISHED.search(line):
                problems.append(f"{place}: {match[1]}; finish it, or open an issue and say in the comment what is so and why")
            if FOREIGN_PATH.search(line):
                problems.append(f"{place}: a path that only one machine has")
            if path.suffix in SOURCE | {".md"} and (line != line.rstrip() or "\t" in line):
                problems.append(f"{place}: a tab, or blanks at the end of the line")
    return problems
