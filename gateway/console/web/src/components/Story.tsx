import type { AlertStory, Device, RuleText } from "../api/types";
import { locale, t, word } from "../i18n/language";
import { deviceUrl } from "../route";
import { formatNumber } from "../format";
import { Age, Moment, spanText } from "./Age";
import { Reading, valueText } from "./Reading";
import { Words } from "./Words";

/** The rule in words first, then as it is written. */
export function RuleWords({ rule }: { rule: RuleText }) {
  const params = Object.entries(rule.params);
  return (
    <dl class="rule">
      <div class="rule-action"><dt>{t().story_action}</dt><dd><Words of={rule.action} /></dd></div>
      <div><dt>{t().story_cause}</dt><dd><Words of={rule.cause} /></dd></div>
      <div><dt>{t().story_consequence}</dt><dd><Words of={rule.consequence} /></dd></div>
      <div><dt>{t().story_condition}</dt><dd><code>{rule.when}</code>{rule.for_ms > 0 && <span class="muted"> {t().story_held} {spanText(rule.for_ms)}</span>}</dd></div>
      {rule.clear && <div><dt>{t().story_clear}</dt><dd><code>{rule.clear}</code>{rule.clear_for_ms > 0 && <span class="muted"> {t().story_held} {spanText(rule.clear_for_ms)}</span>}</dd></div>}
      {params.length > 0 && (
        <div><dt>{t().story_params}</dt><dd class="rule-params">
          {params.map(([name, value]) => <code key={name}>{`${name} = ${typeof value === "number" ? formatNumber(value, "", locale()) : valueText(value, "")}`}</code>)}
        </dd></div>
      )}
    </dl>
  );
}

/** What the rule looks at: then, and now as the device says it. */
export function InputsTable({ alert, device, zone }: { alert: AlertStory; device: Device | null; zone: string }) {
  const names = [...new Set([...alert.inputs.map((input) => input.point), ...Object.keys(alert.values)])];
  return (
    <table class="inputs">
      <thead>
        <tr>
          <th scope="col">{t().point}</th>
          <th scope="col" class="number">{t().value_then} <Moment ts={alert.since} zone={zone} /></th>
          <th scope="col" class="number">{t().value_now}</th>
          <th scope="col" class="number">{t().age}</th>
        </tr>
      </thead>
      <tbody>
        {names.map((name) => {
          const input = alert.inputs.find((one) => one.point === name);
          const point = device?.points[name];
          const unit = input?.unit ?? point?.unit ?? "";
          return (
            <tr key={name}>
              <th scope="row">
                {input ? <a href={`${deviceUrl(alert.site, alert.device)}?p=${encodeURIComponent(name)}`}><Words of={input.label} /></a> : name}
              </th>
              <td class="number">{name in alert.values ? <Reading value={alert.values[name]} unit={unit} quality="good" /> : "–"}</td>
              <td class="number">{point ? <Reading value={point.value} unit={unit} quality={point.quality} last={point.last?.value} /> : "–"}</td>
              <td class="number muted">{point ? <Age ts={point.last?.ts ?? point.ts} /> : "–"}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

/** A word for each moment: an alert's state, or what somebody or something did with it. */
const happened = (what: string): string => {
  const found = word("moment", what);
  return found === what ? word("alert_state", what) : found;
};

export function Timeline({ alert, zone }: { alert: AlertStory; zone: string }) {
  return (
    <ol class="timeline">
      {[...alert.timeline].reverse().map((moment) => (
        <li key={`${moment.ts}${moment.what}`}>
          <Moment ts={moment.ts} zone={zone} />
          <span>
            <b>{happened(moment.what)}</b>
            {moment.severity && moment.what === "active" && <span> · {word("severity", moment.severity)}</span>}
            {moment.by && <span class="muted"> · {moment.by}</span>}
            {moment.note && <span class="muted"> · {moment.note}</span>}
          </span>
        </li>
      ))}
    </ol>
  );
}
