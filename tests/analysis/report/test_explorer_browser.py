"""The image explorer in a real browser: one page, loaded once, and everything that moves in it."""

from pathlib import Path
from urllib.parse import unquote, urlparse

import numpy as np
import pytest
from browser import CHROMIUM, Browser
from PIL import Image
from stand_ins import with_explorer, with_figures

import synthetic
from sharploss.analysis.load import load_study
from sharploss.analysis.report.page import write_page

pytestmark = [pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed"), pytest.mark.slow]

VIEWS = "[...document.querySelectorAll('.view')].filter(v => v.clientWidth)"
BOX = "(r => [r.left, r.top, r.width, r.height])"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = with_figures(synthetic.make_study(tmp_path_factory.mktemp("explorer")))
    study = load_study("mini", root)
    with_explorer(study, {"psnr": 26.1})
    write_page(study, command="make repro")
    return root


@pytest.fixture(scope="module")
def page(root, tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    assert browser.complaints == []
    assert all(address.startswith(root.as_uri()) for address in browser.requests)
    browser.close()


@pytest.fixture
def at(page, root):
    """A function that follows a link into the explorer; the page is loaded for the first one alone."""

    def follow(link):
        address = (root / "reports" / "mini" / "index.html").as_uri()
        if not page.requests:
            page.open(f"{address}#explore?{link}")
            page.evaluate("document.documentElement.style.scrollBehavior = 'auto'")
        page.evaluate(f"location.hash = ''; location.hash = '#explore?{link}'; {WAIT.format(80)}")
        return page

    return follow


WAIT = "new Promise(done => setTimeout(done, {}))"


def files(page):
    """The files of the pictures that are in view."""
    sources = page.evaluate(f"{VIEWS}.flatMap(v => [...v.querySelectorAll('img[src]')].map(i => i.src))")
    return [Path(unquote(urlparse(source).path)).name for source in sources]


def places(page):
    """Where pictures lie in their views, and how wide they are."""
    return page.evaluate(
        f"{VIEWS}.flatMap(v => [...v.querySelectorAll('img')].map(i => [i.offsetLeft, i.offsetTop, i.offsetWidth]))"
    )


def state(page):
    page.evaluate(WAIT.format(300))  # for the address, which is written with a delay
    return dict(pair.split("=") for pair in page.evaluate("location.hash").removeprefix("#explore?").split("&"))


def pixels(page, tmp_path):
    """What is seen of the first view."""
    page.evaluate(f"Promise.all({VIEWS}.flatMap(v => [...v.querySelectorAll('img[src]')]).map(i => i.decode()))")
    page.evaluate(f"{VIEWS}[0].scrollIntoView({{block: 'center'}})")
    left, top, width, height = map(round, page.evaluate(f"{BOX}({VIEWS}[0].getBoundingClientRect())"))
    page.picture(tmp_path / "seen.png")
    with Image.open(tmp_path / "seen.png") as image:
        return np.asarray(image.convert("RGB"))[top + 3 : top + height - 3, left + 3 : left + width - 3].astype(int)


def test_a_link_says_what_is_shown(at):
    page = at("crop=face&network=espcn&panes=l2,sploss,target&zoom=3&mode=side")
    assert files(page) == ["face-l2.png", "face-sploss.png", "face-target.png"]
    assert {width for _, _, width in places(page)} == {288}
    scores = page.evaluate("[...document.querySelectorAll('.pane:not([hidden]) .scores')].map(s => s.textContent)")
    assert "PSNR (RGB)" in scores[0]
    assert scores[2] == "The target itself"
    page = at("crop=eye&network=edsr&left=l1&right=SPLoss%20(%CE%B1%202)")
    assert files(page) == ["eye-l1.png", "eye-sploss.png"]
    page = at("crop=nonsense&network=&panes=l1,sploss,x,l1,l1&zoom=x&mode=x")
    assert files(page) == ["wall-edsr-l1.webp"] * 3  # the first crop's only picture; of the second pane it says so
    assert "PSNR 26.10 dB" in page.evaluate("document.querySelector('.scores').textContent")
    told = "[...document.querySelectorAll('.view .gone')].filter(g => g.offsetWidth).map(g => g.textContent)"
    gone = page.evaluate(told)
    assert len(gone) == 1
    assert gone[0].startswith("SPLoss (\N{GREEK SMALL LETTER ALPHA} 2) is not shown of this crop: it was left out. ")
    page = at("crop=eye&network=edsr&right=l1")  # the baseline's own
    assert files(page) == ["eye-l1.png", "eye-target.png"]


def test_what_is_seen_is_read_out(at):
    def named(link):
        nodes = at(link).send("Accessibility.getFullAXTree")["nodes"]
        images = [node for node in nodes if node.get("role", {}).get("value") in ("img", "image")]
        return [node["name"]["value"] for node in images if "EDSR, " in node["name"]["value"]]

    side = named("crop=eye&network=edsr&panes=l1,target")
    assert side == ["L1, EDSR, eye (chelsea)", "Target, EDSR, eye (chelsea)"]
    slider = named("crop=eye&network=edsr&panes=l1,target&mode=slider")
    assert slider == ["Left L1, right Target; EDSR, eye (chelsea)"]
    (_, missing) = named("crop=wall&network=edsr&panes=l1,sploss")
    assert "is not shown of this crop: it was left out." in missing


def test_the_address_follows_what_is_chosen(at):
    page = at("crop=eye&network=edsr&panes=l1,l2")
    page.evaluate(
        "(s => { s.value = [...s.options].find(o => o.text === 'Target').value; s.dispatchEvent(new Event('change')) })"
        "(document.getElementById('pane-2'))"
    )
    page.evaluate("document.getElementById('in').click()")
    zoom = page.evaluate("parseFloat(document.getElementById('zoom').textContent)")
    wanted = {"crop": "eye", "network": "edsr", "panes": "l1,target", "zoom": str(zoom), "mode": "side"}
    assert state(page) == wanted
    page.evaluate("document.querySelectorAll('#sheet button')[1].click()")
    assert state(page)["panes"] == "l1,bicubic"
    pressed = page.evaluate("[...document.querySelectorAll('#sheet [aria-pressed=true]')].map(b => b.textContent)")
    assert pressed == ["Bicubic", "L1"]


def test_views_move_and_zoom_together(at):
    page = at("crop=eye&network=edsr&panes=l1,l2,sploss,target&zoom=16")
    before = places(page)
    assert len({tuple(place) for place in before}) == 1
    page.evaluate(f"{VIEWS}[0].scrollIntoView({{block: 'center'}})")
    left, top, width, height = page.evaluate(f"{BOX}({VIEWS}[0].getBoundingClientRect())")
    page.drag((left + width / 2, top + height / 2), (left + width / 2 - 40, top + height / 2 + 24))
    after = places(page)
    assert after[0] == [before[0][0] - 40, before[0][1] + 24, before[0][2]]
    assert len({tuple(place) for place in after}) == 1
    # A picture that is clicked has the focus: arrows move, the wheel zooms about the pointer, keys zoom.
    page.press("ArrowRight")
    assert abs(places(page)[3][0] - (after[0][0] - 0.1 * width)) < 2
    page.evaluate(
        f"(v => v.dispatchEvent(new WheelEvent('wheel', {{deltaY: 100, clientX: {left + 30}, clientY: {top + 30},"
        f" cancelable: true, bubbles: true}})))({VIEWS}[0])"
    )
    assert {place[2] for place in places(page)} == {15 * 96}
    page.press("0")
    assert state(page).get("zoom") is None
    width = page.evaluate(f"Math.min(...{VIEWS}.map(v => Math.min(v.clientWidth, v.clientHeight)))")
    assert {place[2] for place in places(page)} == {96 * max(1, width // 96)}


def test_two_fingers_zoom(at):
    page = at("crop=eye&network=edsr&panes=l1,l2&zoom=4")
    page.evaluate(f"{VIEWS}[0].scrollIntoView({{block: 'center'}})")
    left, top, width, height = page.evaluate(f"{BOX}({VIEWS}[0].getBoundingClientRect())")
    x, y = left + width / 2, top + height / 2

    def touch(kind, apart):
        points = [{"x": x - apart, "y": y, "id": 1}, {"x": x + apart, "y": y, "id": 2}] if apart else []
        page.send("Input.dispatchTouchEvent", type=kind, touchPoints=points)

    touch("touchStart", 30)
    touch("touchMove", 45)
    touch("touchMove", 60)
    touch("touchEnd", 0)
    assert {round(place[2] / 96) for place in places(page)} == {8}


def test_the_slider_shows_one_beside_the_other(at, tmp_path):
    page = at("crop=eye&network=edsr&panes=target,bicubic&mode=slider")
    assert files(page) == ["eye-target.png", "eye-bicubic.png"]
    half = pixels(page, tmp_path)
    at_the_line = "document.getElementById('stage').style.getPropertyValue('--at')"
    where = f"[+document.getElementById('slider').value, {at_the_line}]"
    page.evaluate("document.getElementById('slider').focus()")
    page.press("End")
    assert page.evaluate(where) == [100, "100%"]
    left = pixels(page, tmp_path)
    page.press("Home")
    right = pixels(page, tmp_path)
    middle = half.shape[1] // 2
    assert np.array_equal(half[:, : middle - 4], left[:, : middle - 4])
    assert np.array_equal(half[:, middle + 4 :], right[:, middle + 4 :])
    assert not np.array_equal(left, right)
    x, y, width, height = page.evaluate(f"{BOX}(document.getElementById('stage').getBoundingClientRect())")
    page.drag((x + width * 0.5, y + height / 2), (x + width * 0.75, y + height / 2))
    assert abs(page.evaluate(where)[0] - 75) <= 1


def test_blinking_and_its_keys(at, tmp_path):
    page = at("crop=eye&network=edsr&panes=target,bicubic&mode=side")
    page.evaluate(f"{VIEWS}[0].focus()")
    page.press("b")
    assert state(page)["mode"] == "blink"
    page.press(" ")  # by hand, which stops the clock
    names, seen = [], []
    for _ in range(2):
        names.append(page.evaluate("document.getElementById('tag').textContent"))
        seen.append(pixels(page, tmp_path))
        page.press(" ")
    assert sorted(names) == ["Bicubic", "Target"]
    assert not np.array_equal(*seen)
    page.evaluate("document.getElementById('pause').click()")
    shown = "document.getElementById('tag').textContent"
    first = page.evaluate(shown)
    assert page.evaluate(f"{WAIT.format(900)}.then(() => {shown})") != first
    page.press("d")
    assert state(page)["mode"] == "difference"
    page.press("Escape")
    assert state(page)["mode"] == "side"


def test_the_difference_is_black_where_both_are_the_same(at, tmp_path):
    assert pixels(at("crop=eye&network=edsr&panes=target,bicubic&mode=difference"), tmp_path).max() > 40
    assert pixels(at("crop=eye&network=edsr&panes=l1,l1&mode=difference"), tmp_path)[40:].max() == 0


@pytest.mark.parametrize("count", [2, 4])
def test_a_phone_holds_it(at, count):
    page = at(f"crop=eye&network=edsr&panes={','.join(['l1', 'l2', 'sploss', 'target'][:count])}")
    page.send("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=1, mobile=True)
    page.evaluate(WAIT.format(200))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    boxes = page.evaluate(f"{VIEWS}.map(v => {BOX}(v.getBoundingClientRect()))")
    assert len(boxes) == count
    assert all(height > 90 and width > 90 for _, _, width, height in boxes)
    assert boxes[-1][1] + boxes[-1][3] - boxes[0][1] < 844  # all in one screen


def test_a_link_lands_on_the_explorer_however_late_what_is_above_it_loads(page, root):
    address = (root / "reports" / "mini" / "index.html").as_uri()
    page.open("about:blank")
    page.open(f"{address}#explore?crop=eye&panes=l1,target", width=390, height=844)
    box = "document.getElementById('explorer').getBoundingClientRect()"
    top = page.evaluate(f"{WAIT.format(100)}.then(() => {box}.top)")
    assert abs(top - 56) < 8  # below the bar
