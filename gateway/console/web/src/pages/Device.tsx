import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { useResource } from "../api/resource";
import type { Device } from "../api/types";
import { Age } from "../components/Age";
import { AlertRow } from "../components/AlertRow";
import { gapWords } from "../components/gapWords";
import { deviceKind, deviceState, worstOfDevice } from "../components/DeviceTable";
import { Mark } from "../components/Mark";
import { Panel } from "../components/Panel";
import { Points } from "../components/Points";
import { RawRegisters } from "../components/RawRegisters";
import { Empty, Failed, Loading } from "../components/States";
import { TicketRow } from "../components/TicketRow";
import { useTitle } from "../components/title";
import { Words } from "../components/Words";
import { t } from "../i18n/language";
import { deviceSignal, mergeFrame, onFrame, openAlerts, openTickets, siteSignal } from "../live/store";
import { place, siteUrl } from "../route";
import { rangeOf, Trend } from "../trend/Trend";
import { sortAlerts, sortTickets } from "./order";

/** The device with all its points: asked once, kept fresh by frames, asked again where a frame cannot say why. */
function useDevice(site: string, id: string) {
  const asked = useResource<Device>(`/sites/${encodeURIComponent(site)}/devices/${encodeURIComponent(id)}`, 15_000);
  const shown = useSignal<Device | null>(null);
  useEffect(() => {
    if (asked.data.value !== null) shown.value = asked.data.value;
  }, [asked.data.value]);
  useEffect(() => {
    let again: ReturnType<typeof setTimeout> | undefined;
    const stop = onFrame((frame) => {
      if (frame.site !== site || frame.device !== id || shown.peek() === null) return;
      const before = shown.peek()!;
      const after = mergeFrame(before, frame);
      shown.value = after;
      const lost = Object.keys(frame.quality).some((name) => name === "*" || before.points[name]?.quality !== frame.quality[name]);
      if (lost && again === undefined) {
        again = setTimeout(() => {
          again = undefined;
          asked.refresh();
        }, 2_000);
      }
    });
    return () => {
      stop();
      clearTimeout(again);
    };
  }, [site, id, asked.refresh]);
  return { device: shown.value, problem: asked.problem.value, refresh: asked.refresh };
}

function Facts({ device }: { device: Device }) {
  const facts: [string, string | null][] = [
    [t().maker, [device.vendor, device.model].filter(Boolean).join(" ") || null],
    [t().serial, device.serial],
    [t().profile, device.profile],
    [t().bus_unit, device.bus === null ? null : `${device.bus}, ${device.unit ?? ""}`],
  ];
  return (
    <dl class="facts">
      {facts.filter(([, value]) => value).map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}
    </dl>
  );
}

export function DevicePage({ site, id }: { site: string; id: string }) {
  const { device, problem, refresh } = useDevice(site, id);
  const siteDocument = siteSignal(site).value;
  const summary = deviceSignal(site, id).value;
  const zone = siteDocument?.timezone ?? "UTC";
  useTitle(id);
  if (device === null) return problem ? <Failed problem={problem} retry={refresh} /> : <Loading tall page={id} />;

  const { search } = place.value;
  const numeric = Object.entries(device.points).filter(([, point]) => point.type === "number").map(([name]) => name);
  const asked = search.get("p");
  const point = asked !== null && numeric.includes(asked) ? asked : (device.headline.find((name) => numeric.includes(name)) ?? numeric[0] ?? null);
  const alerts = sortAlerts([...openAlerts.value.values()].filter((alert) => alert.site === site && alert.device === id));
  const tickets = sortTickets([...openTickets.value.values()].filter((ticket) => ticket.site === site && ticket.devices.includes(id)));
  const state = summary ?? device;
  const mark = worstOfDevice(state);
  const all = Object.values(device.points);
  const good = all.filter((one) => one.quality === "good").length;
  const lacking = all.filter((one) => one.quality === "absent").length;
  const waiting = all.filter((one) => one.quality === "stale" && one.ts === null && one.value === null).length;
  const faulty = all.length - good - lacking - waiting;
  return (
    <>
      <div class="page-head">
        <nav class="crumbs" aria-label={t().back}><a href={siteUrl(site)}>{siteDocument ? <Words of={siteDocument.name} /> : site}</a></nav>
        <h1>{mark && <Mark kind={mark} size={26} />} {id}</h1>
        <span class="muted">{deviceKind(device)}{device.title && <> · <Words of={device.title} /></>}</span>
        <span class="page-head-side">
          <span>{state.state === "online" ? [t().points_good(good), ...(faulty > 0 ? [t().points_faulty(faulty)] : []), ...(waiting > 0 ? [t().points_waiting(waiting)] : []), ...(lacking > 0 ? [t().points_lacking(lacking)] : [])].join(" · ") : deviceState(state)}</span>
          {device.poll && <span class="muted">{t().last_poll} <Age ts={device.poll.ts} />{device.poll.reason && <> · {gapWords(device.poll.reason)}</>}</span>}
        </span>
      </div>
      <div class="device-grid">
        {point !== null && (
          <Panel title={<Words of={device.points[point]?.label ?? point} />} class="device-trend">
            <Trend key={`${point}/${search.get("range")}`} site={site} device={id} point={point} range={rangeOf(search.get("range"))} zone={zone} />
          </Panel>
        )}
        <div class="device-side">
          <Panel title={t().alerts_open} flush>
            {alerts.length === 0 ? <Empty title={t().alerts_none} hint={t().alerts_none_hint} />
              : <div class="line-rows">{alerts.map((alert) => <AlertRow key={alert.id} alert={alert} zone={zone} showDevice={false} />)}</div>}
          </Panel>
          <Panel title={t().tickets_open} flush>
            {tickets.length === 0 ? <Empty title={t().tickets_none} />
              : <div class="line-rows">{tickets.map((ticket) => <TicketRow key={ticket.id} ticket={ticket} />)}</div>}
          </Panel>
          <Panel title={t().device}><Facts device={device} /></Panel>
        </div>
        <Panel title={t().points} flush class="device-points"><Points device={device} chosen={point} /></Panel>
        <Panel title={t().raw} class="device-raw"><RawRegisters site={site} id={id} /></Panel>
      </div>
    </>
  );
}
