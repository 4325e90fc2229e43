"""The code of a page of the manual: what its blocks are, what they print, and the page with that put in.

A block is fenced by ```python exec="on" session="name", with `source="above"` if readers see the code, and
`result="text"` or `html="on"` by what it prints. The blocks of one session share their names, sessions share nothing.
"""

import contextlib
import io
import re
import tempfile
import textwrap
import time
import traceback
from pathlib import Path
from typing import Any

PAGES = Path(__file__).resolve().parents[2] / "bayesnn" / "docs" / "pages"
BLOCK = re.compile(
    r'^```python exec="on"(?P<options>[^\n]*) session="(?P<session>\w+)"\n(?P<code>.*?)^```$', re.M | re.S
)
# Sessions that fit the same models to the same data: one process runs them one after the other, so that the later ones
# neither trace nor compile what the first one has. What is here comes first, the dearest before the others.
TOGETHER = (
    (
        "pictures",
        "lynx",
        "classes",
        "howto_costs",
        "arviz",
        "size",
        "sizes",
        "compare",
        "howto_results",
        "long",
        "first",
    ),
    ("sequences",),
    ("cancer",),
    ("effects",),
    ("text",),
    ("table",),
    ("twenty",),
    ("howto_same", "howto_saving", "howto_devices"),
)
WIDTH = 100  # letters of a line of output
PICTURE = re.compile(r'^show\((.*), "[^"\n]*"\)$', re.MULTILINE)
INCLUDED = re.compile(r'^--8<-- "(docs/snippets/\w+\.txt)"\n', re.MULTILINE)


def included(code: str) -> str:
    """The code with the files that it includes."""
    return INCLUDED.sub(lambda found: (PAGES.parents[1] / found[1]).read_text(encoding="utf-8"), code)


def sessions(text: str) -> dict[str, list[str]]:
    """The blocks of a page's code by session."""
    found: dict[str, list[str]] = {}
    for block in BLOCK.finditer(text):
        found.setdefault(block["session"], []).append(included(block["code"]))
    return found


def printed(session: str, blocks: list[str]) -> tuple[list[str], list[float], str]:
    """What each block prints and the seconds of processor time it takes, and the error that stopped them, or "".

    Blocks are run in an empty folder, so that a page can write files.
    """
    names: dict[str, Any] = {"__name__": session}
    texts, seconds = [], []
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for number, code in enumerate(blocks, 1):
            start, output = time.process_time(), io.StringIO()
            try:
                with contextlib.redirect_stdout(output):
                    exec(compile(code, f"{session}, block {number}", "exec"), names)
            except Exception:
                return texts, seconds, traceback.format_exc()
            texts.append(output.getvalue())
            seconds.append(time.process_time() - start)
    return texts, seconds, ""


def tasks(names: list[str]) -> list[list[str]]:
    """These sessions in the order in which they are started, those of one list one after the other in one process."""
    first = [[name for name in group if name in names] for group in TOGETHER]
    return [group for group in first if group] + [[n] for n in names if not any(n in group for group in first)]


def all_printed(found: dict[str, list[str]]) -> dict[str, tuple[list[str], list[float], str]]:
    """What `printed` says of several sessions, one after the other in this process."""
    return {session: printed(session, blocks) for session, blocks in found.items()}


def folded(text: str) -> str:
    """The text with long lines of prose, such as verdicts, folded to the width of a page; tables stay as they are."""
    lines = text.splitlines()
    table = [len(line) <= WIDTH or bool(re.search(r"\S {2,}\S", line)) for line in lines]
    return "\n".join(
        line if whole else textwrap.fill(line, WIDTH, subsequent_indent="    ", drop_whitespace=True)
        for line, whole in zip(lines, table, strict=True)
    )


def shown(markdown: str, outputs: dict[str, list[str]]) -> str:
    """The page with its blocks replaced by their code, where readers see it, and by what they printed.

    Readers do not have `show`, which puts a picture and its caption into a page: they see the call that draws.
    """
    rest = {session: iter(texts) for session, texts in outputs.items()}

    def replaced(block: re.Match[str]) -> str:
        text = next(rest[block["session"]]).rstrip()
        if 'result="text"' in block["options"]:
            text = f"```text\n{folded(text)}\n```"
        code = PICTURE.sub(r"\1", block["code"])
        return f"```python\n{code}```\n\n{text}" if 'source="above"' in block["options"] else text

    return BLOCK.sub(replaced, markdown)
