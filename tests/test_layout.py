"""The rules of the house that a program can check: import ranks, file and function sizes, the top level, the names.

Every check is a function of a folder that returns a list of complaints, so that it can also be shown to fail on a
planted tree.
"""

import ast
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PUBLIC_NAMES = ROOT / "tests" / "golden" / "public_names.txt"

# Modules and subpackages of bayesnn, lowest rank first; those of one line share a rank. A file imports from lower
# ranks and from its own subpackage only. Modules that start with an underscore have the lowest rank.
RANKS = (
    ("_checks", "_quiet", "_runtime"),
    ("sequences", "categories", "chance"),
    ("text",),
    ("data", "conjugate", "dates", "transforms"),
    ("exogenous", "histories"),
    ("defaults",),
    ("lagged",),
    ("layers",),
    ("network",),
    ("conditionals",),
    ("priors", "likelihoods", "architecture"),
    ("model",),
    ("shallow", "readout", "targets"),
    ("marginal",),
    ("gaps",),
    ("exchange", "spread"),
    ("checkpoint",),
    ("plan",),
    ("programs",),
    ("chains",),
    ("hosts",),
    ("samplers",),
    ("convergence", "relabel", "draws", "inference_data", "folds", "tempering"),
    ("pointwise",),
    ("store",),
    ("binding",),
    ("fit", "annealing"),
    ("paths",),
    ("save",),
    (
        "open_run",
        "extend",
        "predict",
        "prior_predictive",
        "loo",
        "evidence",
        "select",
        "agreement",
        "baseline",
        "architectures",
        "attention_maps",
    ),
    ("forecast", "generate", "skeleton", "stationary"),
    ("diagnose", "scores", "uncertainty", "decide"),
    ("cross_validation", "stacking", "effects"),
    ("compare", "baselines", "rolling"),
    ("backtest",),
    ("plots",),
)
RANK = {name: rank for rank, names in enumerate(RANKS) for name in names}
APART = {"datasets"}  # imports nothing of the package, and only its __init__ imports them
TOP = "__init__"

TOP_LEVEL = {"pyproject.toml", "README.md", "bayesnn", "examples", "tests"}
CACHES = {"__pycache__", "build", "dist"}  # for a folder that git does not describe
MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 60


# Import ranks


def module_of(path: Path, package: Path) -> str:
    """The direct child of the package that a file belongs to: `layers` for layers/dense.py, `fit` for fit.py."""
    return path.relative_to(package).parts[0].removesuffix(".py")


def imported_modules(path: Path, package: Path) -> list[tuple[int, str]]:
    """Line and direct child of the package for each of a file's imports from the package, in functions too.

    `__init__` stands for the package itself, as in `import bayesnn` and `from bayesnn import Model`.
    """
    here = (package.name, *path.relative_to(package).parts[:-1])
    children = {child.name.removesuffix(".py") for child in package.iterdir()} | RANK.keys() | APART
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
                child = target[1] if len(target) > 1 and target[1] in children else TOP
                found.append((node.lineno, child))
    return found


def rank_complaints(package: Path) -> list[str]:
    """Imports that do not go down, and modules that have no rank."""
    complaints = []
    for path in sorted(package.rglob("*.py")):
        module, where = module_of(path, package), path.relative_to(package.parent)
        if module == TOP:
            continue
        if not module.startswith("_") and module not in RANK.keys() | APART:
            complaints.append(f"{where}: add the module '{module}' to the rank table RANKS in tests/test_layout.py")
            continue
        for line, target in imported_modules(path, package):
            if target == module and path.parent != package:
                continue  # its own subpackage
            if target == TOP:
                complaints.append(f"{where}:{line} imports the package itself; import the module that defines the name")
            elif module in APART or target in APART:
                complaints.append(f"{where}:{line} imports {target}, but {' and '.join(sorted(APART))} stand apart")
            elif rank_of(target) >= rank_of(module):
                complaints.append(f"{where}:{line} imports {target}, which does not rank below {module}")
    return complaints


def rank_of(module: str) -> float:
    """Position in the rank table; an unlisted module ranks above all, unless it starts with an underscore."""
    return 0 if module.startswith("_") else RANK.get(module, float("inf"))


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


def test_imports_go_down():
    assert rank_complaints(ROOT / "bayesnn") == []


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


def test_public_names_are_those_of_the_golden_file():
    import bayesnn

    assert PUBLIC_NAMES.is_file(), f"write the names of bayesnn.__all__ to {PUBLIC_NAMES}, sorted, one a line"
    golden = PUBLIC_NAMES.read_text(encoding="utf-8").split()
    assert golden == sorted(golden), f"sort {PUBLIC_NAMES}"
    assert sorted(bayesnn.__all__) == golden, f"if the change is meant, write it to {PUBLIC_NAMES} and to the changelog"
    assert [name for name in golden if not hasattr(bayesnn, name)] == []


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
        ("data.py", "from .fit import fit", "imports fit, which does not rank below data"),
        ("data.py", "import bayesnn.fit", "imports fit, which"),
        ("data.py", "from bayesnn.fit import Fit", "imports fit, which"),
        ("data.py", "from bayesnn import fit", "imports fit, which"),
        ("data.py", "from . import network", "imports network, which"),
        ("data.py", "def late():\n    from .layers import Dense", "bayesnn/data.py:2 imports layers"),
        ("layers/dense.py", "from ..samplers.base import Sampler", "imports samplers"),
        ("layers/deep/er.py", "from ...model import Model", "imports model"),
        ("priors/normal.py", "from ..likelihoods import Gaussian", "imports likelihoods, which"),
        ("predict.py", "from .scores import crps", "imports scores, which"),
        ("_checks.py", "from .data import Dataset", "imports data, which"),
        ("_other.py", "from ._checks import check", "imports _checks, which"),
        ("fit.py", "from bayesnn import Model", "imports the package itself"),
        ("fit.py", "from . import Model", "imports the package itself"),
        ("fit.py", "import bayesnn", "imports the package itself"),
        ("datasets/series.py", "from .._checks import check", "stand apart"),
        ("text/bags.py", "from ..data import code", "imports data, which does not rank below text"),
        ("plots.py", "from .datasets import lynx", "stand apart"),
        ("novel.py", "import numpy", "add the module 'novel' to the rank table"),
        ("novel/__init__.py", "", "add the module 'novel' to the rank table"),
    ],
)
def test_a_forbidden_import_is_seen(tmp_path, file, text, complaint):
    complaints = rank_complaints(plant(tmp_path / "bayesnn", file, text))
    assert len(complaints) == 1
    assert complaint in complaints[0]


def test_allowed_imports_pass(tmp_path):
    package = plant(tmp_path / "bayesnn", "__init__.py", "from .plots import band\nfrom .datasets import lynx")
    plant(
        package, "fit.py", "import numpy\nfrom numpyro.infer import MCMC\nfrom .data import x\nfrom .samplers import y"
    )
    plant(package, "_checks.py", "import difflib")
    plant(package, "layers/__init__.py", "from .dense import Dense\nfrom . import base")
    plant(
        package,
        "layers/dense.py",
        "from .._checks import check\nfrom ..data import Dataset\nfrom bayesnn.layers import base",
    )
    assert rank_complaints(package) == []


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
