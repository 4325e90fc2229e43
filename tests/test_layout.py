"""The rules of the house that a program can check: import ranks, file and function sizes, the top level, the names.

Every check is a function of a folder that returns a list of complaints, so that it can also be shown to fail on a
planted tree.
"""

import ast
import graphlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "bayesnn" / "docs" / "pages" / "reference.md"

# The folders of bayesnn in the order of the flow, each with its idea. A file imports from folders of lower ranks, and
# from its own folder without circles. ARCHITECTURE.md shows this list; a test compares them.
RANKS: tuple[dict[str, str], ...] = (
    {
        "_internal": "checks of input, runtime, random numbers, conditional draws, declarations of weights",
        "datasets": "embedded tables and series",
    },
    {
        "data": "tables, sequences and categories as arrays; in `data/series/` a series' own past",
        "layers": "frozen specs: declare weights, apply them to ONE example",
    },
    {
        "text": "cutting, vocabularies, bags of words, word vectors",
        "priors": "sample statements of weights, and the exact updates each prior knows",
        "likelihoods": "the target given function values, and the exact updates of nuisance parameters",
    },
    {"models": "network, readout, likelihood and prior as one NumPyro model; what of it is random or missing"},
    {"samplers": "specs of all samplers; `engine/` drives chains, the other folders hold one method each"},
    {"fitting": "the one door from data to posterior; inference data; in `fitting/store/` runs and fits on the disk"},
    {"prediction": "what a fit says of new rows: predictions, prior predictions, generated tokens, decisions"},
    {"evaluation": "convergence, cross-validation, comparison, evidence; in `evaluation/scores/` scoring rules"},
    {
        "forecasting": "paths, rolling origins, skeletons; `many/`: many series at once; `baselines/`: simpler methods",
        "effects": "dependence curves, marginal effects, contrasts, relevance of inputs",
    },
    {
        "plots": "pictures; every function returns Axes",
        "sklearn": "estimators for scikit-learn around `fit` and `predict`; loaded on request only",
    },
)
RANK = {name: rank for rank, names in enumerate(RANKS) for name in names}
TOP = "__init__"
DOORS = {TOP, "__main__"}  # files beside the folders, which may import from all of them; Python gives their names

TOP_LEVEL = {"pyproject.toml", "README.md", "LICENSE", "CITATION.cff", "bayesnn", "examples", "tests"}
CACHES = {"__pycache__", "build", "dist"}  # for a folder that git does not describe
MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 60


# Import ranks and circles


def folder_of(path: Path, package: Path) -> str:
    """The direct child of the package that a file belongs to: `layers` for layers/dense.py."""
    return path.relative_to(package).parts[0].removesuffix(".py")


def imports_of(path: Path, package: Path) -> list[tuple[int, tuple[str, ...]]]:
    """Line and dotted name below the package for each of a file's imports from it, in functions too.

    The empty name stands for the package itself, as in `import bayesnn` and `from bayesnn import Model`.
    """
    here = (package.name, *path.relative_to(package).parts[:-1])
    children = {child.name.removesuffix(".py") for child in package.iterdir()} | RANK.keys()
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), filename=str(path))):
        if isinstance(node, ast.Import):
            targets = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = list(here[: len(here) + 1 - node.level]) if node.level else []
            base += node.module.split(".") if node.module else []
            targets = [[*base, alias.name] for alias in node.names]
        else:
            continue
        for target in targets:
            if target[0] == package.name:
                found.append((node.lineno, tuple(target[1:]) if len(target) > 1 and target[1] in children else ()))
    return found


def rank_complaints(package: Path) -> list[str]:
    """Imports that do not go down, and files or folders that have no rank."""
    complaints = []
    for path in sorted(package.rglob("*.py")):
        folder, where = folder_of(path, package), path.relative_to(package.parent)
        if folder in DOORS:
            continue
        if folder not in RANK:
            complaints.append(
                f"{where}: '{folder}' has no rank: move it into a folder of RANKS in tests/test_layout.py"
            )
            continue
        for line, target in imports_of(path, package):
            if not target:
                complaints.append(f"{where}:{line} imports the package itself; import the module that defines the name")
            elif target[0] != folder and RANK.get(target[0], len(RANKS)) >= RANK[folder]:
                complaints.append(f"{where}:{line} imports {target[0]}, which does not rank below {folder}")
    return complaints


def module_graph(package: Path) -> dict[str, set[str]]:
    """The modules of the package by dotted name, each with those that it imports."""
    names = {path: ".".join(path.relative_to(package).with_suffix("").parts) for path in package.rglob("*.py")}
    names = {path: name.removesuffix(TOP).removesuffix(".") for path, name in names.items()}
    modules = set(names.values()) - {""}
    graph: dict[str, set[str]] = {}
    for path, name in names.items():
        if name:
            found = {resolved(target, modules) for _, target in imports_of(path, package)}
            graph[name] = found - {"", name}
    return graph


def resolved(target: tuple[str, ...], modules: set[str]) -> str:
    """The module that an imported name comes from: the longest part of it that is one; empty where none is."""
    parts = [".".join(target[:length]) for length in range(len(target), 0, -1)]
    return next((part for part in parts if part in modules), "")


def circle_complaints(package: Path) -> list[str]:
    """Modules that import each other, however long the way round."""
    sorter = graphlib.TopologicalSorter(module_graph(package))
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        return [f"a circle of imports: {' <- '.join(error.args[1])}"]
    return []


def shadow_complaints(package: Path) -> list[str]:
    """Names that an `__init__` imports although a module beside it has them: `import a.b as m` gives the function."""
    complaints = []
    for path in sorted(package.rglob("__init__.py")):
        beside = {child.name.removesuffix(".py") for child in path.parent.iterdir()}
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module != package.name:
                names = [alias.asname or alias.name for alias in node.names]
                complaints += [
                    f"{path.relative_to(package.parent)}:{node.lineno} hides the module '{name}' beside it"
                    for name in names
                    if name in beside
                ]
    return complaints


def door_complaints(package: Path) -> list[str]:
    """Names imported from a module that has imported them itself: the module that defines them is the door.

    The `__init__` of a folder is a door of its own.
    """
    complaints = []
    files = {".".join(path.relative_to(package.parent).with_suffix("").parts): path for path in package.rglob("*.py")}
    borrowed = {
        name: {alias.asname or alias.name for node in absolute_imports(path) for alias in node.names}
        for name, path in files.items()
        if path.name != "__init__.py"
    }
    for path in files.values():
        for node in absolute_imports(path):
            for name in sorted({alias.name for alias in node.names} & borrowed.get(node.module, set())):
                where = f"{path.relative_to(package.parent)}:{node.lineno}"
                complaints.append(f"{where} imports '{name}' from {node.module}, which does not define it")
    return complaints


def absolute_imports(path: Path) -> list[ast.ImportFrom]:
    """The statements `from a.b import c` of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    return [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]


def rank_table() -> str:
    """The table of ARCHITECTURE.md."""
    rows = [f"| {rank} | `{name}/` | {idea} |" for rank, names in enumerate(RANKS) for name, idea in names.items()]
    return "\n".join(["| rank | folder | idea |", "|---|---|---|", *rows])


# Sizes


def size_complaints(package: Path, file_lines: int = MAX_FILE_LINES, function_lines: int = MAX_FUNCTION_LINES):
    """Files, and functions less their docstring, that are longer than allowed."""
    complaints = []
    for path in sorted(package.rglob("*.py")):
        text, where = path.read_text(encoding="utf-8"), path.relative_to(package.parent)
        lines = len(text.splitlines())
        if lines > file_lines:
            complaints.append(f"{where} has {lines} lines, more than {file_lines}: split it into two ideas")
        for node in ast.walk(ast.parse(text, filename=str(path))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and length(node) > function_lines:
                complaints.append(
                    f"{where}:{node.lineno} {node.name} has {length(node)} lines without its docstring, "
                    f"more than {function_lines}"
                )
    return complaints


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function from `def` on, its docstring not counted."""
    first = function.body[0]
    documented = ast.get_docstring(function, clean=False) is not None
    return function.end_lineno - function.lineno + 1 - (first.end_lineno - first.lineno + 1 if documented else 0)


# Top level


def top_level_complaints(root: Path) -> list[str]:
    """Names at the top of the repository beyond the fixed ones, dot-files and caches."""
    names = tracked_top_level(root)
    if names is None:
        names = {path.name for path in root.iterdir()} - CACHES
        names = {name for name in names if not name.endswith(".egg-info")}
    strangers = sorted(name for name in names - TOP_LEVEL if not name.startswith("."))
    return [
        f"{name} does not belong at the top level, which holds {', '.join(sorted(TOP_LEVEL))}" for name in strangers
    ]


def tracked_top_level(root: Path) -> set[str] | None:
    """What git tracks at the top of `root`; None where git is missing, `root` is no repository or tracks nothing."""
    if shutil.which("git") is None or not (root / ".git").exists():
        return None
    listing = git(root, "ls-files", "-z")
    files = listing.stdout.split("\0") if listing.returncode == 0 else []
    return {file.split("/")[0] for file in files if file} or None


def merge_complaints(root: Path, files: list[Path]) -> list[str]:
    """Lines that a merge left behind; prose is not linted, so nothing else would see them."""
    marks = ("<" * 7 + " ", ">" * 7 + " ")
    return [
        f"{file.relative_to(root)}:{number}: {line}"
        for file in files
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
        if line.startswith(marks)
    ]


def git(root: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run git on the repository at `root`, whatever repository the environment names."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(["git", "-C", str(root), *arguments], env=environment, capture_output=True, text=True)


# The repository keeps the rules


def test_imports_go_down_and_make_no_circle():
    assert rank_complaints(ROOT / "bayesnn") == []
    assert circle_complaints(ROOT / "bayesnn") == []


def test_names_are_imported_from_where_they_are_defined():
    assert door_complaints(ROOT / "bayesnn") == []


def test_no_name_hides_a_module():
    assert shadow_complaints(ROOT / "bayesnn") == []


def test_the_package_has_at_most_sixteen_folders_in_ten_ranks():
    entries = {p.name for p in (ROOT / "bayesnn").iterdir()} - CACHES
    entries = {name for name in entries if not name.endswith(".md") and name not in ("py.typed", "docs")}
    assert not list((ROOT / "bayesnn" / "docs").rglob("*.py"))  # the manual holds pages, no modules
    assert entries == RANK.keys() | {f"{door}.py" for door in DOORS}
    assert len(RANK) <= 16 and len(RANKS) == 10


def test_architecture_shows_the_ranks():
    assert rank_table() in (ROOT / "bayesnn" / "ARCHITECTURE.md").read_text(encoding="utf-8"), rank_table()


def test_tests_mirror_the_folders():
    folders = {p.relative_to(ROOT / "bayesnn") for p in (ROOT / "bayesnn").rglob("__init__.py")}
    mirrored = {folder.parent for folder in folders}
    tests = {p.parent.relative_to(ROOT / "tests") for p in (ROOT / "tests").rglob("test_*.py")}
    assert tests <= mirrored
    assert {folder.parts[0] for folder in mirrored if folder.parts} <= {
        folder.parts[0] for folder in tests if folder.parts
    }


def test_files_and_functions_are_short():
    assert size_complaints(ROOT / "bayesnn") == []


def test_no_merge_left_its_marks(tmp_path):
    files = [p for room in TOP_LEVEL for p in (ROOT / room, *(ROOT / room).rglob("*")) if p.suffix in (".md", ".py")]
    assert len(files) > 200 and ROOT / "README.md" in files and not merge_complaints(ROOT, files)
    planted = tmp_path / "CHANGELOG.md"
    planted.write_text("- one\n" + "<" * 7 + " HEAD\n- two\n", encoding="utf-8")
    assert merge_complaints(tmp_path, [planted]) == ["CHANGELOG.md:2: " + "<" * 7 + " HEAD"]


def test_the_top_level_is_fixed():
    assert top_level_complaints(ROOT) == []


def test_public_names_are_those_of_the_reference():
    import bayesnn

    listed = re.findall(r"^::: bayesnn\.(\w+)$", REFERENCE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(listed) == len(set(listed)), "a name stands twice in the reference"
    assert sorted(bayesnn.__all__) == sorted(listed), f"write a change that is meant to {REFERENCE} and the changelog"
    assert [name for name in listed if not hasattr(bayesnn, name)] == []


# The checks see what breaks the rules


def plant(package: Path, file: str, text: str) -> Path:
    """Write one file of a small package and return the package's folder."""
    path = package / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return package


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        ("data/a.py", "from ..fitting.fit import fit", "imports fitting, which does not rank below data"),
        ("data/a.py", "import bayesnn.fitting", "imports fitting, which"),
        ("data/a.py", "from bayesnn.fitting.fit import Fit", "imports fitting, which"),
        ("data/a.py", "from bayesnn import fitting", "imports fitting, which"),
        ("data/a.py", "from .. import models", "imports models, which"),
        ("data/a.py", "def late():\n    from ..layers import Dense", "bayesnn/data/a.py:2 imports layers"),
        ("data/series/a.py", "from ...layers import Dense", "imports layers, which"),
        ("priors/normal.py", "from ..likelihoods import Gaussian", "imports likelihoods, which"),
        ("_internal/checks.py", "from ..data import Dataset", "imports data, which"),
        ("fitting/fit.py", "from bayesnn import Model", "imports the package itself"),
        ("fitting/fit.py", "from .. import Model", "imports the package itself"),
        ("fitting/fit.py", "import bayesnn", "imports the package itself"),
        ("_internal/checks.py", "from ..datasets import lynx", "imports datasets, which"),
        ("plots/a.py", "from ..novel import x", "imports the package itself"),
        ("novel.py", "import numpy", "'novel' has no rank"),
        ("novel/__init__.py", "", "'novel' has no rank"),
    ],
)
def test_a_forbidden_import_is_seen(tmp_path, file, text, complaint):
    complaints = rank_complaints(plant(tmp_path / "bayesnn", file, text))
    assert len(complaints) == 1
    assert complaint in complaints[0]


def test_allowed_imports_pass(tmp_path):
    package = plant(tmp_path / "bayesnn", "__init__.py", "from .plots import band\nfrom .datasets import lynx")
    plant(
        package, "fitting/fit.py", "import numpy\nfrom numpyro.infer import MCMC\nfrom ..data import x\nfrom . import y"
    )
    plant(package, "layers/__init__.py", "from .dense import Dense\nfrom . import base")
    plant(package, "layers/dense.py", "from .._internal import checks\nfrom bayesnn.layers import base")
    assert rank_complaints(package) == []


def test_a_circle_is_seen(tmp_path):
    package = plant(tmp_path / "bayesnn", "text/a.py", "from bayesnn.text import b\nimport bayesnn.data.x")
    plant(package, "text/__init__.py", "from bayesnn.text.a import one")
    plant(package, "text/b.py", "")
    plant(package, "data/x.py", "")
    assert circle_complaints(package) == []
    plant(package, "text/b.py", "def late():\n    from .a import one")
    (complaint,) = circle_complaints(package)
    assert "text.a" in complaint and "text.b" in complaint


def test_a_name_that_hides_a_module_is_seen(tmp_path):
    package = plant(tmp_path / "bayesnn", "text/__init__.py", "from bayesnn.text.a import one\nfrom .a import a")
    plant(package, "text/a.py", "")
    assert shadow_complaints(package) == ["bayesnn/text/__init__.py:2 hides the module 'a' beside it"]


def test_a_wrong_door_is_seen(tmp_path):
    package = plant(tmp_path / "bayesnn", "fitting/fit.py", "from bayesnn.fitting.binding import bind")
    plant(package, "fitting/binding.py", "def bind(): pass")
    plant(package, "loo.py", "from bayesnn.fitting.binding import bind")
    assert door_complaints(package) == []
    plant(package, "loo.py", "from bayesnn.fitting.fit import bind")
    assert door_complaints(package) == [
        "bayesnn/loo.py:1 imports 'bind' from bayesnn.fitting.fit, which does not define it"
    ]


def test_long_files_and_functions_are_seen(tmp_path):
    docstring = '    """One.\n\n    Two.\n    """\n'
    package = plant(tmp_path / "bayesnn", "fit.py", f"def good():\n{docstring}    return 1\n")
    plant(package, "layers/dense.py", f"class A:\n    x = 1\n\n\ndef bad():\n{docstring}    x = 1\n    return x\n")
    assert size_complaints(package, file_lines=11, function_lines=3) == []
    complaints = size_complaints(package, file_lines=10, function_lines=2)
    assert [complaint.split(",")[0] for complaint in complaints] == [
        "bayesnn/layers/dense.py has 11 lines",
        "bayesnn/layers/dense.py:5 bad has 3 lines without its docstring",
    ]


@pytest.mark.parametrize("tracked", [False, True])
def test_a_stranger_at_the_top_level_is_seen(tmp_path, tracked):
    for name in ("README.md", ".gitignore", "build", "notes.txt"):
        (tmp_path / name).touch()
    if tracked:
        if shutil.which("git") is None:
            pytest.skip("git is not installed")
        (tmp_path / "scratch.csv").touch()  # not tracked, so not the repository's
        assert git(tmp_path, "init").returncode == 0
        assert git(tmp_path, "add", "README.md", ".gitignore", "notes.txt").returncode == 0
    complaints = top_level_complaints(tmp_path)
    assert len(complaints) == 1
    assert complaints[0].startswith("notes.txt does not belong")
