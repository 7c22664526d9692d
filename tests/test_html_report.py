"""What the HTML report shows: its figures are the JSON's, it asks nothing of a network, and no data breaks out of it."""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from charger_triage.adapters.files import read_bundle
from charger_triage.adapters.report.html import diagnosis_html
from charger_triage.adapters.report.telemetry_columns import thinned
from charger_triage.adapters.report.wording import decibans, percent
from charger_triage.engine import Diagnosis, Triage
from charger_triage.knowledge import TriageKnowledge

from .test_reports import HOSTILE, everywhere

EXAMPLES = sorted(path for path in (Path(__file__).parent.parent / "examples").iterdir() if path.name.startswith("f0"))
SCRIPTED = [
    "</script><script>window.__pwned = 1</script>",
    "<!--<script>",
    "<img src=x onerror='window.__pwned = 1'><svg onload='window.__pwned = 1'>",
    "\"' onfocus=window.__pwned=1 autofocus x='",
    "{{ 7 * 7 }}{% raw %}",
    "datum.value; window.__pwned = 1",
    "javascript:window.__pwned=1",
]
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")


@dataclass
class Browser:
    """A headless Chromium that shows pages from a folder of its own and remembers what they asked for and complained of."""

    driver: webdriver.Chrome
    folder: Path

    def open(self, page: str, *, width: int = 1200, scheme: str = "light", media: str = "") -> None:
        """Show a page, and wait until its charts are drawn."""
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600},
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
        for kind in ("browser", "performance"):
            self.driver.get_log(kind)  # type: ignore[no-untyped-call]
        file = self.folder / "page.html"
        file.write_bytes(page.encode())
        self.driver.get(file.as_uri())
        WebDriverWait(self.driver, 60).until(lambda _: self.run("return document.documentElement.dataset.drawn"))

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script returns on the page."""
        return self.driver.execute_script(script, *arguments)

    def complaints(self) -> list[str]:
        """Everything on the console since the page was opened."""
        return [entry["message"] for entry in self.driver.get_log("browser")]  # type: ignore[no-untyped-call]

    def requests(self) -> list[str]:
        """Every address asked for since the page was opened, the page itself and data: left out."""
        addresses = []
        for entry in self.driver.get_log("performance"):  # type: ignore[no-untyped-call]
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                addresses.append(message["params"]["request"]["url"])
        return [a for a in addresses if not a.endswith("/page.html") and not a.startswith("data:")]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Debian's Chromium; without it these tests are skipped."""
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("no chromium and chromedriver here (Debian: apt-get install chromium chromium-driver)")
    options = Options()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        yield Browser(driver, tmp_path_factory.mktemp("pages"))
    finally:
        driver.quit()


@pytest.fixture(scope="module")
def page_of(triage: Triage) -> Callable[[Path], tuple[str, Diagnosis]]:
    """The page of an example with its diagnosis, made once."""
    made: dict[Path, tuple[str, Diagnosis]] = {}

    def make(path: Path) -> tuple[str, Diagnosis]:
        if path not in made:
            bundle = read_bundle(path)
            diagnosis = triage.diagnose(bundle)
            made[path] = diagnosis_html(diagnosis, bundle), diagnosis
        return made[path]

    return make


PageOf = Callable[[Path], tuple[str, Diagnosis]]
each_example = pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)


def example(name: str) -> Path:
    """The example whose name begins so."""
    return next(path for path in EXAMPLES if path.name.startswith(name))


READ_PAGE = """
const text = (e) => e ? e.textContent.replace(/\\s+/g, " ").trim() : null;
const duplicates = (all) => all.filter((one, place) => all.indexOf(one) !== place);
const nameless = [...document.querySelectorAll("svg, img")].filter((e) =>
  !e.closest("[aria-hidden=true]") && !e.getAttribute("aria-label") && !e.getAttribute("aria-labelledby"));
return {
  json: JSON.parse(document.getElementById("diagnosis").textContent),
  incidents: [...document.querySelectorAll("article.incident")].map((card) => ({
    causes: [...card.querySelectorAll(".causes li")].map((row) => ({
      id: row.dataset.cause, share: text(row.querySelector(".share")), score: text(row.querySelector(".score")),
      bar: Number(row.querySelector(".part").getAttribute("width")), says: row.querySelector(".bar").getAttribute("aria-label")})),
    evidence: [...card.querySelectorAll(".evidence")].map((list) => [...list.querySelectorAll(":scope > li")].map((item) => ({
      db: text(item.querySelector(".db")), counted: !item.classList.contains("uncounted"),
      statement: text(item.querySelector(".statement"))}))),
    sums: [...card.querySelectorAll(".sum")].map(text),
    outcomes: [...card.querySelectorAll(".outcomes .stack")].map((stack) => stack.getAttribute("aria-label")),
  })),
  charts: [...document.querySelectorAll(".chart")].map((box) => ({
    words: box.querySelector("svg")?.getAttribute("aria-label"), shapes: box.querySelectorAll("svg .mark-symbol path, svg .mark-rect path, svg .mark-line path").length})),
  headings: [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].map((h) => Number(h.tagName[1])),
  duplicates: duplicates([...document.querySelectorAll("[id]")].map((e) => e.id).filter((id) => id !== "")),
  nameless: nameless.map((e) => e.outerHTML.slice(0, 200)),
  dangling: [...document.querySelectorAll("a[href^='#']")].map((a) => a.hash.slice(1)).filter((id) => !document.getElementById(id)),
  wide: document.documentElement.scrollWidth,
};
"""


@each_example
def test_a_page_shows_the_figures_of_its_json(browser: Browser, page_of: PageOf, path: Path) -> None:
    """Every cause's share, prior, score and bar, every weight, sum and outcome stand on the page as the diagnosis has them."""
    page, diagnosis = page_of(path)
    browser.open(page)
    read = browser.run(READ_PAGE)
    embedded = Diagnosis.model_validate(read["json"])
    assert {incident.incident_id for incident in embedded.incidents} <= {i.incident_id for i in diagnosis.incidents}
    assert len(read["incidents"]) == len(embedded.incidents) > 0
    originals = {incident.incident_id: incident for incident in diagnosis.incidents}
    for incident, shown in zip(embedded.incidents, read["incidents"], strict=True):
        assert incident == originals[incident.incident_id]
        *causes, rest = shown["causes"]
        assert [cause["id"] for cause in causes] == [h.cause_id for h in incident.hypotheses]
        assert rest["share"] == percent(incident.undocumented_probability or 0.0)
        for place, (cause, hypothesis) in enumerate(zip(causes, incident.hypotheses, strict=True)):
            prior, score = (decibans(db, sign=False) for db in (hypothesis.prior_db, hypothesis.score_db))
            assert cause["share"] == percent(hypothesis.probability)
            assert cause["score"] == f"prior {prior} dB, score {score} dB"
            assert cause["bar"] == pytest.approx(hypothesis.probability * 100, abs=0.006)
            assert cause["says"].endswith(percent(hypothesis.probability))
            assert shown["sums"][place].endswith(f"= {score} dB")
        told = [item for list_ in shown["evidence"] for item in list_]
        weights = [(decibans(e.weight_db) + " dB", e.counted) for h in incident.hypotheses for e in h.evidence]
        assert sorted((item["db"], item["counted"]) for item in told) == sorted(weights)
        outcomes = [outcome for check in incident.next_checks for outcome in check.outcomes]
        assert len(shown["outcomes"]) == len(outcomes)
        for says, outcome in zip(shown["outcomes"], outcomes, strict=True):
            assert says.split("; ")[0].endswith(percent(outcome.probabilities[incident.hypotheses[0].cause_id]))


@each_example
def test_a_page_renders_alone_and_is_well_built(browser: Browser, page_of: PageOf, path: Path) -> None:
    """No complaint on the console, no request, every chart drawn and named, ids unique, no dead link, headings in order."""
    page, _ = page_of(path)
    browser.open(page, width=360)
    assert browser.run("return document.documentElement.dataset.drawn") == "yes"
    read = browser.run(READ_PAGE)
    assert browser.complaints() == []
    assert browser.requests() == []
    assert read["charts"]
    assert all(chart["shapes"] and chart["words"] for chart in read["charts"])
    assert (read["duplicates"], read["nameless"], read["dangling"]) == ([], [], [])
    assert read["headings"][0] == 1
    assert all(after - before <= 1 for before, after in zip(read["headings"], read["headings"][1:], strict=False))
    assert read["wide"] == 360


CONTRAST = """
const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
  .reduce((sum, c, place) => sum + c * [0.2126, 0.7152, 0.0722][place], 0);
const ground = (e) => { for (let at = e; at; at = at.parentElement) {
  const c = parse(getComputedStyle(at).backgroundColor); if (c.length === 3 || c[3] === 1) return c; } return [255, 255, 255]; };
const bad = new Set();
for (const e of document.querySelectorAll("body *")) {
  if (e.closest("script, style, title, .skip, noscript") || ![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())) continue;
  let ink = getComputedStyle(e).color, back = ground(e);
  if (e.closest("svg")) {
    ink = getComputedStyle(e).fill;
    const box = e.closest(".box");
    if (box) back = parse(getComputedStyle(box.querySelector("rect")).fill);
    if (ink === "none" || !e.textContent.trim() || getComputedStyle(e).opacity === "0") continue;
  }
  const [a, b] = [light(parse(ink)), light(back)].sort((x, y) => y - x);
  if ((a + 0.05) / (b + 0.05) < 4.5) bad.add(`${e.tagName}.${e.getAttribute("class")} ${ink} on ${back}: ${e.textContent.trim().slice(0, 40)}`);
}
return [...bad];
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["f0204", "f0302"])
def test_text_stands_out_in_light_and_dark(browser: Browser, page_of: PageOf, name: str, scheme: str) -> None:
    """All text has a contrast of 4.5 to 1 at least (WCAG 2.2, AA), in the charts too."""
    browser.open(page_of(example(name))[0], scheme=scheme)
    ground = browser.run("return getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(243, 245, 247)") == (scheme == "light")
    assert browser.run(CONTRAST) == []


def test_evidence_and_timeline_lead_to_each_other(browser: Browser, page_of: PageOf) -> None:
    """Enter on a piece of evidence moves the focus to its mark and lights all its records; Enter there leads back."""
    browser.open(page_of(example("f0204"))[0])
    link = browser.driver.find_element(By.CSS_SELECTOR, ".to-timeline a")
    link.send_keys(Keys.ENTER)
    focus = "return [document.activeElement.tagName, document.activeElement.getAttribute('aria-label')]"
    tag, label = browser.run(focus)
    assert tag == "path"
    assert re.match(r"telemetry\[\d+\], 2026-05-12 .*: fan speed 0 rpm", label)
    assert browser.run("return document.querySelectorAll('.chart path.lit').length") >= 2
    assert "highlighted" in label or label in browser.run("return document.querySelector('.live').textContent")
    browser.driver.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    _, neighbour = browser.run(focus)
    assert neighbour.startswith("telemetry[")
    assert neighbour != label
    browser.driver.switch_to.active_element.send_keys(Keys.ENTER)
    anchor = browser.run("return document.activeElement.id")
    assert re.fullmatch(r"incident-1-cause-\d-evidence-\d+", anchor)


def test_what_is_folded_is_printed(browser: Browser, page_of: PageOf) -> None:
    """On paper every piece of evidence stands open, and nothing is dark."""
    browser.open(page_of(example("f0204"))[0], scheme="dark", media="print")
    browser.run("window.dispatchEvent(new Event('beforeprint'))")
    assert browser.run("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.run("return document.querySelectorAll('details:not([open])').length") == 0
    hidden = (
        "return [...document.querySelectorAll('.evidence .statement')].filter((e) => !e.getClientRects().length).length"
    )
    assert browser.run(hidden) == 0


TOLD = [
    ("f0203", r"<b>Connector temperature, °C</b>.*60 °C"),
    ("f0203", r"dictionary F-0203"),
    ("f0204", r"Begin there:</b> the root is <a href=\"#incident-2\">DC360-03/-/F-0601"),
    ("f0421", r"Of 9 other chargers in these records with firmware 3\.0\.1, 9 report it"),
    ("f0421", r"9 more incidents of the kinds listed here are left out of this page"),
    ("f0301", r"7 of 7 other chargers of the site report F-0301"),
    ("f0204", r"Listen to the fan.*grinding</span> <span class=\"soft\">\(chance \d+\.\d%\)"),
]


@pytest.mark.parametrize(("name", "pattern"), TOLD)
def test_a_page_tells_what_a_reader_asks(page_of: PageOf, name: str, pattern: str) -> None:
    """Thresholds, sources, the root incident, the fleet, and what was left out stand on the page."""
    assert re.search(pattern, page_of(example(name))[0], re.S)


def test_the_order_of_records_changes_no_byte(triage: Triage) -> None:
    """The same records in another order give the same page."""
    document = json.loads(example("f0204").read_text())
    turned = {key: value[::-1] if isinstance(value, list) else value for key, value in document.items()}
    pages = []
    for version in (document, turned):
        bundle = read_bundle(io.StringIO(json.dumps(version)))
        pages.append(diagnosis_html(triage.diagnose(bundle), bundle, asked="DC360-03"))
    assert pages[0] == pages[1]
    assert "for DC360-03" in pages[0]


def test_a_page_shows_what_its_diagnosis_saw(triage: Triage, knowledge: TriageKnowledge) -> None:
    """What came after `as_of` is neither drawn nor counted, and a standard's code is none that the knowledge does not document."""

    def fault(device: str, minute: int, code: str) -> dict[str, Any]:
        data = {"fault_code": code, "fault_message": f"told in minute {minute}"}
        moment = f"2026-05-12T12:{minute:02}:00Z"
        return {"timestamp": moment, "device_id": device, "connector_id": 1, "event_type": "fault", "data": data}

    document = {
        "devices": [{"device_id": device, "site_id": "S"} for device in ("TP-001", "TP-002")],
        "events": [
            *(fault("TP-001", minute, "F-0421") for minute in (0, 20)),
            fault("TP-002", 1, "HighTemperature"),
            fault("TP-002", 21, "F-0421"),
        ],
    }
    bundle = read_bundle(io.StringIO(json.dumps(document)))
    without_high_temperature = replace(knowledge, faults={"F-0421": knowledge.faults["F-0421"]})
    as_of = datetime(2026, 5, 12, 12, 10, tzinfo=UTC).timestamp()
    page = diagnosis_html(Triage(without_high_temperature).diagnose(bundle, as_of=as_of), bundle, as_of=as_of)
    assert "0 of 1 other charger of the site report F-0421" in page
    assert "F-0204" not in page
    assert not re.search(r"12:2[01]|minute 2[01]", page)
    everything = diagnosis_html(triage.diagnose(bundle), bundle)
    assert re.search(r"<td>F-0204</td>", everything)
    assert "told in minute 20" in everything


def test_neighbours_are_counted_whichever_charger_is_diagnosed(triage: Triage) -> None:
    """What other chargers show counts where only one was asked for, and no event reports it."""
    bundle = read_bundle(example("f0301"))
    whole = triage.diagnose(bundle)
    device = next(incident.device_id for incident in whole.incidents if incident.fault_code == "F-0301")
    for diagnosis in (whole, triage.diagnose(bundle, device_id=device)):
        assert "7 of 7 other chargers of the site report F-0301" in diagnosis_html(diagnosis, bundle)


def hostile_bundle(text: str) -> dict[str, Any]:
    """Records with a text in every place that takes one, around a fault with much evidence."""
    document: dict[str, Any] = json.loads(example("f0204").read_text())
    device = f"{text}!".encode(
        "utf-8", "replace"
    ).decode()  # half a character is no name, and the records would be skipped
    named: dict[str, Any] = json.loads(json.dumps(document).replace('"DC360-03"', json.dumps(device)))
    for record in named["events"]:
        record["data"] = {**record.get("data", {}), "fault_message": text, "details": {"note": text}}
    named["commands"] = [
        {
            "command_id": "1",
            "device_id": device,
            "command": text,
            "status": "completed",
            "created_at": "2026-05-12T11:58:00Z",
        }
    ]
    named["connections"] = [
        {"device_id": device, "timestamp": "2026-05-12T11:57:00Z", "transition": "offline", "reason": text}
    ]
    named["service_visits"] = [{"device_id": device, "timestamp": "2026-05-12T11:56:00Z", "work": text}]
    named["events"] += [
        {"timestamp": f"2026-05-12T11:5{n}:00Z", "device_id": device, "event_type": kind, "data": {"reason": text}}
        for n, kind in enumerate((text, "stop", "alarm"))
    ]
    named["events"].append(
        {
            "timestamp": "2026-05-12T11:59:00Z",
            "device_id": device,
            "event_type": "fault",
            "data": {"fault_code": "X-77", "a": text},
        }
    )
    return named


@pytest.mark.parametrize("text", [*SCRIPTED, *HOSTILE], ids=range(len([*SCRIPTED, *HOSTILE])))
def test_no_data_breaks_out_of_the_page(browser: Browser, triage: Triage, text: str) -> None:
    """Whatever the records and texts hold, no script of theirs runs, no element of theirs stands, and the page is whole."""
    bundle = read_bundle(io.StringIO(json.dumps(hostile_bundle(text))))
    with_records = triage.diagnose(bundle)
    for diagnosis in (with_records, everywhere(text)):
        page = diagnosis_html(diagnosis, bundle, asked=text)
        browser.open(page)
        assert browser.run("return document.documentElement.dataset.drawn") == "yes"
        assert browser.run("return window.__pwned === undefined")
        assert (
            browser.run(
                "return document.querySelectorAll('img, iframe, object, base, form, [onload], [onerror], [onfocus]').length"
            )
            == 0
        )
        assert browser.run("return document.scripts.length") == page.count("<script")
        assert browser.run("return [...document.links].every((a) => a.getAttribute('href').startsWith('#'))")
        assert browser.run("return JSON.parse(document.getElementById('diagnosis').textContent).incidents.length") > 0
        assert browser.complaints() == []
        assert browser.requests() == []


def test_a_fleet_fits_on_a_page(triage: Triage) -> None:
    """Hundreds of incidents give a page of a few megabytes that lists all of them and tells a few in full."""
    document = {
        "devices": [{"device_id": f"A{n:03}", "site_id": f"S{n % 20}"} for n in range(300)],
        "events": [
            {"timestamp": f"2026-05-12T{n % 24:02}:00:00Z", "device_id": f"A{n:03}", "event_type": "fault",
             "connector_id": 1, "data": {"fault_code": ("F-0421", "F-0203", "F-0805")[n % 3]}}
            for n in range(300)
        ],
    }  # fmt: skip
    bundle = read_bundle(io.StringIO(json.dumps(document)))
    page = diagnosis_html(triage.diagnose(bundle), bundle)
    assert len(page) < 4_000_000
    assert page.count('<article class="card incident"') == 3
    assert "297 more incidents" in page


FIRST_MOMENT, LAST_MOMENT = "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"
ODD: dict[str, dict[str, Any]] = {
    "nothing": {},
    "times at both ends of the calendar": {
        "events": [
            {"timestamp": time, "device_id": "A", "event_type": "fault", "data": {"fault_code": code}}
            for time in (FIRST_MOMENT, LAST_MOMENT)
            for code in ("F-0203", "X-1")
        ]
        + [{"timestamp": FIRST_MOMENT, "device_id": "A", "event_type": "fault", "data": {"fault_code": "F-0421"}}],
        "telemetry": [{"timestamp": LAST_MOMENT, "device_id": "A", "connector_id": 1, "temperature": 99}],
    },
    "nothing but heartbeats": {
        "heartbeats": [{"timestamp": "2026-05-12T11:00:00Z", "device_id": "A", "fault_code": "F-0411"}],
    },
}


@pytest.mark.parametrize("document", ODD.values(), ids=ODD)
def test_odd_bundles_give_a_page(triage: Triage, document: dict[str, Any]) -> None:
    """An empty bundle, times that no window fits around, and incidents without events are shown and raise nothing."""
    bundle = read_bundle(io.StringIO(json.dumps({"devices": [], **document})))
    page = diagnosis_html(triage.diagnose(bundle), bundle)
    assert page.startswith("<!doctype html>")
    assert page.rstrip().endswith("</html>")


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=2000), st.integers(10, 100))
def test_thinning_keeps_what_stands_out(values: list[float], most: int) -> None:
    """A thinned series has its lowest and highest value and both ends, in order, and few points more than asked for."""
    times = np.arange(len(values), dtype=np.float64)
    kept_times, kept = thinned(times, np.array(values), most)
    assert len(kept) <= most + 2
    assert (kept.min(), kept.max()) == (min(values), max(values))
    assert (kept_times[0], kept_times[-1]) == (0, len(values) - 1)
    assert all(kept_times[1:] > kept_times[:-1])
    assert all(values[int(time)] == value for time, value in zip(kept_times, kept, strict=True))
