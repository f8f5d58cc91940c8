import { useSignal } from "@preact/signals";
import { t } from "../i18n/language";
import { Icon } from "./Icon";

/** Rows of what was measured, each with its unit and its instrument. */
export function Measurements() {
  const rows = useSignal<number[]>([0]);
  const columns = [["name", t().arg_name], ["value", t().arg_value], ["unit", t().arg_unit], ["instrument", t().arg_instrument]] as const;
  return (
    <fieldset class="field measurements">
      <legend>{t().arg_measurements}</legend>
      {rows.value.map((row, at) => (
        <div class="measurement" key={row} role="group" aria-label={`${t().arg_measurement} ${at + 1}`}>
          {columns.map(([name, label]) => (
            <input key={name} class={`measurement-${name}`} name={`measurement.${name}`} aria-label={label} placeholder={label}
              {...(name === "value" ? { type: "number", step: "any", inputMode: "decimal" as const } : {})} />
          ))}
          <button type="button" class="icon-button" aria-label={t().arg_remove} onClick={() => { rows.value = rows.value.filter((other) => other !== row); }}><Icon name="close" size={16} /></button>
        </div>
      ))}
      <button type="button" class="button" onClick={() => { rows.value = [...rows.value, (rows.value.at(-1) ?? 0) + 1]; }}>{t().arg_add_measurement}</button>
    </fieldset>
  );
}
