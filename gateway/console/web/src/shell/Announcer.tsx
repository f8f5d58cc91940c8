import { useSignal, useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";
import { markName } from "../components/Mark";
import { t, textOf } from "../i18n/language";
import { alertNews } from "../live/store";

/** Says a new critical or high alert once to a screen reader; numbers never. */
export function Announcer() {
  const said = useRef(new Set<string>());
  const text = useSignal("");
  useSignalEffect(() => {
    const alert = alertNews.value;
    if (alert === null || alert.state !== "active" || alert.suppressed !== null || said.current.has(alert.id)) return;
    if (alert.severity !== "critical" && alert.severity !== "high") return;
    said.current.add(alert.id);
    if (alert.acknowledged === null) text.value = t().new_alert_said(markName(alert.severity), textOf(alert.title).text, alert.device);
  });
  return <div class="hidden" role="status" aria-live="assertive">{text.value}</div>;
}
