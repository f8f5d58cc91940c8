/** Numbers, ages and times as people read them. Pure: the locale and the zone are handed in. */

/** Between a number and its unit: thin, and it never wraps. */
export const THIN = "\u202f";
export const MISSING = "–";

const formats = new Map<string, Intl.NumberFormat>();
const dates = new Map<string, Intl.DateTimeFormat>();

function numberFormat(locale: string, min: number, max: number): Intl.NumberFormat {
  const key = `${locale}/${min}/${max}`;
  let format = formats.get(key);
  if (format === undefined) {
    format = new Intl.NumberFormat(locale, { minimumFractionDigits: min, maximumFractionDigits: max });
    formats.set(key, format);
  }
  return format;
}

const FIXED: Record<string, number> = { "%": 1, V: 1, Hz: 2, "°C": 1, "kΩ": 0, "W/m²": 0, s: 1, MB: 0 };
const REGISTERS = new Set(["kWh", "kvarh", "kVAh"]);

/** How many decimals a number of this unit gets: power and current keep three significant digits. */
export function decimals(value: number, unit: string): { min: number; max: number } {
  if (REGISTERS.has(unit)) return { min: 0, max: 3 };
  const fixed = FIXED[unit];
  if (fixed !== undefined) return { min: fixed, max: fixed };
  if (unit === "" && Number.isInteger(value)) return { min: 0, max: 0 };
  const size = Math.abs(value);
  const places = size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2;
  return { min: places, max: places };
}

export function formatNumber(value: number | null | undefined, unit: string, locale: string): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return MISSING;
  const { min, max } = decimals(value, unit);
  const text = numberFormat(locale, min, max).format(value);
  return /^-[0.,]*$/.test(text) ? text.slice(1) : text.replace("-", "−");
}

/** A count, grouped as the language does. */
export const formatWhole = (n: number, locale: string): string => numberFormat(locale, 0, 0).format(n);

export function withUnit(value: number | null | undefined, unit: string, locale: string): string {
  const number = formatNumber(value, unit, locale);
  return unit === "" ? number : `${number}${THIN}${unit}`;
}

export type AgeUnit = "s" | "min" | "h" | "d";
export type Span = readonly { n: number; unit: AgeUnit }[];

/** One unit is enough for an age: 2 s, 4 min, 3 h, 2 d. */
export function ageOf(ms: number): { n: number; unit: AgeUnit } {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return { n: s, unit: "s" };
  if (s < 3600) return { n: Math.floor(s / 60), unit: "min" };
  if (s < 48 * 3600) return { n: Math.floor(s / 3600), unit: "h" };
  return { n: Math.floor(s / 86_400), unit: "d" };
}

/** At most two neighbouring units: 1 h 12 min, 2 d 3 h, 40 s. */
export function spanOf(ms: number): Span {
  const s = Math.max(0, Math.round(ms / 1000));
  const pair = (size: number, unit: AgeUnit, small: number, smallUnit: AgeUnit): Span => {
    const n = Math.floor(s / size);
    const rest = Math.floor((s % size) / small);
    return rest === 0 ? [{ n, unit }] : [{ n, unit }, { n: rest, unit: smallUnit }];
  };
  if (s < 60) return [{ n: s, unit: "s" }];
  if (s < 3600) return s < 600 ? pair(60, "min", 1, "s") : [{ n: Math.floor(s / 60), unit: "min" }];
  if (s < 86_400) return pair(3600, "h", 60, "min");
  return pair(86_400, "d", 3600, "h");
}

const DATE_PARTS: Record<string, Intl.DateTimeFormatOptions> = {
  time: { hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
  seconds: { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" },
  day: { month: "short", day: "numeric" },
  full: { year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" },
};
export type DateForm = "time" | "seconds" | "day" | "full";

export function formatDate(ms: number, form: DateForm, locale: string, zone: string): string {
  const key = `${locale}/${zone}/${form}`;
  let format = dates.get(key);
  if (format === undefined) {
    format = new Intl.DateTimeFormat(locale, { ...DATE_PARTS[form], timeZone: zone });
    dates.set(key, format);
  }
  return format.format(ms);
}

/** The time alone for today, else the day before it: `30 May 10:21`, `5月30日 10:21`. */
export function formatMoment(ms: number, nowMs: number, locale: string, zone: string): string {
  const time = formatDate(ms, "time", locale, zone);
  const day = formatDate(ms, "day", locale, zone);
  return day === formatDate(nowMs, "day", locale, zone) ? time : `${day} ${time}`;
}

/** `datetime-local` shows wall-clock time; these two turn it to and from UTC in the site's zone. */
export function toLocalInput(ms: number, zone: string): string {
  const parts = Object.fromEntries(
    new Intl.DateTimeFormat("en-CA", {
      timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
    }).formatToParts(ms).map((part) => [part.type, part.value]),
  );
  return `${parts["year"]}-${parts["month"]}-${parts["day"]}T${parts["hour"]}:${parts["minute"]}`;
}

export function fromLocalInput(text: string, zone: string): number | null {
  // Browsers make a date of almost anything; only what the input itself writes is a time.
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}$/.test(text)) return null;
  const asUtc = Date.parse(`${text}:00Z`);
  if (Number.isNaN(asUtc)) return null;
  let ms = asUtc;
  // Twice: the first guess may stand on the other side of a clock change.
  for (let round = 0; round < 2; round += 1) ms += asUtc - Date.parse(`${toLocalInput(ms, zone)}:00Z`);
  return ms;
}

/** A register's word as manuals print it, without the 0x. */
export const hex = (word: number): string => word.toString(16).toUpperCase().padStart(4, "0");
