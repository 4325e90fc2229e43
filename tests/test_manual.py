"""The manual: its code runs as it stands, its scripts are short, every public name has a place (slow: it is built)."""

import importlib.util
import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import browser
import executed
import pytest

import bayesnn as bnn

sys.path.insert(0, str(Path(__file__).resolve().parent))

import notebooks  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "bayesnn" / "docs" / "pages"
WITH_CODE = sorted(page for page in PAGES.rglob("*.md") if 'exec="on"' in page.read_text(encoding="utf-8"))
# pages that may say NOT CONVERGED: the first is about that, the second shows quick runs of the examples
DOUBTFUL = {"disagreeing_chains", "examples"}
ENVIRONMENT = os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT)}


def scripts(page):
    """The code of a page by session."""
    return {name: "".join(blocks) for name, blocks in executed.sessions(page.read_text(encoding="utf-8")).items()}


PAGE = """before
```python exec="on" session="one"
word = "hidden"
```

```python exec="on" source="above" result="text" session="one"
print(word, 1 < 2)
```

```python exec="on" source="above" html="on" session="two"
print("<b>bold</b>")
```
after
"""


def test_a_page_shows_its_code_and_what_it_prints():
    outputs = {name: executed.printed(name, blocks)[0] for name, blocks in executed.sessions(PAGE).items()}
    shown = executed.shown(PAGE, outputs)
    assert shown == (
        "before\n\n\n```python\nprint(word, 1 < 2)\n```\n\n```text\nhidden True\n```\n\n"
        '```python\nprint("<b>bold</b>")\n```\n\n<b>bold</b>\nafter\n'
    )


def test_readers_see_calls_that_they_can_make():
    code = 'show(bnn.plots.pit(result, bins=5), "pit: flat if calibrated")\n'
    page = f'```python exec="on" source="above" html="on" session="one"\n{code}```\n'
    assert executed.shown(page, {"one": ["<img>"]}) == "```python\nbnn.plots.pit(result, bins=5)\n```\n\n<img>\n"
    for path in WITH_CODE:
        outputs = {name: [""] * len(blocks) for name, blocks in executed.sessions(path.read_text("utf-8")).items()}
        assert "show(" not in executed.shown(path.read_text("utf-8"), outputs), path


def test_long_lines_of_prose_are_folded_and_tables_are_not():
    verdict, row = "NOT CONVERGED: " + "the chains have not mixed " * 6, "a  " + "1.0   " * 25
    first, *others = executed.folded(f"{verdict}\n{row}\nshort").splitlines()
    assert first.startswith("NOT CONVERGED") and max(map(len, (first, *others[:-2]))) <= executed.WIDTH
    assert " ".join(line.strip() for line in (first, *others[:-2])) == verdict.strip()
    assert others[-2:] == [row, "short"]


def test_a_block_that_fails_is_told_and_leaves_no_file():
    before = set(Path.cwd().iterdir())
    texts, seconds, error = executed.printed("page", ["open('left', 'w').close()\n", "1 / 0\n", "print(1)\n"])
    assert texts == [""] and len(seconds) == 1 and "page, block 2" in error and "ZeroDivisionError" in error
    assert set(Path.cwd().iterdir()) == before


def test_sessions_are_of_one_page():
    names = [name for page in WITH_CODE for name in scripts(page)]
    assert len(names) == len(set(names)) >= 12


def test_sessions_that_share_models_are_run_by_one_process_and_first():
    names = [name for page in WITH_CODE for name in scripts(page)]
    started = executed.tasks(names)
    assert sorted(name for group in started for name in group) == sorted(names)  # each of them once
    assert started[: len(executed.TOGETHER)] == [list(group) for group in executed.TOGETHER]  # all of them exist
    assert executed.tasks(["new", "text", "lynx", "pictures"]) == [["pictures", "lynx"], ["text"], ["new"]]


def test_the_six_scripts_are_short():
    found = scripts(PAGES / "tutorials" / "six_scripts.md")
    assert len(found) == 6
    for name, code in found.items():
        lines = [line for line in code.splitlines() if line.strip() and not line.startswith(("import ", "from "))]
        assert len(lines) <= 15, (name, len(lines))


def names_of(module):
    """Functions and classes of `bnn.plots`, `bnn.text` or `bnn.datasets`."""
    return [name for name in module.__all__ if callable(getattr(module, name))]


def test_every_public_name_has_an_example_that_runs():
    """In its docstring, which is run as a test, or on a page of the manual, whose code is run when it is built."""
    code = "\n".join(part for page in WITH_CODE for part in scripts(page).values())
    paths = [name for name in bnn.__all__ if not inspect.ismodule(getattr(bnn, name))]
    paths += [f"{m}.{name}" for m in ("plots", "text", "datasets") for name in names_of(getattr(bnn, m))]
    shown = [inspect.getdoc(getattr(bnn, name)) or "" for name in bnn.__all__]
    code += "".join(line for text in shown for line in re.findall(r"^(?:>>>|\.\.\.) .*\n", text, re.MULTILINE))
    lacking = []
    for path in paths:
        thing = bnn
        for part in path.split("."):
            thing = getattr(thing, part)
        if ">>>" not in (inspect.getdoc(thing) or "") and not re.search(
            rf"\b(?:bnn\.{re.escape(path)}|isinstance\(result, {re.escape(path)}\))", code
        ):
            lacking.append(path)
    assert lacking == []


def test_docstrings_name_what_belongs_to_them():
    entry = re.compile(r"^(\w+(?:, \w+)*)(?: : \S.*)?$")
    for name in bnn.__all__:
        if inspect.ismodule(getattr(bnn, name)):
            continue
        found = re.search(r"^See Also\n--------\n((?:.+\n?)+)", inspect.getdoc(getattr(bnn, name)) or "", re.MULTILINE)
        assert found, f"{name} has no section See Also"
        others = [other for line in found[1].splitlines() for other in entry.fullmatch(line)[1].split(", ")]
        assert set(others) <= set(bnn.__all__) - {name}, (name, others)


@pytest.mark.parametrize("name", notebooks.TUTORIALS)
def test_notebooks_are_those_of_the_pages(name):
    text = (notebooks.NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8")
    cells = json.loads(text)["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert ["".join(cell["source"]) for cell in code] == notebooks.code_of(name)
    assert [cell["outputs"] for cell in code] == [[]] * len(code)
    prose = re.sub(r"^```python\n.*?^```$", "", notebooks.markdown_of(name), flags=re.DOTALL | re.MULTILINE)
    assert " ".join("".join(cell["source"]) for cell in cells if cell not in code).split() == prose.split()
    assert "show(" not in text
    if importlib.util.find_spec("jupytext") is not None:
        assert text == notebooks.written(name), "python tests/notebooks.py makes it anew"


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
    for module, word in (("formulaic", "~"), ("sklearn", "sklearn"), ("tokenizers", "learn_bpe")):
        if word in code and importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    (tmp_path / "script.py").write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout
    assert page.stem in DOUBTFUL or not re.search("^NOT CONVERGED", done.stdout, re.MULTILINE), done.stdout


@pytest.mark.slow
def test_the_manual_is_built_without_a_warning_and_shown_by_a_browser(tmp_path):
    for module in ("mkdocs", "material", "mkdocstrings", "formulaic", "sklearn", "tokenizers"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f'{module} is not installed: pip install "bayesnn[docs]"')
    command = ["mkdocs", "build", "--strict", "-f", str(PAGES.parent / "mkdocs.yml"), "-d", str(tmp_path / "site")]
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=1800
    )
    assert done.returncode == 0, done.stderr[-3000:]
    page = (tmp_path / "site" / "tutorials" / "first_regression.html").read_text(encoding="utf-8")
    assert 'src="data:image/png' in page
    doubtful = [p.stem for p in (tmp_path / "site").rglob("*.html") if "<code>NOT CONVERGED" in p.read_text("utf-8")]
    assert set(doubtful) <= DOUBTFUL
    if browser.program() is not None:  # errors of the console, pictures that are not there, calls of other machines
        assert browser.complaints(tmp_path / "site", browser.program()) == []


@pytest.mark.slow
def test_a_browser_sees_what_is_wrong_with_a_page(tmp_path):
    if browser.program() is None:
        pytest.skip("no Chromium is installed")
    (tmp_path / "good.html").write_text('<link rel="icon" href="data:,"><h1>Good</h1>', encoding="utf-8")
    bad = '<link rel="icon" href="data:,"><script>nothing()</script><img src="none.png">$$x$$'
    bad += '<img src="http://[::1]:9/a.png" alt="b">'
    (tmp_path / "bad.html").write_text(bad, encoding="utf-8")
    wide = "<style>code { display: block; overflow: auto }</style><pre><code>" + "x" * 2000 + "</code></pre>"
    (tmp_path / "models.html").write_text('<link rel="icon" href="data:,"><h1>Models</h1>' + wide, encoding="utf-8")
    found = browser.complaints(tmp_path, browser.program())
    assert not any(line.startswith("good") for line in found)
    assert "models.html: formulas cut off: 1" in found  # the box scrolls, not the page
    for words in (
        "nothing is not defined",
        "none.png",
        "left raw: $$",
        "no title",
        "from elsewhere: http://[::1]:9",
        "text: 1",
    ):
        assert any(words in line for line in found), (words, found)
