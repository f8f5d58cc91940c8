import type { Problem } from "../api/http";
import { problemText } from "../components/States";
import { e, entryWord } from "../i18n/entry";

/** Why the gateway said no, in our own words where we have some. */
export function whyRefused(problem: Problem): string {
  const { guard, errors } = problem.document;
  if (problem.status === 409 && guard !== undefined) return entryWord("refused", guard);
  if (problem.status === 422 && errors !== undefined && errors.length > 0) {
    const words: Record<string, string> = {
      "body.user": e().name_wrong, "body.password": e().password_weak, "body.units": e().scan_units_wrong, "body.bus": e().refused_no_bus,
    };
    return errors.map((error) => words[error.where] ?? error.message).join(" ");
  }
  return problemText(problem);
}
