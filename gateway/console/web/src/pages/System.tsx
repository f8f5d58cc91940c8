import { useResource } from "../api/resource";
import type { System } from "../api/types";
import { amount } from "../components/amount";
import { Mark } from "../components/Mark";
import { Moment, spanText } from "../components/Age";
import { Panel } from "../components/Panel";
import { Failed, Loading } from "../components/States";
import { useTitle } from "../components/title";
import { t, word } from "../i18n/language";
import { siteIds, siteSignal } from "../live/store";
import { deviceUrl } from "../route";

function Well({ ok, children }: { ok: boolean; children: string }) {
  return <span class={ok ? "" : "not-well"}>{!ok && <Mark kind="high" />} {children}</span>;
}

/** How the gateway fares and what it is made of. Read only: the site file is the one source of truth. */
export function SystemPage() {
  useTitle(t().system_page);
  const asked = useResource<System>("/system", 10_000);
  const system = asked.data.value;
  const site = siteIds.value?.[0] ?? "";
  const zone = siteSignal(site).value?.timezone ?? "UTC";
  if (system === null) return asked.problem.value ? <Failed problem={asked.problem.value} retry={asked.refresh} /> : <Loading rows={6} page={t().system_page} />;
  const { journal, clock } = system;
  return (
    <>
      <div class="page-head"><h1>{t().system_page}</h1><span class="muted">Maplebridge {system.version}</span></div>
      <div class="two-columns">
        <div class="stack">
          <Panel title={t().system_buses} flush>
            <div class="scroll-x">
              <table class="inputs">
                <thead><tr>
                  <th scope="col">{word("kind", "bus")}</th><th scope="col" class="number">{t().system_load}</th><th scope="col" class="number">{t().system_planned}</th>
                  <th scope="col" class="number">{t().system_cycle}</th><th scope="col" class="number">{t().system_errors}</th><th scope="col" class="number">{t().system_missed}</th><th scope="col" class="number">{t().system_silent}</th>
                </tr></thead>
                <tbody>
                  {system.buses.map(({ id, url, statistics: s }) => (
                    <tr key={id}>
                      <th scope="row"><a href={deviceUrl(site, `bus-${id}`)}>{id}</a><br /><span class="muted wrap">{url}</span></th>
                      <td class="number">{amount(s?.load_pct, "%")}</td>
                      <td class="number">{amount(s?.planned_load_pct, "%")}</td>
                      <td class="number">{amount(s?.cycle_s, "s")}</td>
                      <td class="number">{(s?.errors_pct ?? 0) > 5 && <Mark kind="medium" />} {amount(s?.errors_pct, "%")}</td>
                      <td class="number">{amount(s?.missed_polls_pct, "%")}</td>
                      <td class="number">{(s?.devices_silent ?? 0) > 0 && <Mark kind="medium" />} {s === null ? "–" : `${s.devices_silent} / ${s.devices_total}`}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          </Panel>
          <Panel title={t().system_rules}>
            <p>{t().system_bound(system.rules.bound)}</p>
            {system.rules.unbound.length > 0 && (
              <details><summary>{t().system_unbound(system.rules.unbound.length)}</summary>
                <ul class="plain">{system.rules.unbound.map((report) => <li key={report.rule + report.device + String(report.channel)}><b>{report.rule}</b> {report.device} <span class="muted">{report.reason}</span></li>)}</ul>
              </details>
            )}
          </Panel>
        </div>
        <div class="stack">
          <Panel title={t().system_health} flush>
            <table class="inputs"><tbody>
              {Object.entries(system.checks).map(([name, check]) => (
                <tr key={name}><th scope="row">{name}</th><td><Well ok={check.ok}>{check.detail}</Well></td></tr>
              ))}
              {system.sinks.map((sink) => (
                <tr key={sink.name}><th scope="row">{sink.name}</th><td><Well ok={sink.connected}>{sink.connected ? t().system_connected : sink.trouble ?? t().system_not_connected}</Well></td></tr>
              ))}
            </tbody></table>
          </Panel>
          <Panel title={t().system_clock} flush>
            <table class="inputs"><tbody>
              <tr><th scope="row">{t().system_trusted}</th><td><Well ok={clock.trusted}>{clock.trusted ? t().answer_yes : t().answer_no}</Well></td></tr>
              <tr><th scope="row">{t().system_synchronised}</th><td>{clock.synchronised ? t().answer_yes : t().answer_no}</td></tr>
              <tr><th scope="row">{t().system_offset}</th><td>{amount(clock.offset_s, "s")}</td></tr>
              <tr><th scope="row">{t().system_skew}</th><td>{amount(clock.skew_ppm, "ppm")}</td></tr>
            </tbody></table>
          </Panel>
          <Panel title={t().system_journal} flush>
            <table class="inputs"><tbody>
              <tr><th scope="row">{t().system_frames}</th><td>{amount(journal.frames)}</td></tr>
              <tr><th scope="row">{t().system_size}</th><td>{amount(journal.bytes === undefined ? null : journal.bytes / 1_000_000, "MB")}</td></tr>
              <tr><th scope="row">{t().system_since}</th><td>{journal.first ? <Moment ts={journal.first} zone={zone} /> : "–"}</td></tr>
              {Object.entries(journal.cursors ?? {}).map(([name, place]) => (
                <tr key={name}><th scope="row">{t().system_behind(name)}</th><td><Well ok={place.backlog_age_s < 600}>{place.backlog_frames === 0 ? t().none : `${amount(place.backlog_frames)} · ${spanText(place.backlog_age_s * 1_000)}`}</Well></td></tr>
              ))}
              <tr><th scope="row">{t().system_letters}</th><td><Well ok={!journal.dead_letters}>{amount(journal.dead_letters ?? 0)}</Well></td></tr>
            </tbody></table>
          </Panel>
          <p class="muted">{word("system", "read_only")}</p>
        </div>
      </div>
    </>
  );
}
