import { useResource } from "../api/resource";
import type { AlarmLoad } from "../api/types";
import { AlertRow } from "../components/AlertRow";
import { amount } from "../components/amount";
import { Mark } from "../components/Mark";
import { Panel } from "../components/Panel";
import { Failed, Loading } from "../components/States";
import { useTitle } from "../components/title";
import { Words } from "../components/Words";
import { t, word } from "../i18n/language";
import { siteIds, siteSignal } from "../live/store";
import { deviceUrl, place, setQuery } from "../route";

const SPANS_D = [1, 7, 30];

function Figure({ name, value, target, bad }: { name: string; value: string; target: string; bad: boolean }) {
  return (
    <tr>
      <th scope="row">{name}</th>
      <td class="number">{bad && <Mark kind="medium" />} {value}</td>
      <td class="number muted">{target}</td>
    </tr>
  );
}

/** The alarms that ask too much of people, against the figures of ISA-18.2. */
export function BadActorsPage() {
  useTitle(t().bad_actors);
  const days = Number(place.value.search.get("days") ?? "7") || 7;
  const asked = useResource<AlarmLoad>(`/alerts/statistics?days=${days}`, 60_000);
  const load = asked.data.value;
  const site = siteIds.value?.[0] ?? "";
  const zone = siteSignal(site).value?.timezone ?? "UTC";
  return (
    <>
      <div class="page-head">
        <h1>{t().bad_actors}</h1>
        <div class="page-head-side"><div class="segments" role="group" aria-label={t().trend_range}>
          {SPANS_D.map((choice) => (
            <button type="button" key={choice} aria-pressed={choice === days} onClick={() => setQuery({ days: String(choice) })}>{t().age_d(String(choice))}</button>
          ))}
        </div></div>
      </div>
      {asked.problem.value ? <Failed problem={asked.problem.value} retry={asked.refresh} /> : load === null ? <Loading rows={6} /> : (
        <div class="two-columns">
          <div class="stack">
            <Panel title={t().load_figures} flush>
              <table class="inputs">
                <thead><tr><th scope="col">{t().load_figure}</th><th scope="col" class="number">{t().load_here}</th><th scope="col" class="number">ISA-18.2</th></tr></thead>
                <tbody>
                  <Figure name={t().load_per_day} value={amount(load.per_operator.per_day)} target="≤ 150" bad={load.per_operator.per_day > 150} />
                  <Figure name={t().load_worst_hour} value={amount(load.per_operator.worst_hour)} target="≤ 12" bad={load.per_operator.worst_hour > 12} />
                  <Figure name={t().load_worst_10_min} value={amount(load.per_operator.worst_10_min)} target="≤ 10" bad={load.per_operator.worst_10_min > 10} />
                  <Figure name={t().load_flood} value={amount(load.flood.minutes, "min")} target="< 1 %" bad={load.flood.pct >= 1} />
                  <Figure name={t().load_stale} value={amount(load.stale.length)} target="< 5" bad={load.stale.length >= 5} />
                  {(["low", "medium", "high", "critical"] as const).map((severity) => (
                    <Figure key={severity} name={word("severity", severity)} value={amount(load.priorities[severity]?.pct ?? 0, "%")}
                      target={{ low: "80 %", medium: "15 %", high: "5 %", critical: "–" }[severity]} bad={false} />
                  ))}
                </tbody>
              </table>
            </Panel>
            <Panel title={t().load_top} flush>
              {load.top.length === 0 ? <p class="panel-note muted">{t().none}</p> : (
                <table class="inputs">
                  <thead><tr><th scope="col">{t().alert}</th><th scope="col">{t().device}</th><th scope="col" class="number">{t().load_alarms}</th><th scope="col" class="number">{t().load_share}</th></tr></thead>
                  <tbody>
                    {load.top.map((actor) => (
                      <tr key={actor.rule + actor.device}>
                        <th scope="row"><Words of={actor.title} /> <span class="muted">{actor.rule}</span></th>
                        <td><a href={deviceUrl(site, actor.device)}>{actor.device}</a></td>
                        <td class="number">{actor.alarms}</td>
                        <td class="number">{amount(actor.share_pct, "%")}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              )}
            </Panel>
          </div>
          <div class="stack">
            <Panel title={`${t().load_chattering} (${load.chattering.length})`}>
              {load.chattering.length === 0 ? <p class="muted">{t().none}</p>
                : <ul class="plain">{load.chattering.map((actor) => <li key={actor.rule + actor.device}><a href={deviceUrl(site, actor.device)}>{actor.device}</a> <Words of={actor.title} /> <span class="muted">{actor.rule}</span></li>)}</ul>}
            </Panel>
            <Panel title={`${t().load_stale} (${load.stale.length})`} flush>
              {load.stale.length === 0 ? <p class="panel-note muted">{t().none}</p>
                : <div class="line-rows">{load.stale.map((alert) => <AlertRow key={alert.id} alert={alert} zone={zone} />)}</div>}
            </Panel>
            <Panel title={`${t().handover_shelves} (${load.shelved.length})`} flush>
              {load.shelved.length === 0 ? <p class="panel-note muted">{t().none}</p>
                : <div class="line-rows">{load.shelved.map((alert) => <AlertRow key={alert.id} alert={alert} zone={zone} />)}</div>}
            </Panel>
          </div>
        </div>
      )}
    </>
  );
}
