import { ageOf, formatDate, formatMoment, formatWhole, spanOf } from "../format";
import { locale, t } from "../i18n/language";
import { now } from "../live/link";

export function ageText(ms: number): string {
  const { n, unit } = ageOf(ms);
  return t()[`age_${unit}`](formatWhole(n, locale()));
}

export function spanText(ms: number): string {
  return spanOf(ms).map(({ n, unit }) => t()[`age_${unit}`](formatWhole(n, locale()))).join(" ");
}

/** How old a reading is by its own time, never by when it arrived. */
export function Age({ ts }: { ts: number | null | undefined }) {
  if (ts === null || ts === undefined) return <span class="age muted">{t().never}</span>;
  return <span class="age">{ageText(now.value - ts)}</span>;
}

export const momentText = (ms: number, zone: string): string => formatMoment(ms, now.peek(), locale(), zone);

export function Moment({ ts, zone }: { ts: number; zone: string }) {
  return (
    <time class="moment" dateTime={new Date(ts).toISOString()} title={formatDate(ts, "full", locale(), zone)}>
      {momentText(ts, zone)}
    </time>
  );
}
