import { useEffect } from "preact/hooks";
import type { Device, Page, Site } from "../api/types";
import { useResource } from "../api/resource";
import { AlertRow } from "../components/AlertRow";
import { DeviceTable, isOwn } from "../components/DeviceTable";
import { Panel } from "../components/Panel";
import { Pauses } from "../components/Pauses";
import { Empty, Failed, Loading, NotFound } from "../components/States";
import { TicketRow } from "../components/TicketRow";
import { useTitle } from "../components/title";
import { Words } from "../components/Words";
import { Flow } from "../flow/Flow";
import { t, textOf } from "../i18n/language";
import { deviceIds, deviceSignal, openAlerts, openTickets, siteIds, siteSignal, takeDevices } from "../live/store";
import { sortAlerts, sortTickets } from "./order";

export function SitePage({ id }: { id: string }) {
  const live = siteSignal(id).value;
  const asked = useResource<Site>(`/sites/${encodeURIComponent(id)}`);
  const list = useResource<Page<Device>>(`/sites/${encodeURIComponent(id)}/devices`);
  const site = live?.flow ? live : asked.data.value;
  useTitle(textOf(site?.name).text);
  useEffect(() => {
    if (list.data.value !== null && deviceIds.peek()[id] === undefined) takeDevices(id, list.data.value.items);
  }, [list.data.value]);

  if (site === null) {
    if (siteIds.value !== null && !siteIds.value.includes(id)) return <NotFound />;
    return asked.problem.value ? <Failed problem={asked.problem.value} retry={asked.refresh} /> : <Loading tall page={id} />;
  }
  const zone = site.timezone;
  const alerts = sortAlerts([...openAlerts.value.values()].filter((alert) => alert.site === id));
  const tickets = sortTickets([...openTickets.value.values()].filter((ticket) => ticket.site === id));
  const ids = deviceIds.value[id];
  const cells = (ids ?? []).map((device) => deviceSignal(id, device));
  const own = cells.filter((cell) => isOwn(cell.value));
  return (
    <>
      <div class="page-head">
        <h1><Words of={site.name} /></h1>
        <span class="muted">{site.devices.answering === site.devices.total ? null : t().points_silent(site.devices.total - site.devices.answering)}</span>
      </div>
      <div class="site-grid">
        <Panel title={t().power_flow} class="site-flow"><Flow site={site} /></Panel>
        <div class="site-side">
          <Panel title={t().alerts_open} flush aside={<a href={`/alerts?site=${encodeURIComponent(id)}`}>{t().see_all}</a>}>
            {alerts.length === 0
              ? <Empty title={t().alerts_none} hint={t().alerts_none_hint} />
              : <div class="line-rows">{alerts.slice(0, 8).map((alert) => <AlertRow key={alert.id} alert={alert} zone={zone} />)}</div>}
          </Panel>
          <Panel title={t().tickets_open} flush aside={<a href={`/tickets?site=${encodeURIComponent(id)}`}>{t().see_all}</a>}>
            {tickets.length === 0
              ? <Empty title={t().tickets_none} hint={t().tickets_none_hint} />
              : <div class="line-rows">{tickets.slice(0, 8).map((ticket) => <TicketRow key={ticket.id} ticket={ticket} />)}</div>}
          </Panel>
          <Pauses site={id} devices={ids ?? []} zone={zone} />
        </div>
        <Panel title={t().devices} flush class="site-devices">
          {ids === undefined
            ? (list.problem.value ? <Failed problem={list.problem.value} retry={list.refresh} /> : <Loading rows={5} />)
            : ids.length === 0 ? <Empty title={t().devices_none} />
            : <DeviceTable devices={cells.filter((cell) => !isOwn(cell.value))} />}
        </Panel>
        {own.length > 0 && <Panel title={t().own_devices} flush class="site-devices"><DeviceTable devices={own} quiet /></Panel>}
      </div>
    </>
  );
}
