"""Passes, kernels and backends know core operators and facts, never a composite: then a new operator needs no change there."""
import re

# How an operator outside src/ops/core says its name, and the type of its attributes.
NAMED = re.compile(r"""\.name\s*=\s*"([A-Za-z_][\w.]*)\"""")
ATTRIBUTES = re.compile(r"\bRegisterOp<(\w+)>")
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
ATTRIBUTES_READ = re.compile(r"\battrs_as<(?:temper::)?(\w+)>")
# Where a string is surely the name of an operator.
OPERATOR = re.compile(r"\bop(?:->|\.)name\b|\bfind_op\(|\bcore_op\(|\bop\(\s*\"")
# Words that are also something else; they count only where a string is surely the name of an operator.
ELSEWHERE = {
    "expand": "a pass",
    "gemm": "a family of micro-kernels",
    "size": "a keyword of the text of regions",
    "tile": "a tactic source",
}
PLACES = ("src/kernel", "src/passes", "src/memory", "src/plan", "src/tune", "src/backend", "src/runtime")


def operators(tree):
    """Names, and types of attributes, that only composites have."""
    found = {True: (set(), set()), False: (set(), set())}
    for path in tree.under("src/ops"):
        names, attributes = found[path.is_relative_to("src/ops/core")]
        code = "\n".join(line.split("//")[0] for _, line in tree.lines(path))
        names.update(NAMED.findall(code))
        attributes.update(ATTRIBUTES.findall(code))
    return found[False][0] - found[True][0], found[False][1] - found[True][1]


def check_composites(tree):
    """no pass, kernel or backend names a composite operator"""
    names, attributes = operators(tree)
    problems = []
    for path in tree.under(*PLACES, suffixes={".h", ".cc", ".def"}):
        for number, line in tree.lines(path):
            code = line.split("//")[0]
            said = [s for s in STRING.findall(code) if s in names and (s not in ELSEWHERE or OPERATOR.search(code))]
            said += [a for a in ATTRIBUTES_READ.findall(code) if a in attributes]
            problems += [f"{path}:{number}: names the composite operator '{name}'; decide from facts of its body instead" for name in said]
    return problems
