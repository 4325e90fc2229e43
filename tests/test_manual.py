"""The manual: its code runs as it stands, its scripts are short, every public name has a place (slow: it is built)."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import bayesnn as bnn

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "bayesnn" / "docs" / "pages"
WITH_CODE = sorted(page for page in PAGES.rglob("*.md") if 'exec="on"' in page.read_text(encoding="utf-8"))
INCLUDED = re.compile(r'--8<-- "(docs/snippets/\w+\.txt)"\n')
BLOCK = re.compile(r"```python exec=\"on\"[^\n]*session=\"(\w+)\"\n(.*?)```", re.DOTALL)
ENVIRONMENT = os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT)}


def scripts(page):
    """The code of a page by session, block after block."""
    found = {}
    text = INCLUDED.sub(
        lambda found: (PAGES.parents[1] / found[1]).read_text(encoding="utf-8"), page.read_text("utf-8")
    )
    for session, code in BLOCK.findall(text):
        found[session] = found.get(session, "") + code
    return found


def test_sessions_are_of_one_page():
    names = [name for page in WITH_CODE for name in scripts(page)]
    assert len(names) == len(set(names)) >= 12


def test_the_six_scripts_are_short():
    found = scripts(PAGES / "tutorials" / "six_scripts.md")
    assert len(found) == 6
    for name, code in found.items():
        lines = [line for line in code.splitlines() if line.strip() and not line.startswith(("import ", "from "))]
        assert len(lines) <= 15, (name, len(lines))


def test_every_public_name_is_in_the_reference():
    shown = set(re.findall(r"^::: bayesnn\.(\S+)$", (PAGES / "reference.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(bnn.__all__) <= shown, sorted(set(bnn.__all__) - shown)
    assert {name for name in shown if "." not in name} <= set(bnn.__all__)


def test_every_page_is_in_the_menu():
    menu = (PAGES.parent / "mkdocs.yml").read_text(encoding="utf-8")
    assert [str(p.relative_to(PAGES)) for p in PAGES.rglob("*.md") if f"- {p.relative_to(PAGES)}" not in menu] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "session"),
    [(page, name) for page in WITH_CODE for name in scripts(page)],
    ids=lambda v: getattr(v, "stem", v),
)
def test_the_code_of_the_manual_runs(page, session, tmp_path):
    code = scripts(page)[session]
    for module, word in (("formulaic", "~"), ("sklearn", "sklearn")):
        if word in code and importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    (tmp_path / "script.py").write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout


@pytest.mark.slow
def test_the_manual_is_built_without_a_warning(tmp_path):
    for module in ("mkdocs", "material", "mkdocstrings", "markdown_exec", "formulaic", "sklearn"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f'{module} is not installed: pip install "bayesnn[docs]"')
    command = ["mkdocs", "build", "--strict", "-f", str(PAGES.parent / "mkdocs.yml"), "-d", str(tmp_path / "site")]
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=1800
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert 'src="data:image/png' in (tmp_path / "site" / "tutorials" / "first_regression.html").read_text(
        encoding="utf-8"
    )
