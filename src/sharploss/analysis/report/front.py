"""The front page, reports/index.html: where the answer is, or that there is none yet."""

from html import escape
from pathlib import Path

from sharploss.record.paths import FRONT_PAGE, paths
from sharploss.utils.files import write_text

ANSWER = "benchmark"
"""The study whose results answer the question; those of others, as mini, are no evidence."""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>sharploss</title>
<style>body {{ font: 1.1rem/1.5 sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem; }}</style>
</head>
<body>
<h1>Which loss makes restored images sharp, and what does it cost?</h1>
{body}
</body>
</html>
"""

NO_EVIDENCE = f"""<p><strong>There is no evidence yet.</strong>
The study <code>{ANSWER}</code>, whose results will answer the question, has not been run.</p>
<p>What <code>make repro</code> writes to <code>reports/mini/</code> is a smoke test: small networks, few steps.
It shows that everything works, and nothing about the losses.</p>"""

EVIDENCE = """<p>The answer, with its tables, figures and the verdict on every claim:
<a href="{page}">the study {name}</a>.</p>"""


def write_front_page(root: Path) -> None:
    """Write the front page; what it says depends on the committed study alone, so that it is the same everywhere."""
    answer = paths(ANSWER, root)
    page = answer.page.relative_to(root / FRONT_PAGE.parent).as_posix()
    body = EVIDENCE.format(page=escape(page), name=ANSWER) if answer.summary.is_file() else NO_EVIDENCE
    write_text(root / FRONT_PAGE, PAGE.format(body=body))
