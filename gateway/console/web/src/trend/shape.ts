/** What the chart draws, computed from the series alone. Pure. */
import type { Gap, Series } from "../api/types";

export interface Shape { xs: number[]; mean: (number | null)[]; low: (number | null)[]; high: (number | null)[]; lone: number[]; holes: Gap[]; began: number | null }

const numbers = (values: readonly unknown[] | undefined, length: number): (number | null)[] =>
  Array.from({ length }, (_, index) => {
    const value = values?.[index];
    return typeof value === "number" && Number.isFinite(value) ? value : null;
  });

/** Runs without a good value, from the last good step to the next; what the gateway says of the cause comes with them. */
export function holesOf(series: Series, mean: readonly (number | null)[]): Gap[] {
  const holes: Gap[] = [];
  const { ts, step_ms: step } = series;
  let start: number | null = null;
  const close = (end: number): void => {
    if (start === null) return;
    const from = start;
    const cause = series.gaps.find((gap) => gap.from < end && gap.to > from);
    holes.push({ from, to: end, reason: cause?.reason ?? "no_data" });
    start = null;
  };
  for (const [index, at] of ts.entries()) {
    if (mean[index] === null) start ??= at;
    else close(at);
  }
  const lastTs = ts.at(-1);
  if (start !== null && lastTs !== undefined) close(lastTs + step);
  return holes;
}

/** A good step between two holes has no neighbour to draw a line to. */
export function loneSteps(mean: readonly (number | null)[]): number[] {
  return mean.flatMap((value, index) =>
    value !== null && (mean[index - 1] ?? null) === null && (mean[index + 1] ?? null) === null ? [index] : [],
  );
}

export function shapeOf(series: Series, point: string): Shape {
  const length = series.ts.length;
  const mean = numbers(series.points[point], length);
  const low = numbers(series.min[point], length).map((value, index) => value ?? mean[index] ?? null);
  const high = numbers(series.max[point], length).map((value, index) => value ?? mean[index] ?? null);
  const began = beganAt(series, point);
  // Before the record began nothing is missing: that is no gap.
  const end = (series.ts.at(-1) ?? 0) + series.step_ms;
  const stillComing = (hole: Gap): boolean =>
    hole.to >= end && hole.to - hole.from <= Math.max(2 * series.step_ms, STILL_COMING_MS) && UNEXPLAINED.has(hole.reason);
  const holes = holesOf(series, mean).filter((hole) => (began === null || hole.to > began) && !stillComing(hole));
  return { xs: series.ts.map((ms) => ms / 1000), mean, low, high, lone: loneSteps(mean), holes, began };
}

export const DAY_MS = 86_400_000;

/** An earlier series on the steps of this one; where the earlier one knows nothing it is a gap here. */
export function earlier(xs: readonly number[], series: Series, point: string, byMs: number): (number | null)[] {
  const values = numbers(series.points[point], series.ts.length);
  const known = new Map(series.ts.map((ms, index) => [Math.floor(ms / series.step_ms), values[index] ?? null]));
  return xs.map((second) => known.get(Math.floor((second * 1000 - byMs) / series.step_ms)) ?? null);
}

const MINUTE_MS = 60_000;
const NARROWEST_MS = 5 * MINUTE_MS;
const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 180, 300, 600, 900, 1800, 3600];
const NOTHING_RECORDED = "no_frames";
/** The newest reading may not be recorded yet: that is no gap. */
const STILL_COMING_MS = 10_000;
const UNEXPLAINED = new Set(["no_data", NOTHING_RECORDED]);

/** When the record begins inside this series, where nothing at all was recorded before; else null. */
export function beganAt(series: Series, point: string): number | null {
  const first = (series.points[point] ?? []).findIndex((value) => typeof value === "number");
  const at = series.ts[first];
  if (first < 1 || at === undefined) return null;
  const before = series.gaps.find((gap) => gap.from <= series.ts[0]!);
  return before?.reason === NOTHING_RECORDED && before.to >= at - series.step_ms ? at : null;
}

/** Where the axis starts: with the record, but never less than five minutes before its end. */
export const windowOf = (to: number, span: number, began: number | null): number =>
  began === null ? to - span : Math.min(to - Math.min(NARROWEST_MS, span), Math.max(to - span, began));

/** Some 360 steps across, in whole steps that a clock knows. */
export const stepFor = (span: number): number => (STEPS_S.find((s) => s * 1000 >= span / 360) ?? 3600) * 1000;

/** A polyline per run of good values, in a box of the given size, for a spark. */
export function sparkPaths(values: readonly (number | null)[], width: number, height: number): string {
  const good = values.filter((value): value is number => value !== null);
  if (good.length === 0) return "";
  const min = Math.min(...good);
  const span = Math.max(...good) - min || 1;
  const flat = Math.max(...good) === min;
  const x = (index: number): string => ((index / Math.max(1, values.length - 1)) * (width - 2) + 1).toFixed(1);
  const y = (value: number): string => (flat ? height / 2 : height - 2 - ((value - min) / span) * (height - 4)).toFixed(1);
  let path = "";
  let open = false;
  for (const [index, value] of values.entries()) {
    if (value === null) {
      open = false;
      continue;
    }
    path += open ? `L${x(index)} ${y(value)}` : `M${x(index)} ${y(value)}h.01`;
    open = true;
  }
  return path;
}
