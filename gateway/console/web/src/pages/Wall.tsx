import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Alert } from "../api/types";
import { AlertRow } from "../components/AlertRow";
import { Panel } from "../components/Panel";
import { useTitle } from "../components/title";
import { Words } from "../components/Words";
import { Flow } from "../flow/Flow";
import { t } from "../i18n/language";
import { openAlerts, openTickets, siteIds, siteSignal } from "../live/store";
import { TicketRow } from "../components/TicketRow";
import { Empty, Loading } from "../components/States";
import { sortAlerts, sortTickets } from "./order";

const TURN_MS = 20_000;

/** For a screen on the wall: the sites in turn with what is wrong there. Nothing can be pressed. */
export function WallPage() {
  useTitle(t().wall);
  const turn = useSignal(0);
  useEffect(() => {
    const timer = setInterval(() => { turn.value += 1; }, TURN_MS);
    document.documentElement.classList.add("on-wall");
    return () => {
      clearInterval(timer);
      document.documentElement.classList.remove("on-wall");
    };
  }, []);
  const ids = siteIds.value;
  if (ids === null) return <Loading tall page={t().wall} />;
  if (ids.length === 0) return <Empty title={t().sites_empty} />;
  const id = ids[turn.value % ids.length]!;
  const site = siteSignal(id).value;
  if (!site) return <Loading tall page={t().wall} />;
  const alerts: Alert[] = sortAlerts([...openAlerts.value.values()].filter((alert) => alert.site === id));
  const tickets = sortTickets([...openTickets.value.values()].filter((ticket) => ticket.site === id));
  return (
    <div class="wall">
      <div class="page-head"><h1><Words of={site.name} /></h1><span class="muted">{ids.length > 1 ? `${(turn.value % ids.length) + 1} / ${ids.length}` : null}</span></div>
      <div class="wall-grid">
        {site.flow && <Panel title={t().power_flow}><Flow site={site} /></Panel>}
        <Panel title={t().alerts_open} flush>
          {alerts.length === 0 ? <Empty title={t().alerts_none} /> : <div class="line-rows">{alerts.slice(0, 6).map((alert) => <AlertRow key={alert.id} alert={alert} zone={site.timezone} />)}</div>}
          {tickets.length > 0 && <div class="line-rows">{tickets.slice(0, 4).map((ticket) => <TicketRow key={ticket.id} ticket={ticket} />)}</div>}
        </Panel>
      </div>
    </div>
  );
}
