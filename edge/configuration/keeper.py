"""Keeps the gateway's configuration: what host or technician offer is tried, and kept or given back.

`Keeper.boot` says what to run; `Keeper.run` then takes what `offer` and `reload` bring, until cancelled.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from edge.configuration.check import check_candidate, describe
from edge.configuration.errors import LedgerError, NotUsable
from edge.configuration.ledger import Ledger, may_replace, read_text, write_whole
from edge.configuration.standing import Candidate, Origin, Standing
from edge.configuration.trial import Limits, Sight, Trial, Verdict
from edge.decoding.binding import BoundGateway, load_gateway
from edge.spool.errors import SpoolError
from edge.supervision.figures import INT64, STRING, Figure
from edge.supervision.points import PointName
from telemetry.configuration import ConfigurationRefused, Envelope, parse_envelope, sha256_of
from telemetry.devices.library import Library
from telemetry.errors import ConfigError
from telemetry.signing import check_signature, read_trusted
from telemetry.sparkplug import metrics as names

_LOG: Final = logging.getLogger("edge.configuration")
_INBOX: Final = 4
"""Offers that may wait; further ones are dropped, for the host repeats them."""
_LOOK_EVERY_S: Final = 0.5


class Plant(Protocol):
    """What runs configurations."""

    @property
    def running(self) -> BoundGateway:
        """What runs now."""
        ...

    async def switch(self, bound: BoundGateway) -> None:
        """Run `bound` instead."""
        ...

    async def sight(self) -> Sight:
        """What can be seen now. Raises `SpoolError`."""
        ...


class Keeper:
    """One gateway's configuration, for as long as the process lives."""

    def __init__(self, file: Path, ledger: Ledger, library: Library) -> None:
        self._file = file.resolve()
        self._ledger = ledger
        self._library = library
        self._inbox: asyncio.Queue[str | None] = asyncio.Queue(_INBOX)
        self._edited = asyncio.Event()
        self.on_repeat: Callable[[], None] = lambda: None
        """Called when the host offers what has been judged: it has not heard of it."""
        self.standing = Standing()
        """What runs, what is on trial, what was refused."""

    def boot(self) -> BoundGateway:
        """What to run at a start; a trial that the last life did not finish has failed.

        Raises:
            ConfigError: the file is wrong, and there is no configuration that worked before.
        """
        standing = self._ledger.load() or Standing()
        if standing.candidate is not None:
            standing = self._settle(standing, standing.candidate)
        text = read_text(self._file)
        sha256 = "" if text is None else sha256_of(text)
        applied = self._ledger.read(self._ledger.applied)
        if applied is not None and sha256 and sha256 == standing.rejected:
            _LOG.error("local-edit-stays-rejected", extra={"file": self._file, "cause": standing.error})
            bound = self._load(self._ledger.applied)
        else:
            try:
                bound = self._load(self._file)
            except ConfigError as error:
                if applied is None:
                    raise
                _LOG.error("local-file-wrong", extra={"file": self._file, "cause": error})
                standing = standing.refused(0, describe(error))
                bound = self._load(self._ledger.applied)
            else:
                if sha256 != standing.sha256:
                    standing = standing.edited(sha256)
                self._save_quietly(lambda: write_whole(self._ledger.applied, text or ""))
        self._set(standing)
        return bound

    def _load(self, file: Path) -> BoundGateway:
        return load_gateway(file, self._library, folder=self._file.parent)

    def _settle(self, standing: Standing, candidate: Candidate) -> Standing:
        """A former life ended during a trial, or while what passed took its place."""
        text = self._ledger.read(self._ledger.candidate)
        if candidate.proven and text is not None and sha256_of(text) == candidate.sha256:
            self._save_quietly(lambda: self._put_in_place(candidate, text))
            return standing.committed()
        what = f"version {candidate.version}" if candidate.origin is Origin.HOST else "the local edit"
        _LOG.error("configuration-rolled-back", extra={"version": candidate.version, "cause": "restart"})
        return standing.rolled_back(f"the agent ended while {what} was on trial")

    def offer(self, envelope: str) -> None:
        """The host wants what `envelope` holds; nothing of it is believed yet."""
        try:
            self._inbox.put_nowait(envelope)
        except asyncio.QueueFull:
            _LOG.info("configuration-not-looked-at", extra={"cause": "others wait already"})

    def reload(self) -> None:
        """A person has changed the file and wants it to run."""
        self._edited.set()
        if not self._inbox.full():
            self._inbox.put_nowait(None)

    async def run(self, plant: Plant) -> None:
        """Take what comes, one after the other, until cancelled."""
        while True:
            envelope = await self._inbox.get()
            if envelope is None:
                self._edited.clear()
                await self._take_local(plant)
            else:
                await self._take_offered(envelope, plant)

    async def _take_offered(self, encoded: str, plant: Plant) -> None:
        gateway = plant.running.config.gateway
        try:
            envelope = await asyncio.to_thread(self._verified, encoded, gateway)
        except (ConfigurationRefused, ConfigError) as error:
            # Anybody may have sent it: it is told, but nothing is written and no version counts as judged.
            _LOG.warning("configuration-not-trusted", extra={"gateway": gateway, "cause": error})
            self.standing = self.standing.refused(0, describe(error))
            return
        if envelope.version <= self.standing.judged:
            self.on_repeat()
            return
        local = read_text(self._file)
        if local is None or not self.standing.may_overwrite(sha256_of(local), envelope.replaces):
            self._refuse(
                envelope.version,
                f"{self._file.name} was changed on the gateway (sha256 {sha256_of(local or '')}): look at "
                "the change, and push with --over-local to overwrite it",
            )
        elif not may_replace(self._file):
            self._refuse(
                envelope.version, f"{self._file} cannot be replaced: give its folder to the agent's user"
            )
        else:
            candidate = Candidate(envelope.version, envelope.sha256, Origin.HOST)
            await self._try(candidate, envelope.text, plant)

    def _verified(self, encoded: str, gateway: str) -> Envelope:
        envelope = parse_envelope(encoded)
        check_signature(envelope, gateway, read_trusted(self._ledger.trusted))
        return envelope

    async def _take_local(self, plant: Plant) -> None:
        text = read_text(self._file)
        if text is None:
            self._refuse(0, f"{self._file} cannot be read as UTF-8")
        elif sha256_of(text) != self.standing.sha256:
            candidate = Candidate(self.standing.version, sha256_of(text), Origin.LOCAL)
            await self._try(candidate, text, plant)

    async def _try(self, candidate: Candidate, text: str, plant: Plant) -> None:
        version = candidate.version if candidate.origin is Origin.HOST else 0
        previous = plant.running
        try:
            write_whole(self._ledger.candidate, text)
            bound = await asyncio.to_thread(
                check_candidate, self._ledger.candidate, self._file.parent, previous, self._library
            )
            before = await plant.sight()
            standing = self.standing.tried(candidate)
            self._ledger.save(standing)
        except (ConfigError, NotUsable) as error:
            self._refuse(version, describe(error))
            return
        except (LedgerError, SpoolError) as error:
            # Not the candidate's fault: it may be offered again.
            self.standing = self.standing.refused(0, str(error))
            _LOG.warning("configuration-not-tried", extra={"version": version, "cause": error})
            return
        self.standing = standing
        _LOG.info("configuration-on-trial", extra={"version": version, "origin": candidate.origin.value})
        await plant.switch(bound)
        verdict = await self._judge(before, bound, previous, plant)
        if verdict.passed:
            verdict = self._commit(candidate, text)
        if not verdict.passed:
            _LOG.error("configuration-rolled-back", extra={"version": version, "cause": verdict.reason})
            self._set(self.standing.rolled_back(verdict.reason))
            await plant.switch(previous)

    async def _judge(
        self, before: Sight, bound: BoundGateway, previous: BoundGateway, plant: Plant
    ) -> Verdict:
        rules = previous.config.configuration
        limits = Limits(rules.probation_s, rules.settle_s, rules.good_share)
        trial = Trial(before, _points(bound), limits, time.monotonic())
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            if self._edited.is_set() and self._was_edited():
                return Verdict(passed=False, reason="the file was changed on the gateway meanwhile")
            try:
                sight = await plant.sight()
            except SpoolError as error:
                sight = Sight(frozenset(), online=False, acknowledged=0, waiting=1)
                _LOG.warning("trial-not-seen", extra={"cause": error})
            verdict = trial.judge(sight, time.monotonic())
            if verdict is not None:
                return verdict

    def _was_edited(self) -> bool:
        """Whether the file is neither what ran before nor what is on trial."""
        candidate = self.standing.candidate
        text = read_text(self._file)
        known = {self.standing.sha256} | ({candidate.sha256} if candidate is not None else set())
        return text is None or sha256_of(text) not in known

    def _commit(self, candidate: Candidate, text: str) -> Verdict:
        """Put what passed in its place; a power cut on the way is finished by the next start."""
        if self._was_edited():
            return Verdict(passed=False, reason="the file was changed on the gateway meanwhile")
        try:
            self._ledger.save(self.standing.proven())
            self._put_in_place(candidate, text)
        except LedgerError as error:
            return Verdict(passed=False, reason=str(error))
        self._set(self.standing.committed())
        _LOG.info("configuration-applied", extra={"version": candidate.version, "sha256": candidate.sha256})
        return Verdict(passed=True)

    def _put_in_place(self, candidate: Candidate, text: str) -> None:
        if candidate.origin is Origin.HOST:
            write_whole(self._file, text)
        write_whole(self._ledger.applied, text)

    def _refuse(self, version: int, error: str) -> None:
        _LOG.warning("configuration-refused", extra={"version": version, "cause": error})
        self._set(self.standing.refused(version, error))

    def _set(self, standing: Standing) -> None:
        self.standing = standing
        self._save_quietly(lambda: self._ledger.save(standing))

    def _save_quietly(self, write: Callable[[], None]) -> None:
        try:
            write()
        except LedgerError as error:
            _LOG.error("configuration-not-stored", extra={"cause": error})

    def figures(self) -> list[Figure]:
        """What the host is told."""
        standing = self.standing
        return [
            Figure(names.CONFIG_DESIRED, STRING, ""),
            Figure(names.CONFIG_VERSION, INT64, standing.version),
            Figure(names.CONFIG_HASH, STRING, standing.sha256),
            Figure(names.CONFIG_JUDGED, INT64, standing.judged),
            Figure(names.CONFIG_STATE, STRING, standing.state.value),
            Figure(names.CONFIG_ERROR, STRING, standing.error),
        ]


def _points(bound: BoundGateway) -> frozenset[PointName]:
    return frozenset((device.id, point.metric) for device in bound.devices for point in device.points)
