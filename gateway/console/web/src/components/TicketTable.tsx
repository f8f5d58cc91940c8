import type { Ticket } from "../api/types";
import { t, textOf, word } from "../i18n/language";
import { siteSignal } from "../live/store";
import { ticketUrl } from "../route";
import { Moment } from "./Age";
import { ClockText } from "./Clock";
import { Priority } from "./TicketRow";
import { ticketName } from "./ticketName";
import { Words } from "./Words";

/** The team by its name; by its id where the site does not tell. */
function teamOf(ticket: Ticket): string {
  const team = siteSignal(ticket.site).value?.teams?.find((one) => one.id === ticket.team);
  return textOf(team?.name).text || (ticket.team ?? "–");
}

export function TicketTable({ tickets, zoneOf }: { tickets: readonly Ticket[]; zoneOf: (ticket: Ticket) => string }) {
  const words = t();
  return (
    <table class="tickets">
      <thead>
        <tr>
          <th scope="col">{words.priority}</th>
          <th scope="col">{words.title}</th>
          <th scope="col">{words.device}</th>
          <th scope="col">{words.state}</th>
          <th scope="col">{words.due}</th>
          <th scope="col">{words.assignee}</th>
          <th scope="col">{words.opened}</th>
        </tr>
      </thead>
      <tbody>
        {tickets.map((ticket) => (
          <tr key={ticket.id}>
            <td class="ticket-priority"><Priority of={ticket.priority} /></td>
            <th scope="row" class="ticket-title"><a href={ticketUrl(ticket.id)} data-row={ticket.id}><Words of={ticket.title} /></a><span class="muted alert-sub">{ticketName(ticket)}</span></th>
            <td class="ticket-device">{ticket.devices.join(", ")}</td>
            <td class="ticket-state">{word("ticket", ticket.state)}</td>
            <td class="ticket-clock"><ClockText ticket={ticket} /></td>
            <td class="ticket-assignee">{ticket.assignee ?? teamOf(ticket)}</td>
            <td class="ticket-opened"><Moment ts={ticket.opened} zone={zoneOf(ticket)} /></td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
