import type { Ticket } from "../api/types";
import { t } from "../i18n/language";
import { checklistOf } from "./checklist";
import { Words } from "./Words";

const asText = (answer: unknown): string =>
  answer === true ? "yes" : answer === false ? "no" : answer === undefined || answer === null ? "" : String(answer);

/** The questions of the ticket's checklist inside the report. */
export function ChecklistFields({ ticket }: { ticket: Ticket }) {
  const list = checklistOf(ticket);
  if (list === null || list.items.length === 0) return null;
  return (
    <fieldset class="field checklist-fields">
      <legend>{t().checklist} {list.name}</legend>
      {list.items.map((item) => {
        const name = `item.${item.id}`;
        const given = asText(list.answers[item.id]);
        const required = item.mandatory === true;
        return (
          <label class="checklist-field" key={item.id}>
            <span><Words of={item.text} />{required && <span class="muted"> ({t().mandatory})</span>}</span>
            {item.kind === "yes_no" ? (
              <select name={name} required={required}>
                <option value="">{t().choose}</option>
                <option value="yes" selected={given === "yes"}>{t().answer_yes}</option>
                <option value="no" selected={given === "no"}>{t().answer_no}</option>
                <option value="n/a" selected={given === "n/a"}>{t().answer_na}</option>
              </select>
            ) : (
              <span class="with-unit">
                <input name={name} required={required} defaultValue={given} {...(item.kind === "number" ? { inputMode: "decimal" as const, type: "number", step: "any" } : {})}
                  {...(item.kind === "photo" ? { placeholder: t().photo_hint } : {})} />
                {item.unit && <span class="muted">{item.unit}</span>}
              </span>
            )}
          </label>
        );
      })}
    </fieldset>
  );
}
