"""Turns the lines of "See Also" sections into links, for mkdocstrings, which shows docstrings as they are."""

import re
from typing import Any

import griffe

SECTION = re.compile(r"(?<=^See Also\n--------\n)(?:.+\n?)+", re.MULTILINE)
ENTRY = re.compile(r"^(\w+(?:, \w+)*)(?: : (.*))?$", re.MULTILINE)


def linked(docstring: str) -> str:
    """A docstring whose lines `name : what it is` and `name, name` after "See Also" are a list of links."""

    def item(found: re.Match[str]) -> str:
        names = ", ".join(f"[`{name}`][bayesnn.{name}]" for name in found[1].split(", "))
        return f"- {names}" + (f": {found[2]}" if found[2] else "")

    return SECTION.sub(lambda section: ENTRY.sub(item, section[0]), docstring)


class SeeAlso(griffe.Extension):
    """Rewrites the docstrings when they are collected."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Change the docstring of one object in place."""
        if obj.docstring is not None:
            obj.docstring.value = linked(obj.docstring.value)
