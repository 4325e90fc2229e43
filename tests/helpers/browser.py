"""A headless Chromium that opens pages, driven by its debugging pipe; needs no library.

`python tests/helpers/browser.py SITE [SHOTS]` opens every page of a built manual, prints what is wrong with it, and
keeps a picture of each page in the folder SHOTS.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FORMULAS = ("models.html", "samplers.html")  # pages whose blocks of text are formulas
OPTIONS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"),
    *("--remote-debugging-pipe", "--no-first-run", "--disable-background-networking", "about:blank"),
)
ASK = """(() => {
    const all = [...document.images];
    const text = document.body.innerText;
    return {
        pictures: all.length,
        broken: all.filter(p => !(p.complete && p.naturalWidth > 0)).map(p => p.alt || p.src.slice(0, 80)),
        nameless: all.filter(p => !p.alt).length,
        heading: (document.querySelector("h1") || {innerText: ""}).innerText,
        raw: ["$$", "\\\\(", "\\\\frac", "```", "--8<--"].filter(mark => text.includes(mark)),
        cut: [...document.querySelectorAll("pre, pre code")].filter(p => p.scrollWidth > p.clientWidth + 1).length,
        wide: document.documentElement.scrollWidth > document.documentElement.clientWidth + 1,
        height: document.documentElement.scrollHeight,
    };
})()"""


def program() -> str | None:
    """Path of a Chromium, or None where there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One headless Chromium; `open` loads a page and says what happened."""

    def __init__(self, path: str, width: int = 1300):
        self.folder = tempfile.TemporaryDirectory()
        reads, self.write = os.pipe()  # the browser reads its commands from file 3 and answers on file 4
        self.read, writes = os.pipe()
        command = f'exec "$0" "$@" 3<&{reads} 4>&{writes}'
        self.process = subprocess.Popen(
            ["bash", "-c", command, path, *OPTIONS[:-1], f"--window-size={width},900",
             f"--user-data-dir={self.folder.name}", OPTIONS[-1]],
            pass_fds=(reads, writes), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(reads)
        os.close(writes)
        self.number, self.session, self.events, self.rest = 0, None, [], b""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters: Any) -> Any:
        """Send one command and wait for its answer; events that come meanwhile are kept."""
        self.number += 1
        message: dict[str, Any] = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self.rest:
            part = os.read(self.read, 1 << 16)
            if not part:
                raise RuntimeError("the browser has ended")
            self.rest += part
        line, self.rest = self.rest.split(b"\0", 1)
        return json.loads(line)

    def open(self, address: str, wait: float = 60.0) -> dict[str, Any]:
        """Load a page; what `ASK` finds, with the errors of the console and the addresses that were requested."""
        self.events = []
        self.ask("Page.navigate", url=address)
        end = time.monotonic() + wait
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            if time.monotonic() > end:
                raise RuntimeError(f"{address} was not loaded within {wait:g} s")
            self.events.append(self._next())
        found = self.ask("Runtime.evaluate", expression=ASK, returnByValue=True)["result"]["value"]
        return found | {"errors": list(self._errors()), "asked": list(self._asked())}

    def _errors(self) -> Iterator[str]:
        for event in self.events:
            method, told = event.get("method"), event.get("params", {})
            if method == "Runtime.exceptionThrown":
                yield str(told["exceptionDetails"].get("exception", {}).get("description"))
            elif method == "Runtime.consoleAPICalled" and told["type"] == "error":
                yield str(told["args"])
            elif method == "Log.entryAdded" and told["entry"]["level"] == "error":
                yield told["entry"]["text"] + " " + told["entry"].get("url", "")

    def _asked(self) -> Iterator[str]:
        for event in self.events:
            if event.get("method") == "Network.requestWillBeSent":
                yield event["params"]["request"]["url"]

    def picture(self, file: Path, height: int) -> None:
        """Keep a picture of the whole page, at most 6000 points high."""
        area = {"x": 0, "y": 0, "width": 1300, "height": min(height, 6000), "scale": 1}
        data = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=area)["data"]
        file.write_bytes(base64.b64decode(data))

    def close(self) -> None:
        """End the browser and remove its folder."""
        with contextlib.suppress(OSError):
            os.close(self.write)
        self.process.terminate()
        self.process.wait(20)
        os.close(self.read)
        with contextlib.suppress(OSError):
            self.folder.cleanup()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: Any) -> None:
        pass


def complaints(site: Path, browser: str, shots: Path | None = None) -> list[str]:
    """What is wrong with the pages of a site: an error, a picture that is missing, code or formulas left raw, no title,
    anything asked for from another machine."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    home = f"http://127.0.0.1:{server.server_address[1]}/"
    found, chromium = [], Browser(browser)
    try:
        for page in sorted(site.rglob("*.html")):
            name = page.relative_to(site).as_posix()
            if name == "404.html":
                continue
            seen = chromium.open(home + name)
            away = [address for address in seen["asked"] if not address.startswith((home, "data:", "blob:"))]
            facts = {
                "error": seen["errors"], "picture not there": seen["broken"], "left raw": seen["raw"],
                "from elsewhere": away, "no title": [] if seen["heading"] else [name],
                "pictures without a text": [seen["nameless"]] if seen["nameless"] else [],
                "wider than the window": [name] if seen["wide"] else [],
                "formulas cut off": [seen["cut"]] if seen["cut"] and name in FORMULAS else [],
            }  # fmt: skip
            found += [f"{name}: {what}: {value}" for what, values in facts.items() for value in values]
            if shots is not None:
                chromium.picture(shots / (name.replace("/", "_") + ".png"), seen["height"])
    finally:
        chromium.close()
        server.shutdown()
        server.server_close()
    return found


if __name__ == "__main__":
    folder = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    wrong = complaints(Path(sys.argv[1]), program() or sys.exit("no Chromium is installed"), folder)
    print("\n".join(wrong) or "nothing is wrong")
    sys.exit(bool(wrong))
