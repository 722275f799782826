"""Every expected value of the tests, computed anew and compared with what is there.

    python3 tests/regenerate/all.py            compares; ends with 1 where a value differs or a script cannot run
    python3 tests/regenerate/all.py --write    makes all files anew; `git diff --stat` then tells which differ

Needs Debian's python3-regex, python3-wcwidth, python3-pil, python3-torch and python3-numpy, and ftfy 6.3.1: installed, or in a
folder that --ftfy names (`pip install --target FOLDER ftfy==6.3.1`). One after the other it runs the scripts beside it, which
also run alone; README.md says what each makes.
"""

import argparse
import importlib.util
import subprocess
import sys
from pathlib import Path

# Scripts, and what they import that Python does not have, with Debian's names.
SCRIPTS = {
    "text.py": {"regex": "python3-regex", "wcwidth": "python3-wcwidth"},
    "images.py": {"PIL": "python3-pil"},
    "networks.py": {"torch": "python3-torch", "numpy": "python3-numpy"},
    "objectives.py": {"torch": "python3-torch", "numpy": "python3-numpy"},
    "optimizer.py": {"torch": "python3-torch", "numpy": "python3-numpy"},
    "metrics.py": {"torch": "python3-torch", "numpy": "python3-numpy"},
}


def run(script, options):
    """What became of it, in a word or two; prints what the script prints."""
    print(f"== {script}", flush=True)
    missing = [package for module, package in SCRIPTS[script].items() if importlib.util.find_spec(module) is None]
    if missing:
        return "not run: install " + ", ".join(missing)
    done = subprocess.run([sys.executable, Path(__file__).parent / script, *options], check=False)
    return "as recorded" if done.returncode == 0 else "DIFFERS, or could not run"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--check", action="store_true", help="compare what is there (the default)")
    ways.add_argument("--write", action="store_true", help="make it anew")
    parser.add_argument("--ftfy", metavar="FOLDER", help="where ftfy lies, if it is not installed")
    given = parser.parse_args()
    way = ["--write"] if given.write else ["--check"]
    results = {script: run(script, way + (["--ftfy", given.ftfy] if given.ftfy and script == "text.py" else [])) for script in SCRIPTS}
    good = "as recorded"
    print("==")
    for script, result in results.items():
        print(f"{script:15}{'written' if given.write and result == good else result}")
    return 0 if all(result == good for result in results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
