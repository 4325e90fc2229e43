"""What the pages of the manual cost: processor time by page, and which of them print that a fit has not converged.

`python tests/benchmarks/manual.py [pages]` runs the code of all pages in one process, in the order of the menu, as
`mkdocs build` does, with compiled programs in a folder that is empty at first. Needs the extra `docs`.
"""

import contextlib
import io
import os
import re
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "bayesnn" / "docs" / "pages"
INCLUDED = re.compile(r'--8<-- "(docs/snippets/\w+\.txt)"\n')
BLOCK = re.compile(r"```python exec=\"on\"[^\n]*session=\"(\w+)\"\n(.*?)```", re.DOTALL)


def pages() -> list[Path]:
    """The pages in the order of the menu."""
    menu = (PAGES.parent / "mkdocs.yml").read_text(encoding="utf-8")
    return [PAGES / name for name in re.findall(r"^ +- (\S+\.md)$", menu, re.MULTILINE)]


def cost_of(page: Path, folder: str) -> tuple[float, str]:
    """Processor time in seconds of the code of a page, and what it printed."""
    text = INCLUDED.sub(lambda found: (PAGES.parents[1] / found[1]).read_text("utf-8"), page.read_text("utf-8"))
    sessions: dict[str, dict] = {}
    start, printed = time.process_time(), io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(printed):
        for session, code in BLOCK.findall(text):
            names = sessions.setdefault(session, {"__name__": session})
            exec(compile(code, f"{page.stem}:{session}", "exec"), names)
    return time.process_time() - start, printed.getvalue()


def main(names: list[str]) -> None:
    """Print one line for each page, dearest last, and the sum."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("BAYESNN_CACHE", folder + "/programs")
        costs = {}
        for page in pages():
            if names and page.stem not in names:
                continue
            costs[page.stem], printed = cost_of(page, folder)
            doubtful = "  NOT CONVERGED is printed" * ("NOT CONVERGED" in printed)
            print(f"{page.stem:22} {costs[page.stem]:6.1f} s{doubtful}", flush=True)
            if os.environ.get("SHOW"):
                print(re.sub(r'src="data:[^"]*"', "", printed))
    print(f"{'all':22} {sum(costs.values()):6.1f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
