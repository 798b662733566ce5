"""Boards to a running Grafana, over its HTTP API (extra `kega[grafana]`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cloud.boards.errors import GrafanaRefused, GrafanaUnreachable
from cloud.boards.render import require_extra
from cloud.boards.source import FOLDER_UID, SOURCE_UID, DataSource


def publish(
    url: str,
    token: str,
    pages: Sequence[dict[str, Any]],
    source: DataSource | None = None,
    secret: str | None = None,
    *,
    timeout_s: float = 20,
) -> list[str]:
    """Bring folder, data source (where given) and boards to the Grafana at `url`; says what was done.

    Doing it again changes nothing but the boards' versions.

    Raises:
        ExtraMissing: kega[grafana] is not installed.
        GrafanaRefused: the token is wrong or lacks rights, or Grafana does not take a board.
        GrafanaUnreachable: Grafana does not answer.
    """
    require_extra()
    from grafana_client import GrafanaApi
    from grafana_client.client import GrafanaClientError, GrafanaException, TokenAuth

    api = GrafanaApi.from_url(url, credential=TokenAuth(token), timeout=timeout_s)
    done: list[str] = []
    try:
        _folder(api, done)
        if source is not None:
            _source(api, source.settings(secret or ""), done)
        for page in pages:
            answer = api.dashboard.update_dashboard(
                {"dashboard": {**page, "id": None}, "folderUid": FOLDER_UID, "overwrite": True}
            )
            done.append(f"board {page['uid']}: {answer['status']}")
    except GrafanaClientError as error:
        raise GrafanaRefused(
            f"Grafana at {url} refuses ({error}). "
            "The token needs the role Admin, or Editor without --store-url."
        ) from None
    except (GrafanaException, OSError) as error:
        raise GrafanaUnreachable(
            f"Grafana at {url} does not answer rightly: {error}. Check the address and that Grafana runs."
        ) from None
    return done


def _folder(api: Any, done: list[str]) -> None:
    known = {folder["uid"] for folder in api.folder.get_all_folders()}
    if FOLDER_UID not in known:
        api.folder.create_folder("kega", uid=FOLDER_UID)
        done.append("folder kega: created")


def _source(api: Any, settings: dict[str, Any], done: list[str]) -> None:
    known = {source["uid"] for source in api.datasource.list_datasources()}
    if SOURCE_UID in known:
        api.datasource.update_datasource_by_uid(SOURCE_UID, settings)
        done.append("data source kega: updated")
    else:
        api.datasource.create_datasource(settings)
        done.append("data source kega: created")
