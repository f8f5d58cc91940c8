import type { Alert } from "../api/types";
import { t } from "../i18n/language";
import { openTickets } from "../live/store";
import { alertUrl, deviceUrl, ticketUrl } from "../route";
import { Act } from "./Act";
import { alertStanding, markOf, needsAttention } from "./AlertRow";
import { Moment } from "./Age";
import { Mark } from "./Mark";
import { shortTicketName, ticketName } from "./ticketName";
import { Words } from "./Words";

type OnAlert = (alert: Alert) => void;

function Row({ alert, zone, showSite, onAcknowledge, onShelve, onUnshelve }: {
  alert: Alert; zone: string; showSite: boolean; onAcknowledge: OnAlert; onShelve: OnAlert; onUnshelve: OnAlert;
}) {
  const over = alert.state === "cleared";
  const shelved = alert.suppressed?.by === "shelved";
  const ticket = alert.ticket === null ? null : openTickets.value.get(alert.ticket);
  return (
    <tr class={over || alert.suppressed !== null ? "row-quiet" : ""}>
      <td class="alert-mark"><span class={needsAttention(alert) ? "blink" : ""}><Mark kind={markOf(alert)} size={24} /></span></td>
      <td class="alert-time"><Moment ts={alert.since} zone={zone} /></td>
      <th scope="row" class="alert-title">
        <a href={alertUrl(alert.id)} data-row={alert.id}><Words of={alert.title} /></a>
        <span class="muted alert-sub">{alert.rule}</span>
      </th>
      <td class="alert-device">{showSite && <span class="muted">{alert.site} </span>}<a href={deviceUrl(alert.site, alert.device)}>{alert.device}</a></td>
      <td class="alert-state">{alertStanding(alert, zone)}{shelved && alert.suppressed?.reason && <span class="muted alert-sub">{alert.suppressed.reason}</span>}</td>
      <td class="alert-ticket">
        {alert.ticket === null ? <span class="muted">–</span> : <a href={ticketUrl(alert.ticket)} title={ticket ? ticketName(ticket) : undefined}>{t().ticket} {shortTicketName(ticket ?? { id: alert.ticket, number: null })}</a>}
      </td>
      <td class="alert-acts">
        {!over && alert.acknowledged === null && <Act role="operator" onClick={() => onAcknowledge(alert)}>{t().acknowledge}</Act>}
        {!over && !shelved && <Act role="operator" onClick={() => onShelve(alert)}>{t().shelve}</Act>}
        {!over && shelved && <Act role="operator" onClick={() => onUnshelve(alert)}>{t().unshelve}</Act>}
      </td>
    </tr>
  );
}

export function AlertTable({ alerts, zoneOf, ...rest }: {
  alerts: readonly Alert[]; zoneOf: (alert: Alert) => string; showSite: boolean; onAcknowledge: OnAlert; onShelve: OnAlert; onUnshelve: OnAlert;
}) {
  const words = t();
  return (
    <table class="alerts">
      <thead>
        <tr>
          <th scope="col"><span class="hidden">{words.severity}</span></th>
          <th scope="col">{words.since}</th>
          <th scope="col">{words.alert}</th>
          <th scope="col">{words.device}</th>
          <th scope="col">{words.state}</th>
          <th scope="col">{words.ticket}</th>
          <th scope="col"><span class="hidden">{words.now_allowed}</span></th>
        </tr>
      </thead>
      <tbody>{alerts.map((alert) => <Row key={alert.id} alert={alert} zone={zoneOf(alert)} {...rest} />)}</tbody>
    </table>
  );
}
