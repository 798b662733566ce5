"""The cloud's own configuration: one YAML file for all roles (docs/accounts.md, docs/api.md).

Relative paths, those inside `sqlite:` URLs too, are relative to the folder of the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from cloud.errors import SettingsError
from cloud.host.policy import HostPolicy
from cloud.store.retention import MOST_DAYS, Retention
from telemetry.errors import ConfigError, TopicError
from telemetry.mqtt import Broker
from telemetry.sparkplug.topics import check_id
from telemetry.yaml_files import load_yaml

STORE_SCHEMES: Final = ("sqlite", "influx1", "influx1+http", "influx1+https", "influx2+http", "influx2+https")
REGISTRY_SCHEMES: Final = ("sqlite", "postgresql+psycopg")

_SQLITE: Final = "sqlite:///"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _checked_url(url: str, schemes: tuple[str, ...]) -> str:
    try:
        scheme = urlsplit(url).scheme
    except ValueError as error:
        raise ValueError(f"is no URL: {error}") from None
    if scheme not in schemes:
        raise ValueError(f"scheme {(scheme or url)!r} is unknown; use one of {', '.join(schemes)}")
    if scheme == "sqlite" and (not url.startswith(_SQLITE) or url == _SQLITE):
        raise ValueError("names no file; write sqlite:///var/name.db, or sqlite:////var/… for a full path")
    return url


def _url_below(folder: Path, url: str) -> str:
    file = sqlite_file(url)
    return url if file is None else f"{_SQLITE}{folder / file}"


def sqlite_file(url: str) -> Path | None:
    """The file of a `sqlite:///` URL; None for any other."""
    return Path(url.removeprefix(_SQLITE)) if url.startswith(_SQLITE) else None


class BrokerSettings(_Section):
    """Where the MQTT broker is and how to log in."""

    url: str
    protocol: Literal[4, 5] = 5
    """5, or 4 for MQTT 3.1.1."""
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    keep_alive_s: int = Field(default=60, ge=5, le=3600)
    subscribe_qos: Literal[0, 1] = 1
    """Of the supervisor's subscription: 1 by the standard, 0 on a NATS cluster, which keeps books on each."""
    standby_urls: tuple[str, ...] = ()
    """Other nodes of the same cluster, tried in turn while one does not answer."""

    @field_validator("standby_urls")
    @classmethod
    def _are_mqtt(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(cls._is_mqtt(url) for url in urls)

    @field_validator("url")
    @classmethod
    def _is_mqtt(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            known = parts.scheme in ("mqtt", "mqtts") and bool(parts.hostname) and parts.port != 0
        except ValueError as error:
            raise ValueError(f"is no URL: {error}") from None
        if not known:
            raise ValueError("is no broker address; write mqtt://host:1883 or mqtts://host:8883")
        if parts.username or parts.password:
            raise ValueError("must hold no user or password; use username and password_file")
        return url

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.password_file is not None and self.username is None:
            raise ValueError("password_file needs a username")
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together")
        return self

    def below(self, folder: Path) -> BrokerSettings:
        """The same, with relative paths taken from `folder`."""
        files = ("password_file", "ca_file", "cert_file", "key_file")
        return self.model_copy(
            update={name: folder / path for name in files if (path := getattr(self, name)) is not None}
        )

    def to_brokers(self) -> tuple[Broker, ...]:
        """The broker and its stand-ins. Raises SettingsError as `to_broker`."""
        return tuple(self.to_broker(url) for url in (self.url, *self.standby_urls))

    def to_broker(self, url: str | None = None) -> Broker:
        """The broker, or its stand-in at `url`, with the password read from the file.

        Raises:
            SettingsError: the password file cannot be read.
        """
        return Broker(
            url=url or self.url,
            protocol=self.protocol,
            username=self.username,
            password=None if self.password_file is None else read_secret(self.password_file),
            ca_file=self.ca_file,
            cert_file=self.cert_file,
            key_file=self.key_file,
            keep_alive_s=self.keep_alive_s,
        )


class HttpSettings(_Section):
    """Where API and console listen."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=1, le=65535)
    trusted_proxies: tuple[str, ...] = ()
    """Addresses whose X-Forwarded-For and X-Forwarded-Proto are believed."""


class MetricsSettings(_Section):
    """Where a process answers Prometheus. Several processes of one machine need a port each."""

    host: str = "127.0.0.1"
    port: int | None = Field(default=None, ge=1, le=65535)
    """None: no port of its own; the API answers at /api/v1/metrics all the same."""


class IngestSettings(_Section):
    """How ingest workers share the work."""

    shared_subscription: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")] | None = None
    """Name of the share: workers subscribe `$share/<name>/…`; None for one worker."""
    transport: Literal["mqtt", "paho", "nats"] = "mqtt"
    """How workers hear the broker: MQTT by kega's own reader or by paho, or NATS behind its MQTT listener."""
    nats_url: str = "nats://127.0.0.1:4222"
    """Of the NATS cluster, for transport nats; several are separated by commas."""
    queue_group: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")] = "ingest"
    """Workers of one group share the data, for transport nats."""

    @field_validator("nats_url")
    @classmethod
    def _is_nats(cls, urls: str) -> str:
        for url in urls.split(","):
            if urlsplit(url.strip()).scheme not in ("nats", "tls"):
                raise ValueError(f"{url.strip()!r} is no address of NATS; write nats://host:4222")
        return urls


class RetentionSettings(_Section):
    """How long the store keeps things, in days; left out: for ever. `kega cloud init-store` makes it so."""

    raw_days: int | None = Field(default=None, ge=2, le=MOST_DAYS)
    """Values as measured."""
    rollup_days: int | None = Field(default=None, ge=2, le=MOST_DAYS)
    """Hourly and daily roll-ups."""

    @model_validator(mode="after")
    def _outlives(self) -> Self:
        if self.rollup_days is not None and (self.raw_days is None or self.raw_days > self.rollup_days):
            raise ValueError(
                "rollup_days must not be shorter than raw_days: roll-ups outlive what they sum up"
            )
        return self

    def to_retention(self) -> Retention:
        """For the store."""
        return Retention(self.raw_days, self.rollup_days)


class Settings(_Section):
    """Everything that the roles of the cloud tier need to know."""

    broker: BrokerSettings
    host_id: str = "kega-host"
    """Sparkplug host id: the topic of STATE."""
    store: str
    """URL of the time-series store."""
    registry: str
    """URL of the registry's database."""
    http: HttpSettings = HttpSettings()
    secrets_dir: Path = Path("var/secrets")
    """Where kega keeps the keys it makes; only its own user may read it."""
    retention: RetentionSettings = RetentionSettings()
    ingest: IngestSettings = IngestSettings()
    metrics: MetricsSettings = MetricsSettings()
    supervisor: HostPolicy = HostPolicy()

    @field_validator("host_id")
    @classmethod
    def _is_id(cls, text: str) -> str:
        try:
            return check_id(text)
        except TopicError as error:
            raise ValueError(str(error)) from None

    @field_validator("store")
    @classmethod
    def _known_store(cls, url: str) -> str:
        return _checked_url(url, STORE_SCHEMES)

    @field_validator("registry")
    @classmethod
    def _known_registry(cls, url: str) -> str:
        return _checked_url(url, REGISTRY_SCHEMES)

    def with_metrics_port(self, port: int | None) -> Settings:
        """The same with another port for figures; unchanged for None."""
        if port is None:
            return self
        return self.model_copy(update={"metrics": self.metrics.model_copy(update={"port": port})})

    def below(self, folder: Path) -> Settings:
        """The same, with relative paths taken from `folder`."""
        return self.model_copy(
            update={
                "broker": self.broker.below(folder),
                "store": _url_below(folder, self.store),
                "registry": _url_below(folder, self.registry),
                "secrets_dir": folder / self.secrets_dir,
            }
        )


def load_settings(file: Path) -> Settings:
    """The settings in `file`.

    Raises:
        SettingsError: it cannot be read or is wrong; names file, line and field of every fault.
    """
    try:
        return load_yaml(file, Settings).below(file.absolute().parent)
    except ConfigError as error:
        raise SettingsError(f"{error}\nSee docs/accounts.md for an example of the file.") from error


def read_secret(file: Path) -> str:
    """The secret in `file`, without the line end.

    Raises:
        SettingsError: it cannot be read or is empty.
    """
    try:
        secret = file.read_text(encoding="utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        cause = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        raise SettingsError(
            f"secret file {file} cannot be read: {cause}. Create it, readable for kega alone"
        ) from error
    if not secret:
        raise SettingsError(f"secret file {file} is empty: write the secret into it")
    return secret


def prepare_folders(settings: Settings) -> None:
    """Make the folders that the settings name: those of SQLite files, and `secrets_dir` with mode 0700.

    Raises:
        SettingsError: one cannot be made or written.
    """
    for name, url in (("store", settings.store), ("registry", settings.registry)):
        file = sqlite_file(url)
        if file is not None:
            _writable(file.parent, name, 0o755)
    _writable(settings.secrets_dir, "secrets_dir", 0o700)


def _writable(folder: Path, setting: str, mode: int) -> None:
    try:
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
        probe = folder / ".kega-write-test"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise SettingsError(
            f"{setting}: folder {folder} cannot be written: {error.strerror}. "
            "Give it to the user that runs kega, or name another"
        ) from error
