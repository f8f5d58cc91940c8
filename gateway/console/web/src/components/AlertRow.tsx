import type { Alert } from "../api/types";
import { t, word } from "../i18n/language";
import { alertUrl } from "../route";
import { Mark, type MarkKind } from "./Mark";
import { Moment, momentText } from "./Age";
import { Words } from "./Words";

export const markOf = (alert: Alert): MarkKind =>
  alert.suppressed?.by === "shelved" ? "shelved" : alert.state === "unknown" ? "unknown" : alert.severity;

/** Where the alert stands, in words: its own state, then what people did with it. */
export function alertStanding(alert: Alert, zone: string, full = false): string {
  const parts = [word("alert_state", alert.state)];
  if (alert.suppressed?.by === "shelved") {
    parts.push(alert.suppressed.until === null ? t().shelved : t().shelved_until("", momentText(alert.suppressed.until, zone)));
  } else if (alert.suppressed !== null) parts.push(word("suppressed", alert.suppressed.by));
  if (alert.state !== "cleared") {
    const { acknowledged } = alert;
    parts.push(acknowledged === null ? t().unacknowledged : full ? t().acknowledged_by(acknowledged.by, momentText(acknowledged.at, zone)) : t().acknowledged);
  }
  if (alert.chattering) parts.push(t().chattering);
  return parts.join(" · ");
}

export const needsAttention = (alert: Alert): boolean =>
  alert.acknowledged === null && alert.suppressed === null && alert.state !== "cleared";

/** One alert in two lines, for the side panels. */
export function AlertRow({ alert, zone, showDevice = true }: { alert: Alert; zone: string; showDevice?: boolean }) {
  return (
    <a class="line-row" href={alertUrl(alert.id)} data-row={alert.id}>
      <span class={needsAttention(alert) ? "blink" : ""}><Mark kind={markOf(alert)} size={22} /></span>
      <span class="line-row-main">
        <span class="line-row-title"><Words of={alert.title} /></span>
        <span class="line-row-sub">{showDevice && <b>{alert.device}</b>}<span>{alertStanding(alert, zone)}</span></span>
      </span>
      <span class="line-row-side"><Moment ts={alert.since} zone={zone} /></span>
    </a>
  );
}
