"""Each check on a small tree that obeys, and with one violation planted: a check that can't fail proves nothing.

  python3 -m unittest discover -s tools/checks -t tools -p '*_test.py'
"""
import json
import pathlib
import shutil
import tempfile
import unittest

from checks import CHECKS
from checks.tree import Tree

ROOMS = """temper_room(temper_base base Threads::Threads)
temper_room(temper_ir ir temper_base)
temper_room(temper_passes passes temper_ir)
temper_room(temper_plan plan temper_base)
temper_room(temper_runtime runtime temper_plan)
"""
GOOD = {
    "src/CMakeLists.txt": ROOMS,
    "src/base/error.h": "#pragma once\n\nint code();\n",
    "src/ir/graph.h": '#pragma once\n\n#include "base/error.h"\n',
    "src/ops/softmax.cc": 'OpDef softmax = {.name = "Softmax"};\n',
    "src/ops/core/contract.cc": 'OpDef contract = {.name = "contract"};\n',
    "src/passes/fold.cc": '#include "ir/graph.h"\n\nbool is_contract(const char* name) { return name == "contract"; }\n',
    "src/runtime/engine.cc": '#include "base/error.h"\n',
    "include/Public.h": "#pragma once\n\ninline int answer() { return 42; }\n",
    "README.md": "Run `src/base/error.h`, see [the header](include/Public.h).\n",
    "CONTRIBUTING.md": "Add an operator as src/ops/NAME.cc.\n",
    ".clang-format": "BasedOnStyle: Google\nColumnLimit: 128\n",
}


class Checks(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)
        for name, text in GOOD.items():
            self.plant(name, text)
        self.plant("src/CMakeLists.txt", ROOMS.replace("temper_room(temper_passes", "temper_room(temper_ops ops temper_ir)\ntemper_room(temper_passes"))

    def plant(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def found(self, check):
        return CHECKS[check](Tree(self.root, full=True))

    def expect(self, check, part, count=1):
        problems = self.found(check)
        self.assertEqual(len(problems), count, problems)
        self.assertIn(part, problems[0])

    def test_a_tree_that_obeys_passes(self):
        for check in CHECKS:
            if check != "tidy":
                self.assertEqual(self.found(check), [], check)

    def test_layering_sees_an_include_from_below(self):
        self.plant("src/base/error.h", '#pragma once\n\n#include "ir/graph.h"\n')
        self.expect("layering", "src/base/error.h:3: base includes ir (ir/graph.h)")

    def test_layering_sees_an_include_of_a_room_that_is_above_but_not_linked(self):
        self.plant("src/runtime/engine.cc", '#include "ir/graph.h"\n')
        self.expect("layering", "runtime includes ir")

    def test_layering_sees_a_runtime_that_links_the_builder(self):
        self.plant("src/CMakeLists.txt", self.root.joinpath("src/CMakeLists.txt").read_text().replace("temper_runtime runtime temper_plan",
                                                                                                   "temper_runtime runtime temper_passes"))
        self.assertIn("src/CMakeLists.txt: runtime reaches passes; what runs a plan must not link what builds one", self.found("layering"))

    def test_layering_sees_rooms_out_of_order(self):
        self.plant("src/CMakeLists.txt", self.root.joinpath("src/CMakeLists.txt").read_text().replace("ir temper_base", "ir temper_plan"))
        self.assertTrue(any("temper_plan, which is not above it" in p for p in self.found("layering")))

    def test_layering_sees_a_program_that_looks_inside(self):
        self.plant("tools/main.cc", '#include "ir/graph.h"\n')
        self.expect("layering", "programs see only include/")

    def test_layering_sees_a_public_header_that_looks_inside(self):
        self.plant("include/Public.h", '#include "ir/graph.h"\n')
        self.expect("layering", "public headers see only include/")

    def test_layering_sees_a_folder_that_is_no_room(self):
        self.plant("src/elsewhere/a.cc", "\n")
        self.expect("layering", "in no room")

    def test_layering_sees_names_that_are_not_from_the_root(self):
        self.plant("src/ir/a.cc", '#include "graph.h"\n')
        self.expect("layering", "write it as ir/graph.h")

    def test_size(self):
        self.plant("src/ir/long.cc", "\n" * 801)
        self.expect("size", "801 lines")

    def test_names(self):
        self.plant("src/ir/utils.h", "\n")
        self.expect("names", "says nothing")

    def test_names_of_folders(self):
        self.plant("src/ir/common/a.h", "\n")
        self.expect("names", "says nothing")

    def test_names_in_snake_case(self):
        self.plant("src/ir/GraphText.cc", "\n")
        self.expect("names", "snake_case")

    def test_words(self):
        self.plant("src/ir/a.cc", "// TO" + "DO: later\n")
        self.expect("words", "src/ir/a.cc:1")

    def test_words_paths_of_one_machine(self):
        self.plant("docs/a.md", "see /home" + "/me/x\n")
        self.expect("words", "only one machine")

    def test_words_blanks(self):
        self.plant("src/ir/a.cc", "int a; \n")
        self.expect("words", "blanks")

    def test_composites(self):
        self.plant("src/passes/a.cc", 'bool b = op.name() == "Softmax";\n')
        self.expect("composites", "src/passes/a.cc:1: names the composite operator 'Softmax'")

    def test_composites_by_their_attributes(self):
        self.plant("src/ops/softmax.cc", 'const RegisterOp<Softmax> kSoftmax{{.name = "softmax"}};\n')
        self.plant("src/backend/cpu/a.cc", "auto axis = attrs_as<Softmax>(*node.attrs).axis;\n")
        self.expect("composites", "'Softmax'")

    def test_composites_that_are_words_of_other_things(self):
        self.plant("src/ops/tile.cc", 'const RegisterOp<Tile> kTile{{.name = "tile"}};\n')
        self.plant("src/passes/a.cc", 'std::string source = "tile";\n')
        self.assertEqual(self.found("composites"), [])
        self.plant("src/passes/a.cc", 'bool b = node.op->name == "tile";\n')
        self.expect("composites", "'tile'")

    def test_composites_in_a_comment_are_text(self):
        self.plant("src/passes/a.cc", 'int a;  // not "Softmax"\n')
        self.assertEqual(self.found("composites"), [])

    def test_readme_paths(self):
        self.plant("README.md", "    tools/absent --fast\n")
        self.expect("readme", "names tools/absent")

    def test_readme_links(self):
        self.plant("README.md", "[plan](docs/absent.md)\n")
        self.expect("readme", "docs/absent.md")

    def test_readme_commands(self):
        self.plant("tools/temper/tool.cc", 'bool b = name == "verify";\n')
        self.plant("README.md", "    build/temper verify x.plan\n    build/temper absent x.plan\n")
        self.expect("readme", "'temper absent'")

    def test_readme_missing(self):
        (self.root / "CONTRIBUTING.md").unlink()
        self.expect("readme", "CONTRIBUTING.md: is missing")

    @unittest.skipUnless(shutil.which("codespell"), "codespell is not installed")
    def test_spelling(self):
        self.plant("src/ir/a.cc", "// recei" + "ves, and rec" + "ieves\n")
        self.expect("spelling", "src/ir/a.cc:1")

    @unittest.skipUnless(shutil.which("clang-format-14"), "clang-format-14 is not installed")
    def test_format(self):
        self.plant("src/ir/a.cc", "int   a;\n")
        self.expect("format", "src/ir/a.cc:1: is not formatted")

    def test_headers_that_need_another_first(self):
        self.plant("include/Needy.h", "#pragma once\n\ninline size_t size_of(std::string s) { return s.size(); }\n")
        self.expect("headers", "include/Needy.h")

    @unittest.skipUnless(shutil.which("clang-tidy-16"), "clang-tidy-16 is not installed")
    def test_tidy(self):
        self.plant(".clang-tidy", "Checks: '-*,modernize-use-nullptr'\n")
        self.plant("src/ir/a.cc", "int* a = 0;\n")
        self.plant("build/compile_commands.json", json.dumps([{
            "directory": str(self.root), "file": "src/ir/a.cc", "command": "g++ -std=c++20 -c src/ir/a.cc"}]))
        self.expect("tidy", "src/ir/a.cc:1: use nullptr")

    def test_tidy_without_a_build(self):
        self.expect("tidy", "run cmake first")


if __name__ == "__main__":
    unittest.main()
