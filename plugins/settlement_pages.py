"""Airflow's plugin: "Settlement" in the navigation, which opens the pages of `plugins.web` inside the UI."""

from typing import Any

from airflow.plugins_manager import AirflowPlugin

PREFIX = "/settlement"


class SettlementPages(AirflowPlugin):
    """The pages, and the entry that leads to them."""

    name = "settlement_pages"

    @property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """The pages; made by the server that asks for them only, as every Airflow process loads plugins."""
        from plugins.web.app import build_app  # noqa: PLC0415

        return [{"app": build_app(), "url_prefix": PREFIX, "name": "Settlement"}]

    @property
    def external_views(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """The entry, below whatever path Airflow itself is served."""
        from airflow.api_fastapi.app import API_ROOT_PATH  # noqa: PLC0415

        return [
            {
                "name": "Settlement",
                "href": f"{API_ROOT_PATH.rstrip('/')}{PREFIX}/",
                "url_route": "settlement",
                "destination": "nav",
                "nav_top_level": True,
            }
        ]
