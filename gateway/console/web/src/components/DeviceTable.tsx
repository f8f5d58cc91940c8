import type { Signal } from "@preact/signals";
import type { Device } from "../api/types";
import { t, word } from "../i18n/language";
import { deviceUrl } from "../route";
import { Age } from "./Age";
import { Icon, iconOfKind } from "./Icon";
import { Mark, type MarkKind } from "./Mark";
import { Reading } from "./Reading";
import { Words } from "./Words";

const RANKS: MarkKind[] = ["critical", "high", "medium", "low"];

export function worstOfDevice(device: Device): MarkKind | null {
  const counts = device.alerts as unknown as Record<string, number>;
  return RANKS.find((rank) => (counts[rank] ?? 0) > 0) ?? (device.state === "online" ? null : "unknown");
}

/** What the device is, in words: its role where it has one, else its kind. */
export const deviceKind = (device: Device): string =>
  device.role === null ? word("kind", device.kind) : word("role", device.role);

export const deviceState = (device: Device): string =>
  device.state === "online" ? t().device_online : device.state === "offline" ? t().device_offline : t().device_never;

function Row({ device: cell }: { device: Signal<Device | null> }) {
  const device = cell.value;
  if (device === null) return null;
  const mark = worstOfDevice(device);
  return (
    <li class="device-row">
      <span class="device-mark">{mark && <Mark kind={mark} size={20} />}</span>
      <Icon name={iconOfKind(device.kind)} />
      <a class="device-name" href={deviceUrl(device.site, device.id)} data-row={device.id}>
        <b>{device.id}</b><span class="muted">{deviceKind(device)}</span>
      </a>
      <span class="device-values">
        {device.headline.slice(0, 4).map((name) => {
          const point = device.points[name];
          return point && (
            <span class="device-value" key={name}>
              <span class="muted"><Words of={point.label} /></span>
              <Reading value={point.value} unit={point.unit} quality={point.quality} last={point.last?.value} clockUnsure={device.frame?.clock === "unsure"} />
            </span>
          );
        })}
      </span>
      <span class="device-standing">
        {device.state === "online" ? <span class="muted"><Age ts={device.ts} /></span> : <span>{deviceState(device)}</span>}
      </span>
    </li>
  );
}

/** What the gateway makes of itself and its buses: no equipment of the site. */
const OWN = new Set(["gateway", "bus", "ledger"]);
export const isOwn = (device: Device | null): boolean => device !== null && OWN.has(device.kind);

export function DeviceTable({ devices, quiet = false }: { devices: readonly Signal<Device | null>[]; quiet?: boolean }) {
  return <ul class={`device-table${quiet ? " device-table-quiet" : ""}`}>{devices.map((device, index) => <Row key={index} device={device} />)}</ul>;
}
