import { t, word } from "../i18n/language";

const EXCEPTIONS = new Set(["1", "2", "3", "4", "6"]);

/** Why there is no good data, in words; a Modbus exception by its number and, where the standard names it, its name. */
export function gapWords(reason: string): string {
  const code = /^exception_(\d+)$/.exec(reason)?.[1];
  if (code === undefined) return word("gap", reason);
  return EXCEPTIONS.has(code) ? t().gap_exception_named(code, word("exception", code)) : t().gap_exception(code);
}
