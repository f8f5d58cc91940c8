import { MISSING, THIN } from "../format";
import { locale } from "../i18n/language";

/** A figure about the gateway or the shift, with its unit; three digits of what is no whole number. */
export function amount(value: number | null | undefined, unit = ""): string {
  if (value === null || value === undefined) return MISSING;
  const shown = value.toLocaleString(locale(), Number.isInteger(value) ? {} : { maximumSignificantDigits: 3 });
  return unit === "" ? shown : `${shown}${THIN}${unit}`;
}
