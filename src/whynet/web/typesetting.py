"""Numbers as all pages write them: "99.4 %" with a space that does not break, and a true minus."""

import re

from whynet.workflows.report.grounding import signed

__all__ = ["number", "percent", "signed", "typeset"]
_PERCENT = re.compile(r"(?<=\d)\s*%")
_MINUS = re.compile(r"(?<![\w.])-(?=\d)")


def typeset(text: str) -> str:
    """A text with its percents and minus signs as they are written here; hyphens in words stay."""
    return _MINUS.sub("\N{MINUS SIGN}", _PERCENT.sub("\N{NO-BREAK SPACE}%", text))


def percent(share: float) -> str:
    """A share in percent, as in "97 %"; close to all or nothing with a digit more."""
    digits = 0 if 0.01 <= share <= 0.99 else 1
    return typeset(f"{100 * share:.{digits}f}%")


def number(value: float, digits: int = 2) -> str:
    """A number with so many digits behind the point."""
    return typeset(f"{value:.{digits}f}")
