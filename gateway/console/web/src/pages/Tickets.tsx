import { useSignal, useSignalEffect } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { get, Problem, query } from "../api/http";
import { useResource } from "../api/resource";
import type { Page, Ticket } from "../api/types";
import { Act } from "../components/Act";
import { Board } from "../components/Board";
import { NewTicket } from "../components/NewTicket";
import { Empty, Failed, Loading, problemText } from "../components/States";
import { TicketTable } from "../components/TicketTable";
import { say } from "../components/Toast";
import { useTitle } from "../components/title";
import { t } from "../i18n/language";
import { siteSignal, ticketNews } from "../live/store";
import { place, setQuery } from "../route";
import { sortTickets } from "./order";

const STATES = { open: "filter_open_tickets", archived: "ticket_archived", all: "filter_everything" } as const;
type StateFilter = keyof typeof STATES;

export function TicketsPage() {
  useTitle(t().tickets);
  const { search } = place.value;
  const asState = search.get("state") ?? "open";
  const state: StateFilter = asState in STATES ? (asState as StateFilter) : "open";
  const board = search.get("view") === "board";
  const q = search.get("q") ?? "";
  const site = search.get("site");
  const path = `/tickets${query({ state: board ? "open" : state, site, q })}`;
  const asked = useResource<Page<Ticket>>(path);
  const opening = useSignal(false);
  const items = useSignal<Ticket[]>([]);
  const next = useSignal<string | null>(null);
  useEffect(() => {
    if (asked.data.value === null) return;
    items.value = asked.data.value.items;
    next.value = asked.data.value.next;
  }, [asked.data.value]);
  useSignalEffect(() => {
    const news = ticketNews.value;
    if (news === null || asked.data.peek() === null) return;
    if (items.peek().some((ticket) => ticket.id === news.id)) items.value = items.peek().map((ticket) => (ticket.id === news.id ? news : ticket));
    else asked.refresh();
  });
  const more = async (): Promise<void> => {
    try {
      const page = await get<Page<Ticket>>(`${path}&cursor=${encodeURIComponent(next.peek() ?? "")}`);
      items.value = [...items.peek(), ...page.items];
      next.value = page.next;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      say(problemText(error));
    }
  };
  const sorted = sortTickets(items.value);
  const filtered = q !== "" || state !== "open" || site !== null;
  return (
    <>
      <div class="page-head">
        <h1>{t().tickets}</h1>
        <div class="page-head-side">
          <Act role="operator" onClick={() => { opening.value = true; }}>{t().ticket_open}</Act>
          <div class="segments" role="group" aria-label={t().view}>
            <button type="button" aria-pressed={!board} onClick={() => setQuery({ view: null })}>{t().view_list}</button>
            <button type="button" aria-pressed={board} onClick={() => setQuery({ view: "board", state: null })}>{t().view_board}</button>
          </div>
        </div>
      </div>
      <div class="filters filters-bare">
        {!board && (
          <div class="segments" role="group" aria-label={t().filter_state}>
            {(Object.keys(STATES) as StateFilter[]).map((one) => (
              <button type="button" key={one} aria-pressed={one === state} onClick={() => setQuery({ state: one === "open" ? null : one })}>{t()[STATES[one]]}</button>
            ))}
          </div>
        )}
        <input type="search" data-find value={q} placeholder={t().filter_text} aria-label={t().filter_text} onInput={(event) => setQuery({ q: event.currentTarget.value })} />
      </div>
      {asked.problem.value ? <Failed problem={asked.problem.value} retry={asked.refresh} />
        : asked.data.value === null ? <Loading rows={5} />
        : sorted.length === 0 && !board ? (
          <section class="panel">
            {filtered
              ? <Empty title={t().tickets_filter_none}><button type="button" class="button" onClick={() => setQuery({ state: null, q: null, site: null })}>{t().clear_filter}</button></Empty>
              : <Empty title={t().tickets_none} hint={t().tickets_all_none_hint} />}
          </section>
        )
        : board ? <Board tickets={sorted} />
        : <section class="panel"><TicketTable tickets={sorted} zoneOf={(ticket) => siteSignal(ticket.site).value?.timezone ?? "UTC"} /></section>}
      {opening.value && <NewTicket site={site} onClose={() => { opening.value = false; }} />}
      {next.value !== null && <div class="more"><button type="button" class="button" onClick={() => void more()}>{t().more}</button></div>}
    </>
  );
}
