"""What mkdocs does with this folder's pages: README.md is the start page; links out of docs/ lead to the repository."""

import posixpath
import re
import textwrap
from pathlib import Path
from typing import Any

import griffe
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"""(\]\(|(?:src|href)=")([^)\s"#:]+)(#[^)\s"]*)?(?=[)"])""")
PICTURE = (".png", ".svg")
EXAMPLE = re.compile(r"^>>> .*(?:\n.+)*", re.MULTILINE)


class Examples(griffe.Extension):
    """Shows what a docstring lets doctest run as an example."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Put examples, which stand by themselves here, under the heading that they have in Google's style."""
        if obj.docstring:
            obj.docstring.value = EXAMPLE.sub(
                lambda found: f"Examples:\n{textwrap.indent(found[0], '    ')}", obj.docstring.value
            )


def on_files(files: Files, config: Any) -> Files:
    """Add the repository's README as the page start.md, with its pictures."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    files.append(File.generated(config, "start.md", content=rewritten(text, "", config.repo_url, "docs/")))
    for path in dict.fromkeys(found[2] for found in LINK.finditer(text) if found[2].endswith(PICTURE)):
        files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """Lead the links of a page out of docs/ to the repository."""
    if page.file.src_uri == "start.md":
        return markdown
    return rewritten(markdown, posixpath.join("docs", posixpath.dirname(page.file.src_uri)), config.repo_url, "")


def rewritten(text: str, folder: str, repository: str, inside: str) -> str:
    """Rewrite the links of a page in `folder` that do not stay in docs/; `inside` is what those that do begin with."""

    def address(found: re.Match[str]) -> str:
        before, link, anchor = found[1], found[2], found[3] or ""
        path = posixpath.normpath(posixpath.join(folder, link))
        if path.startswith("docs/"):
            return f"{before}{link.removeprefix(inside)}{anchor}"
        if path.endswith(PICTURE):
            return f"{before}../{path}"
        return f"{before}{repository}/{'tree' if (ROOT / path).is_dir() else 'blob'}/main/{path}{anchor}"

    return LINK.sub(address, text)
