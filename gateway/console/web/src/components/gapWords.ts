import { t, word } from "../i18n/language";

const EXCEPTIONS = new Set(["1", "2", "3", "4", "6"]);

/** Why there is no good data, in words; a Modbus exception by its number and, where the standard names it, its name. */
export function gapWords(reason: string): string {
  const code = /^exception_(\d+)$/.exec(reason)?.[1];
  if (code === undefined) return word("gap", reason);
  return EXCEPTIONS.has(code) ? t().gap_exception_named(code, word("exception", code)) : t().gap_exception(code);
}

const FORMS: readonly [RegExp, (found: RegExpExecArray) => string][] = [
  [/^not read yet$/, () => t().why_not_read],
  [/^no good reply \((.+)\)$/, ([, reason]) => t().why_no_reply(gapWords(reason!))],
  [/^the device says:? not available(?: \((0x[0-9A-F]+)\))?$/, ([, words]) => t().why_absent(words ?? "")],
  [/^(-?[\d.e+-]+) is outside (-?[\d.e+-]+)\.\.(-?[\d.e+-]+)$/, ([, value, low, high]) => t().why_outside(value!, low!, high!)],
  [/^(.+) is not among the known states$/, ([, value]) => t().why_unknown_state(value!)],
];

/** The gateway's reason why a point is not good, in the reader's words where we know its form. */
export function whyWords(why: string): { text: string; lang?: string } {
  for (const [form, say] of FORMS) {
    const found = form.exec(why);
    if (found !== null) return { text: say(found) };
  }
  const reason = gapWords(why);
  return reason === why ? { text: why, lang: "en" } : { text: reason };
}
