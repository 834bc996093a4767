import os
import subprocess

import pytest


@pytest.fixture
def disk(tmp_path):
    """A file system of 1 MB of its own; needs the right to mount, which containers usually give to root."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("no right to mount a file system: RLIMIT_FSIZE stands in for it in tests/test_files.py")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
