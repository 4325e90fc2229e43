"""A hook of MkDocs: runs the code of all pages side by side, in processes beside the one that renders them.

`mkdocs build` then prints the processor time of each session, block by block.
"""

import logging
import multiprocessing
import os
import site
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError

HERE = str(Path(__file__).parent)
site.addsitedir(HERE)  # MkDocs loads a hook by its path and takes back what the hook changes

from executed import all_printed, sessions, shown, tasks  # noqa: E402

PROCESSES = 4  # at most, since each may need a gibibyte of memory

_log = logging.getLogger("mkdocs.hooks.manual")
_pool: list[ProcessPoolExecutor] = []
_running: dict[str, Future[dict[str, tuple[list[str], list[float], str]]]] = {}


def on_files(files: Any, config: Any) -> None:
    """Start the code of all pages; pages are rendered while it runs."""
    count = min(os.cpu_count() or 1, PROCESSES)
    spawn = multiprocessing.get_context("spawn")
    _pool.append(ProcessPoolExecutor(count, mp_context=spawn, initializer=site.addsitedir, initargs=(HERE,)))
    found = {}
    for file in files.documentation_pages():
        found |= sessions(file.content_string)
    for group in tasks(list(found)):
        task = _pool[0].submit(all_printed, {session: found[session] for session in group})
        _running.update(dict.fromkeys(group, task))


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Wait for the code of a page, and put in what it printed."""
    outputs = {}
    for session in sessions(markdown):
        outputs[session], seconds, error = _running[session].result()[session]
        if error:
            raise PluginError(f"{page.file.src_uri}: {error}")
        costs = " + ".join(f"{value:.1f}" for value in seconds)
        _log.info(f"{page.file.src_uri}, {session}: {sum(seconds):.1f} s of processor time ({costs})")
    return shown(markdown, outputs)


def on_post_build(config: Any) -> None:
    """End the processes."""
    _pool.pop().shutdown()
    _running.clear()


def on_build_error(error: Exception) -> None:
    """End the processes without waiting for what has not begun."""
    while _pool:
        _pool.pop().shutdown(cancel_futures=True)
