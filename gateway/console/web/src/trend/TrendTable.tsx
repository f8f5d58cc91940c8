import { useSignal } from "@preact/signals";
import { formatDate, formatNumber } from "../format";
import { locale, t } from "../i18n/language";
import type { Shape } from "./shape";

/** The chart as a table, newest first: for those who read it, copy it or cannot see the canvas. */
export function TrendTable({ shape, before, unit, zone, name }: { shape: Shape; before: readonly (number | null)[] | null; unit: string; zone: string; name: string }) {
  const open = useSignal(false);
  const say = (value: number | null | undefined): string => formatNumber(value, unit, locale());
  return (
    <details class="twin" onToggle={(event) => { open.value = event.currentTarget.open; }}>
      <summary>{t().trend_table}</summary>
      {open.value && (
        <div class="table-scroll trend-table" tabIndex={0} role="group" aria-label={t().trend_of(name)}>
          <table>
            <thead>
              <tr>
                <th scope="col">{t().trend_time}</th>
                <th scope="col" class="number">{t().trend_mean}{unit && ` (${unit})`}</th>
                <th scope="col" class="number">{t().trend_min}</th>
                <th scope="col" class="number">{t().trend_max}</th>
                {before !== null && <th scope="col" class="number">{t().trend_yesterday}</th>}
              </tr>
            </thead>
            <tbody>
              {shape.xs.map((_, index) => shape.xs.length - 1 - index).map((index) => (
                <tr key={shape.xs[index]}>
                  <th scope="row">{formatDate(shape.xs[index]! * 1000, "seconds", locale(), zone)}</th>
                  <td class="number">{say(shape.mean[index])}</td>
                  <td class="number">{say(shape.mean[index] === null ? null : shape.low[index])}</td>
                  <td class="number">{say(shape.mean[index] === null ? null : shape.high[index])}</td>
                  {before !== null && <td class="number">{say(before[index])}</td>}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </details>
  );
}
