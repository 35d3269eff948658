"""What the pages for people name must be there: files, folders and links."""
import re

# A word in backquotes or in a block of code that begins with a folder of the project, and the targets of links.
PATH = re.compile(r"(?<![\w/.<{$-])((?:tools|src|tests|docs|bench|examples|include|cmake|\.ci)/[\w./-]*[\w/-])")
LINK = re.compile(r"\]\((?!\w+:)([^)#\s]+)")
# A command of the tool, which must be a word that the tool compares with.
COMMAND = re.compile(r"build/temper ([a-z]+)")
PAGES = ("README.md", "CONTRIBUTING.md")


def check_readme(tree):
    """every file and command that README, CONTRIBUTING and docs/ name exists"""
    problems = []
    pages = [p for p in tree.paths if str(p) in PAGES or (p.parts[0] == "docs" and p.suffix == ".md")]
    tool = "".join(tree.text(p) for p in tree.under("tools/temper", suffixes={".cc"}))
    for path in pages:
        in_code = False
        for number, line in tree.lines(path):
            in_code ^= line.startswith("```")
            named = {p: tree.root / p for p in PATH.findall(line)}
            if not in_code:
                named |= {l: tree.root / path.parent / l for l in LINK.findall(line)}
            for command in COMMAND.findall(line):
                if f'"{command}"' not in tool:
                    problems.append(f"{path}:{number}: names the command 'temper {command}', which the tool does not have")
            for name, target in named.items():
                # A placeholder such as src/ops/NAME.cc stands for many files.
                if not target.exists() and not re.search(r"[A-Z]{3,}\b|\*", name):
                    problems.append(f"{path}:{number}: names {name}, which does not exist")
    for page in PAGES:
        if not any(str(p) == page for p in pages):
            problems.append(f"{page}: is missing")
    return problems
