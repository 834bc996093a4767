"""The page in a real browser: what moves, filters, is drawn, fits and complains."""

import re
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest
from browser import CHROMIUM, Browser
from stand_ins import with_figures, with_protocols

import synthetic
from sharploss.analysis.claims.evaluate import evaluate_claims
from sharploss.analysis.figures.draw import write_figures
from sharploss.analysis.load import load_study
from sharploss.analysis.measures import ALPHA
from sharploss.analysis.report.page import render, write_page

pytestmark = [pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed"), pytest.mark.slow]

WIDTHS = [390, 768, 1200]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = synthetic.make_study(tmp_path_factory.mktemp("page"), wide=True)
    evaluate_claims("mini", root)
    with_protocols(with_figures(root))
    write_page(load_study("mini", root), command="make repro")
    return root


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture
def shown(browser, root):
    return show(browser, root / "reports" / "mini" / "index.html")


def show(browser, path, **screen):
    browser.open(path.as_uri(), **screen)
    ready = "document.documentElement.hasAttribute('data-ready')"
    assert browser.evaluate(
        f"new Promise(done => {{ const look = () => {ready} ? done(true) : setTimeout(look, 20); look() }})"
    )
    return browser


def choose(browser, name, value):
    browser.evaluate(
        f"(s => {{ s.value = {value!r}; s.dispatchEvent(new Event('change')) }})(document.getElementById('{name}'))"
    )
    browser.evaluate("new Promise(done => setTimeout(done, 150))")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_fits_the_screen_and_complains_about_nothing(browser, root, width, dark):
    show(browser, root / "reports" / "mini" / "index.html", width=width, dark=dark)
    browser.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true })")
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.complaints == []
    assert all(address.startswith(root.as_uri()) for address in browser.requests)


def test_a_page_that_is_too_wide_complains_or_asks_the_network_would_be_noticed(browser, root, tmp_path):
    page = (root / "reports" / "mini" / "index.html").read_text()
    bad = "<main><div style='width:900px'>x</div><script>1</script><img src='https://example.invalid/x.png' alt=''>"
    (tmp_path / "bad.html").write_text(page.replace("<main>", bad, 1))
    show(browser, tmp_path / "bad.html", width=390)
    assert browser.evaluate("document.documentElement.scrollWidth") > 390
    # The page's own policy keeps both out, and says so.
    assert len([text for text in browser.complaints if "Content Security Policy" in text]) == 2


def test_dark_mode_swaps_paper_and_ink_and_keeps_them_apart(browser, root):
    def colours(dark):
        show(browser, root / "reports" / "mini" / "index.html", dark=dark)
        style = "getComputedStyle(document.body)"
        found = browser.evaluate(f"[{style}.backgroundColor, {style}.color]")
        return [sum(map(int, re.findall(r"\d+", colour)[:3])) / 3 for colour in found]

    (light_paper, light_ink), (dark_paper, dark_ink) = colours(False), colours(True)
    assert light_paper - light_ink > 180
    assert dark_ink - dark_paper > 180


def test_figures_are_shown(shown):
    figures = "[...document.querySelectorAll('figure .card img')]"
    shown.evaluate(f"Promise.all({figures}.map(i => {{ i.loading = 'eager'; return i.decode() }})).then(() => true)")
    sizes = shown.evaluate(f"{figures}.map(i => [i.naturalWidth, i.naturalHeight])")
    assert len(sizes) == 3
    assert all(natural > 0 for size in sizes for natural in size)


@pytest.mark.parametrize(
    ("size", "parts"),
    [
        ((1280, 900), ["h1", ".caution", ".sentences", "#strip .tile:last-child b", "#tradeoff img"]),
        ((390, 844), ["h1", ".caution", ".sentences", "#strip .tile:nth-child(2) b"]),
    ],
)
def test_the_first_screen_has_question_answer_pictures_and_trade_off(browser, root, size, parts):
    width, height = size
    show(browser, root / "reports" / "mini" / "index.html", width=width, height=height)
    box = "(b => [b.left, b.top, b.right, b.bottom])(document.querySelector({!r}).getBoundingClientRect())"
    for part in parts:
        left, top, right, bottom = browser.evaluate(box.format(part))
        assert (0 <= left < right <= width, 0 <= top < bottom <= height) == (True, True), part
    tiles = browser.evaluate(
        "Promise.all([...document.querySelectorAll('#strip img')].map(i => i.decode().then(() => i.alt.split(':')[0])))"
    )
    assert tiles == ["Bicubic", "L1", f"SPLoss ({ALPHA} 2)", "L1 + GV", "L1 + SOG", "Target"]
    assert browser.evaluate("getComputedStyle(document.querySelector('#strip img')).imageRendering") == "pixelated"
    assert "say nothing about the losses" in browser.evaluate("document.querySelector('.caution').textContent")


ROWS = "[...document.querySelectorAll('.suite:not([hidden]) .data tbody tr')].filter(r => r.offsetHeight)"


def test_a_suites_table_sorts_filters_and_turns_values_into_differences(shown):
    def column(index, part="span"):
        return shown.evaluate(
            f"{ROWS}.map(r => r.cells[{index}]).map(c => (c.querySelector({part!r}) ?? c).textContent)"
        )

    head = "document.querySelector('.suite:not([hidden]) .data thead').rows[0]"
    heads = shown.evaluate(f"[...{head}.cells].map(c => c.textContent)")
    loss, psnr = heads.index("loss"), next(at for at, name in enumerate(heads) if name.startswith("PSNR"))
    press = f"{head}.cells[{{}}].querySelector('button').click()"
    for order, falling in (("descending", True), ("ascending", False)):
        shown.evaluate(press.format(psnr))
        values = [float(text) for text in column(psnr) if text[0].isdigit()]
        assert values == sorted(values, reverse=falling)
        assert len(values) > 5
        assert shown.evaluate(f"[...{head}.cells].map(c => c.getAttribute('aria-sort'))")[psnr] == order
    assert shown.evaluate(f"{head}.querySelectorAll('[aria-sort]').length") == 1
    bar = "document.querySelector('.suite:not([hidden]) > .controls')"
    enter = f"(c => {{{{ c.value = {{!r}}; c.dispatchEvent(new Event('input')) }}}})({bar}.querySelector({{!r}}))"
    shown.evaluate(enter.format("gv", "input[type=search]"))
    assert set(column(loss)) == {"L1 + GV", "L2 + GV"}
    told = shown.evaluate("document.querySelector('.suite:not([hidden]) caption [role=status]').textContent")
    assert told.startswith(f"{len(column(loss))} of ")
    assert shown.evaluate(f"getComputedStyle({ROWS}[0].cells[{psnr}].querySelector('small')).display") == "none"
    shown.evaluate(f"{bar}.querySelector('.toggle').click()")
    assert shown.evaluate(f"getComputedStyle({ROWS}[0].cells[{psnr}].querySelector('span')).display") == "none"
    assert all(re.match(r"[+\u2212]\d", text) for text in column(psnr, "small") if "[" in text)
    shown.evaluate(f"{bar}.querySelector('.chooser input').click()")
    assert shown.evaluate(f"{head}.cells[{psnr}].hidden")


def test_one_suite_is_shown_and_links_lead_to_suites_claims_and_records(shown, root):
    visible = "[...document.querySelectorAll('.suite')].filter(s => !s.hidden).map(s => s.id)"
    names = shown.evaluate("[...document.getElementById('suite').options].map(o => o.value)")
    assert shown.evaluate(visible) == names[:1]
    choose(shown, "suite", names[1])
    assert shown.evaluate(visible) == [names[1]]
    shown.evaluate(f"location.hash = '#{names[0]}'; new Promise(done => setTimeout(done, 50))")
    assert shown.evaluate(visible) == names[:1]
    assert not shown.evaluate("document.getElementById('claim-list').open")
    cells = shown.evaluate(
        "[...document.querySelectorAll('.matrix a')].map(a => [a.getAttribute('href'), a.textContent])"
    )
    assert len(cells) == 2 * shown.evaluate("document.querySelectorAll('.claim').length")
    shown.evaluate("document.querySelectorAll('.matrix a')[3].click(); new Promise(done => setTimeout(done, 100))")
    key = cells[3][0][1:]
    assert shown.evaluate(f"document.getElementById({key!r}).open && document.getElementById({key!r}).offsetHeight > 0")
    records = shown.evaluate(
        "[...document.querySelectorAll('.see a')].map(a => a.href).filter(a => a.includes('/runs/'))"
    )
    assert records
    assert all(Path(unquote(urlparse(address).path)).is_file() for address in records)
    assert shown.complaints == []
    assert all(address.startswith(root.as_uri()) for address in shown.requests)


def test_filters_show_the_claims_they_ask_for(shown):
    everything = "[...document.querySelectorAll('.claim')]"
    shown.evaluate("document.getElementById('claim-list').open = true")
    visible = f"{everything}.filter(c => c.offsetHeight).map(c => [c.dataset.paper, c.dataset.measured])"
    papers = shown.evaluate(f"{everything}.map(c => [c.dataset.paper, c.dataset.measured])")
    choose(shown, "by-paper", "GV")
    of_gv = [one for one in papers if one[0] == "GV"]
    assert shown.evaluate(visible) == of_gv
    counted = shown.evaluate("document.getElementById('shown-claims').textContent")
    assert counted == f"{len(of_gv)} of {len(papers)} claims"
    choose(shown, "by-measured", "undecided")
    assert shown.evaluate(visible) == [one for one in papers if one == ["GV", "undecided"]]
    choose(shown, "by-paper", "")
    choose(shown, "by-measured", "")
    assert shown.evaluate(visible) == papers


def test_a_claim_opens_by_key_and_by_link(shown):
    shown.evaluate("document.getElementById('claim-list').open = true; document.querySelector('#E2 summary').focus()")
    assert not shown.evaluate("document.getElementById('E2').open")
    shown.press("Enter")
    assert shown.evaluate("document.getElementById('E2').open")
    assert shown.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"  # the focus can be seen
    shown.evaluate("location.hash = '#E5'; new Promise(done => setTimeout(done, 50))")
    assert shown.evaluate("document.getElementById('E5').open")


def test_every_control_can_be_reached_and_named(shown):
    names = shown.evaluate(
        "[...document.querySelectorAll('select, input, button')]"
        ".map(c => c.getAttribute('aria-label') || c.labels?.[0]?.textContent || c.textContent)"
    )
    assert len(names) > 20
    assert all(names)
    frames = shown.evaluate("[...document.querySelectorAll('.scroll, .card, .view')].map(c => c.tabIndex)")
    assert set(frames) == {0}


SCROLLED = """(frame => {
  frame.scrollLeft = 100000;
  const edge = frame.getBoundingClientRect().left + frame.clientLeft;
  const told = cell => [cell.getBoundingClientRect().left - edge, cell.offsetWidth, getComputedStyle(cell)];
  const row = frame.querySelector("tbody tr:not([hidden])");
  const labels = [...row.querySelectorAll("th")].filter(cell => cell.offsetWidth);
  const heads = labels.map(cell => frame.querySelector("thead tr").cells[cell.cellIndex]);
  return [frame.scrollLeft, frame.clientWidth, ...[labels, heads].map(row => row.map(told).map(
    ([left, width, style]) => [style.position, Math.round(left), width, style.backgroundColor, style.zIndex]))];
})"""


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1200])
def test_row_labels_stay_in_view_when_a_table_is_scrolled(browser, root, width, dark):
    show(browser, root / "reports" / "mini" / "index.html", width=width, dark=dark)
    browser.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true })")
    browser.evaluate("new Promise(done => setTimeout(done, 300))")
    tables = browser.evaluate(f"[...document.querySelectorAll('.scroll')].map({SCROLLED})")
    scrolled = [table for table in tables if table[0] > 0 and table[2]]  # without labels: "no runs for this table"
    assert len(scrolled) > (20 if width < 600 else 2)
    for by, room, labels, heads in scrolled:
        stuck = [label for label in labels if label[0] == "sticky"]
        assert stuck
        assert sum(label[2] for label in stuck) <= 0.57 * room
        # In view; side by side from the frame's left edge on when scrolled that far; and nothing shines through.
        assert all(0 <= label[1] <= room - label[2] for label in stuck)
        edges = [sum(label[2] for label in stuck[:at]) for at in range(len(stuck))]
        assert by < sum(label[2] for label in labels) or [label[1] for label in stuck] == edges
        assert all(re.fullmatch(r"rgb\(.*\)", label[3]) for label in [*stuck, *heads])
        assert [(head[0], head[1]) for head in heads if head[0] == "sticky"] == [(one[0], one[1]) for one in stuck]


def test_without_its_script_the_page_keeps_the_first_label_in_view(browser, root, tmp_path):
    page = (root / "reports" / "mini" / "index.html").read_text()
    (tmp_path / "plain.html").write_text(re.sub(r"script-src '[^']*'", "script-src 'none'", page))
    browser.open((tmp_path / "plain.html").as_uri(), width=390)
    frame = "document.querySelector('.suite .scroll')"
    _, _, labels, _ = browser.evaluate(f"{SCROLLED}({frame})")
    assert labels[0][:2] == ["sticky", 0]


def test_printing_opens_what_is_folded(shown):
    closed = "document.querySelectorAll('details:not([open]):not(.claim):not(.chooser)').length"
    before = shown.evaluate(closed)
    shown.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert (before > 5, shown.evaluate(closed)) == (True, 0)
    shown.evaluate("dispatchEvent(new Event('afterprint'))")
    assert shown.evaluate(closed) == before


def test_a_hostile_crop_name_stays_a_text(browser, root):
    hostile = "</script><img src=x onerror=alert(1)>"
    params = (root / "params.yaml").read_text()
    (root / "params.yaml").write_text(params.replace("chelsea", hostile))
    try:
        (root / "reports" / "mini" / "hostile.html").write_text(render(load_study("mini", root), "make repro"))
    finally:
        (root / "params.yaml").write_text(params)
    show(browser, root / "reports" / "mini" / "hostile.html")
    assert hostile in browser.evaluate("document.getElementById('crop').textContent")
    assert not any(address.rsplit("/", 1)[-1] == "x" for address in browser.requests)
    assert browser.complaints == []


def test_the_page_with_all_of_its_figures_fits_the_screen(browser, tmp_path):
    root = synthetic.make_study(tmp_path)
    write_figures(load_study("mini", root))
    write_page(load_study("mini", root), command="make repro")
    for width in WIDTHS:
        show(browser, root / "reports" / "mini" / "index.html", width=width)
        assert browser.evaluate("document.documentElement.scrollWidth") <= width
        figures = "[...document.querySelectorAll('figure img')]"
        browser.evaluate(
            f"Promise.all({figures}.map(i => {{ i.loading = 'eager'; return i.decode() }})).then(() => true)"
        )
        assert browser.evaluate(f"{figures}.every(i => i.naturalWidth > 50)")
        assert browser.complaints == []
