"""A fleet of gateways on one socket, as real ones behave: nothing is forgotten before it is acknowledged.

    python -m tests.bench.ingest_peers.sender '{"port": 1883, "gateways": 200, "messages": 100, ...}'

Without `rate` it sends a backlog as fast as the acknowledgement window lets it. With `rate` each gateway
makes messages in that time, sends each once at once, and sends again under the window what is not
acknowledged `resend_s` later. Prints one JSON object at the end.
"""

from __future__ import annotations

import json
import re
import select
import socket
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass, field

from telemetry import mqtt_packets as packets
from telemetry.mqtt_packets import Parser
from tests.bench.ingest_peers.fleet import AREA, EPOCH, Gateway

_ACK = re.compile(rb"be0cbe0c:([0-9,-]+)")
_MAX_WRITE = 256 * 1024
assert EPOCH == "be0cbe0c"


@dataclass(frozen=True)
class Plan:
    """What to send."""

    port: int
    gateways: int
    messages: int
    """Of each gateway."""
    begin_ms: int
    window: int = 64
    rate: float = 0.0
    """Messages a second of all gateways; 0: as fast as the window allows."""
    resend_s: float = 5.0
    deadline_s: float = 600.0
    json_qos1: bool = False
    """Send the peers' JSON by QoS 1 instead, as fast as the broker takes it; nothing is acknowledged."""


@dataclass
class Outcome:
    """What came of it."""

    begun_s: float = 0.0
    """Unix time of the first message."""
    ended_s: float = 0.0
    """Of the last acknowledgement."""
    sent: int = 0
    sent_again: int = 0
    acknowledged: int = 0
    lost: int = 0
    behind: list[int] = field(default_factory=list)
    """Unacknowledged messages of all gateways, one figure a second."""


class _Spool:
    """One gateway's."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.next = 0
        self.unacked: dict[int, float] = {}
        self.again: deque[tuple[float, int]] = deque()
        """When and what to look at again."""
        self.on_the_way: set[int] = set()
        self.ready: list[bytes] = []
        """Packets of a backlog."""


class Sender:
    """All gateways of a plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        historical = plan.rate == 0
        self._spools = [
            _Spool(Gateway(index, plan.begin_ms, is_historical=historical)) for index in range(plan.gateways)
        ]
        self._late = [Gateway(index, plan.begin_ms) for index in range(plan.gateways)] if plan.rate else []
        self._by_id = {spool.gateway.id: spool for spool in self._spools}
        self._outcome = Outcome()
        self._out = bytearray()
        self._left = plan.gateways * plan.messages

    def run(self) -> Outcome:
        """Send all, and wait for all acknowledgements; over lost connections."""
        outcome, plan = self._outcome, self._plan
        self._prepare()
        begun = time.monotonic()
        outcome.begun_s = time.time()
        while self._left and time.monotonic() < begun + plan.deadline_s:
            try:
                self._session(begun)
            except OSError:
                time.sleep(0.2)
        outcome.ended_s = time.time()
        outcome.lost = self._left
        return outcome

    def _prepare(self) -> None:
        if not self._plan.rate:
            for spool in self._spools:
                spool.ready = [self._packet(spool.gateway, number) for number in range(self._plan.messages)]

    def _session(self, begun: float) -> None:
        parser = Parser(4)
        with socket.create_connection(("127.0.0.1", self._plan.port), 5) as link:
            link.sendall(packets.connect("bench-sender", 4, 600, None, None))
            link.sendall(packets.subscribe(1, [f"spBv1.0/{AREA}/NCMD/+"], 4))
            link.setblocking(False)
            self._out.clear()
            for spool in self._spools:
                spool.on_the_way.clear()
                spool.again = deque((0.0, number) for number in spool.unacked)
            poll = select.poll()
            poll.register(link, select.POLLIN)
            told = 0.0
            while self._left and time.monotonic() < begun + self._plan.deadline_s:
                now = time.monotonic()
                if len(self._out) < _MAX_WRITE:
                    self._fill(now, now - begun)
                poll.modify(link, select.POLLIN | (select.POLLOUT if self._out else 0))
                events = dict(poll.poll(10))
                flags = events.get(link.fileno(), 0)
                if flags & select.POLLOUT:
                    del self._out[: link.send(memoryview(self._out)[:_MAX_WRITE])]
                if flags & (select.POLLIN | select.POLLHUP | select.POLLERR):
                    data = link.recv(1 << 18)
                    if not data:
                        raise ConnectionError
                    for topic, payload, _ in parser.feed(data).arrived:
                        self._acknowledged(topic, payload)
                if now - told > 1:
                    told = now
                    self._outcome.behind.append(sum(len(spool.unacked) for spool in self._spools))

    def _fill(self, now: float, elapsed: float) -> None:
        plan, out, outcome = self._plan, self._out, self._outcome
        due = plan.messages if not plan.rate else min(plan.messages, int(plan.rate * elapsed / plan.gateways))
        for spool in self._spools:
            if plan.rate:
                while spool.next < due:
                    out += self._packet(spool.gateway, spool.next)
                    spool.unacked[spool.next] = now
                    spool.again.append((now + plan.resend_s, spool.next))
                    spool.next += 1
                    outcome.sent += 1
            else:
                room = min(plan.window - len(spool.unacked), due - spool.next)
                if room > 0:
                    first = spool.next
                    out += b"".join(spool.ready[first : first + room])
                    for number in range(first, first + room):
                        spool.unacked[number] = now
                        spool.again.append((now + plan.resend_s, number))
                    spool.next += room
                    outcome.sent += room
            self._again(spool, now)
            if len(out) > 2 * _MAX_WRITE:
                break

    def _again(self, spool: _Spool, now: float) -> None:
        gateway = self._late[spool.gateway.index] if self._late else spool.gateway
        while spool.again and spool.again[0][0] <= now:
            number = spool.again[0][1]
            if number in spool.unacked:
                if len(spool.on_the_way) >= self._plan.window and number not in spool.on_the_way:
                    return
                self._out += self._packet(gateway, number)
                spool.on_the_way.add(number)
                spool.again.append((now + 2 * self._plan.resend_s, number))
                self._outcome.sent_again += 1
            spool.again.popleft()

    def _packet(self, gateway: Gateway, number: int) -> bytes:
        return packets.publish(gateway.topic, gateway.payload(number), 4)

    def _acknowledged(self, topic: str, payload: bytes) -> None:
        spool = self._by_id.get(topic.rpartition("/")[2])
        found = _ACK.search(payload)
        if spool is None or found is None:
            return
        unacked = spool.unacked
        before = len(unacked)
        for part in found[1].split(b","):
            first, _, last = part.partition(b"-")
            for number in range(int(first), int(last or first) + 1):
                unacked.pop(number, None)
                spool.on_the_way.discard(number)
        done = before - len(unacked)
        self._left -= done
        self._outcome.acknowledged += done


def send_json(plan: Plan) -> Outcome:
    """The burst for the peers: QoS 1, prebuilt, at most 2000 without the broker's PUBACK."""
    gateways = [Gateway(index, plan.begin_ms) for index in range(plan.gateways)]
    ready: list[bytes] = []
    for number in range(plan.messages):
        for gateway in gateways:
            topic = f"bench/{gateway.id}".encode()
            body = len(topic).to_bytes(2, "big") + topic + (len(ready) % 65535 + 1).to_bytes(2, "big")
            body += gateway.json(number)
            ready.append(bytes((0x32,)) + packets.encode_length(len(body)) + body)
    outcome = Outcome(sent=len(ready))
    with socket.create_connection(("127.0.0.1", plan.port), 5) as link:
        link.sendall(packets.connect("bench-json", 4, 600, None, None))
        link.recv(4)
        outcome.begun_s = time.time()
        sent = 0
        answers = 0
        while answers < 4 * len(ready):
            room = 2000 - (sent - answers // 4)
            if room > 0 and sent < len(ready):
                link.sendall(b"".join(ready[sent : sent + min(room, 500)]))
                sent += min(room, 500, len(ready) - sent)
            if sent - answers // 4 >= 1500 or sent == len(ready):
                answers += len(link.recv(1 << 16))
        outcome.ended_s = time.time()
    return outcome


def main() -> None:
    """One plan from the command line."""
    plan = Plan(**json.loads(sys.argv[1]))
    outcome = send_json(plan) if plan.json_qos1 else Sender(plan).run()
    print(json.dumps(asdict(outcome)))


if __name__ == "__main__":
    main()
