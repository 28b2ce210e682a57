"""A batch's report as one HTML file that a data steward reads: no script, nothing loaded from elsewhere."""

from mesh.domain.onboarding.report_page.page import render

__all__ = ["render"]
