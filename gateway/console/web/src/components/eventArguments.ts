import { fromLocalInput } from "../format";
import type { Field } from "./eventFields";

/** The form's texts as the arguments of the event; what is left empty is left out. */
export function argumentsOf(fields: readonly Field[], form: FormData, zone: string, items: readonly { id: string; kind: string }[]): Record<string, unknown> {
  const text = (name: string): string => String(form.get(name) ?? "").trim();
  const found: Record<string, unknown> = {};
  for (const field of fields) {
    switch (field.type) {
      case "file":
        break;
      case "safety":
        found["safety"] = { isolated: form.get("isolated") !== null, gas_quiet: form.get("gas_quiet") !== null };
        break;
      case "checklist":
        found["checklist"] = checklistAnswers(form, items);
        break;
      case "measurements":
        found["measurements"] = measurements(form);
        break;
      case "time": {
        const ms = fromLocalInput(text(field.name), zone);
        if (ms !== null) found[field.name] = ms;
        break;
      }
      default: {
        const value = text(field.name);
        if (value !== "") found[field.name] = field.name === "score" ? Number(value) : value;
      }
    }
  }
  return found;
}

function checklistAnswers(form: FormData, items: readonly { id: string; kind: string }[]): Record<string, unknown> {
  const answers: Record<string, unknown> = {};
  for (const { id, kind } of items) {
    const given = String(form.get(`item.${id}`) ?? "").trim();
    if (given === "") continue;
    if (kind === "number") answers[id] = Number(given);
    else if (kind === "yes_no" && (given === "yes" || given === "no")) answers[id] = given === "yes";
    else answers[id] = given;
  }
  return answers;
}

function measurements(form: FormData): { name: string; value: number; unit: string; instrument: string }[] {
  const column = (name: string): string[] => form.getAll(`measurement.${name}`).map((value) => String(value).trim());
  const [names, values, units, instruments] = [column("name"), column("value"), column("unit"), column("instrument")];
  return names.flatMap((name, index) => {
    const value = Number(values[index]);
    return name === "" || values[index] === "" || !Number.isFinite(value) ? [] : [{ name, value, unit: units[index] ?? "", instrument: instruments[index] ?? "" }];
  });
}
