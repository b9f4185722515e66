"""The report: one self-contained HTML file that says what a run learned and how far its sentences can be trusted."""

from whynet.workflows.report.page import write_report

__all__ = ["write_report"]
