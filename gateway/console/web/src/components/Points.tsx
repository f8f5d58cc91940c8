import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { get, Problem, query } from "../api/http";
import type { Device, Point, Series } from "../api/types";
import { formatNumber, hex, withUnit } from "../format";
import { locale, t, textOf, word } from "../i18n/language";
import { now } from "../live/link";
import { setQuery } from "../route";
import { beganAt, sparkPaths, stepFor, windowOf } from "../trend/shape";
import { Age } from "./Age";
import { gapWords } from "./gapWords";
import { RangeBar } from "./RangeBar";
import { Reading } from "./Reading";
import { Empty } from "./States";
import { Words } from "./Words";

const SHOWN_WORDS = 8;
const HOUR_MS = 3_600_000;
const SPARK = { width: 96, height: 22, everyMs: 60_000, soonMs: 10_000, perRequest: 20 };

type Means = Record<string, (number | null)[]>;

/** The means since `began` or for an hour, and when the record began where that is within the hour. */
async function loadMeans(device: Device, names: readonly string[], began: number | null): Promise<{ means: Means; began: number | null }> {
  const to = Math.round(now.peek());
  const from = windowOf(to, HOUR_MS, began);
  // No finer than five seconds and no coarser than a minute: a spark is 96 px wide.
  const step = Math.min(60_000, Math.max(5_000, stepFor(6 * (to - from))));
  let first = began;
  const path = `/sites/${encodeURIComponent(device.site)}/devices/${encodeURIComponent(device.id)}/series`;
  const found: Means = {};
  for (let at = 0; at < names.length; at += SPARK.perRequest) {
    const points = names.slice(at, at + SPARK.perRequest).join(",");
    const series = await get<Series>(`${path}${query({ points, from, to, step })}`);
    for (const [name, values] of Object.entries(series.points)) {
      first ??= beganAt(series, name);
      found[name] = values.map((value) => (typeof value === "number" ? value : null));
    }
  }
  return { means: found, began: first };
}

/** Each number of the last hour, once a minute, sooner while the record is young. Without history there is simply no spark. */
function useMeans(device: Device): Means {
  const means = useSignal<Means>({});
  const names = Object.entries(device.points).filter(([, point]) => point.type === "number").map(([name]) => name);
  const key = names.join(",");
  useEffect(() => {
    let began: number | null = null;
    let timer: ReturnType<typeof setTimeout>;
    let over = false;
    const load = async (): Promise<void> => {
      const asked = began;
      if (!document.hidden && key !== "") {
        try {
          const found = await loadMeans(device, names, asked);
          if (over) return;
          means.value = found.means;
          began = found.began;
        } catch (error) {
          if (!(error instanceof Problem)) throw error;
        }
      }
      if (over) return;
      const young = began !== null && now.peek() - began < 10 * SPARK.everyMs;
      timer = setTimeout(() => void load(), asked === null && began !== null ? 0 : young ? SPARK.soonMs : SPARK.everyMs);
    };
    void load();
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [device.site, device.id, key]);
  return means.value;
}

/** A value older than three periods is stale, whoever sent it. */
function staleNow(point: Point): boolean {
  return point.value !== null && point.ts !== null && point.period_ms !== null && now.value - point.ts > 3 * point.period_ms + 2_000;
}

/** Why the value is not good, and the registers that it came from, as a manual has them. */
function Why({ point }: { point: Point }) {
  const { where, words } = point;
  return (
    <>
      {point.why && <span class="point-why">{point.why_text ? <Words of={point.why_text} /> : gapWords(point.why)}</span>}
      {where && point.why && <span class="point-raw">{where.table} {where.start} {words && <code>{words.slice(0, SHOWN_WORDS).map((word) => `0x${hex(word)}`).join(" ")}{words.length > SHOWN_WORDS ? " …" : ""}</code>}</span>}
    </>
  );
}

/** A value that a slow period has not brought yet is not stale, there is none. */
const notReadYet = (point: Point): boolean => point.value === null && point.ts === null && point.quality === "stale";

function PointRow({ name, point, mean, chosen, clockUnsure }: {
  name: string; point: Point; mean: (number | null)[] | undefined; chosen: boolean; clockUnsure: boolean;
}) {
  const stale = staleNow(point);
  const quality = stale ? "stale" : notReadYet(point) ? "absent" : point.quality;
  const last = point.last?.value ?? (stale ? point.value : null);
  const number = typeof point.value === "number" ? point.value : null;
  const label = textOf(point.label).text || name;
  return (
    <tr class={chosen ? "chosen" : ""}>
      <th scope="row">
        {point.type === "number" ? (
          <button type="button" class="point-name" data-row={name} aria-label={t().show_trend(label)} aria-pressed={chosen}
            onClick={() => setQuery({ p: name })}>
            <Words of={point.label} />
          </button>
        ) : <span class="point-name"><Words of={point.label} /></span>}
        <span class="point-id">{name}</span>
      </th>
      <td class="number">
        <Reading value={stale ? null : point.value} unit={point.unit} quality={quality} last={last} clockUnsure={clockUnsure} />
        {point.bits && <span class="point-bits">{point.bits.map((bit) => <span key={bit.bit}><Words of={bit.text} /></span>)}</span>}
        {!notReadYet(point) && <Why point={point} />}
      </td>
      <td class="points-range">
        <RangeBar value={number} range={point.range} />
        {point.range && <span class="range-ends"><span>{formatNumber(point.range[0], "", locale())}</span><span>{withUnit(point.range[1], point.unit ?? "", locale())}</span></span>}
      </td>
      <td class="points-spark">
        {mean && <svg class="spark" width={SPARK.width} height={SPARK.height} viewBox={`0 0 ${SPARK.width} ${SPARK.height}`} aria-hidden="true"><path d={sparkPaths(mean, SPARK.width, SPARK.height)} /></svg>}
      </td>
      <td class="points-quality"><span class={quality === "good" || quality === "absent" ? "muted" : ""}>{notReadYet(point) ? t().why_not_read : word("quality", quality)}</span></td>
      <td class="number points-age"><Age ts={point.last?.ts ?? point.ts} /></td>
    </tr>
  );
}

export function Points({ device, chosen }: { device: Device; chosen: string | null }) {
  const filter = useSignal("");
  const means = useMeans(device);
  const all = Object.entries(device.points);
  const wanted = filter.value.trim().toLowerCase();
  const shown = all.filter(([name, point]) => wanted === "" || name.includes(wanted) || textOf(point.label).text.toLowerCase().includes(wanted));
  if (all.length === 0) return <Empty title={t().points_none} hint={t().points_none_hint} />;
  return (
    <>
      <div class="points-bar">
        <input type="search" data-find value={filter.value} placeholder={t().filter_points} aria-label={t().filter_points}
          onInput={(event) => { filter.value = event.currentTarget.value; }} />
      </div>
      {shown.length === 0 ? (
        <Empty title={t().filter_none}><button type="button" class="button" onClick={() => { filter.value = ""; }}>{t().clear_filter}</button></Empty>
      ) : (
        <div class="table-scroll" tabIndex={0} role="group" aria-label={t().points}>
          <table class="points">
            <thead>
              <tr>
                <th scope="col">{t().point}</th>
                <th scope="col" class="number">{t().value}</th>
                <th scope="col" class="points-range">{t().range}</th>
                <th scope="col" class="points-spark">{t().recent}</th>
                <th scope="col" class="points-quality">{t().quality}</th>
                <th scope="col" class="number points-age">{t().age}</th>
              </tr>
            </thead>
            <tbody>
              {shown.map(([name, point]) => (
                <PointRow key={name} name={name} point={point} mean={means[name]} chosen={name === chosen}
                  clockUnsure={device.frame?.clock === "unsure"} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}
