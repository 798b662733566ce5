"""Configurations offered, tried, kept, given back; starts after kills at every moment."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from edge.configuration.errors import LedgerError
from edge.configuration.keeper import Keeper
from edge.configuration.standing import Candidate, Origin, State
from telemetry.configuration import sha256_of
from telemetry.errors import ConfigError
from telemetry.signing import new_private_key
from tests.edge.configuration.plant import Plant, Site, settled, yaml_of

OLD = yaml_of(1)
NEW = yaml_of(1, 2)
SLOW_LINE = "{id: cabinet, kind: modbus-rtu, port: /dev/ttyS9, baud: 300}"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path, OLD)


def offered(site: Site, *envelopes: str, plant: Plant | None = None) -> tuple[Keeper, Plant]:
    keeper, fresh = site.life()
    used = plant or fresh
    for envelope in envelopes:
        asyncio.run(settled(keeper, used, lambda envelope=envelope: keeper.offer(envelope)))  # type: ignore[misc]
    return keeper, used


def told(keeper: Keeper) -> dict[str, object]:
    return {figure.name.removeprefix("Config/"): figure.value for figure in keeper.figures()}


def test_the_first_start_takes_the_local_file(site: Site) -> None:
    keeper, plant = site.life()
    assert told(keeper) == {
        "Desired": "",
        "Applied Version": 0,
        "Applied Hash": sha256_of(OLD),
        "Judged Version": 0,
        "State": "local",
        "Error": "",
    }
    assert [device.id for device in plant.running.devices] == ["sl-000001"]


def test_a_good_version_is_tried_and_takes_the_files_place(site: Site) -> None:
    keeper, plant = offered(site, site.envelope(7, NEW))
    assert told(keeper)["State"] == "applied"
    assert told(keeper)["Applied Version"] == told(keeper)["Judged Version"] == 7
    assert site.file.read_text(encoding="utf-8") == NEW
    assert [len(each.devices) for each in plant.history] == [2]
    again, after = site.life()
    assert again.standing == keeper.standing
    assert len(after.running.devices) == 2
    assert after.running.config.state_dir == site.file.parent / "state"


def test_older_and_equal_versions_are_not_looked_at(site: Site) -> None:
    keeper, plant = offered(site, site.envelope(7, NEW))
    standing = keeper.standing

    async def offer_old() -> None:
        running = asyncio.create_task(keeper.run(plant))
        for version in (6, 7):
            keeper.offer(site.envelope(version, OLD))
        keeper.offer("{}")  # the last one is judged visibly
        async with asyncio.timeout(10):
            while keeper.standing.state is not State.REFUSED:
                await asyncio.sleep(0.02)
        running.cancel()

    asyncio.run(offer_old())
    assert (keeper.standing.version, keeper.standing.judged) == (7, 7)
    assert site.life()[0].standing == standing, "what anybody may send is not written down"
    assert len(plant.history) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("gateway: [", "line 2"),
        (NEW.replace("eastron_sdm120, bus: cabinet, unit_id: 2", "no_such, bus: cabinet"), "no_such"),
        (NEW.replace("unit_id: 2", "unit_id: 1"), "unit 1 on bus 'cabinet' is already"),
        (
            NEW.replace("class: streetlight", "class: lantern", 1),
            "line 10: devices.0.class: 'lantern' is none",
        ),
        (
            NEW.replace("{id: cabinet, kind: modbus-tcp, host: 127.0.0.1, port: 15020}", SLOW_LINE),
            "bus cabinet: ",
        ),
        (NEW.replace("eg-0001", "eg-0002"), "it is for 'eg-0002', and this is 'eg-0001'"),
        (NEW.replace("state_dir: state", "state_dir: elsewhere"), "can only be moved by hand"),
        (
            NEW.replace('"mqtt://127.0.0.1:1"', '"mqtt://127.0.0.1:1", username: a, password_file: gone'),
            "cannot be read",
        ),
    ],
)
def test_a_wrong_version_is_refused_with_line_and_field(site: Site, text: str, says: str) -> None:
    keeper, plant = offered(site, site.envelope(8, text))
    assert keeper.standing.state is State.REFUSED
    assert says in keeper.standing.error
    assert (keeper.standing.version, keeper.standing.judged) == (0, 8)
    assert plant.history == []
    assert site.file.read_text(encoding="utf-8") == OLD
    assert site.life()[0].standing == keeper.standing


def test_only_trusted_keys_and_this_gateway(site: Site) -> None:
    stranger = site.envelope(9, NEW, key=new_private_key())
    other = site.envelope(9, NEW).replace('"version":9', '"version":10')
    for envelope, says in ((stranger, "is not trusted here"), (other, "the signature of version 10")):
        keeper, plant = offered(site, envelope)
        assert says in keeper.standing.error
        assert (keeper.standing.judged, plant.history) == (0, [])
    site.ledger.trusted.write_text("ssh-ed25519 AAAA\n")
    keeper, _ = offered(site, site.envelope(9, NEW))
    assert "line 1: a key line begins with" in keeper.standing.error
    site.ledger.trusted.unlink()
    keeper, _ = offered(site, site.envelope(9, NEW))
    assert "there is none" in keeper.standing.error


def test_what_breaks_points_is_given_back(site: Site) -> None:
    text = yaml_of(1, 2, probation_s=1)
    site.file.write_text(yaml_of(1, probation_s=1), encoding="utf-8")
    keeper, plant = site.life()
    plant.works = lambda bound: len(bound.devices) == 1
    asyncio.run(settled(keeper, plant, lambda: keeper.offer(site.envelope(5, text))))
    assert keeper.standing.state is State.ROLLED_BACK
    assert "points that were good are not any more: sl-000001 " in keeper.standing.error
    assert [len(each.devices) for each in plant.history] == [2, 1]
    assert site.life()[0].standing == keeper.standing
    assert site.life()[0].standing.judged == 5


def test_a_local_edit_is_overwritten_only_by_a_version_that_names_it(site: Site) -> None:
    offered(site, site.envelope(1, NEW))
    edit = yaml_of(1, 2, 3)
    site.file.write_text(edit, encoding="utf-8")
    keeper, plant = offered(site, site.envelope(2, OLD))
    assert keeper.standing.state is State.REFUSED
    assert sha256_of(edit) in keeper.standing.error
    assert (keeper.standing.version, keeper.standing.sha256) == (1, sha256_of(edit))
    assert len(plant.running.devices) == 3
    keeper, _ = offered(site, site.envelope(3, OLD, replaces=sha256_of(NEW)))
    assert keeper.standing.state is State.REFUSED
    keeper, _ = offered(site, site.envelope(4, OLD, replaces=sha256_of(edit)))
    assert keeper.standing.state is State.APPLIED
    assert site.file.read_text(encoding="utf-8") == OLD


def test_an_edit_that_nobody_has_loaded_is_safe_too(site: Site) -> None:
    keeper, plant = offered(site, site.envelope(1, NEW))
    site.file.write_text(yaml_of(4), encoding="utf-8")
    asyncio.run(settled(keeper, plant, lambda: keeper.offer(site.envelope(2, OLD))))
    assert keeper.standing.state is State.REFUSED
    assert site.file.read_text(encoding="utf-8") == yaml_of(4)


def test_reload_tries_the_local_file(site: Site) -> None:
    keeper, plant = offered(site, site.envelope(1, NEW))
    site.file.write_text(yaml_of(3), encoding="utf-8")
    assert asyncio.run(settled(keeper, plant, keeper.reload)) is State.LOCAL
    assert keeper.standing.version == 1
    assert keeper.standing.sha256 == sha256_of(yaml_of(3))
    assert [device.id for device in plant.running.devices] == ["sl-000003"]


def test_reload_of_a_wrong_file_changes_nothing(site: Site) -> None:
    keeper, plant = site.life()
    site.file.write_text(OLD.replace("p060", "P 060"), encoding="utf-8")
    assert asyncio.run(settled(keeper, plant, keeper.reload)) is State.REFUSED
    assert "line 3: area" in keeper.standing.error
    assert plant.history == []
    later, after = site.life()
    assert later.standing.state is State.REFUSED
    assert len(after.running.devices) == 1, "a start with a wrong file runs what ran before"


def test_a_local_edit_that_was_given_back_does_not_run_after_a_power_cut(site: Site) -> None:
    site.file.write_text(yaml_of(1, probation_s=1), encoding="utf-8")
    keeper, plant = site.life()
    plant.works = lambda bound: bound.devices[0].id == "sl-000001" and len(bound.devices) == 1
    site.file.write_text(yaml_of(1, 2), encoding="utf-8")
    assert asyncio.run(settled(keeper, plant, keeper.reload)) is State.ROLLED_BACK
    later, after = site.life()
    assert later.standing.state is State.ROLLED_BACK
    assert len(after.running.devices) == 1
    site.file.write_text(yaml_of(5), encoding="utf-8")
    assert site.life()[1].running.devices[0].id == "sl-000005", "another edit is another matter"


def test_an_edit_during_a_trial_ends_it(site: Site) -> None:
    async def scenario() -> None:
        keeper, plant = site.life()
        plant.works = lambda bound: len(bound.devices) != 2
        running = asyncio.create_task(keeper.run(plant))
        keeper.offer(site.envelope(1, NEW))
        async with asyncio.timeout(20):
            while keeper.standing.state is not State.TRIAL:
                await asyncio.sleep(0.02)
            site.file.write_text(yaml_of(1, 2, 3), encoding="utf-8")
            keeper.reload()
            while keeper.standing.state is not State.LOCAL:
                await asyncio.sleep(0.02)
        assert len(plant.running.devices) == 3
        running.cancel()

    asyncio.run(scenario())


def _ledger_at(site: Site, *, proven: bool, in_place: bool = False) -> None:
    """The disk as a kill leaves it in the middle of a trial, or of the commit after it."""
    keeper, _ = site.life()
    candidate = Candidate(3, sha256_of(NEW), Origin.HOST)
    site.ledger.candidate.write_text(NEW, encoding="utf-8")
    standing = keeper.standing.tried(candidate)
    site.ledger.save(standing.proven() if proven else standing)
    if in_place:
        site.file.write_text(NEW, encoding="utf-8")


def test_a_start_during_a_trial_gives_back(site: Site) -> None:
    _ledger_at(site, proven=False)
    keeper, plant = site.life()
    assert keeper.standing.state is State.ROLLED_BACK
    assert keeper.standing.error == "the agent ended while version 3 was on trial"
    assert (keeper.standing.judged, len(plant.running.devices)) == (3, 1)


@pytest.mark.parametrize("in_place", [False, True])
def test_a_start_during_the_commit_finishes_it(site: Site, in_place: bool) -> None:
    _ledger_at(site, proven=True, in_place=in_place)
    keeper, plant = site.life()
    assert keeper.standing.state is State.APPLIED
    assert len(plant.running.devices) == 2
    assert site.file.read_text(encoding="utf-8") == NEW
    assert site.life()[0].standing == keeper.standing


def test_a_commit_whose_text_is_gone_gives_back(site: Site) -> None:
    _ledger_at(site, proven=True)
    site.ledger.candidate.write_text("half of", encoding="utf-8")
    keeper, plant = site.life()
    assert keeper.standing.state is State.ROLLED_BACK
    assert len(plant.running.devices) == 1


def test_a_broken_ledger_takes_the_file_as_it_is(site: Site) -> None:
    offered(site, site.envelope(1, NEW))
    (site.ledger.applied.parent / "ledger.json").write_text('{"version": ')
    keeper, plant = site.life()
    assert keeper.standing.state is State.LOCAL
    assert len(plant.running.devices) == 2


def test_a_wrong_file_and_nothing_that_ever_worked(tmp_path: Path) -> None:
    site = Site(tmp_path, "gateway: x\n")
    with pytest.raises(ConfigError, match=r"gateway\.yaml"):
        site.life()


def test_a_disk_that_refuses_is_told_and_nothing_is_tried(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper, plant = site.life()

    def refuse(file: Path, _text: str) -> None:
        raise LedgerError(f"{file} cannot be written: no space left")

    monkeypatch.setattr("edge.configuration.keeper.write_whole", refuse)
    assert asyncio.run(settled(keeper, plant, lambda: keeper.offer(site.envelope(1, NEW)))) is State.REFUSED
    assert "no space left" in keeper.standing.error
    assert (keeper.standing.judged, plant.history) == (0, []), "it may be offered again"
