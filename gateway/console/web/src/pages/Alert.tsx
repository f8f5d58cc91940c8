import { useSignal, useSignalEffect } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { useResource } from "../api/resource";
import type { AlertStory, Device } from "../api/types";
import { Act, whyNot } from "../components/Act";
import { acknowledge, unshelve } from "../components/acts";
import { alertStanding, markOf, needsAttention } from "../components/AlertRow";
import { Moment } from "../components/Age";
import { Mark } from "../components/Mark";
import { Panel } from "../components/Panel";
import { ResetDialog } from "../components/ResetDialog";
import { ShelveDialog } from "../components/ShelveDialog";
import { Failed, Loading } from "../components/States";
import { InputsTable, RuleWords, Timeline } from "../components/Story";
import { Priority } from "../components/TicketRow";
import { ticketName } from "../components/ticketName";
import { useTitle } from "../components/title";
import { Words } from "../components/Words";
import { t, textOf, word } from "../i18n/language";
import { alertNews, siteSignal } from "../live/store";
import { alertUrl, deviceUrl, go, siteUrl, ticketUrl } from "../route";
import { onKey } from "../shell/keys";

/** One alert and its story: what the rule wants, what the values were, who did what. */
export function AlertPage({ id }: { id: string }) {
  const asked = useResource<AlertStory>(`/alerts/${encodeURIComponent(id)}`, 10_000);
  const shelving = useSignal(false);
  const resetting = useSignal(false);
  const alert = asked.data.value;
  const device = useResource<Device>(alert === null ? null : `/sites/${encodeURIComponent(alert.site)}/devices/${encodeURIComponent(alert.device)}`, 5_000);
  useTitle(textOf(alert?.title).text);
  useSignalEffect(() => {
    if (alertNews.value?.id === id) asked.refresh();
  });
  useEffect(() => onKey((key) => {
    const shown = asked.data.peek();
    if (shown === null) return false;
    if (key === "t" && shown.ticket !== null) go(ticketUrl(shown.ticket));
    else if (key === "a" && whyNot("operator") === null) void acknowledge(id);
    else if (key === "s" && whyNot("operator") === null) shelving.value = true;
    else return false;
    return true;
  }), [id]);

  if (alert === null) return asked.problem.value ? <Failed problem={asked.problem.value} retry={asked.refresh} /> : <Loading rows={4} tall page={t().alert} />;
  const site = siteSignal(alert.site).value;
  const zone = site?.timezone ?? "UTC";
  const over = alert.state === "cleared";
  const shelved = alert.suppressed?.by === "shelved";
  const rule = alert.rule_text;
  const hasOpenTicket = alert.ticket_summary !== null && !["archived", "cancelled", "merged"].includes(alert.ticket_summary.state);
  return (
    <>
      <div class="page-head">
        <nav class="crumbs" aria-label={t().back}><a href="/alerts">{t().alerts}</a></nav>
        <h1><span class={needsAttention(alert) ? "blink" : ""}><Mark kind={markOf(alert)} size={28} /></span> <Words of={alert.title} /></h1>
        <span class="muted">
          <a href={siteUrl(alert.site)}>{site ? <Words of={site.name} /> : alert.site}</a> · <a href={deviceUrl(alert.site, alert.device)}>{alert.device}</a> · <Moment ts={alert.since} zone={zone} />
        </span>
        <span class="page-head-side">
          {alert.state === "latched" && !hasOpenTicket && <Act role="inspector" onClick={() => { resetting.value = true; }}>{t().reset_latch}</Act>}
          {!over && alert.acknowledged === null && <Act role="operator" kind="primary" onClick={() => void acknowledge(id)}>{t().acknowledge}</Act>}
          {!over && !shelved && <Act role="operator" onClick={() => { shelving.value = true; }}>{t().shelve}</Act>}
          {!over && shelved && <Act role="operator" onClick={() => void unshelve(id)}>{t().unshelve}</Act>}
        </span>
      </div>
      <p class="standing">{alertStanding(alert, zone, true)}
        {alert.suppressed !== null && alert.suppressed.by !== "inhibited" && alert.suppressed.reason && <> · {alert.suppressed.reason}</>}
        {alert.suppressed?.by === "inhibited" && alert.suppressed.alert && <> · <a href={alertUrl(alert.suppressed.alert)}>{t().story_parent}</a></>}
      </p>
      <div class="two-columns">
        <div class="stack">
          {rule && <Panel title={`${t().story_rule} ${rule.id}`}><RuleWords rule={rule} /></Panel>}
          <Panel title={t().story_inputs} flush><InputsTable alert={alert} device={device.data.value} zone={zone} /></Panel>
        </div>
        <div class="stack">
          <Panel title={t().ticket} flush>
            {alert.ticket_summary === null ? <p class="panel-note muted">{t().no_ticket}</p> : (
              <div class="line-rows">
                <a class="line-row" href={ticketUrl(alert.ticket_summary.id)}>
                  <Priority of={alert.ticket_summary.priority} />
                  <span class="line-row-main"><span class="line-row-title">{ticketName({ ...alert.ticket_summary, devices: [alert.device] })}</span></span>
                  <span class="line-row-side">{word("ticket", alert.ticket_summary.state)}</span>
                </a>
              </div>
            )}
          </Panel>
          <Panel title={t().story_timeline}><Timeline alert={alert} zone={zone} /></Panel>
        </div>
      </div>
      {resetting.value && <ResetDialog id={id} onClose={() => { resetting.value = false; asked.refresh(); }} />}
      {shelving.value && <ShelveDialog alert={alert} zone={zone} onClose={() => { shelving.value = false; }} />}
    </>
  );
}
