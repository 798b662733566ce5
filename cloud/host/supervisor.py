"""The supervisor at the broker: STATE, the messages of all gateways, rebirth requests and commands out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Final

from cloud.backoff import Backoff
from cloud.control.dispatcher import Dispatcher
from cloud.errors import NotFound, RegistryUnavailable
from cloud.host.fleet import Fleet
from cloud.host.journal import Journal
from cloud.host.liveness import Liveness
from cloud.host.metrics import HostMetrics
from cloud.host.moment import Moment
from cloud.host.rebirths import Rebirths, Target
from cloud.host.session import Presence
from cloud.host.state import State, read_state
from cloud.host.timekeeping import answer, question_in
from cloud.registry.port import Registry
from cloud.threads import in_thread
from telemetry.clock import Clock
from telemetry.errors import CodecError, LinkError, TopicError
from telemetry.mqtt import Broker, Link, Message, Will, open_link
from telemetry.sparkplug.metrics import REBIRTH
from telemetry.sparkplug.payload import DataType, Metric, Payload, encode
from telemetry.sparkplug.topics import NAMESPACE, StateTopic, Topic, Verb, parse_topic

QUEUE: Final = 100_000
"""Messages that wait for us. Past it the newest are dropped and counted; a lost birth is asked for again."""
TICK_S: Final = 0.25
JUDGE_EVERY_S: Final = 1.0
REPUBLISH_EVERY_S: Final = 1.0
"""Another host of our id would answer us with its own STATE: we do not quarrel faster than this."""
FAREWELL_S: Final = 2.0
COMPLAIN_EVERY_S: Final = 10.0
_BREATH: Final = 100
"""Messages after which other tasks have their turn."""

_log = logging.getLogger(__name__)


class Supervisor:
    """One host application: the state machines of this package, connected to a broker.

    It is the dispatcher's outlet. All methods belong to the event loop.
    """

    def __init__(
        self,
        broker: Broker,
        host_id: str,
        registry: Registry,
        *,
        fleet: Fleet,
        rebirths: Rebirths,
        journal: Journal,
        liveness: Liveness,
        metrics: HostMetrics,
        clock: Clock,
        standbys: Sequence[Broker] = (),
        subscribe_qos: int = 1,
    ) -> None:
        self.on_birth: Callable[[str], None] = lambda _: None
        """Gets the id of every gateway that is born."""
        self._brokers = deque([broker, *standbys])
        """Nodes of one cluster; the first is in use."""
        self._subscribe_qos = subscribe_qos
        self._host_id = host_id
        self._registry = registry
        self._topic = str(StateTopic(host_id))
        self._fleet = fleet
        self._rebirths = rebirths
        self._journal = journal
        self._liveness = liveness
        self._metrics = metrics
        self._clock = clock
        self._link: Link | None = None
        self._state = State(online=False, time_ms=0)
        self._republished_s = float("-inf")
        self._contested = False
        self._complained_s = float("-inf")
        self._judged_s = float("-inf")

    async def run(self, dispatcher: Dispatcher) -> None:
        """Be connected until cancelled; then say goodbye."""
        backoff = Backoff(1.0, 30.0)
        while True:
            try:
                await self._one_connection(dispatcher, backoff)
            except LinkError as error:
                self._brokers.rotate(-1)
                pause = backoff.next_s()
                _log.warning("broker-away", extra={"retry_s": round(pause, 1), "cause": str(error)})
                await asyncio.sleep(pause)

    async def _one_connection(self, dispatcher: Dispatcher, backoff: Backoff) -> None:
        broker = self._brokers[0]
        time_ms = self._clock.now_ms()
        will = Will(self._topic, State(online=False, time_ms=time_ms).encode(), qos=1, retain=True)
        self._state = State(online=True, time_ms=time_ms)
        async with open_link(broker, self._host_id, will=will, queue_size=QUEUE) as link:
            await link.subscribe(self._topic, f"{NAMESPACE}/#", qos=self._subscribe_qos)
            await link.publish_confirmed(self._topic, self._state.encode(), qos=1, retain=True)
            backoff.reset()
            self._link = link
            self._fleet.connected(Moment.now(self._clock))
            self._metrics.connected.set(1)
            _log.info("host-online", extra={"host": self._host_id, "broker": broker.url})
            try:
                await self._listen(link, dispatcher)
            finally:
                self._link = None
                self._metrics.connected.set(0)
                self._fleet.disconnected(Moment.now(self._clock))
                await self._farewell(link)
        raise LinkError(f"connection to {broker.url} lost: {link.lost.result()}")

    async def _farewell(self, link: Link) -> None:
        """Before an intended end: STATE offline, with the time of now."""
        if not link.is_up:
            return
        goodbye = State(online=False, time_ms=self._clock.now_ms())
        try:
            await link.publish_confirmed(
                self._topic, goodbye.encode(), qos=1, retain=True, timeout_s=FAREWELL_S
            )
        except LinkError as error:
            _log.warning("host-offline-not-told", extra={"host": self._host_id, "cause": str(error)})

    async def _listen(self, link: Link, dispatcher: Dispatcher) -> None:
        number = dropped = 0
        async for message in link.messages():
            self._metrics.messages.inc()
            self._take(link, message, dispatcher)
            number += 1
            if number % _BREATH == 0:
                await asyncio.sleep(0)
            if link.dropped > dropped:
                self._metrics.dropped.inc(link.dropped - dropped)
                self._complain("messages-dropped", {"dropped": link.dropped})
                dropped = link.dropped

    def _take(self, link: Link, message: Message, dispatcher: Dispatcher) -> None:
        if message.topic == self._topic:
            self._own_state(link, message)
            return
        try:
            topic = parse_topic(message.topic)
            if isinstance(topic, Topic):
                self._tell_time(link, topic, message.payload)
                born = self._fleet.receive(topic, message.payload, Moment.now(self._clock))
                if topic.verb is Verb.NBIRTH:
                    self.on_birth(topic.gateway)
                if born is not None:
                    dispatcher.device_born(born)
        except (CodecError, TopicError) as error:
            self._metrics.malformed.inc()
            self._complain("message-malformed", {"topic": message.topic[:200], "cause": str(error)[:200]})

    def _tell_time(self, link: Link, topic: Topic, payload: bytes) -> None:
        received_ms = self._clock.now_ms()
        asked_ms = question_in(topic, payload)
        if asked_ms is None:
            return
        to, told = answer(topic, asked_ms, received_ms=received_ms, now_ms=self._clock.now_ms())
        with contextlib.suppress(LinkError):  # it asks again
            link.publish(str(to), told)

    def _complain(self, event: str, about: dict[str, object]) -> None:
        """Log it, but not a thousand times a second: the metrics count all."""
        now_s = self._clock.monotonic()
        if now_s - self._complained_s >= COMPLAIN_EVERY_S:
            self._complained_s = now_s
            _log.warning(event, extra=about)

    def _own_state(self, link: Link, message: Message) -> None:
        state = read_state(message.payload)
        if message.retain or state is None or state.online:
            return
        self._complain("host-told-offline", {"host": self._host_id, "time_ms": state.time_ms})
        self._contested = True
        self._insist(link)

    def _insist(self, link: Link) -> None:
        """Somebody said that we are offline (our own old will, perhaps): say again that we are not."""
        now_s = self._clock.monotonic()
        if self._contested and now_s - self._republished_s >= REPUBLISH_EVERY_S:
            self._republished_s = now_s
            self._contested = False
            link.publish(self._topic, self._state.encode(), qos=1, retain=True)

    async def tick(self) -> None:
        """What time alone brings about, until cancelled."""
        while True:
            await asyncio.sleep(TICK_S)
            now = Moment.now(self._clock)
            self._fleet.overdue(now)
            link = self._link
            if link is not None and link.is_up:
                try:
                    self._insist(link)
                    await self._ask_for_rebirths(link, now)
                except LinkError as error:
                    _log.info("link-lost-under-us", extra={"cause": str(error)})
                if now.s - self._judged_s >= JUDGE_EVERY_S:
                    self._judged_s = now.s
                    self._journal.add(self._liveness.judge(self._fleet.gateways(), now))
            self._tell_metrics()

    async def _ask_for_rebirths(self, link: Link, now: Moment) -> None:
        targets = self._rebirths.due(now.s)
        if not targets:
            return
        areas = {target.gateway: target.area for target in targets}
        try:
            # on record before it is sent: a supervisor that dies now must not have its successor ask again
            await in_thread(lambda: self._registry.rebirths_asked(areas, time_ms=now.ms))
        except RegistryUnavailable:
            self._rebirths.put_back(targets)
            return
        for target in targets:
            metric = Metric(REBIRTH, DataType.BOOLEAN, value=True, time_ms=now.ms)
            payload = encode(Payload(time_ms=now.ms, metrics=(metric,)))
            link.publish(str(Topic(target.area, Verb.NCMD, target.gateway)), payload)
            self._metrics.rebirths.inc()
            _log.info("rebirth-asked", extra={"gateway": target.gateway})

    def _tell_metrics(self) -> None:
        self._metrics.tell_events(self._fleet.counts)
        self._metrics.waiting.set(len(self._journal))
        presences = Counter(gateway.presence for gateway in self._fleet.gateways())
        for presence in Presence:
            self._metrics.gateways.labels(presence.value).set(presences[presence])

    def may_reach(self, gateway: str) -> bool:
        """False while there is no connection, or the gateway is known to be offline."""
        return self._link is not None and not self._fleet.is_offline(gateway)

    def send(self, topic: Topic, payload: bytes, expires_in_s: int | None = None) -> None:
        """Publish a command, QoS 0, not retained; its broker may forget it then. Raises LinkError."""
        if self._link is None:
            raise LinkError("no connection to the broker")
        self._link.publish(str(topic), payload, expires_in_s=expires_in_s)

    def area_of(self, gateway: str) -> str | None:
        """The area of the gateway; None where no birth has ever told of it."""
        return self._fleet.area(gateway)

    def request_rebirth(self, gateway: str) -> None:
        """Have the births of `gateway` asked for, paced like all others. Raises NotFound."""
        area = self._fleet.area(gateway)
        if area is None:
            raise NotFound(f"no gateway {gateway!r} has ever been born: look it up in the list of gateways")
        self._rebirths.want(Target(area, gateway))
