"""The report: self-contained HTML files that say what a run learned and how far its explanations can be trusted."""

from whynet.workflows.report.concepts import report_concepts, write_concept_pages
from whynet.workflows.report.filters import report_filters
from whynet.workflows.report.graph import report_graphs
from whynet.workflows.report.page import write_report
from whynet.workflows.report.trees import report_trees

__all__ = [
    "report_concepts", "report_filters", "report_graphs", "report_trees", "write_concept_pages", "write_report",
]  # fmt: skip
