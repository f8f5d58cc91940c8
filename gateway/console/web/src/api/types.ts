/** The documents of the gateway's HTTP API (docs/api.md). Times are UTC milliseconds. */
import type { Text } from "../i18n/language";

export type Quality = "good" | "uncertain" | "substituted" | "stale" | "bad" | "absent";
export type Value = number | string | boolean | null;
export type Severity = "critical" | "high" | "medium" | "low" | "journal";
export type Role = "viewer" | "inspector" | "operator" | "admin";
export type AlertState = "active" | "clearing" | "unknown" | "latched" | "cleared";
export type Direction = "to_bus" | "from_bus" | "idle" | "unknown";

export interface Page<T> { items: T[]; next: string | null }
export interface Figure { value: Value; quality: Quality }

export interface Session { user: string; role: Role; language: "zh" | "en" | null; expires: number; version: string; setup: boolean }

export interface AlertCounts {
  critical: number; high: number; medium: number; low: number; shelved: number; unacknowledged: number;
}

export interface Balance {
  ts: number | null;
  grid_kw: Figure | null; pv_kw: Figure | null; battery_kw: Figure | null;
  charging_kw: Figure | null; load_kw: Figure | null; residual_kw: Figure | null;
}

export interface Ratings {
  pv_kw: number | null; pv_kwp: number | null; battery_kw: number | null; battery_kwh: number | null;
  charging_kw: number | null; transformer_kva: number | null; export_permit_kw: number | null; contract_kw: number | null;
}

export interface SiteSummary {
  id: string; name: Text; timezone: string;
  state: "online" | "degraded" | "offline" | "unknown";
  ts: number | null; age_ms: number | null;
  balance: Balance; soc_pct: Figure | null; ratings: Ratings;
  devices: { total: number; answering: number };
  alerts: AlertCounts;
  tickets: { open: number; next: { id: string; number: string; priority: string; clock: string; due: number } | null };
}

export type NodeType = "grid" | "main_meter" | "bus" | "pv" | "battery" | "charging" | "load" | "sub_meter";
export interface FlowNode {
  id: string; type: NodeType; parent: string | null; device: string | null; devices?: string[];
  power: Figure | null; direction: Direction; rated_kw: number | null;
  answering?: number; busy?: number; connectors?: number; soc_pct?: Figure | null; label?: Record<string, string>;
}

export interface Member { id: string; name: string; role: string }
export interface Team { id: string; name: Text; kinds?: string[]; members?: Member[] }

export interface Site extends SiteSummary {
  teams: Team[];
  flow: { nodes: FlowNode[] };
}

export interface Where { table: string; start: number; count: number }
export interface Bit { bit: number; text: Text }
export interface Point {
  value: Value; quality: Quality; unit: string | null; type: string; label: Text; meaning: Text | null;
  ts: number | null; age_ms: number | null; period_ms: number | null; range: [number, number] | null; counter: boolean;
  why: string | null; why_text: Text | null; where: Where | null; words: number[] | null; last: { value: Value; ts: number } | null; bits?: Bit[];
}

export interface Frame {
  site: string; device: string; ts: number; boot: string; seq: number;
  values: Record<string, Value>; quality: Record<string, Quality>; span_ms: number; reason?: string; clock?: "unsure";
}

export interface RawBlock { table: string; start: number; count: number; words: number[]; ts: number }

export interface Device {
  site: string; id: string; profile: string | null; title: Text | null;
  vendor: string | null; model: string | null; serial: string | null;
  kind: string; also: string[]; role: string | null; parent: string | null;
  bus: string | null; unit: number | null; labels: Record<string, string>;
  rated_kw: number | null; rated_kwp: number | null; rated_kwh: number | null; period_ms: number | null;
  state: "online" | "offline" | "unknown"; since: number | null; ts: number | null; age_ms: number | null;
  poll: { ts: number; age_ms: number; failed: boolean; reason: string | null; span_ms: number } | null;
  frame: { ts: number; clock?: "unsure" } | null;
  points_good: number; points_total: number; alerts: AlertCounts;
  headline: string[]; points: Record<string, Point>;
  raw?: { blocks: RawBlock[] };
}

export interface Gap { from: number; to: number; reason: string }
export interface Series {
  from: number; to: number; step_ms: number; ts: number[];
  points: Record<string, Value[]>; min: Record<string, (number | null)[]>; max: Record<string, (number | null)[]>;
  units: Record<string, string | null>; labels: Record<string, Text>; gaps: Gap[];
}

export interface Suppression {
  by: "shelved" | "inhibited" | "maintenance" | "out_of_service"; alert: string | null; until: number | null; reason: string; person?: string;
}

export interface Alert {
  id: string; rule: string; site: string; device: string; channel: number | null;
  state: AlertState; severity: Severity; since: number; until: number | null; title: Text;
  values: Record<string, Value>; acknowledged: { by: string; at: number } | null; suppressed: Suppression | null; ticket: string | null;
  chattering?: boolean;
}

export interface RuleText {
  id: string; title: Text; cause: Text; consequence: Text; action: Text;
  when: string; clear: string | null; for_ms: number; clear_for_ms: number; latch: boolean; params: Record<string, Value>;
}
export interface AlertInput { point: string; value: Value; quality: Quality; unit: string | null; label: Text; ts: number | null }
export interface AlertMoment { ts: number; what: string; severity: Severity | null; by: string | null; note: string | null }
export interface AlertStory extends Alert {
  rule_text: RuleText | null; inputs: AlertInput[]; timeline: AlertMoment[];
  ticket_summary: { id: string; number: string | null; state: string; priority: string } | null;
}

export interface Clock { due: number | null; state: "running" | "paused" | "met" | "late" | "waiting"; at: number | null }
export interface EvidenceFile { name: string; media_type: string; size: number; sha256: string }
export interface TicketEvent { event: string; at: number; by: string | null; [argument: string]: unknown }
export interface ChecklistItem { id: string; text: Text; kind?: string; type?: string; unit?: string | null; mandatory?: boolean; answer?: unknown }
export interface Checklist { id: string; title?: Text; items: ChecklistItem[]; answers?: Record<string, unknown> }
export interface Ticket {
  id: string; number: string | null; kind: string; state: string; priority: string; site: string; devices: string[];
  level: string | null; owner: string | null; team: string | null; assignee: string | null;
  alerts: string[]; title: Text; opened: number; checklist: string | Checklist | null;
  clocks: Record<string, Clock>; evidence: EvidenceFile[]; events: TicketEvent[]; allowed: string[];
}

export interface ProblemDocument {
  type: string; title: string; status: number; detail?: string;
  role?: Role | null; sign_in?: ("password" | "code")[]; retry_after_s?: number;
  event?: string; state?: string; allowed?: string[]; guard?: string; errors?: { where: string; message: string }[];
  texts?: { title: Text; detail: Text };
}

export interface Snapshot { now: number; sites: Site[]; devices?: Device[]; alerts: Alert[]; tickets: Ticket[] }
export interface Tick { now: number; sites: Record<string, { ts: number | null; state: SiteSummary["state"] }> }

export interface Flood { since: number; alerts: number; causes: { alert: string; alerts: number; rule: string; device: string; title: Text }[] }
export interface AlertPage extends Page<Alert> { flood?: Flood | null }

export interface Pause {
  id: string; why: "maintenance" | "out_of_service"; match: { device?: string; bus?: string; kind?: string; rule?: string };
  from: number; until: number | null; keep: string[]; by: string | null; reason: string; holds: boolean;
}

export interface HandoverTicket { id: string; number: string | null; priority: string; state: string; title: Text; devices: string[]; owner: string }
export interface Handover {
  from: number; to: number; opened: HandoverTicket[]; closed: HandoverTicket[]; late: HandoverTicket[]; waiting: HandoverTicket[]; on_hold: HandoverTicket[];
  shelves: Alert[]; unacknowledged: Alert[]; notes: { ticket: string; number: string | null; at: number; by: string; text: string }[];
}

export interface BadActor { rule: string; device: string; title: Text; alarms: number }
export interface AlarmLoad {
  alarms: number; per_operator: { per_day: number; worst_hour: number; worst_10_min: number }; flood: { minutes: number; pct: number };
  priorities: Partial<Record<Severity, { alarms: number; pct: number }>>; top: (BadActor & { share_pct: number })[]; chattering: BadActor[];
  stale: Alert[]; shelved: Alert[];
}

export interface BusStatistics {
  load_pct: number; planned_load_pct: number; cycle_s: number; errors_pct: number; missed_polls_pct: number; devices_silent: number; devices_total: number;
}
export interface System {
  version: string; clock: { trusted: boolean; synchronised: boolean; offset_s: number | null; skew_ppm: number | null };
  checks: Record<string, { ok: boolean; detail: string }>; buses: { id: string; url: string; devices: string[]; statistics: BusStatistics | null }[];
  journal: { frames?: number; bytes?: number; first?: number | null; dead_letters?: number; cursors?: Record<string, { backlog_frames: number; backlog_age_s: number }> };
  sinks: { name: string; connected: boolean; trouble: string | null }[];
  rules: { bound: number; unbound: { rule: string; device: string; channel: number | null; reason: string }[] };
}

