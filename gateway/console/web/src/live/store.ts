import { batch, signal, type Signal } from "@preact/signals";
import type { Alert, Device, Frame, Point, Site, Snapshot, Ticket, Tick, Value } from "../api/types";

/** The present picture, kept by the stream. One signal per site and per device: only what changed is drawn anew. */
export const siteIds = signal<string[] | null>(null);
export const deviceIds = signal<Record<string, string[]>>({});
export const openAlerts = signal<ReadonlyMap<string, Alert>>(new Map());
export const openTickets = signal<ReadonlyMap<string, Ticket>>(new Map());
/** The alert and the ticket that changed last, whatever their state; lists mend their rows by them. */
export const alertNews = signal<Alert | null>(null);
export const ticketNews = signal<Ticket | null>(null);

const sites = new Map<string, Signal<Site | null>>();
const devices = new Map<string, Signal<Device | null>>();
type FrameListener = (frame: Frame) => void;
const frameListeners = new Set<FrameListener>();

const cell = <T>(shelf: Map<string, Signal<T | null>>, key: string): Signal<T | null> => {
  let found = shelf.get(key);
  if (found === undefined) shelf.set(key, (found = signal<T | null>(null)));
  return found;
};

export const siteSignal = (id: string): Signal<Site | null> => cell(sites, id);
export const deviceSignal = (site: string, device: string): Signal<Device | null> => cell(devices, `${site}/${device}`);

export function onFrame(listener: FrameListener): () => void {
  frameListeners.add(listener);
  return () => frameListeners.delete(listener);
}

const TICKET_ENDED = new Set(["archived", "cancelled", "merged"]);
export const ticketIsOpen = (ticket: Ticket): boolean => !TICKET_ENDED.has(ticket.state);

export function takeSnapshot(snapshot: Snapshot): void {
  siteNews.clear();
  batch(() => {
    siteIds.value = snapshot.sites.map((site) => site.id);
    for (const site of snapshot.sites) siteSignal(site.id).value = site;
    const bySite: Record<string, string[]> = {};
    for (const device of snapshot.devices ?? []) {
      (bySite[device.site] ??= []).push(device.id);
      deviceSignal(device.site, device.id).value = device;
    }
    deviceIds.value = bySite;
    openAlerts.value = new Map(snapshot.alerts.map((alert) => [alert.id, alert]));
    openTickets.value = new Map(snapshot.tickets.map((ticket) => [ticket.id, ticket]));
  });
}

/** The same picture again, for a tab that opens later. */
export function giveSnapshot(nowMs: number): Snapshot | null {
  if (siteIds.peek() === null) return null;
  const found = <T>(shelf: Map<string, Signal<T | null>>): T[] =>
    [...shelf.values()].map((one) => one.peek()).filter((one): one is T => one !== null);
  return {
    now: nowMs,
    sites: found(sites),
    devices: found(devices),
    alerts: [...openAlerts.peek().values()],
    tickets: [...openTickets.peek().values()],
  };
}

/** A fleet speaks in many messages at once: what they change is gathered and drawn together. */
const GATHER_MS = 50;
const siteNews = new Map<string, Partial<Site>>();

function flushSites(): void {
  batch(() => {
    for (const [id, news] of siteNews) {
      const known = siteSignal(id).peek();
      if (known !== null || "name" in news) siteSignal(id).value = { ...known, ...news } as Site;
    }
  });
  siteNews.clear();
}

function gather(id: string, news: Partial<Site>): void {
  if (siteNews.size === 0) setTimeout(flushSites, GATHER_MS);
  siteNews.set(id, { ...siteNews.get(id), ...news });
}

export const takeSite = (site: Site): void => gather(site.id, site);

export function takeAlert(alert: Alert): void {
  const next = new Map(openAlerts.peek());
  if (alert.state === "cleared") next.delete(alert.id);
  else next.set(alert.id, alert);
  batch(() => {
    openAlerts.value = next;
    alertNews.value = alert;
  });
}

export function takeTicket(ticket: Ticket): void {
  const next = new Map(openTickets.peek());
  if (ticketIsOpen(ticket)) next.set(ticket.id, ticket);
  else next.delete(ticket.id);
  batch(() => {
    openTickets.value = next;
    ticketNews.value = ticket;
  });
}

export function takeTick(tick: Tick): void {
  for (const [id, { ts, state }] of Object.entries(tick.sites)) {
    const site = siteSignal(id).peek();
    if (site !== null && (site.ts !== ts || site.state !== state)) gather(id, { ts, state });
  }
}

const HAS_VALUE = new Set(["good", "uncertain", "substituted"]);

/** A point after a frame: a lost value stays known as the last one, it never becomes 0. */
export function mergePoint(point: Point, frame: Frame, name: string): Point {
  const quality = frame.quality[name] ?? (name in frame.values ? "good" : frame.quality["*"]);
  if (quality === undefined) return point;
  const value: Value = frame.values[name] ?? null;
  if (HAS_VALUE.has(quality)) return { ...point, value, quality, ts: frame.ts, why: null, why_text: null, where: null, words: null, last: null };
  const last = point.value !== null && point.ts !== null ? { value: point.value, ts: point.ts } : point.last;
  const lost = { ...point, value: null, quality, ts: frame.ts, last };
  // What the words said that came before is no reason for this loss.
  return point.quality === quality ? lost : { ...lost, why: frame.reason ?? null, why_text: null, where: null, words: null };
}

export function mergeFrame(device: Device, frame: Frame): Device {
  const points = Object.fromEntries(
    Object.entries(device.points).map(([name, point]) => [name, mergePoint(point, frame, name)]),
  );
  const failed = "*" in frame.quality;
  return {
    ...device,
    points,
    ts: failed ? device.ts : frame.ts,
    state: failed ? device.state : "online",
    poll: { ts: frame.ts, age_ms: 0, failed, reason: frame.reason ?? null, span_ms: frame.span_ms },
  };
}

export function takeFrame(frame: Frame): void {
  const known = deviceSignal(frame.site, frame.device);
  const device = known.peek();
  batch(() => {
    if (device !== null) known.value = mergeFrame(device, frame);
    for (const listener of frameListeners) listener(frame);
  });
}

export function takeSites(items: readonly Site[]): void {
  batch(() => {
    for (const site of items) siteSignal(site.id).value ??= { ...site, teams: site.teams ?? [], flow: site.flow ?? { nodes: [] } };
    siteIds.value = items.map((site) => site.id);
  });
}

export function takeDevices(site: string, items: readonly Device[]): void {
  batch(() => {
    for (const device of items) deviceSignal(site, device.id).value ??= device;
    deviceIds.value = { ...deviceIds.peek(), [site]: items.map((device) => device.id) };
  });
}
