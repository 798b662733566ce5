"""Ways to break a clean session, for the table in `breaks`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from telemetry.sparkplug.payload import Metric
from tests.telemetry.monitor.scene import START_MS, Scene, double

Break = Callable[[Scene], object]


def by(**fields: Any) -> Callable[[Any], object]:
    """Set fields of the first metric."""

    def change(message: Any) -> None:
        for name, value in fields.items():
            setattr(message.metrics[0], name, value)

    return change


def without(*fields: str) -> Callable[[Any], object]:
    """Clear fields of the payload, or with a dot before them of its first metric."""

    def change(message: Any) -> None:
        for name in fields:
            target = message.metrics[0] if name.startswith(".") else message
            target.ClearField(name.lstrip("."))

    return change


def started(then: Break) -> Break:
    """Break after a clean begin."""

    def run(scene: Scene) -> None:
        scene.begin()
        scene.ddata(1)
        then(scene)

    return run


def skip_seq(scene: Scene) -> Scene:
    """Lose a message."""
    scene.take_seq()
    return scene


def garbage(verb: str, device: str = "") -> Break:
    topic = f"spBv1.0/p060/{verb}/eg-0001" + (f"/{device}" if device else "")
    return lambda scene: scene.hear(topic, b"\xff\xff\xff", qos=1 if verb == "NDEATH" else 0)


def quality(*, type_code: int = 3, code: int = 192, as_long: bool = False) -> Callable[[Any], object]:
    """A Quality property on the first metric."""

    def change(message: Any) -> None:
        properties = message.metrics[0].properties
        properties.keys.append("Quality")
        if as_long:
            properties.values.add(type=type_code, long_value=code)
        else:
            properties.values.add(type=type_code, int_value=code)

    return change


def untyped_property(message: Any) -> None:
    message.metrics[0].properties.keys.append("note")
    message.metrics[0].properties.values.add(string_value="x")


def lone_key(message: Any) -> None:
    message.metrics[0].properties.keys.append("note")


def data_set(
    columns: int = 2, names: int = 2, types: tuple[int, ...] = (10, 12), cells: int = 2, empty: bool = False
) -> Callable[[Any], object]:
    def change(message: Any) -> None:
        metric = message.metrics.add(name="Table/Log", datatype=16, timestamp=START_MS)
        table = metric.dataset_value
        table.num_of_columns = columns
        table.columns.extend(f"c{number}" for number in range(names))
        table.types.extend(types)
        row = table.rows.add()
        for number in range(cells):
            cell = row.elements.add()
            if not (empty and number == 0):
                cell.double_value = 1.0

    return change


def definition(message: Any, *, ref: str = "", flag: bool = True, name: str = "Pump") -> Any:
    metric = message.metrics.add(name=name, datatype=19, timestamp=START_MS)
    template = metric.template_value
    template.version = "1"
    if flag:
        template.is_definition = True
    if ref:
        template.template_ref = ref
    template.metrics.add(name="Speed", datatype=10, double_value=0)
    template.metrics.add(name="Power", datatype=10, double_value=0)
    template.parameters.add(name="Maker", type=12, string_value="")
    return template


def instance(
    message: Any,
    *,
    ref: str | None = "Pump",
    flag: bool = True,
    members: tuple[str, ...] = ("Speed", "Power"),
    version: str = "1",
) -> Any:
    metric = message.metrics.add(name="Pump/1", datatype=19, timestamp=START_MS)
    template = metric.template_value
    if ref is not None:
        template.template_ref = ref
    if flag:
        template.is_definition = False
    template.version = version
    for member in members:
        template.metrics.add(name=member, datatype=10, double_value=1)
    return template


def with_template(change: Callable[[Any], object]) -> Break:
    """An NBIRTH that defines a template, and a DBIRTH with what `change` adds."""

    def run(scene: Scene) -> None:
        scene.state()
        scene.nbirth(change=definition)
        scene.dbirth(change=change)

    return run


def parameter(**fields: Any) -> Break:
    return with_template(lambda m: instance(m).parameters.add(**fields))


def aliased(scene: Scene) -> None:
    """A session in which a third party uses an alias for the first metric of its device."""
    scene.state()
    scene.nbirth()
    scene.dbirth(change=by(alias=4))


def two_clients(scene: Scene) -> None:
    scene.state()
    scene.nbirth(7)
    scene.nbirth(8)
    scene.nbirth(7)


def undying(scene: Scene) -> None:
    scene.begin()
    scene.nbirth(8)
    scene.ndata(after_ms=200_000)


def spelled_twice(message: Any) -> None:
    twin = message.metrics.add()
    twin.CopyFrom(message.metrics[0])
    twin.name = twin.name.upper()


def rebirths(count: int, after_ms: int) -> Break:
    def run(scene: Scene) -> None:
        for number in range(count):
            scene.rebirth(gateway=f"eg-{number:04d}", after_ms=after_ms)

    return run


def many_births(scene: Scene) -> None:
    scene.state()
    scene.nbirth()
    for number in range(20):
        scene.dbirth(f"ws-{number:04d}", after_ms=10)


def historical(scene: Scene, value: float, *, marked: bool, batch: int = 1) -> None:
    """Say batch 1 again."""
    first_ms = scene.now - 1000
    metrics = (
        double("Air/Temperature", value, first_ms, is_historical=marked),
        double("Air/Humidity", 60.0, first_ms, is_historical=marked),
    )
    scene.say(
        "DDATA",
        metrics,
        device="ws-0001",
        seq=scene.take_seq(),
        uuid=f"3f9a62d1:{batch}",
    )


def ddata(*metrics: Metric) -> Break:
    return started(lambda s: s.say("DDATA", metrics, device="ws-0001", seq=s.take_seq(), uuid="3f9a62d1:9"))


def ddata_changed(change: Callable[[Any], object]) -> Break:
    return started(lambda s: s.ddata(2, change=change))


def commanded(metric: Metric, verb: str = "DCMD") -> Break:
    device = "ws-0001" if verb == "DCMD" else None
    return started(lambda s: s.say(verb, (metric,), device=device))


def born(kind: str, change: Callable[[Any], object]) -> Break:
    return lambda s: s.begin_with(kind, change)


def drop_metric(name: str) -> Callable[[Any], object]:
    def change(message: Any) -> None:
        kept = [metric for metric in message.metrics if metric.name != name]
        del message.metrics[:]
        message.metrics.extend(kept)

    return change


def set_seq(number: int) -> Callable[[Any], object]:
    return lambda message: setattr(message, "seq", number)
