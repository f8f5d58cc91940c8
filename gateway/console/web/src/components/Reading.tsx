import type { Quality, Value } from "../api/types";
import { formatNumber, MISSING, THIN } from "../format";
import { locale, t, word } from "../i18n/language";

/** What the device itself does not have (absent) is no fault: its dash says enough. */
const LETTERS: Record<Quality, string> = { good: "", uncertain: "U", substituted: "E", stale: "S", bad: "B", absent: "" };

export function QualityLetter({ quality, clockUnsure = false }: { quality: Quality; clockUnsure?: boolean }) {
  const letter = LETTERS[quality] || (clockUnsure ? "T" : "");
  if (letter === "") return null;
  const name = letter === "T" ? t().quality_time : word("quality", quality);
  return <abbr class={`quality quality-${letter}`} title={name}>{letter}</abbr>;
}

export function valueText(value: Value | undefined, unit: string, state?: (value: string) => string): string {
  if (value === null || value === undefined) return MISSING;
  if (typeof value === "number") return formatNumber(value, unit, locale());
  if (typeof value === "boolean") return value ? t().answer_yes : t().answer_no;
  return state ? state(value) : value;
}

/** A number with its unit and its quality. Missing is a dash; a stale number stays, muted. */
export function Reading({ value, unit, quality, last, big = false, clockUnsure = false }: {
  value: Value | undefined; unit: string | null; quality: Quality; last?: Value | undefined; big?: boolean; clockUnsure?: boolean;
}) {
  const shown = value ?? last ?? null;
  const trusted = value !== null && value !== undefined;
  const text = valueText(shown, unit ?? "", (state) => word("point_state", state));
  return (
    <span class={`reading${big ? " reading-big" : ""}${trusted ? "" : " reading-muted"}`}>
      <span class="reading-number">{text}</span>
      {unit && text !== MISSING && <span class="reading-unit">{THIN}{unit}</span>}
      <QualityLetter quality={quality} clockUnsure={clockUnsure} />
    </span>
  );
}
