"""The pages as a web application, which only reads. Every route asks who is there and what he may see.

Airflow does not ask by itself on a plugin's routes: the dependency of the whole application does.
"""

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException as AnyHTTPException

from pipelines.audit_docs import PAGE as DOCS_PAGE
from pipelines.config import Places, places
from pipelines.errors import BadInput, DamageFound
from pipelines.instants import instant_text
from pipelines.pages import (
    DOWNLOADS,
    EXCEPTIONS_A_PAGE,
    BeingWritten,
    BriefReader,
    Overview,
    Reading,
    download,
    downloads,
    report,
)
from pipelines.quality_docs import INDEX as QUALITY_INDEX
from pipelines.quality_docs import quality_page
from pipelines.summary import figures
from pipelines.wording import counted

# Whoever may see the runs of this DAG may see what they settled: the Viewer's role and all above it.
SETTLING_DAG = "settle"
RELOAD_SECONDS = 15
_LAST_PAGE = 1_000_000
_PRIVATE = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_NOTHING = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
# Nothing of a page runs, and nothing is fetched from elsewhere.
_STATIC_PAGE = f"{_NOTHING}; frame-ancestors 'self'; frame-src 'self'"
# The audit docs and the reports are pages with their scripts inside: those run apart from Airflow's session,
# without network.
_OWN_PAGE = (
    f"{_NOTHING}; frame-ancestors 'self'; font-src data:; script-src 'unsafe-inline' 'unsafe-eval';"
    " sandbox allow-scripts"
)
# The Data Docs have no script, and link to each other.
_QUALITY_PAGE = f"{_NOTHING}; frame-ancestors 'self'"


class Pages:
    """Makes the answers, from the warehouse and the folders of exports and docs."""

    def __init__(self, here: Places) -> None:
        self.here = here
        self.reader = BriefReader(here.warehouse)
        self._templates = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {"instant": instant_text, "number": "{:,}".format}
        self._templates.globals |= {"counted": counted}

    def render(
        self,
        request: Request,
        template: str,
        *,
        status: int = HTTPStatus.OK,
        headers: Mapping[str, str] | None = None,
        **values: Any,
    ) -> HTMLResponse:
        """A page of a template; `base` is where the pages begin."""
        base = request.scope.get("root_path", "")
        content = self._templates.get_template(template).render(base=base, **values)
        security = {**_PRIVATE, "Content-Security-Policy": _STATIC_PAGE}
        return HTMLResponse(content, status_code=status, headers={**security, **(headers or {})})

    def say(self, request: Request, status: int, sentence: str, **headers: str) -> HTMLResponse:
        """A page with one sentence."""
        title = HTTPStatus(status).phrase
        return self.render(
            request, "sentence.html", status=status, headers=headers, title=title, sentence=sentence
        )

    def period_of(self, run_id: str) -> str:
        """The period of a run that the warehouse knows; else not found."""
        overview = self.reader.overview()
        period = overview.value.period_of(run_id)
        if period is None:
            if overview.being_written:
                raise BeingWritten
            raise HTTPException(HTTPStatus.NOT_FOUND, "There is no such run.")
        return period

    def quality_page(self, name: str) -> Path | None:
        """A page of the gates' Data Docs; None for any other name, and what is not there."""
        return quality_page(self.here.warehouse, name)

    def has_docs(self) -> bool:
        """Whether the audit docs were ever built."""
        return (self.here.docs / DOCS_PAGE).is_file()


def build_app(here: Places | None = None) -> FastAPI:
    """The application, for the places that the environment names unless others are given."""
    pages = Pages(here or places())
    app = FastAPI(
        title="Settlement",
        dependencies=[Depends(requires_access_dag("GET", DagAccessEntity.RUN, SETTLING_DAG))],
        # Pages about the pages would be routes that nobody guards.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    _add_errors(app, pages)
    _add_pages(app, pages)
    _add_files(app, pages)
    return app


def _add_pages(app: FastAPI, pages: Pages) -> None:
    @app.get("/")
    def show_runs(request: Request) -> HTMLResponse:
        """All runs."""
        reading = _runs_so_far(pages)
        return pages.render(request, "runs.html", reading=reading, overview=reading and reading.value)

    @app.get("/runs/{run_id}")
    def show_run(
        request: Request,
        run_id: str,
        code: str | None = None,
        page: Annotated[int, Query(ge=1, le=_LAST_PAGE)] = 1,
    ) -> HTMLResponse:
        """One run."""
        period = pages.period_of(run_id)
        reading = pages.reader.run(run_id, code=code, page=page)
        by_code = reading.value.summary.exceptions
        rows = by_code.get(code, 0) if code is not None else sum(by_code.values())
        return pages.render(
            request,
            "run.html",
            reading=reading,
            run=reading.value,
            figures=figures(reading.value.summary),
            has_report=report(pages.here.docs, run_id=run_id) is not None,
            files=downloads(pages.here.exports, period=period, run_id=run_id),
            descriptions=DOWNLOADS,
            code=code,
            page=page,
            rows=rows,
            last_page=max(1, -(-rows // EXCEPTIONS_A_PAGE)),
            first_row=(page - 1) * EXCEPTIONS_A_PAGE + 1,
        )

    @app.get("/audit")
    def show_audit(request: Request) -> HTMLResponse:
        """The audit docs within a frame, so that there is a way back."""
        return pages.render(request, "audit.html", has_docs=pages.has_docs())

    @app.get("/quality")
    def show_quality(request: Request) -> HTMLResponse:
        """The gates' Data Docs within a frame, so that there is a way back."""
        return pages.render(request, "quality.html", has_docs=pages.quality_page(QUALITY_INDEX) is not None)


def _add_files(app: FastAPI, pages: Pages) -> None:
    @app.get("/runs/{run_id}/files/{name}")
    def get_file(run_id: str, name: str) -> Response:
        """A file of a run's export folder, by a name of the catalogue."""
        path = download(pages.here.exports, period=pages.period_of(run_id), run_id=run_id, name=name)
        if path is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "There is no such file.")
        kind = "application/json" if path.suffix == ".json" else "text/csv; charset=utf-8"
        return FileResponse(path, media_type=kind, filename=path.name, headers=_PRIVATE)

    @app.get("/runs/{run_id}/report")
    def get_report(run_id: str) -> Response:
        """The report of a run."""
        pages.period_of(run_id)
        path = report(pages.here.docs, run_id=run_id)
        if path is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "The report of this run was not written yet.")
        return _written_page(path, policy=_OWN_PAGE)

    @app.get("/quality/docs/{name}")
    def get_quality_page(name: str) -> Response:
        """A page of the gates' Data Docs, by its name."""
        path = pages.quality_page(name)
        if path is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "There is no such page.")
        return _written_page(path, policy=_QUALITY_PAGE)

    @app.get("/audit/docs")
    def get_docs() -> Response:
        """The audit docs themselves."""
        if not pages.has_docs():
            raise HTTPException(HTTPStatus.NOT_FOUND, "The audit docs were not built yet.")
        return _written_page(pages.here.docs / DOCS_PAGE, policy=_OWN_PAGE)


def _written_page(path: Path, *, policy: str) -> FileResponse:
    """A page that was written as a file, with what the browser may do for it."""
    return FileResponse(
        path,
        media_type="text/html; charset=utf-8",
        headers={**_PRIVATE, "Content-Security-Policy": policy},
    )


def _runs_so_far(pages: Pages) -> Reading[Overview] | None:
    """All runs; None before the first delivery made a warehouse."""
    return pages.reader.overview() if pages.here.warehouse.exists() else None


def _add_errors(app: FastAPI, pages: Pages) -> None:
    @app.exception_handler(BeingWritten)
    def say_reload(request: Request, _: Exception) -> Response:
        sentence = "The warehouse is being written by a task; reload this page in a moment."
        retry = {"Retry-After": str(RELOAD_SECONDS)}
        return pages.say(request, HTTPStatus.SERVICE_UNAVAILABLE, sentence, **retry)

    @app.exception_handler(DamageFound)
    @app.exception_handler(BadInput)
    def say_unreadable(request: Request, error: Exception) -> Response:
        return pages.say(request, HTTPStatus.SERVICE_UNAVAILABLE, str(error))

    @app.exception_handler(AnyHTTPException)
    def say_refused(request: Request, error: AnyHTTPException) -> Response:
        if error.status_code == HTTPStatus.UNAUTHORIZED and "text/html" in request.headers.get("Accept", ""):
            login = get_auth_manager().get_url_login(next_url=str(request.url))
            return RedirectResponse(login, status_code=HTTPStatus.SEE_OTHER)
        return pages.say(request, error.status_code, str(error.detail))
