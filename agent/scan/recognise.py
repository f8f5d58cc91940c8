"""What a living unit is: its SunSpec chain, its nameplate, the fingerprints of profiles, its readings.

Nothing is read but what one of these names. A profile that is sure by its fingerprint ends
the search; others are still held against what has been read already.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from agent.clock import Clock
from agent.commission.check import findings
from agent.commission.finding import Circumstances, Snapshot
from agent.device import Device
from agent.fingerprint import (
    DOUBT_OF_CHAIN,
    confidence,
    doubt_of_answers,
    doubt_of_marks,
    fits,
    is_marked,
)
from agent.modbus.identity import Identity
from agent.modbus.pdu import BusError
from agent.modbus.sunspec import Chain, resolve, walk
from agent.points import MANDATORY, standard
from agent.poll import Poll
from agent.profile import Mark, Profile
from agent.reading import Quality, Value
from agent.scan.found import Proposal, Unit
from agent.scan.paced import Asked, Paced
from agent.unit_poll import UnitPoll

_SURE = 0.2
_MOST_TRIED = 4
_POLLS = 3
_POLL_EACH_MS = 1_000


async def recognise(line: Paced, unit: int, profiles: Sequence[Profile], clock: Clock) -> Unit:
    """Find out what a unit is; a unit that breaks off is told as far as it is known."""
    asked = Asked(line, unit)
    chain = await _chain(asked, profiles)
    doubts = dict(_by_chain(chain, profiles)) if chain is not None else {}
    identity = None
    if not doubts:
        identity = await _identity(line, unit)
        doubts = await _by_fingerprint(asked, profiles, identity)
    tried = sorted((p for p in profiles if p.name in doubts), key=lambda p: (doubts[p.name], p.name))
    proposals = [await _tried(line, unit, p, doubts[p.name], clock) for p in tried[:_MOST_TRIED]]
    line.as_wanted(None)
    ranked = sorted((p for p in proposals if p.confidence > 0), key=_rank)
    return Unit(line.endpoint, unit, tuple(ranked), chain, identity, asked.answers)


def _rank(proposal: Proposal) -> tuple[float, int, str]:
    return -proposal.confidence, -len(proposal.values), proposal.profile.name


# --- candidates ---------------------------------------------------------------


async def _chain(asked: Asked, profiles: Iterable[Profile]) -> Chain | None:
    bases = dict.fromkeys(base for p in profiles if p.sunspec is not None for base in p.sunspec.bases)
    return await walk(asked.must, bases)


def _by_chain(chain: Chain, profiles: Iterable[Profile]) -> Iterator[tuple[str, float]]:
    """Profiles whose mandatory points the device's models have; where it names makers, by the maker too."""
    for profile in profiles:
        if profile.sunspec is None:
            continue
        try:
            found = resolve(profile, chain)
        except ValueError:  # its models are longer than the profile's link reads
            continue
        names = {point.name for point in found.points}
        needed = MANDATORY.get(profile.kind) or tuple(n for n in names if standard(n) is not None)[:1]
        if not needed or not names.issuperset(needed):
            continue
        wanted = profile.identify
        if wanted is None or (
            (not wanted.vendor or fits(chain.vendor, wanted.vendor))
            and (not wanted.product or fits(chain.model, wanted.product))
        ):
            yield profile.name, DOUBT_OF_CHAIN


async def _identity(line: Paced, unit: int) -> Identity | None:
    try:
        return await line.identify(unit)
    except BusError:  # most devices have none, and some do not like to be asked
        return None


async def _by_fingerprint(
    asked: Asked, profiles: Iterable[Profile], identity: Identity | None
) -> dict[str, float]:
    prints = {p.name: p.identify for p in profiles if p.identify is not None and p.sunspec is None}
    doubts: dict[str, float] = {}
    if identity is not None:
        products = (identity.product_code, identity.product_name, identity.model_name)
        for name, wanted in prints.items():
            doubt = doubt_of_answers(wanted, identity.vendor, products)
            if doubt is not None:
                doubts[name] = doubt
    for name in sorted(prints, key=lambda name: (doubt_of_marks(prints[name].marks), name)):
        is_sure = any(doubt <= _SURE for doubt in doubts.values())
        if await _is_marked(asked, prints[name].marks, only_known=is_sure):
            doubts[name] = doubt_of_marks(prints[name].marks) * doubts.get(name, 1.0)
    return doubts


async def _is_marked(asked: Asked, marks: Sequence[Mark], *, only_known: bool) -> bool:
    for mark in marks:
        if only_known and not asked.known(mark.span):
            return False
        words = await asked.words(mark.span)
        if words is None or not is_marked(mark, words):
            return False
    return bool(marks)


# --- how well its readings fit --------------------------------------------------


async def _tried(line: Paced, unit: int, profile: Profile, doubt: float, clock: Clock) -> Proposal:
    """Poll it a few times as this profile has it."""
    line.as_wanted(profile.link)
    device = UnitPoll(Device(f"unit {unit}", profile, "scan", unit), line, clock)
    polls: list[tuple[int, Poll]] = []
    started_ms = clock.monotonic_ms()
    for number in range(_POLLS):
        await clock.sleep_until(started_ms + number * _POLL_EACH_MS)
        poll = await device.poll(device.rates_ms)
        if poll.reason is None and device.profile is not None and number == 0 and profile.sunspec is not None:
            poll = await device.poll(device.rates_ms)  # its rates are known only once it has said its models
        if poll.reason is not None:
            break
        polls.append((poll.last_ms, poll))
    known = device.profile or profile
    if not polls:
        return Proposal(known, 0.0)
    snapshots = [Snapshot(at_ms, good_values(poll)) for at_ms, poll in polls]
    found = findings(snapshots, Circumstances(known))
    sure = confidence(doubt, _plausible_share(polls[-1][1]), sum(f.level == "wrong" for f in found))
    return Proposal(replace(known, name=profile.name), sure, snapshots[-1].values, found)


def good_values(poll: Poll) -> dict[str, Value]:
    """The values of a poll that are good, by point."""
    return {
        name: value
        for index, (name, value) in enumerate(zip(poll.points, poll.values, strict=True))
        if value is not None and index not in poll.faults
    }


def _plausible_share(poll: Poll) -> float:
    """Of all points, those that are neither out of range, nor in an unknown state, nor refused."""
    odd = sum(quality is not Quality.ABSENT for quality in poll.faults.values())
    return 1 - odd / len(poll.points) if poll.points else 0.0
