import { useSignal, useSignalEffect } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { useResource } from "../api/resource";
import type { Site, Ticket } from "../api/types";
import { whyNot } from "../components/Act";
import { AlertRow } from "../components/AlertRow";
import { EventForm } from "../components/EventForm";
import { actsOf, LEAST_ROLE } from "../components/eventFields";
import { Panel } from "../components/Panel";
import { Failed, Loading } from "../components/States";
import { ClockText } from "../components/Clock";
import { checklistTitle, ChecklistView, Clocks, Evidence, Log } from "../components/TicketParts";
import { Priority } from "../components/TicketRow";
import { ticketName } from "../components/ticketName";
import { useTitle } from "../components/title";
import { Words } from "../components/Words";
import { t, textOf, word } from "../i18n/language";
import { openAlerts, siteSignal, ticketNews } from "../live/store";
import { alertUrl, deviceUrl, siteUrl } from "../route";

function Facts({ ticket, teamName }: { ticket: Ticket; teamName: string }) {
  const facts: [string, string][] = [
    [t().number, ticket.number ?? `${ticketName(ticket)}: ${t().number_later}`],
    [t().kind, word("kind", ticket.kind)],
    [t().level, word("level", ticket.level)],
    [t().team, teamName],
    [t().assignee, ticket.assignee ?? t().nobody],
  ];
  return (
    <dl class="facts">
      {facts.filter(([, value]) => value !== "").map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}
    </dl>
  );
}

function Acts({ ticket, chosen, onChoose }: { ticket: Ticket; chosen: string | null; onChoose: (event: string) => void }) {
  const { forward, beside } = actsOf(ticket.allowed);
  const why = whyNot(LEAST_ROLE);
  if (forward.length + beside.length === 0) return <p class="muted">{t().nothing_allowed}</p>;
  const button = (event: string, kind: string) => (
    <button type="button" key={event} class={`button ${kind}`} disabled={why !== null} aria-expanded={chosen === event} onClick={() => onChoose(event)}>{word("event", event)}</button>
  );
  return (
    <div class="acts">
      {forward.length > 0 && <div class="acts-row">{forward.map((event) => button(event, chosen === null ? "button-primary" : ""))}</div>}
      {beside.length > 0 && <div class="acts-row">{beside.map((event) => button(event, ""))}</div>}
      {why !== null && <p class="muted">{why}</p>}
    </div>
  );
}

export function TicketPage({ id }: { id: string }) {
  const asked = useResource<Ticket>(`/tickets/${encodeURIComponent(id)}`, 30_000);
  const chosen = useSignal<string | null>(null);
  const ticket = asked.data.value;
  const site = ticket === null ? null : siteSignal(ticket.site).value;
  // The stream does not tell who belongs to a team.
  const siteAsked = useResource<Site>(ticket === null ? null : `/sites/${encodeURIComponent(ticket.site)}`);
  useTitle(ticket === null ? "" : ticketName(ticket));
  useSignalEffect(() => {
    if (ticketNews.value?.id === id) asked.data.value = ticketNews.value;
  });
  // The form that stands open goes away when its event is no longer allowed and nothing was typed to lose.
  useEffect(() => {
    if (chosen.peek() !== null && ticket !== null && !ticket.allowed.includes(chosen.peek()!)) chosen.value = null;
  }, [ticket?.state]);

  if (ticket === null) return asked.problem.value ? <Failed problem={asked.problem.value} retry={asked.refresh} /> : <Loading rows={4} tall page={t().ticket} />;
  const known = site ?? siteAsked.data.value;
  const zone = known?.timezone ?? "UTC";
  const teams = siteAsked.data.value?.teams ?? known?.teams ?? [];
  const team = teams.find((one) => one.id === ticket.team);
  const choose = (event: string): void => {
    chosen.value = chosen.value === event ? null : event;
  };
  return (
    <>
      <div class="page-head">
        <nav class="crumbs" aria-label={t().back}><a href="/tickets">{t().tickets}</a></nav>
        <h1><Priority of={ticket.priority} /> <Words of={ticket.title} /></h1>
        <span class="muted">
          <a href={siteUrl(ticket.site)}>{known ? <Words of={known.name} /> : ticket.site}</a>
          {ticket.devices.map((device) => <span key={device}> · <a href={deviceUrl(ticket.site, device)}>{device}</a></span>)}
        </span>
        <span class="page-head-side"><span class="state-chip">{word("ticket", ticket.state)}</span><ClockText ticket={ticket} /></span>
      </div>
      <div class="two-columns">
        <div class="stack">
          <Panel title={t().now_allowed}>
            <Acts ticket={ticket} chosen={chosen.value} onChoose={choose} />
            {chosen.value !== null && (
              <EventForm key={chosen.value} ticket={ticket} event={chosen.value} teams={teams} zone={zone}
                onDone={(after) => { asked.data.value = after; chosen.value = null; }}
                onChoose={(event) => { chosen.value = event; }} onClose={() => { chosen.value = null; }} />
            )}
          </Panel>
          {chosen.value !== "report" && <Panel title={checklistTitle(ticket)}><ChecklistView ticket={ticket} /></Panel>}
          <Panel title={t().log}><Log ticket={ticket} teams={teams} zone={zone} /></Panel>
        </div>
        <div class="stack">
          <Panel title={t().clocks}><Clocks ticket={ticket} zone={zone} /></Panel>
          <Panel title={t().ticket}><Facts ticket={ticket} teamName={team ? textOf(team.name).text : (ticket.team ?? "")} /></Panel>
          <Panel title={t().alerts} flush>
            {ticket.alerts.length === 0 ? <p class="panel-note muted">{t().none}</p> : (
              <div class="line-rows">
                {ticket.alerts.map((alertId) => {
                  const alert = openAlerts.value.get(alertId);
                  return alert ? <AlertRow key={alertId} alert={alert} zone={zone} />
                    : <a key={alertId} class="line-row" href={alertUrl(alertId)}><span class="line-row-main">{t().alert_state_cleared}</span></a>;
                })}
              </div>
            )}
          </Panel>
          <Panel title={t().evidence}><Evidence ticket={ticket} /></Panel>
        </div>
      </div>
    </>
  );
}
