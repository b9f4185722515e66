"""The workbench in a real browser: what a person does there, by mouse and by keyboard, on two widths."""

import io
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

TOKEN = "a-token-of-twenty-characters"
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
WAIT = 60_000
AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
"""axe-core 4.14.1, as npm has it."""
expect.set_options(timeout=WAIT)


@contextmanager
def _page(browser, address, size=WIDE, name=None):
    """A page whose every complaint fails the test."""
    context = browser.new_context(viewport=size)
    context.set_default_timeout(WAIT)
    page = context.new_page()
    complaints = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        page.goto(address)
        if name is not None:
            page.locator(".who summary").click()
            page.locator("#person").fill(name)
            page.locator(".who button").click()
            page.wait_for_load_state()
        yield page
    finally:
        context.close()
    assert complaints == []


def _first_concept(page, address):
    page.goto(f"{address}/concepts")
    page.locator(".card li a").first.click()
    page.locator("#opinions").wait_for()


@pytest.mark.parametrize(("size", "scheme"), [(WIDE, "light"), (NARROW, "dark")], ids=["wide", "narrow"])
@pytest.mark.parametrize("path", ["/", "/images", "/images/0", "/images/0/compare", "/concepts", "/concepts/{}",
                                  "/classes/0", "/study", "/study/results", "/search?query=painted"])  # fmt: skip
def test_every_page_fits_its_screen_and_everyone(browser, shared_address, path, size, scheme):
    """Nothing wider than the screen, no complaint in the console, and nothing serious that axe-core finds."""
    with _page(browser, shared_address, size, name="Ada") as page:
        page.emulate_media(color_scheme=scheme)
        concept = page.request.get(f"{shared_address}/api/concepts").json()[0]["id"]
        page.goto(shared_address + path.format(concept))
        page.wait_for_load_state("load")
        expect(page.locator(".wait")).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        assert page.locator("h1").count() == 1
        page.evaluate(AXE)
        found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
        told = [(own["id"], [node["target"] for node in own["nodes"]]) for own in found]
        assert [one for one, own in zip(told, found, strict=True) if own["impact"] in ("serious", "critical")] == []


def test_a_word_and_a_concept_show_their_maps(browser, shared_address):
    with _page(browser, f"{shared_address}/images/0") as page:
        page.locator(".reasons").wait_for()
        over = page.locator(".canvas .over")
        assert over.is_hidden()
        tile = page.locator("button.tile:not([disabled])").first
        tile.click()
        assert over.is_visible()
        assert tile.get_attribute("aria-pressed") == "true"
        assert page.locator("[data-shown]").inner_text() == tile.locator("b").inner_text()
        expect(over).to_have_js_property("complete", True)
        page.locator("[data-opacity]").fill("20")
        assert float(over.evaluate("one => getComputedStyle(one).opacity")) == pytest.approx(0.2)
        word = page.locator(".spoken").first
        if word.count():
            before = over.get_attribute("src")
            word.hover()
            assert "/words/" in over.get_attribute("src")
            page.locator("h1").hover()
            assert over.get_attribute("src") == before
            word.click()
            page.locator("h1").hover()
            assert word.get_attribute("aria-pressed") == "true"
            assert "/words/" in over.get_attribute("src")
        page.locator("[data-points]").click()
        assert page.locator(".dot").count() > 2
        page.locator("[data-clear]").click()
        assert over.is_hidden()
        assert page.locator(".dot").count() == 0


def test_naming_renaming_undoing_and_voting(browser, address):
    with _page(browser, address, name="Ada <b>") as page:
        _first_concept(page, address)
        suggested = page.locator("#opinions h1").inner_text()
        for name in ("red wing", "<script>alert(1)</script>"):
            page.locator("#name").fill(name)
            # A style of its own, as of a screenshot that hides the caret, must not be copied when the part is replaced.
            page.locator("#name").evaluate("field => { field.style.caretColor = 'transparent'; }")
            page.get_by_role("button", name="Name it").click()
            expect(page.locator("#opinions h1")).to_have_text(name)
        page.get_by_role("button", name="Undo").click()
        expect(page.locator("#opinions h1")).to_have_text("red wing")
        page.get_by_role("button", name="Undo").click()
        expect(page.locator("#opinions h1")).to_have_text(suggested)
        page.get_by_role("button", name="Trust").first.click()
        expect(page.locator("[value=yes]")).to_have_attribute("aria-pressed", "true")
        page.get_by_role("button", name="Distrust").click()
        expect(page.locator("[value=no] b")).to_have_text("1")
        assert page.locator("[value=yes] b").inner_text() == "0"
        page.get_by_role("button", name="Take it back").click()
        expect(page.locator("[value=no] b")).to_have_text("0")
        page.locator("#opinions summary").click()
        assert "Ada <b>" in page.locator(".history").inner_text()


def test_long_names_without_blanks_fit_a_phone(browser, address):
    name, person = "x" * 119, "y" * 79
    with _page(browser, address, NARROW, name=person) as page:
        concept = page.request.get(f"{address}/api/concepts").json()[0]
        page.request.post(f"{address}/api/concepts/{concept['id']}/name", data={"name": name, "author": person})
        index = page.request.get(f"{address}/api/images?class={concept['class']}").json()["images"][0]["image"]
        for path in ("/concepts", f"/concepts/{concept['id']}", f"/classes/{concept['class']}", "/search?query=xx",
                     f"/images/{index}", "/study/results"):  # fmt: skip
            page.goto(address + path)
            expect(page.locator(".wait")).to_have_count(0)
            for history in page.locator("#opinions summary").all():
                history.click()
            assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], path


def test_the_sentence_changes_with_a_name(browser, address):
    """On the first picture with a reason that speaks for its class: a network that barely learned may have none."""
    with _page(browser, address, name="Ada") as page:
        for index in range(20):
            told = page.request.get(f"{address}/api/images/{index}/explanation").json()
            place = max(range(len(told["reasons"])), key=lambda own: told["reasons"][own]["weight"])
            if told["reasons"][place]["weight"] > 0:
                break
        page.goto(f"{address}/images/{index}")
        page.locator(".reasons").wait_for()
        page.locator(".reasons li a").nth(place).click()
        page.locator("#name").fill("snow-white eyebrow")
        page.get_by_role("button", name="Name it").click()
        expect(page.locator("#opinions h1")).to_have_text("snow-white eyebrow")
        page.goto(f"{address}/images/{index}")
        page.locator(".because").wait_for()
        assert "snow-white eyebrow" in page.locator(".because").inner_text()


def test_by_keyboard_alone(browser, shared_address):
    with _page(browser, f"{shared_address}/images/0") as page:
        page.locator(".reasons").wait_for()
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.classList.contains('tile')"):
                break
        assert page.evaluate("document.activeElement.classList.contains('tile')")
        page.keyboard.press("Enter")
        assert page.locator(".canvas .over").is_visible()
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"


def test_a_concept_is_named_and_voted_on_by_keyboard_alone(browser, address):
    with _page(browser, address, name="Ada") as page:
        _first_concept(page, address)
        _tab_to(page, "#name")
        page.keyboard.type("red wing")
        page.keyboard.press("Enter")
        expect(page.locator("#opinions h1")).to_have_text("red wing")
        _tab_to(page, "[value=yes]")
        page.keyboard.press("Space")
        expect(page.locator("[value=yes]")).to_have_attribute("aria-pressed", "true")


def test_a_map_of_the_study_is_answered_by_keyboard_alone(browser, address):
    with _page(browser, address, name="Ada") as page:
        page.goto(f"{address}/study")
        page.locator(".ask").wait_for()
        _tab_to(page, ".ticks input")
        page.keyboard.press("Space")
        _tab_to(page, "button.main")
        page.keyboard.press("Enter")
        expect(page.locator(".ask")).to_contain_text("1 of")
        assert page.request.get(f"{address}/api/study/results").json()["answers"] == 1


def test_a_wide_table_shows_that_it_goes_on(browser, address):
    """On a phone the names of its rows stay while the parts are scrolled by."""
    with _page(browser, address, NARROW, name="Ada") as page:
        page.goto(f"{address}/study")
        page.locator(".ticks input").first.check()
        page.locator("[data-alone]").check()
        assert not page.locator(".ticks input").first.is_checked()
        page.locator("button.main").click()
        expect(page.locator(".back")).to_be_visible()
        page.goto(f"{address}/study/results")
        table, name = page.locator(".wide").first, page.locator(".matrix tbody th").first
        before = name.bounding_box()
        table.evaluate("one => one.scrollTo(1000, 0)")
        assert table.evaluate("one => one.scrollLeft") > 100
        assert name.bounding_box() == before
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]


def _tab_to(page, selector):
    """Press Tab until something of this kind has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"Tab never came to {selector}")


def test_pictures_that_are_brought(browser, shared_address, tmp_path):
    stream = io.BytesIO()
    Image.new("RGB", (50, 40), (200, 10, 30)).save(stream, format="png")
    good = tmp_path / "mine.png"
    good.write_bytes(stream.getvalue())
    bad = tmp_path / "bad.png"
    with _page(browser, f"{shared_address}/images") as page:
        page.locator("#picture").set_input_files(good)
        page.get_by_role("button", name="Explain it").click()
        page.locator(".likely").wait_for()
        assert "/uploads/" in page.url
        assert page.locator(".balance dt").count() == 4
        expect(page.locator(".sentence")).to_contain_text("This is an image of a Painted")
    for content in (b"", b"a text", stream.getvalue()[:60], b"\x89PNG\r\n\x1a\n" + bytes(60), b"<svg onload=alert(1)>"):
        bad.write_bytes(content)
        context = browser.new_context(viewport=WIDE)
        page = context.new_page()
        page.goto(f"{shared_address}/images")
        page.locator("#picture").set_input_files(bad)
        page.get_by_role("button", name="Explain it").click()
        page.locator(".fault").wait_for()
        assert "bad.png" in page.locator(".fault").inner_text()
        context.close()


def test_two_people_take_part_in_the_study_at_once(browser, address):
    with _page(browser, address, name="Ada") as first, _page(browser, address, name="Bo") as second:
        for page in (first, second):
            page.goto(f"{address}/study")
        for _ in range(3):
            for page in (first, second):
                page.locator(".ask").wait_for()
                assert "x-feature" not in page.locator("main").inner_text()
                page.locator(".ticks input").nth(1).check()
                page.locator("button.main").click()
                page.wait_for_load_state()
        first.goto(f"{address}/study/results")
        told = first.locator("main").inner_text()
        assert "6 answers by 2 people" in told
        second.goto(f"{address}/study")
        assert "3 of" in second.locator(".ask").inner_text()


def test_only_mistakes(browser, address):
    with _page(browser, f"{address}/images") as page:
        page.locator("[name=only]").select_option("mistakes")
        expect(page.locator(".pages")).to_contain_text("mistake")
        expect(page.locator(".wait")).to_have_count(0)
        mistakes = page.request.get(f"{address}/api/images?mistakes=true").json()["total"]
        assert page.locator(".pictures .taken").count() == min(mistakes, 24)
        page.goto(f"{address}/images")
        expect(page.locator(".pictures li").first).to_contain_text("named right" if mistakes == 0 else "test/")


def test_a_run_with_a_classifier_alone_says_what_to_run(browser, bare_address):
    with _page(browser, bare_address, name="Ada") as page:
        for path in ("", "/concepts", "/images/0"):
            page.goto(bare_address + path)
            expect(page.locator("main")).to_contain_text("whynet concepts --subject")
        expect(page.locator("main")).to_contain_text("writes no sentences")
        page.goto(f"{bare_address}/images/0/compare")
        expect(page.locator(".wait")).to_have_count(0)
        assert page.locator(".fault").count() == 0


def test_forms_work_under_a_name_of_another_machine(browser, guarded_port):
    """Browsers tell less of where a form comes from there than they do on this machine."""
    arguments = ["--no-sandbox", "--host-resolver-rules=MAP lab.example 127.0.0.1"]
    other = browser.browser_type.launch(executable_path=shutil.which("chromium"), args=arguments)
    page = other.new_page()
    page.goto(f"http://lab.example:{guarded_port}/?token={TOKEN}")
    page.locator(".who summary").click()
    page.locator("#person").fill("Ada")
    page.locator(".who button").click()
    expect(page.locator(".who summary")).to_have_text("Ada")
    other.close()


def test_an_answer_to_a_map_that_another_person_saw_is_not_kept(browser, address):
    page = browser.new_context(viewport=WIDE).new_page()
    page.request.post(f"{address}/person", form={"name": "Ada"})
    page.goto(f"{address}/study")
    page.locator(".ask").wait_for()
    page.request.post(f"{address}/person", form={"name": "Bo"})
    page.locator("button.main").click()
    expect(page.locator(".fault")).to_contain_text("shown to another person")
    assert page.request.get(f"{address}/api/study/results").json()["answers"] == 0
    page.context.close()


def test_without_scripts_names_and_votes_are_kept(browser, address):
    context = browser.new_context(viewport=WIDE, java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    page.locator(".who summary").click()
    page.locator("#person").fill("Ada")
    page.locator(".who button").click()
    page.goto(f"{address}/concepts")
    page.locator(".card li a").first.click()
    page.locator("#name").fill("red wing")
    page.get_by_role("button", name="Name it").click()
    assert page.locator("#opinions h1").inner_text() == "red wing"
    page.get_by_role("button", name="Trust").first.click()
    assert page.locator("[value=yes] b").inner_text() == "1"
    context.close()
