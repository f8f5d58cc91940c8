import { useComputed, useSignal, useSignalEffect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { get, Problem, query } from "../api/http";
import { useResource } from "../api/resource";
import type { Alert, AlertPage, Flood, Page, Severity } from "../api/types";
import { acknowledge, unshelve } from "../components/acts";
import { AlertTable } from "../components/AlertTable";
import { Mark, markName } from "../components/Mark";
import { ShelveDialog } from "../components/ShelveDialog";
import { Empty, Failed, Loading, problemText } from "../components/States";
import { say } from "../components/Toast";
import { useTitle } from "../components/title";
import { Words } from "../components/Words";
import { t, textOf } from "../i18n/language";
import { alertNews, siteIds, siteSignal } from "../live/store";
import { alertUrl, go, place, setQuery, ticketUrl } from "../route";
import { whyNot } from "../components/Act";
import { focusedRow, onKey } from "../shell/keys";

const SEVERITIES: Severity[] = ["critical", "high", "medium", "low"];
const STATES = { open: "filter_open", shelved: "filter_shelved", cleared: "filter_cleared", all: "filter_everything" } as const;
type StateFilter = keyof typeof STATES;

interface Filter { state: StateFilter; severity: string; q: string; site: string }

function filterHere(): Filter {
  const { search } = place.value;
  const state = search.get("state") ?? "open";
  return { state: state in STATES ? (state as StateFilter) : "open", severity: search.get("sev") ?? "", q: search.get("q") ?? "", site: search.get("site") ?? "" };
}

function fits(alert: Alert, { state, severity, q, site }: Filter): boolean {
  if (state === "open" && alert.state === "cleared") return false;
  if (state === "cleared" && alert.state !== "cleared") return false;
  if (state === "shelved" && alert.suppressed?.by !== "shelved") return false;
  if (severity !== "" && !severity.split(",").includes(alert.severity)) return false;
  if (site !== "" && alert.site !== site) return false;
  const text = `${alert.device} ${alert.rule} ${textOf(alert.title).text}`.toLowerCase();
  return q === "" || text.includes(q.toLowerCase());
}

function Filters({ filter }: { filter: Filter }) {
  const chosen = new Set(filter.severity === "" ? [] : filter.severity.split(","));
  const toggle = (severity: Severity): void => {
    const next = new Set(chosen);
    if (!next.delete(severity)) next.add(severity);
    setQuery({ sev: SEVERITIES.filter((one) => next.has(one)).join(",") });
  };
  return (
    <div class="filters">
      <div class="segments" role="group" aria-label={t().filter_state}>
        {(Object.keys(STATES) as StateFilter[]).map((state) => (
          <button type="button" key={state} aria-pressed={state === filter.state} onClick={() => setQuery({ state: state === "open" ? null : state })}>
            {t()[STATES[state]]}
          </button>
        ))}
      </div>
      <div class="segments" role="group" aria-label={t().filter_severity}>
        {SEVERITIES.map((severity) => (
          <button type="button" key={severity} aria-pressed={chosen.has(severity)} onClick={() => toggle(severity)}>{markName(severity)}</button>
        ))}
      </div>
      <input type="search" data-find value={filter.q} placeholder={t().filter_text} aria-label={t().filter_text}
        onInput={(event) => setQuery({ q: event.currentTarget.value })} />
    </div>
  );
}

/** Many alerts at once have few causes: they are named first. */
function FloodBanner({ flood }: { flood: Flood }) {
  return (
    <div class="flood" role="status">
      <Mark kind="high" /> {t().flood(flood.alerts, flood.causes.length)}
      {flood.causes.slice(0, 5).map((cause) => (
        <a key={cause.alert} href={alertUrl(cause.alert)}><Words of={cause.title} /> {cause.device} {t().flood_cause(cause.alerts)}</a>
      ))}
    </div>
  );
}

export function AlertsPage() {
  useTitle(t().alerts);
  const filter = filterHere();
  const path = `/alerts${query({ state: filter.state, site: filter.site, severity: filter.severity, q: filter.q })}`;
  const asked = useResource<Page<Alert>>(path);
  const flood = useResource<AlertPage>("/alerts?limit=1", 15_000).data.value?.flood;
  const items = useSignal<Alert[]>([]);
  const next = useSignal<string | null>(null);
  const waiting = useSignal<ReadonlySet<string>>(new Set());
  const shelving = useSignal<Alert | null>(null);
  const latest = useRef(filter);
  latest.current = filter;

  useEffect(() => {
    const page = asked.data.value;
    if (page === null) return;
    items.value = page.items;
    next.value = page.next;
    waiting.value = new Set();
  }, [asked.data.value]);

  // A row that is shown mends itself; a new one waits, so that nothing slips under the pointer.
  useSignalEffect(() => {
    const news = alertNews.value;
    if (news === null) return;
    const known = items.peek();
    if (known.some((alert) => alert.id === news.id)) items.value = known.map((alert) => (alert.id === news.id ? news : alert));
    else if (asked.data.peek() !== null && fits(news, latest.current)) {
      // In an empty list there is nothing to slip under: "no open alerts" must not stay a moment longer than it is true.
      if (known.length === 0) items.value = [news];
      else waiting.value = new Set([...waiting.peek(), news.id]);
    }
  });

  const more = async (): Promise<void> => {
    try {
      const page = await get<Page<Alert>>(`${path}&cursor=${encodeURIComponent(next.peek() ?? "")}`);
      items.value = [...items.peek(), ...page.items];
      next.value = page.next;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      say(problemText(error));
    }
  };

  const zoneOf = (alert: Alert): string => siteSignal(alert.site).value?.timezone ?? "UTC";
  useEffect(() => onKey((key) => {
    const alert = items.peek().find((one) => one.id === focusedRow());
    if (alert === undefined) return false;
    if (key === "t" && alert.ticket !== null) go(ticketUrl(alert.ticket));
    else if (key === "a" && whyNot("operator") === null) void acknowledge(alert.id);
    else if (key === "s" && whyNot("operator") === null) shelving.value = alert;
    else return false;
    return true;
  }), []);

  const shown = useComputed(() => items.value);
  const many = (siteIds.value?.length ?? 0) > 1;
  const filtered = filter.severity !== "" || filter.q !== "" || filter.state !== "open" || filter.site !== "";
  return (
    <>
      <div class="page-head"><h1>{t().alerts}</h1></div>
      {flood && <FloodBanner flood={flood} />}
      <section class="panel">
        <Filters filter={filter} />
        {waiting.value.size > 0 && <button type="button" class="news-bar" onClick={asked.refresh}>{t().alerts_new(waiting.value.size)}</button>}
        {asked.problem.value ? <Failed problem={asked.problem.value} retry={asked.refresh} />
          : asked.data.value === null ? <Loading rows={5} />
          : shown.value.length === 0 ? (
            filtered ? (
              <Empty title={t().alerts_filter_none} hint={t().alerts_filter_none_hint}>
                <button type="button" class="button" onClick={() => setQuery({ state: null, sev: null, q: null, site: null })}>{t().clear_filter}</button>
              </Empty>
            ) : <Empty title={t().alerts_none} hint={t().alerts_none_hint} />
          ) : (
            <AlertTable alerts={shown.value} zoneOf={zoneOf} showSite={many}
              onAcknowledge={(alert) => void acknowledge(alert.id)} onShelve={(alert) => { shelving.value = alert; }} onUnshelve={(alert) => void unshelve(alert.id)} />
          )}
        {next.value !== null && <div class="more"><button type="button" class="button" onClick={() => void more()}>{t().more}</button></div>}
      </section>
      {shelving.value && <ShelveDialog alert={shelving.value} zone={zoneOf(shelving.value)} onClose={() => { shelving.value = null; }} />}
    </>
  );
}
