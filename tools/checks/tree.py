"""The files that the checks look at: those that git tracks or would track; without git, all but build folders."""
import pathlib
import subprocess

CPP = {".h", ".cc"}
SOURCE = CPP | {".def", ".py", ".cmake", ".fbs", ".sh"}
TEXT = SOURCE | {".md", ".txt", ".ir", ".yml", ".yaml", ".toml", ".json", ""}


class Tree:
    def __init__(self, root, build=None, full=False, fix=False):
        self.root, self.full, self.fix = pathlib.Path(root), full, fix
        self.build = pathlib.Path(build) if build else self.root / "build"
        self.paths = sorted(p for p in self._list() if (self.root / p).is_file())
        self._texts = {}

    def _git(self, *arguments):
        done = subprocess.run(["git", "-C", str(self.root), *arguments], capture_output=True, text=True)
        return done.stdout.split("\0") if done.returncode == 0 else None

    def _list(self):
        if (self.root / ".git").exists():
            listed = self._git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
            if listed is not None:
                return {pathlib.PurePosixPath(p) for p in listed if p}
        found = (pathlib.PurePosixPath(p.relative_to(self.root)) for p in self.root.rglob("*"))
        return {p for p in found if not p.parts[0].startswith(("build", ".git")) and "__pycache__" not in p.parts}

    def changed(self):
        """Files that differ from the commit before the last one, or from main on a branch; all when git can't say."""
        for base in ("origin/main", "main", "HEAD~1"):
            mine, theirs = self._git("rev-parse", "HEAD"), self._git("merge-base", "HEAD", base)
            if theirs and (theirs != mine):
                names = (self._git("diff", "-z", "--name-only", theirs[0].strip()) or []) + (
                    self._git("ls-files", "-z", "--others", "--exclude-standard") or [])
                return {pathlib.PurePosixPath(n) for n in names if n}
        return set(self.paths)

    def under(self, *folders, suffixes=CPP):
        return [p for p in self.paths if p.suffix in suffixes and (not folders or any(p.is_relative_to(f) for f in folders))]

    def text(self, path):
        if path not in self._texts:
            self._texts[path] = (self.root / path).read_text(encoding="utf-8", errors="replace")
        return self._texts[path]

    def lines(self, path):
        return enumerate(self.text(path).splitlines(), 1)
