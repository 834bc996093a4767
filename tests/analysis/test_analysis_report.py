import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser

import pytest
import synthetic

from sharploss.analysis.judge import judge
from sharploss.analysis.load import load_study
from sharploss.analysis.plot import plot
from sharploss.analysis.report import figures, render, report
from sharploss.errors import UserError

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
HOSTILE = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'


def with_figures(root):
    """Stand-ins for what `plot` makes, which takes seconds."""
    folder = root / "reports" / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    listed = [
        {"name": "f", "section": section, "caption": HOSTILE, "alt": HOSTILE} for section in ("tradeoff", "alpha")
    ]
    (folder / "figures.json").write_text(json.dumps(listed))
    (folder / "f.svg").write_text(SVG)
    return root


@pytest.fixture(scope="module")
def page(study_root):
    with_figures(study_root)
    report(study_root, command="make repro", wall_seconds=411.0)
    return (study_root / "reports" / "index.html").read_text()


class Outline(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.links, self.images = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        about = dict(attrs)
        self.tags.append(tag)
        self.ids += [about["id"]] if "id" in about else []
        self.links += [about["href"]] if tag == "a" else []
        self.images += [about] if tag == "img" else []


def test_the_page_asks_the_network_for_nothing_and_runs_no_script(page):
    assert "script" not in Outline(page).tags
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)
    assert "@import" not in page
    assert "url(" not in page
    assert len(page) < 5_000_000


def test_the_page_is_navigable_and_every_picture_has_a_text(page):
    outline = Outline(page)
    assert outline.tags.count("h1") == outline.tags.count("main") == outline.tags.count("nav") == 1
    assert {link[1:] for link in outline.links} <= set(outline.ids)
    assert len(outline.ids) == len(set(outline.ids))
    assert all(image["alt"] for image in outline.images)
    # 2 crops of 3 networks: target, bicubic and 9 losses, less the one that diverged
    assert sum("image/png" in image["src"] for image in outline.images) == 2 * (3 * 11 - 1)


def test_the_page_tells_answer_control_failures_and_provenance(page):
    assert "came closest to the target&#39;s sharpness" in page
    assert "Passed: all 72 scores are identical" in page
    assert "sr_x4-vdsr-l2_gv-s0 diverged (gv at step 140): it has no scores." in page
    for fact in ("make repro", "an invented processor, 2 cores", "torch 2.13.0", "0123abc", "6 min 51 s", "CC0 1.0"):
        assert fact in page


def test_hostile_texts_stay_texts(own_root):
    with_figures(own_root)
    for path in [*own_root.glob("results/scores/*.json"), *own_root.glob("results/runs/*/provenance.json")]:
        content = json.loads(path.read_text())
        content |= (
            {"hardware": HOSTILE}
            if "hardware" in content
            else {"not_measured": {HOSTILE: HOSTILE}, "missing_sets": {HOSTILE: HOSTILE}}
        )
        path.write_text(json.dumps(content))
    page = render(load_study(own_root), HOSTILE)
    tags = Outline(page).tags
    assert "script" not in tags
    assert not any(image.get("onerror") for image in Outline(page).images)
    assert page.count("&lt;script&gt;") > 5


def test_without_gaps_the_page_says_so(tmp_path):
    root = with_figures(synthetic.make_study(tmp_path, diverged=()))
    assert "Nothing is missing" in render(load_study(root), "make repro")


def test_what_was_not_measured_is_listed_with_its_reason(sparse_root):
    with_figures(sparse_root)
    page = render(load_study(sparse_root), "make repro")
    assert "LPIPS not measured: the weights of lpips are in no cache" in page
    assert "set5 not tested" in page


def test_the_same_study_gives_the_same_page(page, study_root):
    assert render(load_study(study_root), "make repro", 411.0) == page


@pytest.mark.parametrize("name", ["figures.json", "f.svg"])
def test_a_missing_figure_is_named(tmp_path, name):
    folder = with_figures(tmp_path) / "reports" / "figures"
    assert set(figures(folder)) == {"tradeoff", "alpha"}
    (folder / name).unlink()
    with pytest.raises(UserError, match=f"{name} is missing"):
        figures(folder)


def test_the_analysis_never_imports_torch():
    code = "import sys, sharploss.analysis.report, sharploss.analysis.plot; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def in_chromium(page, tmp_path, *, width):
    """Load the page in a frame `width` pixels wide; give its scroll width and what the console said."""
    probe = "<script>addEventListener('load',()=>parent.postMessage(document.documentElement.scrollWidth,'*'))</script>"
    (tmp_path / "page.html").write_text(page.replace("</body>", f"{probe}</body>"))
    frame = f"<iframe src='page.html' style='width:{width}px;height:900px;border:0'></iframe>"
    listen = "<script>addEventListener('message',e=>{document.title='width '+e.data})</script>"
    (tmp_path / "frame.html").write_text(f"<!DOCTYPE html><title>-</title><body>{listen}{frame}</body>")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
    flags += ["--disable-background-networking", "--disable-component-update", "--enable-logging=stderr"]
    flags += [
        f"--user-data-dir={tmp_path / 'profile'}",
        f"--window-size={width + 100},1000",
        "--virtual-time-budget=5000",
    ]
    done = subprocess.run(
        [CHROMIUM, *flags, "--dump-dom", (tmp_path / "frame.html").as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found = re.search(r"<title>width (\d+)</title>", done.stdout)
    assert found, done.stdout[:500]
    return int(found[1]), [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.fixture(scope="module")
def whole_page(tmp_path_factory):
    """A page with all its figures."""
    root = synthetic.make_study(tmp_path_factory.mktemp("whole"))
    plot(root)
    report(root, command="make repro")
    return (root / "reports" / "index.html").read_text()


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_the_screen_without_console_errors(whole_page, tmp_path, width):
    scroll, console = in_chromium(whole_page, tmp_path, width=width)
    assert scroll <= width
    assert not console


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_a_page_that_is_too_wide_or_complains_would_be_noticed(page, tmp_path):
    bad = page.replace("<main>", "<main><div style='width:900px'>x</div><script>console.error('seen')</script>", 1)
    scroll, console = in_chromium(bad, tmp_path, width=390)
    assert scroll > 390
    assert any("seen" in line for line in console)


def test_the_ledger_and_the_papers_tables_are_on_the_page(own_root):
    judge(own_root)
    text = render(load_study(with_figures(own_root)), "make repro")
    assert "In place of a network&#39;s pixel loss SPLoss lowers LPIPS" in text
    assert text.count('<td class="worse">contradicted</td>') >= 7
    assert "SPLoss, Table 1: SPLoss against L1" in text
    (own_root / "results" / "verdicts.json").unlink()
    assert "The claims have not been judged." in render(load_study(own_root), "make repro")


def test_several_suites_recipes_and_failures_are_shown(wide_root):
    text = render(load_study(with_figures(wide_root)), "make repro")
    assert "<h3>adversarial</h3>" in text
    assert "edsr (mini_gan)" in text
    assert "sr_x4-edsr-l1_vgg-mini_gan-s0 not trained: the weights vgg19" in text
