import { useSignal } from "@preact/signals";
import type { ComponentType } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { query } from "../api/http";
import { useResource } from "../api/resource";
import type { Series } from "../api/types";
import { Empty, Failed, Loading } from "../components/States";
import { formatDate, withUnit } from "../format";
import { gapWords } from "../components/gapWords";
import { locale, t, textOf, word } from "../i18n/language";
import { now } from "../live/link";
import { place, setQuery } from "../route";
import { theme } from "../shell/theme";
import type { ChartProps } from "./Chart";
import { beganAt, DAY_MS, earlier, shapeOf, stepFor, windowOf, type Shape } from "./shape";
import { TrendTable } from "./TrendTable";

export const RANGES = { "15m": 900_000, "1h": 3_600_000, "6h": 21_600_000, "1d": 86_400_000 } as const;
export type Range = keyof typeof RANGES;
const REFRESH_MS: Record<Range, number> = { "15m": 5_000, "1h": 5_000, "6h": 30_000, "1d": 60_000 };

export const rangeOf = (text: string | null): Range => (text !== null && text in RANGES ? (text as Range) : "1h");

/** The chart's code comes when the first chart is shown. */
function useChart(): ComponentType<ChartProps> | null {
  const chart = useSignal<{ of: ComponentType<ChartProps> } | null>(null);
  useEffect(() => {
    void import("./Chart").then((loaded) => {
      chart.value = { of: loaded.default };
    });
  }, []);
  return chart.value?.of ?? null;
}

function Reading({ shape, before, at, unit, zone }: { shape: Shape; before: readonly (number | null)[] | null; at: number | null; unit: string; zone: string }) {
  const index = at ?? shape.mean.findLastIndex((value) => value !== null);
  const second = shape.xs[index];
  if (second === undefined) return null;
  const say = (value: number | null | undefined): string => withUnit(value, unit, locale());
  return (
    <p class="trend-reading">
      <span class="muted">{formatDate(second * 1000, "seconds", locale(), zone)}</span>
      <b>{say(shape.mean[index])}</b>
      {shape.mean[index] !== null && shape.low[index] !== shape.high[index] && <span class="muted">{t().range_of(say(shape.low[index]), say(shape.high[index]))}</span>}
      {before !== null && <span class="muted">{t().trend_yesterday} {say(before[index])}</span>}
    </p>
  );
}

/** `choice`: whether the range is chosen here; of several charts over one time only the first one asks. */
export function Trend({ site, device, point, range, zone, choice = true }: { site: string; device: string; point: string; range: Range; zone: string; choice?: boolean }) {
  const path = `/sites/${encodeURIComponent(site)}/devices/${encodeURIComponent(device)}/series`;
  const span = RANGES[range];
  const began = useRef<number | null>(null);
  const asked = useResource<Series>(`${path}${query({ points: point })}`, REFRESH_MS[range], () => {
    const to = Math.round(now.peek());
    const from = windowOf(to, span, began.current);
    return `&from=${from}&to=${to}&step=${stepFor(to - from)}`;
  });
  const cursor = useSignal<number | null>(null);
  const Chart = useChart();
  const series = asked.data.value;
  // The first answer tells where the record begins; if much of the axis is before that, it is asked again, closer.
  useEffect(() => {
    if (series === null || began.current !== null) return;
    const found = beganAt(series, point);
    if (found === null || windowOf(series.to, span, found) <= series.from + series.step_ms) return;
    began.current = found;
    asked.refresh();
  }, [series]);
  const shape = useMemo(() => (series === null ? null : shapeOf(series, point)), [series, point]);
  const compared = place.value.search.get("cmp") === "yesterday";
  const old = useResource<Series>(compared && series !== null ? `${path}${query({ points: point })}` : null, REFRESH_MS[range], () => {
    const { from, to, step_ms: step } = asked.data.peek()!;
    return `&from=${from - DAY_MS}&to=${to - DAY_MS}&step=${step}`;
  }).data.value;
  const before = useMemo(() => (!compared || shape === null || old === null ? null : earlier(shape.xs, old, point, DAY_MS)), [compared, shape, old, point]);
  const unit = series?.units[point] ?? "";

  return (
    <div class="trend">
      <div class="trend-bar">
        {choice && (
          <div class="trend-choice">
            <div class="segments" role="group" aria-label={t().trend_range}>
              {(Object.keys(RANGES) as Range[]).map((one) => (
                <button type="button" key={one} aria-pressed={one === range} onClick={() => setQuery({ range: one === "1h" ? null : one })}>
                  {word("trend", one)}
                </button>
              ))}
            </div>
            <button type="button" class="button" aria-pressed={compared} onClick={() => setQuery({ cmp: compared ? null : "yesterday" })}>{t().trend_yesterday}</button>
          </div>
        )}
        {shape && <Reading shape={shape} before={before} at={cursor.value} unit={unit} zone={zone} />}
      </div>
      {asked.problem.value !== null && series === null ? <Failed problem={asked.problem.value} retry={asked.refresh} />
        : series === null || shape === null || Chart === null ? <Loading rows={1} tall />
        : shape.mean.every((value) => value === null) ? <Empty title={t().trend_empty} hint={t().trend_empty_hint} />
        : (
          <>
            <Chart shape={shape} before={before} from={series.from} to={series.to} unit={unit} locale={locale()} zone={zone} theme={theme.value}
              onCursor={(index) => { cursor.value = index; }} />
            <p class="trend-key muted"><span>{t().trend_band}</span>{before !== null && <span>{before.every((value) => value === null) ? t().trend_yesterday_none : t().trend_yesterday_key}</span>}{shape.holes.length > 0 && <span>{t().trend_gap}</span>}
              {shape.began !== null && <span>{t().trend_began(formatDate(shape.began, "seconds", locale(), zone))}</span>}</p>
            <Gaps shape={shape} end={series.to} step={series.step_ms} zone={zone} />
            <TrendTable shape={shape} before={before} unit={unit} zone={zone} name={textOf(series.labels[point]).text || point} />
          </>
        )}
    </div>
  );
}

const SHOWN_GAPS = 4;

const FINE_MS = 15 * 60_000;

function Gaps({ shape, end, step, zone }: { shape: Shape; end: number; step: number; zone: string }) {
  if (shape.holes.length === 0) return null;
  return (
    <ul class="trend-gaps">
      {shape.holes.slice(-SHOWN_GAPS).map((hole) => {
        const at = (ms: number): string => formatDate(ms, hole.to - hole.from < FINE_MS ? "seconds" : "time", locale(), zone);
        const lasts = hole.to >= end - step;
        return <li key={hole.from}>{lasts ? t().gap_since(at(hole.from), gapWords(hole.reason)) : t().gap_line(at(hole.from), at(hole.to), gapWords(hole.reason))}</li>;
      })}
    </ul>
  );
}
