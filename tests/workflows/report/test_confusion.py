import numpy as np
import pytest

from whynet.workflows.report import rendering
from whynet.workflows.report.confusion import MAX_CLASSES, confusion


def names(size):
    return [f"Painted <{index}> Flycatcher" for index in range(size)]


def mistaken(size):
    """Of ten pictures of each class one is taken for the next class."""
    counts = 9 * np.eye(size, dtype=np.int64)
    counts[np.arange(size), (np.arange(size) + 1) % size] += 1
    return counts


def page(size, counts=None):
    """The section of the report on a page of its own."""
    found = confusion(mistaken(size) if counts is None else counts, names(size))
    environment = rendering.environment()
    template = environment.from_string(
        '{% from "confusion.html.jinja" import section, narrow %}<meta charset="utf-8">'
        "<style>{{ style }}{{ narrow(found) }}</style><main>{{ section(found) }}</main>"
    )
    return template.render(found=found, style=rendering.style(environment, "report.css"))


def test_cells_tell_counts_shares_and_words():
    found = confusion(np.array([[3, 1], [0, 4]]), ["tern", "wren"])
    assert [[(cell.count, cell.share, cell.is_right) for cell in row] for row in found.rows] == [
        [(3, 0.75, True), (1, 0.25, False)],
        [(0, 0.0, False), (4, 1.0, True)],
    ]
    assert found.rows[0][1].told == "tern taken for wren: 1 of 4"


def test_the_most_frequent_mistakes_come_first_and_each_class_has_a_line():
    counts = np.array([[5, 1, 4], [0, 10, 0], [4, 0, 0]])
    found = confusion(counts, ["tern", "wren", "gull"])
    assert [(one.true, one.said, one.count) for one in found.mistakes] == [
        ("tern", "gull", "4 of 10"),
        ("gull", "tern", "4 of 4"),
        ("tern", "wren", "1 of 10"),
    ]
    assert [(one.name, one.right, one.taken) for one in found.classes] == [
        ("tern", "5 of 10", "gull (4), wren (1)"),
        ("wren", "10 of 10", ""),
        ("gull", "0 of 4", "tern (4)"),
    ]


def test_too_many_classes_have_no_matrix_but_all_else():
    many = MAX_CLASSES + 1
    assert confusion(mistaken(many - 1), names(many - 1)).rows
    found = confusion(mistaken(many), names(many))
    assert found.rows == []
    assert (len(found.mistakes), len(found.classes)) == (10, many)
    assert f"{many} classes are too many for a matrix" in page(many)


def test_without_mistakes_that_is_said():
    assert "No picture of the test was taken for another class." in page(3, 2 * np.eye(3, dtype=np.int64))


def test_names_are_text():
    assert "<0>" not in page(3)
    assert "Painted &lt;0&gt; Flycatcher taken for Painted &lt;1&gt; Flycatcher: 1 of 10" in page(3)


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("size", [2, 3, 20, 45, 200])
def test_a_matrix_fits_the_screen_or_says_that_it_scrolls(browser, size, width):
    shown = browser.new_page(viewport={"width": width, "height": 900})
    shown.set_content(page(size))
    assert shown.evaluate("document.documentElement.scrollWidth") <= width
    sizes = shown.evaluate(
        "[...document.querySelectorAll('td, th, li')].map(one => parseFloat(getComputedStyle(one).fontSize))"
    )
    assert max(sizes) <= 16
    if size <= MAX_CLASSES:
        scrolls = shown.evaluate("(one => one.scrollWidth > one.clientWidth)(document.querySelector('.matrix'))")
        assert scrolls == shown.locator(".swipe").is_visible()
        assert scrolls == (width == 390 and size > 2)
        head = shown.evaluate("document.querySelector('thead').offsetHeight")
        longest = shown.evaluate(
            "Math.max(...[...document.querySelectorAll('thead span')].map(one => one.offsetHeight))"
        )
        assert head <= longest + 14  # no empty band
    shown.locator("summary").click()
    assert "9 of 10 right; taken for" in shown.locator(".counts li").first.inner_text()
    shown.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_counts_can_be_read_on_their_shades(browser, scheme):
    counts = np.array([[10, 0, 0], [5, 5, 0], [10, 0, 0]])
    shown = browser.new_page(color_scheme=scheme)
    shown.set_content(page(3, counts))
    for cell in shown.locator("tbody td:not(:empty)").all():
        text, back, card = cell.evaluate(
            "one => [getComputedStyle(one).color, getComputedStyle(one).backgroundColor, "
            "getComputedStyle(one.parentElement.firstChild).backgroundColor]"
        )
        assert contrast(channels(text)[:3], over(channels(back), channels(card))) >= 4.5
    shown.close()


def channels(colour):
    return [float(value) for value in colour.partition("(")[2].rstrip(")").replace("/", ",").split(",")]


def over(colour, ground):
    alpha = colour[3] if len(colour) > 3 else 1.0
    return [alpha * value + (1 - alpha) * below for value, below in zip(colour[:3], ground[:3], strict=True)]


def contrast(one, other):
    """Of WCAG 2.2."""

    def luminance(colour):
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (c / 255 for c in colour)]
        return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
