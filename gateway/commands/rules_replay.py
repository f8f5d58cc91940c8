"""`maplebridge rules replay SITE.yaml`: what would these rules have done with what was read?"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import typer

from agent.reading import Frame, Quality
from agent.rules.limits import Limit, limits_of
from agent.rules.replay import Compared, Episode, Replay, Then, compared, counts
from agent.rules.rule import Rule, RuleSet
from agent.rules.state import Phase
from gateway.commands.failing import exits, fail
from gateway.commands.language import LangOption, Language, language
from gateway.commands.options import DataOption, JsonOption, SiteArgument, show
from gateway.commands.progress import OneLine, bar
from gateway.commands.times import utc_ms
from gateway.commands.trace import Trace, plotted
from gateway.config import SiteConfig, data_folder, load_site
from gateway.journal.past import entries_between
from gateway.journal.query import FILE, read_statistics
from gateway.journal.record import Change
from gateway.rules import site_facts
from gateway.tickets.chart import Curve, chart

_MARKS = {"critical": "◆ C", "high": "▲ H", "medium": "■ M", "low": "● L", "journal": "· J"}
_SHOW_EVERY_S = 0.2
_TEXTS = {
    "backwards": {"en": "--from is not before --to; exchange them", "zh": "--from 不早于 --to;请对调"},
    "rule": {"en": "there is no rule {name!r}", "zh": "没有规则 {name!r}"},
    "device": {"en": "the site has no device {name!r}", "zh": "站点没有设备 {name!r}"},
    "one": {
        "en": "--svg draws one watch: give one --rule and one --device",
        "zh": "--svg 只画一处监视:请给出一个 --rule 和一个 --device",
    },
    "none": {"en": "nothing was read in that time", "zh": "该时段没有读数"},
    "done": {
        "en": "{frames} frames of {days:.1f} days in {seconds:.1f} s: {alerts} alerts, {tickets} with a "
        "ticket; {muted} muted by a root cause",
        "zh": "{days:.1f} 天共 {frames} 帧,用时 {seconds:.1f} 秒:告警 {alerts} 次,{tickets} 次开工单;"
        "{muted} 次被根因抑制",
    },
    "left": {
        "en": "{left} frames stand in the journal out of their order and were left out",
        "zh": "{left} 帧在日志中次序错乱,未计入",
    },
    "compared": {
        "en": "as it was then: {same}; new: {new}; gone: {gone}",
        "zh": "与当时相同:{same};新增:{new};不再出现:{gone}",
    },
    "new": {"en": "new", "zh": "新增"},
    "gone": {"en": "gone", "zh": "消失"},
    "open": {"en": "open", "zh": "未恢复"},
    "muted": {"en": "muted by {rule}", "zh": "被 {rule} 抑制"},
    "ticket": {"en": "ticket {kind} → {team}", "zh": "工单 {kind} → {team}"},
}


@dataclass(slots=True)
class Watched:
    """What is to be drawn: one rule at one device, and a trace of each number it looks at."""

    rule: Rule
    device: str
    channel: int | None
    limits: Sequence[Limit]
    traces: dict[str, Trace] = field(default_factory=dict)

    def take(self, frame: Frame) -> None:
        if frame.device != self.device:
            return
        for point, trace in self.traces.items():
            reading = frame.reading(point)
            if reading is None or reading.quality is not Quality.GOOD:
                continue
            if isinstance(reading.value, int | float) and not isinstance(reading.value, bool):
                trace.add(frame.ts_ms, float(reading.value))

    def drawn(self) -> list[tuple[str, Trace]]:
        """What has a limit comes first."""
        limited = {limit.point for limit in self.limits}
        with_values = [(point, trace) for point, trace in self.traces.items() if trace.low]
        return sorted(with_values, key=lambda item: item[0] not in limited)


def replay(
    site: SiteArgument,
    *,
    since: str = typer.Option(
        "-30d", "--from", metavar="TIME", help="from this time on; -30d: thirty days ago"
    ),
    to: str | None = typer.Option(None, "--to", metavar="TIME", help="up to this time; now without"),
    rule: list[str] | None = typer.Option(
        None, "--rule", metavar="ID", help="of this rule only; may be repeated"
    ),
    device: list[str] | None = typer.Option(None, "--device", metavar="ID", help="of this device only"),
    channel: int | None = typer.Option(None, "--channel", help="which string, phase or connector to draw"),
    svg: Path | None = typer.Option(None, "--svg", metavar="FILE", help="draw value, limits and phases"),
    data: DataOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> None:
    """What would these rules have done? Reads the journal beside a running gateway; changes nothing.

    With one rule and one device its value, limits and phases are drawn.
    """
    words = language(lang)
    with exits():
        config = load_site(site)
        asked = _Asked(config, data_folder(site, data), words, rule or [], device or [])
        from_ms, to_ms = asked.times(since, to)
        watched = asked.watched(channel, from_ms, to_ms)
        if svg is not None and watched is None:
            fail(2, _TEXTS["one"][words])
        outcome = asked.play(from_ms, to_ms, watched)
        if svg is not None and watched is not None:
            svg.write_text(_svg(watched, outcome.phases, asked.zone), encoding="utf-8")
    if as_json:
        show(outcome.document(asked.rules))
        return
    for line in outcome.lines(asked.rules, words, asked.zone):
        print(line)
    if watched is not None and watched.drawn():
        point, trace = watched.drawn()[0]
        print(f"{watched.device} {point}")
        own = [limit for limit in watched.limits if limit.point == point]
        for line in plotted(trace, own, outcome.phases, asked.zone):
            print(line)


class _Asked:
    """A question to the past of one site."""

    def __init__(
        self, config: SiteConfig, data: Path, words: Language, rules: Sequence[str], devices: Sequence[str]
    ) -> None:
        self._config, self._words = config, words
        self._log = data / config.file.journal.path / FILE
        self._statistics: Callable[[], dict[str, Any]] = lambda: read_statistics(
            data, config.file.journal.path
        )
        self._devices = frozenset(devices)
        self.zone = ZoneInfo(config.file.site.timezone)
        place = config.file.site.location
        location = None if place is None else (place.latitude, place.longitude)
        from agent.modbus.sunspec import assumed

        self._facts = site_facts(config.id, config.devices, config.buses, location, resolve=assumed)
        known = {facts.id for facts in self._facts.devices}
        for kind, names, there in (("rule", rules, config.rules.rules), ("device", devices, known)):
            for name in names:
                if name not in there:
                    fail(2, _TEXTS[kind][words].format(name=name))
        self.named = tuple(rules)
        self.rules: Mapping[str, Rule] = (
            config.rules.rules if not rules else _with_inhibitors(config.rules, rules)
        )

    def times(self, since: str, to: str | None) -> tuple[int, int]:
        """UTC; relative ones count from now."""
        from_ms = utc_ms(since, self.zone, self._words)
        to_ms = round(time.time() * 1_000) if to is None else utc_ms(to, self.zone, self._words)
        if from_ms >= to_ms:
            fail(2, _TEXTS["backwards"][self._words])
        return from_ms, to_ms

    def watched(self, channel: int | None, from_ms: int, to_ms: int) -> Watched | None:
        """The one watch that is meant, if one is."""
        if len(self.named) != 1 or len(self._devices) != 1:
            return None
        rule, (device,) = self._config.rules.rules[self.named[0]], self._devices
        number = channel if channel is not None or rule.scope.each is None else 1
        params = next((d.params.get(rule.id, {}) for d in self._config.devices if d.id == device), {})
        mark = "" if rule.scope.each is None else f"{{{rule.scope.each}}}"
        points = [point.replace(mark, str(number)) if mark else point for point in rule.points()]
        held = self._statistics()
        begin_ms, end_ms = max(from_ms, held["first"] or from_ms), min(to_ms, held["last"] or to_ms)
        traces = {point: Trace(begin_ms, end_ms) for point in points if not point.startswith("site.")}
        return Watched(rule, device, number, limits_of(rule, params, number), traces)

    def play(self, from_ms: int, to_ms: int, watched: Watched | None) -> "_Outcome":
        """Read the journal through, with a bar on the terminal."""
        follow = None if watched is None else (watched.rule.id, watched.device, watched.channel)
        replay = Replay(self._facts, RuleSet(self.rules), follow=follow)
        then: dict[str, Then] = {}
        line, began_s, shown_s = OneLine(), time.monotonic(), 0.0
        first_ms = last_ms = None
        for entry in self._entries(from_ms, to_ms):
            if isinstance(entry, Change):
                _remember(then, entry)
                continue
            first_ms, last_ms = first_ms or entry.ts_ms, entry.ts_ms
            replay.take(entry)
            if watched is not None:
                watched.take(entry)
            now_s = time.monotonic()
            if now_s - shown_s > _SHOW_EVERY_S:
                shown_s = now_s
                line.show(bar((entry.ts_ms - first_ms) / max(1, to_ms - first_ms)))
        line.end()
        episodes = [e for e in replay.episodes() if self._asked_for(e.rule, e.device)]
        before = [t for t in then.values() if self._asked_for(t.rule, t.device) and t.from_ms >= from_ms]
        return _Outcome(
            from_ms=first_ms,
            to_ms=last_ms,
            seconds=time.monotonic() - began_s,
            frames=replay.frames,
            left_out=replay.left_out,
            episodes=episodes,
            compared=compared(episodes, before),
            phases=replay.phases,
        )

    def _entries(self, from_ms: int, to_ms: int) -> Iterator[Frame | Change]:
        return entries_between(self._log, from_ms, to_ms)

    def _asked_for(self, rule: str, device: str) -> bool:
        return (not self.named or rule in self.named) and (not self._devices or device in self._devices)


def _with_inhibitors(rules: RuleSet, named: Sequence[str]) -> dict[str, Rule]:
    """The rules asked for, and those that can mute them."""
    wanted, todo = dict[str, Rule](), list(named)
    while todo:
        name = todo.pop()
        rule = rules.rules.get(name)
        if rule is not None and name not in wanted:
            wanted[name] = rule
            todo += [inhibitor.rule for inhibitor in rule.inhibited_by]
    return wanted


def _remember(then: dict[str, Then], change: Change) -> None:
    alert = change.body.get("alert")
    if alert is not None and alert["id"] not in then:
        then[alert["id"]] = Then(alert["rule"], alert["device"], alert["channel"], alert["since"])


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What came of it."""

    from_ms: int | None
    to_ms: int | None
    seconds: float
    frames: int
    left_out: int
    episodes: list[Episode]
    compared: Compared
    phases: list[tuple[int, Phase]]

    def document(self, rules: Mapping[str, Rule]) -> dict[str, Any]:
        """The JSON form."""
        new = {id(episode) for episode in self.compared.new}
        return {
            "from": self.from_ms,
            "to": self.to_ms,
            "frames": self.frames,
            "left_out": self.left_out,
            "alerts": [
                {
                    "rule": e.rule,
                    "device": e.device,
                    "channel": e.channel,
                    "since": e.from_ms,
                    "until": e.to_ms,
                    "severity": e.severity,
                    "inhibited_by": e.suppressed_by,
                    "ticket": _ticket(e, rules),
                    "new": id(e) in new,
                }
                for e in self.episodes
            ],
            "by_rule": counts(self.episodes),
            "gone": [
                {"rule": t.rule, "device": t.device, "channel": t.channel, "since": t.from_ms}
                for t in self.compared.gone
            ],
            "phases": [{"at": at, "phase": str(phase)} for at, phase in self.phases],
        }

    def lines(self, rules: Mapping[str, Rule], words: Language, zone: ZoneInfo) -> Iterator[str]:
        """For people."""
        if self.from_ms is None or self.to_ms is None:
            yield _TEXTS["none"][words]
            return
        new = {id(episode) for episode in self.compared.new}
        for episode in self.episodes:
            title = rules[episode.rule].title.in_(words)
            end = _TEXTS["open"][words] if episode.to_ms is None else _when(episode.to_ms, zone)
            place = episode.device if episode.channel is None else f"{episode.device}/{episode.channel}"
            parts = [
                _when(episode.from_ms, zone),
                "→",
                end,
                _MARKS[episode.severity],
                place,
                episode.rule,
                title,
            ]
            ticket = _ticket(episode, rules)
            if episode.suppressed_by is not None:
                parts.append(_TEXTS["muted"][words].format(rule=episode.suppressed_by))
            elif ticket is not None:
                parts.append(_TEXTS["ticket"][words].format(**ticket))
            yield "  ".join([*parts, *([_TEXTS["new"][words]] if id(episode) in new else [])])
        for gone in self.compared.gone:
            yield "  ".join((_when(gone.from_ms, zone), gone.device, gone.rule, _TEXTS["gone"][words]))
        told = [e for e in self.episodes if e.suppressed_by is None]
        yield _TEXTS["done"][words].format(
            frames=self.frames,
            days=(self.to_ms - self.from_ms) / 86_400_000,
            seconds=self.seconds,
            alerts=len(told),
            tickets=sum(_ticket(e, rules) is not None for e in told),
            muted=len(self.episodes) - len(told),
        )
        if self.left_out:
            yield _TEXTS["left"][words].format(left=self.left_out)
        sizes = {"same": len(self.compared.same), "new": len(new), "gone": len(self.compared.gone)}
        yield _TEXTS["compared"][words].format(**sizes)


def _ticket(episode: Episode, rules: Mapping[str, Rule]) -> dict[str, Any] | None:
    """The ticket that it would have asked for: it had to be told, and to last for long enough."""
    plan = rules[episode.rule].ticket
    lasted_ms = None if episode.to_ms is None else episode.to_ms - episode.from_ms
    if plan is None or episode.suppressed_by is not None:
        return None
    if lasted_ms is not None and lasted_ms < plan.open_after_ms:
        return None
    return {"kind": plan.kind, "team": plan.team}


def _svg(watched: Watched, phases: Sequence[tuple[int, Phase]], zone: ZoneInfo) -> str:
    curves = [
        Curve(
            f"{watched.device} · {point}",
            "",
            trace.samples(),
            [f for f in watched.limits if f.point == point],
        )
        for point, trace in watched.drawn()
    ]
    return chart(curves, [(at, str(phase)) for at, phase in phases], zone)


def _when(ms: int, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(ms / 1_000, UTC).astimezone(zone):%Y-%m-%d %H:%M:%S}"
