"""Makes notebooks of the main tutorials from the pages of the manual, by jupytext (extra `docs`), without outputs.

`python tests/notebooks.py` writes `bayesnn/docs/notebooks/NAME.ipynb`, kept in the repository; a test compares them
with the pages, and needs no jupytext for that.
"""

import re
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[1] / "bayesnn" / "docs"
NOTEBOOKS = DOCS / "notebooks"
TUTORIALS = ("first_regression", "classification", "forecasting")
HIDDEN = re.compile(r'```python exec="on" session="\w+"\n--8<-- .*?\n```\n\n', re.DOTALL)
FENCE = re.compile(r"^```python exec=.*$", re.MULTILINE)
PICTURE = re.compile(r'^show\((.*), "[^"\n]*"\)$', re.MULTILINE)
LINK = re.compile(r"\]\((\w+\.md)")
KERNEL = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}


def markdown_of(name: str) -> str:
    """The page of a tutorial as plain Markdown: no block that shows pictures, links that lead to the pages."""
    text = (DOCS / "pages" / "tutorials" / f"{name}.md").read_text(encoding="utf-8")
    text = FENCE.sub("```python", HIDDEN.sub("", text))
    return LINK.sub(r"](../pages/tutorials/\1", PICTURE.sub(r"\1;", text))


def code_of(name: str) -> list[str]:
    """The blocks of code of a tutorial."""
    return [code.strip() for code in re.findall(r"^```python\n(.*?)^```$", markdown_of(name), re.DOTALL | re.MULTILINE)]


def notebook_of(name: str) -> Any:
    """The notebook of a tutorial; the same at every call and with every version of jupytext."""
    import jupytext

    notebook = jupytext.reads(markdown_of(name), fmt="md")
    notebook.metadata, notebook.nbformat, notebook.nbformat_minor = KERNEL, 4, 5
    for number, cell in enumerate(notebook.cells):
        cell["id"], cell["metadata"] = f"cell-{number}", {}
    return notebook


def written(name: str) -> str:
    """The text of the notebook's file."""
    import jupytext

    return jupytext.writes(notebook_of(name), fmt="ipynb").rstrip("\n") + "\n"


if __name__ == "__main__":
    NOTEBOOKS.mkdir(exist_ok=True)
    for tutorial in TUTORIALS:
        (NOTEBOOKS / f"{tutorial}.ipynb").write_text(written(tutorial), encoding="utf-8")
        print(NOTEBOOKS / f"{tutorial}.ipynb")
    sys.exit(0)
