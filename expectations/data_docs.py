"""Data Docs: what the gates found, as pages that open offline.

Great Expectations renders its expectations and results; the page around them is ours, since its own takes
styles and scripts from the network.
"""

import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path

from great_expectations.core import (
    ExpectationSuiteValidationResult,
    ExpectationValidationResult,
    RunIdentifier,
)
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.render.renderer import ValidationResultsPageRenderer
from great_expectations.render.view import DefaultJinjaSectionView
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from expectations.catalogue import Gate
from expectations.judgement import GateReport, Judgement

# What would reach for the network, and ids, which would stand on a page several times.
_LEFT_OUT = re.compile(
    r"<script\b.*?</script>|<(?:link|img)\b[^>]*>|\sid=\"[^\"]*\"", re.DOTALL | re.IGNORECASE
)
_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_PAGES.filters |= {"instant": lambda instant: f"{instant:%Y-%m-%d %H:%M:%S} UTC", "number": "{:,}".format}


def page_name(report: GateReport) -> str:
    """The file of a report's page."""
    return f"gate-{report.number}.html"


def pages_of(reports: Sequence[GateReport]) -> Iterable[tuple[str, str]]:
    """Name and text of every page: one a report, and an index of them, the newest first."""
    for report in reports:
        yield page_name(report), _page("gate.html", report=report, sections=list(_sections(report)))
    yield "index.html", _page("index.html", reports=reports, gates=list(Gate), page_name=page_name)


def _page(template: str, **values: object) -> str:
    return _PAGES.get_template(template).render(**values)


def _sections(report: GateReport) -> Iterable[tuple[str, Markup]]:
    """Of each suite, by the name of its evidence, what Great Expectations shows of it."""
    for evidence, judgements in groupby(report.judgements, key=lambda judgement: judgement.evidence):
        result = _suite_result(evidence, list(judgements), at=report.at, subject=report.subject)
        document = ValidationResultsPageRenderer().render(result).to_json_dict()
        # The first section repeats the page's head.
        rendered = "".join(
            DefaultJinjaSectionView().render({"section": section, "section_loop": {}})  # type: ignore[no-untyped-call]
            for section in document["sections"][1:]
        )
        yield evidence, Markup(_LEFT_OUT.sub("", rendered))


def _suite_result(
    evidence: str, judgements: Sequence[Judgement], *, at: datetime, subject: str
) -> ExpectationSuiteValidationResult:
    held = sum(judgement.success for judgement in judgements)
    return ExpectationSuiteValidationResult(
        success=held == len(judgements),
        results=[_result(judgement) for judgement in judgements],
        suite_name=evidence,
        suite_parameters={},
        statistics={
            "evaluated_expectations": len(judgements),
            "successful_expectations": held,
            "unsuccessful_expectations": len(judgements) - held,
            "success_percent": held * 100 // len(judgements),
        },
        meta={"run_id": RunIdentifier(run_name=subject, run_time=at)},
    )


def _result(judgement: Judgement) -> ExpectationValidationResult:
    config = json.loads(judgement.expectation)
    known = ("type", "kwargs", "meta", "description", "severity")
    return ExpectationValidationResult(
        success=judgement.success,
        expectation_config=ExpectationConfiguration(
            **{name: config[name] for name in known if name in config}
        ),
        result=json.loads(judgement.result),
        exception_info={"raised_exception": False, "exception_message": None, "exception_traceback": None},
    )
