import type { Ticket } from "../api/types";
import { word } from "../i18n/language";
import { ticketUrl } from "../route";
import { ClockText } from "./Clock";
import { Words } from "./Words";

export function Priority({ of }: { of: string }) {
  return <span class={`priority priority-${of}`}>{of}</span>;
}

/** One ticket in two lines, for the side panels and the board. */
export function TicketRow({ ticket, site = false }: { ticket: Ticket; site?: boolean }) {
  return (
    <a class="line-row" href={ticketUrl(ticket.id)} data-row={ticket.id}>
      <Priority of={ticket.priority} />
      <span class="line-row-main">
        <span class="line-row-title"><Words of={ticket.title} /></span>
        <span class="line-row-sub">
          <b>{[...(site ? [ticket.site] : []), ...ticket.devices].join(", ")}</b>
          <span>{word("ticket", ticket.state)}</span>
          {ticket.assignee && <span>{ticket.assignee}</span>}
          <ClockText ticket={ticket} />
        </span>
      </span>
    </a>
  );
}
