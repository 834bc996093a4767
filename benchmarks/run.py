"""Run the benchmarks, one after the other; each prints what it measures. Needs a finished study (`make repro`).

Not scale.py, which takes a quarter of an hour: run it by itself.
"""

import subprocess
import sys
from pathlib import Path

for script in sorted(Path(__file__).parent.glob("*.py")):
    if script.name not in (Path(__file__).name, "scale.py"):
        print(f"\n== {script.name}", flush=True)
        subprocess.run([sys.executable, str(script)], check=True)
