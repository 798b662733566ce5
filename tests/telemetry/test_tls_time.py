"""Certificates on a machine whose clock is wrong: a real broker whose certificate begins in years to come."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from telemetry.errors import LinkError
from telemetry.mqtt import Broker, open_link
from tests.servers import Mosquitto, free_port

pytestmark = pytest.mark.anyio
BEGINS = dt.datetime(2040, 1, 1, tzinfo=dt.UTC)
ENDS = dt.datetime(2041, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(folder: Path) -> tuple[Path, Path, Path]:
    """Files of an authority and of a server certified by it, both of the year 2040."""
    authority, server = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())

    def signed(subject: str, key: ec.EllipticCurvePrivateKey, *, is_authority: bool) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(subject))
            .issuer_name(_name("test authority"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(BEGINS)
            .not_valid_after(ENDS)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        )
        return builder.sign(authority, hashes.SHA256())

    files = (folder / "ca.pem", folder / "server.pem", folder / "server.key")
    pem = serialization.Encoding.PEM
    files[0].write_bytes(signed("test authority", authority, is_authority=True).public_bytes(pem))
    files[1].write_bytes(signed("localhost", server, is_authority=False).public_bytes(pem))
    plain = serialization.NoEncryption()
    files[2].write_bytes(server.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    for file in files:
        file.chmod(0o644)
    return files


async def test_a_certificate_is_judged_by_the_time_that_we_know(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    ca, certificate, key = _certificate(tmp_path)
    port = free_port()
    server = Mosquitto(
        tmp_path, f"listener {port} 127.0.0.1\nallow_anonymous true\ncertfile {certificate}\nkeyfile {key}\n"
    )
    server.start()
    try:

        async def connects(now: dt.datetime | None, host: str = "localhost") -> None:
            now_ms = None if now is None else (lambda: int(now.timestamp() * 1000))
            broker = Broker(f"mqtts://{host}:{port}", ca_file=ca, now_ms=now_ms)
            async with open_link(broker, f"c-{time.monotonic_ns()}") as link:
                assert link.is_up

        with pytest.raises(LinkError, match="not yet valid"):
            await connects(None)
        await connects(BEGINS + dt.timedelta(days=7))
        await connects(BEGINS - dt.timedelta(days=700))
        with pytest.raises(LinkError, match="has ended"):
            await connects(ENDS + dt.timedelta(days=1))
        with pytest.raises(LinkError, match=r"127\.0\.0\.1"):
            await connects(BEGINS + dt.timedelta(days=7), host="127.0.0.1")
    finally:
        server.stop()
