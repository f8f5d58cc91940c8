import type { SiteSummary } from "../api/types";
import type { MarkKind } from "../components/Mark";

/** The mark of a site: unknown when it does not speak, else its worst open alert, else none. */
export function worstMark(site: SiteSummary): MarkKind | null {
  const { critical, high, medium, low } = site.alerts;
  if (critical > 0) return "critical";
  if (high > 0) return "high";
  if (site.state === "offline" || site.state === "unknown") return "unknown";
  if (medium > 0) return "medium";
  return low > 0 ? "low" : null;
}

const RANK: Record<string, number> = { critical: 0, high: 1, unknown: 2, medium: 3, low: 4 };

/** Worst first; among equals the one with more open alerts, then by name of its id. */
export function worstFirst<T extends SiteSummary>(sites: readonly T[]): T[] {
  const rank = (site: T): number => RANK[worstMark(site) ?? ""] ?? 5;
  const total = (site: T): number => site.alerts.critical + site.alerts.high + site.alerts.medium + site.alerts.low;
  return [...sites].sort((a, b) => rank(a) - rank(b) || total(b) - total(a) || (a.id < b.id ? -1 : 1));
}
