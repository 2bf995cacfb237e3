"""Pages of templates, in one file each: they load nothing from elsewhere, and run their own scripts only."""

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipelines.instants import instant_text, local_text
from pipelines.report.wording import (
    amount_text,
    exact_text,
    hold_reasons_text,
    kwh_text,
    percent_text,
    share_text,
)
from pipelines.wording import counted, money_text

_TEMPLATES = Path(__file__).parent / "templates"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "instant": instant_text,
        "number": "{:,}".format,
        "kwh": kwh_text,
        "signed": "{:+,}".format,
        "local": local_text,
        "amount": amount_text,
        "held_because": hold_reasons_text,
        "exact": exact_text,
        "share": share_text,
    }
    environment.globals |= {"counted": counted, "percent": percent_text, "money_text": money_text}
    return environment


def static_page(template: str, **values: Any) -> str:
    """A page without any script."""
    return _environment().get_template(template).render(policy=_policy(), **values)


def page_with_plots(template: str, *, specs: dict[str, Any], **values: Any) -> str:
    """A page with plots, and the scripts that draw them, which its own policy names by their hashes."""
    scripts = (_vega(), (_TEMPLATES / "plots.js").read_text())
    return (
        _environment()
        .get_template(template)
        .render(policy=_policy(*scripts), scripts=scripts, specs=specs, **values)
    )


@cache
def _vega() -> str:
    """Vega, Vega-Lite and vega-embed as one script."""
    import vl_convert  # noqa: PLC0415 -- it starts a JavaScript engine

    return str(vl_convert.javascript_bundle())  # type: ignore[call-arg]


def _policy(*scripts: str) -> str:
    """What the page may do (Content Security Policy): run these scripts, and load nothing."""
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{each}'" for each in hashes) or "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:;"
        " base-uri 'none'; form-action 'none'"
    )
