import { useEffect, useRef } from "preact/hooks";
import type { Problem } from "../api/http";
import { t, textOf, word } from "../i18n/language";
import { actsOf } from "./eventFields";
import { problemText } from "./States";
import { Words } from "./Words";

/** The name that the form gives the field, where it has one. */
function fieldName(where: string): string {
  const path = where.replace(/^body\./, "");
  const first = path.split(".")[0]!;
  const found = word("arg", first);
  return found === first ? path : found;
}

/** Why the desk said no, and what can be done instead. */
export function Refusal({ problem, event, onChoose }: { problem: Problem; event: string; onChoose: (event: string) => void }) {
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => ref.current?.focus(), [problem]);
  const { detail, title, allowed, texts, errors } = problem.document;
  const refused = problem.status === 409;
  const { forward, beside } = actsOf((allowed ?? []).filter((one) => one !== event));
  return (
    <div class="refusal" role="alert" tabIndex={-1} ref={ref}>
      <p class="refusal-title">{refused ? t().refused_title(word("event", event)) : problem.status === 422 ? t().invalid_title : t().error_title}</p>
      {refused && texts ? (
        <>
          <p><b><Words of={texts.title} /></b></p>
          {textOf(texts.detail).text !== textOf(texts.title).text && <p><Words of={texts.detail} /></p>}
        </>
      ) : !errors?.length && <p>{refused || problem.status === 422 ? (detail ?? title) : problemText(problem)}</p>}
      {errors && errors.length > 0 && (
        <ul>{errors.map((error) => <li key={error.where}><b>{fieldName(error.where)}</b> <span lang="en">{error.message}</span></li>)}</ul>
      )}
      {refused && forward.length + beside.length > 0 && (
        <p class="refusal-allowed">
          <span>{t().refused_allowed}</span>
          {[...forward, ...beside].map((one) => <button type="button" class="button" key={one} onClick={() => onChoose(one)}>{word("event", one)}</button>)}
        </p>
      )}
    </div>
  );
}
