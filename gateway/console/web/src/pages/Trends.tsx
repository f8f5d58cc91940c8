import type { Device } from "../api/types";
import { Panel } from "../components/Panel";
import { Empty } from "../components/States";
import { useTitle } from "../components/title";
import { Words } from "../components/Words";
import { t, textOf } from "../i18n/language";
import { deviceIds, deviceSignal, siteIds, siteSignal } from "../live/store";
import { deviceUrl, place, setQuery } from "../route";
import { rangeOf, Trend } from "../trend/Trend";

const MOST = 6;

interface Chosen { site: string; device: string; point: string }

/** `site/device/point` for each, as the address holds them. */
function chosenHere(): Chosen[] {
  return (place.value.search.get("p") ?? "").split(",").flatMap((text) => {
    const [site, device, point] = text.split("/");
    return site && device && point ? [{ site, device, point }] : [];
  }).slice(0, MOST);
}

const keyOf = ({ site, device, point }: Chosen): string => `${site}/${device}/${point}`;
const choose = (chosen: readonly Chosen[]): void => setQuery({ p: chosen.map(keyOf).join(",") }, false);
const numeric = (device: Device): string[] => Object.entries(device.points).filter(([, point]) => typeof (point.value ?? point.last?.value) === "number").map(([name]) => name);

/** Several points below each other over one time: what rose when the other fell. */
export function TrendsPage() {
  useTitle(t().trends);
  const chosen = chosenHere();
  const range = place.value.search.get("range");
  const devices = (siteIds.value ?? []).flatMap((site) => (deviceIds.value[site] ?? []).flatMap((id) => {
    const device = deviceSignal(site, id).value;
    return device === null ? [] : [device];
  }));
  return (
    <>
      <div class="page-head"><h1>{t().trends}</h1></div>
      <Panel title={t().trends_add}>
        <label class="field"><span>{t().point}</span>
          <select value="" disabled={chosen.length >= MOST} onChange={(event) => {
            const [site, device, point] = event.currentTarget.value.split("/");
            event.currentTarget.value = "";
            if (site && device && point && !chosen.some((one) => keyOf(one) === `${site}/${device}/${point}`)) choose([...chosen, { site, device, point }]);
          }}>
            <option value="">{t().choose}</option>
            {devices.map((device) => (
              <optgroup key={`${device.site}/${device.id}`} label={device.id}>
                {numeric(device).map((name) => <option key={name} value={`${device.site}/${device.id}/${name}`}>{textOf(device.points[name]!.label).text || name}</option>)}
              </optgroup>
            ))}
          </select>
        </label>
      </Panel>
      {chosen.length === 0 ? <Empty title={t().trends_none} hint={t().trends_none_hint} /> : chosen.map((one, index) => {
        const device = deviceSignal(one.site, one.device).value;
        return (
          <Panel key={keyOf(one)} aside={<button type="button" class="button" onClick={() => choose(chosen.filter((other) => other !== one))}>{t().arg_remove}</button>}
            title={<><a href={`${deviceUrl(one.site, one.device)}?p=${encodeURIComponent(one.point)}`}>{one.device}</a> <Words of={device?.points[one.point]?.label ?? one.point} /></>}>
            <Trend key={range ?? ""} site={one.site} device={one.device} point={one.point} range={rangeOf(range)} zone={siteSignal(one.site).value?.timezone ?? "UTC"} choice={index === 0} />
          </Panel>
        );
      })}
    </>
  );
}
