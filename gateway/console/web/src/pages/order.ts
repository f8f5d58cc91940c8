import type { Alert, Severity, Ticket } from "../api/types";
import { nearestClock } from "../components/Clock";

const SEVERITY: Record<Severity, number> = { critical: 0, high: 1, medium: 2, low: 3, journal: 4 };

/** Not suppressed first, worst first, then the newest. */
export function sortAlerts(alerts: readonly Alert[]): Alert[] {
  const quiet = (alert: Alert): number => (alert.suppressed === null ? 0 : 1);
  return [...alerts].sort((a, b) => quiet(a) - quiet(b) || SEVERITY[a.severity] - SEVERITY[b.severity] || b.since - a.since);
}

/** The one whose clock ends first comes first; without a clock by priority, then by age. */
export function sortTickets(tickets: readonly Ticket[]): Ticket[] {
  const due = (ticket: Ticket): number => nearestClock(ticket)?.clock.due ?? Number.MAX_SAFE_INTEGER;
  return [...tickets].sort((a, b) => due(a) - due(b) || a.priority.localeCompare(b.priority) || a.opened - b.opened);
}
