"""The page of `explain --html` in a real browser: every step clicked, every number compared.

It needs Debian's chromium and chromium-driver, and Selenium (the extra `browser`).
"""

import json
import shutil

import numpy as np
import pytest

from minigrad import Tensor, nn, study
from minigrad import functions as F
from minigrad.study import samples
from minigrad.study.explain_html import as_html
from tests.study.printed import cross_entropy_network
from tests.study.test_explain_html import network_page

webdriver = pytest.importorskip("selenium.webdriver", reason="needs minigrad[browser]")
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="needs Debian's chromium and chromium-driver"
)
FLAGS = (
    "headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run",
    "disable-background-networking", "disable-component-update", "disable-sync",
)  # fmt: skip
STEPS = ["given", "f1", "f2", "f3", "f4", "b4", "b3", "b2", "b1", "check", "step"]


def start(profile, javascript=True):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"user-data-dir={profile}"):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    if not javascript:
        blocked = {"profile.managed_default_content_settings.javascript": 2}
        options.add_experimental_option("prefs", blocked)
    return webdriver.Chrome(options=options, service=Service(DRIVER))


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(network_page(2), "utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    driver = start(tmp_path_factory.mktemp("profile"))
    yield driver
    driver.quit()


@pytest.fixture
def page(browser, address):
    look(browser, 1000, "light")
    browser.get("about:blank")
    browser.get_log("browser"), browser.get_log("performance")
    browser.get(address)
    return browser


def look(browser, width, scheme):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})


def shown(browser):
    """Return the ids of the sections that can be seen."""
    sections = browser.find_elements(By.CSS_SELECTOR, "main > section")
    return [section.get_attribute("id") for section in sections if section.is_displayed()]


def tables(browser, within="main"):
    """Return name and numbers of the arrays that can be seen: as printed, and exact."""
    script = """
        return [...document.querySelectorAll(arguments[0] + " table")]
            .filter((table) => table.checkVisibility())
            .map((table) => [table.dataset.name, [...table.rows].map((row) =>
                [...row.querySelectorAll("data")].map((d) => [d.textContent, d.value]))])"""
    found = browser.execute_script(script, within)
    return [(name, [row for row in rows if row]) for name, rows in found]


def test_every_step_is_clicked_and_every_number_is_that_of_plain_numpy(page):
    model, x, t = samples.fixed_network("relu")
    exact = cross_entropy_network(x[:2], t[:2], *(p.data for p in model.parameters()))
    seen = set()
    for number, step in enumerate(STEPS, 1):
        assert shown(page) == [step]
        where = page.find_element(By.ID, "where").text
        assert where.startswith(f"{number} of {len(STEPS)}: ")
        for button in page.find_elements(By.CSS_SELECTOR, "section.now .ask [type=button]"):
            button.click()
        for closed in page.find_elements(
            By.CSS_SELECTOR, "section.now details:not([open]) > summary"
        ):
            if closed.is_displayed():  # one may be inside another
                page.execute_script("arguments[0].scrollIntoView({block: 'center'})", closed)
                closed.click()
        for name, rows in tables(page):
            numbers = np.array([[float(value) for _, value in row] for row in rows])
            np.testing.assert_allclose(numbers, np.atleast_2d(exact[name]), rtol=1e-12, atol=1e-15)
            for text, value in (cell for row in rows for cell in row):
                assert text.replace("−", "-") == f"{float(value) + 0.0:.4g}"
            seen.add((step, name))
        if step != STEPS[-1]:
            page.find_element(By.ID, "next").click()
    assert {name for _, name in seen} == {*exact}
    assert ("b3", "gh1") in seen and ("b2", "gh1") in seen
    assert not page.find_element(By.ID, "next").is_enabled()
    for step in reversed(STEPS[:-1]):
        page.find_element(By.ID, "back").click()
        assert shown(page) == [step]
    assert not page.find_element(By.ID, "back").is_enabled()
    _quiet(page)


def _quiet(page):
    """Assert that the page logged nothing and asked for nothing but itself."""
    assert page.get_log("browser") == []
    messages = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    sent = [m["params"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    asked = [params["request"]["url"] for params in sent]
    assert all(url.startswith(("file:", "data:,", "about:")) for url in asked)
    assert len([url for url in asked if url.startswith("file:")]) == 1
    assert page.execute_script("return performance.getEntriesByType('resource').length") == 0


def test_arrow_keys_step_unless_a_number_is_typed(page):
    body = page.find_element(By.TAG_NAME, "body")
    for step in STEPS[1:7]:
        body.send_keys(Keys.ARROW_RIGHT)
        assert shown(page) == [step]
    field = page.find_element(By.CSS_SELECTOR, "section.now input")
    field.send_keys("1" + Keys.ARROW_LEFT + Keys.ARROW_RIGHT)
    assert shown(page) == [STEPS[6]]
    body.send_keys(Keys.ARROW_LEFT)
    assert shown(page) == [STEPS[5]]
    body.send_keys(Keys.ALT + Keys.ARROW_RIGHT)
    assert shown(page) == [STEPS[5]]
    _quiet(page)


def test_a_gradient_is_shown_after_the_right_number(page):
    page.find_element(By.CSS_SELECTOR, 'svg a[href="#b3"]').click()
    assert shown(page) == ["b3"]
    assert page.find_element(By.CSS_SELECTOR, 'svg a[href="#b3"]').get_attribute("aria-current")
    assert {name for name, _ in tables(page, "section.now")} == {"gz2"}
    form = page.find_element(By.CSS_SELECTOR, "section.now .ask")
    field, said = form.find_element(By.TAG_NAME, "input"), form.find_element(By.TAG_NAME, "output")
    for typed, answer in [
        ("", "Write a number, such as -0.25."),
        ("a lot", "Write a number, such as -0.25."),
        ("5", "Not yet. Put the numbers into the rule."),
        ("0.683", "The size is right, the sign is not."),
        ("-0.683", "Right."),
    ]:
        assert "gh1" not in {name for name, _ in tables(page, "section.now")}
        field.clear()
        field.send_keys(typed + Keys.ENTER)
        assert said.text == answer
    assert "gh1" in {name for name, _ in tables(page, "section.now")}
    field.clear()
    field.send_keys("−0,683" + Keys.ENTER)  # as some write it
    assert said.text == "Right."
    _quiet(page)


def test_a_link_to_a_step(page, address):
    page.get("about:blank")
    page.get(f"{address}#b2")
    assert shown(page) == ["b2"]
    page.get(f"{address}#nothing")
    assert len(shown(page)) == 1


def test_it_opens_at_its_top(page, address):
    look(page, 400, "light")
    page.get("about:blank")
    page.get(address)
    assert page.execute_script("return document.body.scrollHeight > innerHeight && scrollY === 0")


def test_without_javascript_everything_is_there(tmp_path, address):
    driver = start(tmp_path, javascript=False)
    try:
        driver.get(address)
        text = driver.find_element(By.TAG_NAME, "body").text
        sections = driver.find_elements(By.CSS_SELECTOR, "main > section")
        assert [s.get_attribute("id") for s in sections] == STEPS
        assert all(section.is_displayed() for section in sections)
        assert all(a.is_displayed() for a in driver.find_elements(By.CSS_SELECTOR, ".answer"))
        assert not any(a.is_displayed() for a in driver.find_elements(By.CSS_SELECTOR, ".ask, nav"))
        assert "−0.4566" in text and "Σ" in text
    finally:
        driver.quit()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1600])
def test_it_fits_and_can_be_read(page, width, scheme):
    look(page, width, scheme)
    page.execute_script(OPENED)
    for step in STEPS:
        page.execute_script(f"location.hash = '{step}'; show(named())")
        assert wide(page) <= 0, step
        assert page.execute_script(CONTRAST) >= 4.5, step
    background = page.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(21, 23, 27)"}[scheme]


OPENED = "document.querySelectorAll('.answer').forEach((a) => a.classList.add('open'))"

# The sentences with formulas that do not wrap, and have to be scrolled.
CUT = """
    return [...document.querySelectorAll("section.now .formula")]
        .filter((p) => p.checkVisibility() && p.scrollWidth > p.clientWidth)
        .map((p) => p.textContent).filter((text) => text.split(/\\b[a-z]{3,}\\b/).length > 4);
"""


def wide(browser):
    """Return by how many pixels the page is wider than the window."""
    return browser.execute_script("return document.documentElement.scrollWidth - innerWidth")


# The least contrast of a text with what is behind it, by the formula of WCAG 2.
CONTRAST = """
    const parse = (text) => {
        const numbers = text.match(/[\\d.]+/g).map(Number);
        return text.startsWith("color(srgb") ? numbers.map((v, i) => i < 3 ? v * 255 : v) : numbers;
    };
    const light = (rgb) => {
        const [r, g, b] = rgb.slice(0, 3).map((v) => v / 255)
            .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (element) => {
        for (; element; element = element.parentElement) {
            const colour = parse(getComputedStyle(element).backgroundColor);
            if (colour.length === 3 || colour[3] > 0) return colour;
        }
        return [255, 255, 255];
    };
    let least = 21;
    for (const element of document.querySelectorAll(
            "td, th, p, h1, h2, h3, summary, code, button:enabled, figcaption span, math")) {
        if (!element.checkVisibility() || !element.textContent) continue;
        const a = light(parse(getComputedStyle(element).color)), b = light(behind(element));
        least = Math.min(least, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05));
    }
    return least;
"""


def other_page(model, x):
    t, loss = np.arange(len(x)) % 3, nn.CrossEntropy()
    f = lambda x: loss(model(x), t)  # noqa: E731
    return as_html(study.trace(f, [Tensor(x)], module=model))


def batch_norm_page(training):
    model = nn.mlp(3, [4], 3, batch_norm=True, rng=0, dtype=np.float64)
    model.train(training)
    return other_page(model, np.random.default_rng(0).standard_normal((4, 3)))


def convolution_page():
    model = nn.cnn((1, 8, 8), [2, 3], [], 3, rng=0, dtype=np.float64)
    return other_page(model, np.random.default_rng(0).standard_normal((2, 64)))


def long_numbers_page():
    return as_html(study.trace(lambda x: F.sum(F.exp(x)) * 1e-7, [np.array([0.1, 0.2])]))


@pytest.mark.parametrize(
    ("text", "op"),
    [
        (lambda: batch_norm_page(True), "BatchNorm"),
        (lambda: batch_norm_page(False), "Reshape"),
        (convolution_page, "MaxPool"),
        (long_numbers_page, "Mul"),
    ],
    ids=["batch norm", "its running statistics", "convolution", "long numbers"],
)
def test_other_networks_fit_into_400_pixels(browser, tmp_path, text, op):
    path = tmp_path / "page.html"
    path.write_text(text(), "utf-8")
    look(browser, 400, "light")
    browser.get(path.as_uri())
    browser.execute_script(OPENED)
    assert op in browser.find_element(By.CSS_SELECTOR, ".graph").text
    for step in browser.execute_script("return steps.map((step) => step.id)"):
        browser.execute_script(f"location.hash = '{step}'; show(named())")
        assert wide(browser) <= 0, step
        assert browser.execute_script(CUT) == [], step


def test_in_print_everything_is_there_and_then_closed_again(page):
    count = "document.querySelectorAll('details:not([open])').length"
    own = page.find_element(By.CSS_SELECTOR, "section.now details")
    own.find_element(By.TAG_NAME, "summary").click()  # what the reader has opened stays open
    before = page.execute_script(f"return {count}")
    page.execute_script(f"addEventListener('beforeprint', () => {{ window.seen = {count}; }})")
    page.print_page()
    assert page.execute_script("return window.seen") == 0
    assert page.execute_script(f"return {count}") == before > 20
    assert own.get_attribute("open")


def test_it_can_be_used_by_keyboard_and_read_aloud(page):
    reached = []
    page.find_element(By.CSS_SELECTOR, "svg a").send_keys("")  # begin there
    for _ in range(12):
        element = page.switch_to.active_element
        reached.append(element.get_attribute("aria-label") or element.text)
        element.send_keys(Keys.TAB)
    for name in ("Step 1, Linear, forward", "Step 4, CrossEntropy, backward", "Next →"):
        assert name in reached
    tree = page.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    named = {
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in tree
        if not node["ignored"]
    }
    assert ("navigation", "Steps") in named and ("region", "x, shape (2, 2)") in named
    roles = {role for role, _ in named}
    assert {"status", "heading", "main", "table"} <= roles
    fields = [name for role, name in named if role == "textbox"]
    assert all(name.startswith("What is g") for name in fields)
