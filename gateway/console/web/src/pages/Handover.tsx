import { useResource } from "../api/resource";
import type { Handover, HandoverTicket } from "../api/types";
import { AlertRow } from "../components/AlertRow";
import { Moment } from "../components/Age";
import { Panel } from "../components/Panel";
import { Failed, Loading } from "../components/States";
import { Priority } from "../components/TicketRow";
import { useTitle } from "../components/title";
import { Words } from "../components/Words";
import { t, word } from "../i18n/language";
import { siteIds, siteSignal } from "../live/store";
import { place, setQuery, ticketUrl } from "../route";

const SHIFTS_H = [8, 12, 24];

function Lines({ title, tickets }: { title: string; tickets: readonly HandoverTicket[] }) {
  return (
    <Panel title={`${title} (${tickets.length})`} flush>
      {tickets.length === 0 ? <p class="panel-note muted">{t().none}</p> : (
        <div class="line-rows">
          {tickets.map((ticket) => (
            <a key={ticket.id} class="line-row" href={ticketUrl(ticket.id)} data-row={ticket.id}>
              <Priority of={ticket.priority} />
              <span class="line-row-main">
                <span class="line-row-title"><Words of={ticket.title} /></span>
                <span class="line-row-sub"><b>{ticket.devices.join(", ")}</b><span>{word("ticket", ticket.state)}</span><span>{ticket.owner}</span></span>
              </span>
              <span class="line-row-side">{ticket.number}</span>
            </a>
          ))}
        </div>
      )}
    </Panel>
  );
}

/** What who comes on shift must know, on one page that also prints. */
export function HandoverPage() {
  useTitle(t().handover);
  const hours = Number(place.value.search.get("hours") ?? "8") || 8;
  const asked = useResource<Handover>(`/handover?hours=${hours}`, 30_000);
  const zone = siteSignal(siteIds.value?.[0] ?? "").value?.timezone ?? "UTC";
  const sheet = asked.data.value;
  return (
    <>
      <div class="page-head">
        <h1>{t().handover}</h1>
        {sheet && <span class="muted"><Moment ts={sheet.from} zone={zone} /> – <Moment ts={sheet.to} zone={zone} /></span>}
        <div class="page-head-side"><div class="segments" role="group" aria-label={t().handover_shift}>
          {SHIFTS_H.map((choice) => (
            <button type="button" key={choice} aria-pressed={choice === hours} onClick={() => setQuery({ hours: String(choice) })}>{t().age_h(String(choice))}</button>
          ))}
        </div></div>
      </div>
      {asked.problem.value ? <Failed problem={asked.problem.value} retry={asked.refresh} /> : sheet === null ? <Loading rows={6} /> : (
        <div class="two-columns">
          <div class="stack">
            <Lines title={t().handover_late} tickets={sheet.late} />
            <Lines title={t().handover_waiting} tickets={sheet.waiting} />
            <Lines title={t().handover_on_hold} tickets={sheet.on_hold} />
            <Lines title={t().handover_opened} tickets={sheet.opened} />
            <Lines title={t().handover_closed} tickets={sheet.closed} />
          </div>
          <div class="stack">
            <Panel title={`${t().handover_unacknowledged} (${sheet.unacknowledged.length})`} flush>
              {sheet.unacknowledged.length === 0 ? <p class="panel-note muted">{t().none}</p>
                : <div class="line-rows">{sheet.unacknowledged.map((alert) => <AlertRow key={alert.id} alert={alert} zone={zone} />)}</div>}
            </Panel>
            <Panel title={`${t().handover_shelves} (${sheet.shelves.length})`} flush>
              {sheet.shelves.length === 0 ? <p class="panel-note muted">{t().none}</p>
                : <div class="line-rows">{sheet.shelves.map((alert) => <AlertRow key={alert.id} alert={alert} zone={zone} />)}</div>}
            </Panel>
            <Panel title={`${t().handover_notes} (${sheet.notes.length})`}>
              {sheet.notes.length === 0 ? <p class="muted">{t().none}</p> : (
                <ol class="timeline">
                  {sheet.notes.map((note) => (
                    <li key={`${note.ticket}${note.at}`}><Moment ts={note.at} zone={zone} /><span><a href={ticketUrl(note.ticket)}>{note.number ?? note.ticket}</a> <span class="muted">{note.by}</span><br />{note.text}</span></li>
                  ))}
                </ol>
              )}
            </Panel>
          </div>
        </div>
      )}
    </>
  );
}
