"""What the pages of the manual cost: processor time by block, and which of them print that a fit has not converged.

`python tests/benchmarks/manual.py [pages or sessions]` runs the code of all pages in one process, in the order in which
the build starts them, with compiled programs in a folder that is empty at first. SHOW=1 prints what they print. Needs
the extra `docs`.
"""

import os
import re
import sys
import tempfile
from pathlib import Path

import jax

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "helpers"))

from executed import PAGES, printed, sessions, tasks  # noqa: E402


def pages() -> list[Path]:
    """The pages in the order of the menu."""
    menu = (PAGES.parent / "mkdocs.yml").read_text(encoding="utf-8")
    return [PAGES / name for name in re.findall(r"^ +- (\S+\.md)$", menu, re.MULTILINE)]


def main(names: list[str]) -> None:
    """Print one line for each session and the sum; the last number of a line is the time of compiling, by the clock."""
    compiled = [0.0]
    jax.monitoring.register_event_duration_secs_listener(
        lambda name, seconds, **_: compiled.append(seconds if name.endswith("backend_compile_duration") else 0.0)
    )
    everything = 0.0
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("BAYESNN_CACHE", folder)
        found = {
            session: (page.stem, blocks)
            for page in pages()
            for session, blocks in sessions(page.read_text(encoding="utf-8")).items()
            if not names or {page.stem, session} & set(names)
        }
        for session in (name for group in tasks(list(found)) for name in group):
            page, blocks = found[session]
            compiled[:] = [0.0]
            texts, seconds, error = printed(session, blocks)
            everything += sum(seconds)
            parts = " ".join(f"{value:.1f}" for value in seconds)
            doubtful = "  NOT CONVERGED is printed" * any("NOT CONVERGED" in text for text in texts)
            print(f"{page + ', ' + session:32} {sum(seconds):6.1f} s: {parts}; {sum(compiled):.1f}{doubtful}")
            print(error, end="", flush=True)
            if os.environ.get("SHOW"):
                print(re.sub(r'src="data:[^"]*"', "", "".join(texts)))
    print(f"{'all':32} {everything:6.1f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
