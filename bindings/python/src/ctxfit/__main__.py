"""`python -m ctxfit`: the C command, which the wheel brings."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import List, Optional


def command() -> Optional[str]:
    """The command of this package, or another one on the path that is not this script."""
    bundled = Path(__file__).parent / "bin" / ("ctxfit.exe" if sys.platform == "win32" else "ctxfit")
    if bundled.exists():
        return str(bundled)
    found = shutil.which("ctxfit")
    if found is None or Path(found).resolve().parent == Path(sys.executable).resolve().parent:
        return None
    with open(found, "rb") as file:
        return None if file.read(2) == b"#!" else found  # a script would be this one, under its other name


def main(arguments: Optional[List[str]] = None) -> int:
    words = sys.argv[1:] if arguments is None else arguments
    found = command()
    if found is None:
        print("ctxfit: this installation lacks the command; install a wheel of ctxfit, or libctxfit with its command", file=sys.stderr)
        return 2
    if os.name == "posix" and arguments is None:
        sys.stdout.flush()
        os.execv(found, [found, *words])
    return subprocess.call([found, *words])


if __name__ == "__main__":
    sys.exit(main())
