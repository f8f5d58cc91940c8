import type { Ticket } from "../api/types";
import { t, word } from "../i18n/language";
import { TicketRow } from "./TicketRow";

const COLUMNS = ["new", "dispatched", "accepted", "on_site", "in_progress", "on_hold", "reported", "verified", "feedback"];

/** One column for each state, the nearest clock on top. Nothing is dragged: moves are the events allowed now. */
export function Board({ tickets }: { tickets: readonly Ticket[] }) {
  return (
    <div class="board" tabIndex={0} role="group" aria-label={t().view_board}>
      {COLUMNS.map((state) => {
        const here = tickets.filter((ticket) => ticket.state === state);
        return (
          <section class={`column${here.length === 0 ? " column-empty" : ""}`} key={state} aria-label={word("ticket", state)}>
            <h2>{word("ticket", state)} <span class="muted">{here.length}</span></h2>
            {here.map((ticket) => <div class="panel column-card" key={ticket.id}><TicketRow ticket={ticket} /></div>)}
          </section>
        );
      })}
    </div>
  );
}
