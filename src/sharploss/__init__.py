"""sharploss: which loss makes restored images sharp, and what does it cost?"""


def __getattr__(name: str) -> str:
    """Return `__version__` where it is asked for: pyproject.toml has it, or what was made of that at installation."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import tomllib
    from importlib import metadata
    from pathlib import Path

    source = Path(__file__).parents[2] / "pyproject.toml"  # of a source tree, whichever sharploss is installed
    if source.is_file():
        return str(tomllib.loads(source.read_text(encoding="utf-8"))["project"]["version"])
    return metadata.version(__name__)
