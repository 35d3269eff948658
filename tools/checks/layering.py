"""The rooms and who may include whom. The one statement of the order is src/CMakeLists.txt; this proves that the code obeys it."""
import re

ROOM = re.compile(r"^temper_room\(\s*(\S+)\s+(\S+)\s*([^)]*)\)", re.M)
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]')
# What a machine that only runs plans never needs: linked into the runtime it would be weight, and a way around the plan.
NOT_IN_RUNTIME = {"ir", "ops", "interp", "onnx", "kernel", "passes", "tune", "backend/cpu/gen", "builder"}
# These are programs on the public API, and prove that it is enough: they see include/ and their own folder.
CLIENTS = ("tools", "examples", "tests/programs", "tests/node_cases")


def read_rooms(text):
    """{folder: [folders it may include, itself among them]}, and the problems of the list itself."""
    targets, order, reach, problems = {}, [], {}, []
    for target, folder, libraries in ROOM.findall(text):
        allowed = {folder}
        for library in (l for l in libraries.split() if l.startswith("temper_")):
            if library in targets:
                allowed |= reach[targets[library]]
            else:
                problems.append(f"src/CMakeLists.txt: {target} links {library}, which is not above it; a room uses only rooms above it")
        targets[target] = folder
        order.append(folder)
        reach[folder] = allowed
    if not order:
        problems.append("src/CMakeLists.txt: no temper_room(...) found; the layering can't be checked")
    for room in (r for r in order if r == "runtime" or r.endswith("/run")):
        for forbidden in sorted(reach[room] & NOT_IN_RUNTIME):
            problems.append(f"src/CMakeLists.txt: {room} reaches {forbidden}; what runs a plan must not link what builds one")
    return reach, problems


def room_of(rooms, inside):
    """The room that holds the path `inside` src/: the longest folder that it lies in."""
    found = [r for r in rooms if inside.startswith(r + "/")]
    return max(found, key=len) if found else None


def check_layering(tree):
    """a room includes only rooms above it; programs include only the public API"""
    rooms, problems = read_rooms(tree.text("src/CMakeLists.txt") if (tree.root / "src/CMakeLists.txt").exists() else "")
    if not rooms:
        return problems
    for path in tree.under(suffixes={".h", ".cc", ".def"}):
        here = str(path)
        own = room_of(rooms, here.removeprefix("src/")) if here.startswith("src/") else None
        if here.startswith("src/") and own is None:
            problems.append(f"{here}: in no room of src/CMakeLists.txt; add the room, or move the file")
            continue
        for number, line in tree.lines(path):
            match = INCLUDE.match(line)
            if not match or match[1] == "<":
                continue
            name, place = match[2], f"{here}:{number}"
            there = room_of(rooms, name)
            if there is None or not (tree.root / "src" / name).exists():
                beside = (tree.root / path.parent / name).exists()
                # The headers of an API level stand before those that they choose, which have the same names.
                of_level = re.match(r"include/\d+/[^/]+$", here) and name.count("..") == 1
                if "/" in name and ".." in name.split("/") and not of_level:
                    problems.append(f"{place}: includes {name}; name the file from src/ or include/, not with '..'")
                elif own and beside and not (tree.root / "include" / name).exists():
                    problems.append(f"{place}: includes {name}; write it as {path.parent.relative_to('src')}/{name}")
                continue
            if own and there not in rooms[own]:
                problems.append(f"{place}: {own} includes {there} ({name}); it may include only {', '.join(sorted(rooms[own]))}")
            elif here.startswith("include/"):
                problems.append(f"{place}: a public header includes {name}; public headers see only include/")
            elif here.startswith(tuple(c + "/" for c in CLIENTS)):
                problems.append(f"{place}: includes {name}; programs see only include/")
    return problems
