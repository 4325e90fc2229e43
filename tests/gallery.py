"""Runs every example in its quick form and keeps its output and picture for the manual.

`python tests/gallery.py [names]` writes `bayesnn/docs/gallery/NAME.txt` and `NAME.png`, which git ignores; the page
"Examples" of the manual shows what is there. An example whose data are missing is named and left out.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "helpers"))

from executed import folded  # noqa: E402

GALLERY = ROOT / "bayesnn" / "docs" / "gallery"


def main(names: list[str]) -> int:
    GALLERY.mkdir(exist_ok=True)
    environment = os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    failed = []
    for script in sorted((ROOT / "examples").glob("*.py")):
        if names and script.stem not in names:
            continue
        command = [sys.executable, str(script), "--quick", "--output", f"{script.stem}.png"]
        done = subprocess.run(command, cwd=GALLERY, env=environment, capture_output=True, text=True)
        if done.returncode:
            failed.append(script.stem)
            print(f"{script.stem}: left out, {done.stderr.strip().splitlines()[-1]}")
            continue
        (GALLERY / f"{script.stem}.txt").write_text(folded(done.stdout) + "\n", encoding="utf-8")
        print(f"{script.stem}: done", flush=True)
    return len(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
