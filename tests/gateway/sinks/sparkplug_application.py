"""A host application for the tests: it believes only what the specification lets it believe."""

from tests.gateway.sinks.sparkplug_reference import read, value_of


class Application:
    """Takes messages in order; anything that an edge node may not do is an assertion."""

    def __init__(self):
        self.online = False
        self.births = 0
        self.bdseq = None
        self.kinds = []
        self.frames = {}
        """(device, boot, seq) → (values by point, historical)."""
        self.now = {}
        """(device, metric) → its present value."""
        self.events = []
        self._names = {}
        self._seq = None
        self._boot = None

    def take(self, topic, payload):
        said = read(topic, payload)
        self.kinds.append(said.kind)
        if said.kind == "NDEATH":
            assert said.seq is None
            if said.value("bdSeq") == self.bdseq:
                self.online = False
            return
        if said.kind == "NBIRTH":
            assert said.seq == 0
            self.online, self._names = True, {}
            self.births += 1
            self.bdseq, self._boot = said.value("bdSeq"), said.value("Properties/Boot")
        else:
            assert self.online, f"{said.kind} of a node that is not born"
            assert said.seq == (self._seq + 1) % 256, (said.kind, said.seq, self._seq)
        self._seq = said.seq
        match said.kind:
            case "DBIRTH":
                self._names[said.device] = {metric.alias: metric.name for metric in said.metrics}
                self._believe(said, {metric.name: metric for metric in said.metrics})
            case "DDATA":
                names = self._names[said.device]
                metrics = {names[metric.alias]: metric for metric in said.metrics}
                self._believe(said, metrics)
                self._note(said.device, metrics)
            case "DDEATH":
                del self._names[said.device]
            case "NDATA":
                self.events += [(metric.name, value_of(metric)) for metric in said.metrics]

    def _believe(self, said, metrics):
        for name, metric in metrics.items():
            if not metric.is_historical:
                self.now[said.device, name] = value_of(metric)

    def _note(self, device, metrics):
        values = {name: value_of(metric) for name, metric in metrics.items()}
        boot = values.get("Frame/Boot", self._boot)
        historical = {metric.is_historical for metric in metrics.values()}
        assert len(historical) == 1
        points = {name: value for name, value in values.items() if "/" not in name}
        self.frames[device, boot, values["Frame/Seq"]] = (points, historical.pop())
