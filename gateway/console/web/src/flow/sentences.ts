import type { FlowNode } from "../api/types";
import { withUnit } from "../format";
import { locale, t } from "../i18n/language";
import { powerOf } from "./layout";

export function nodeName(node: FlowNode): string {
  switch (node.type) {
    case "grid": return t().grid;
    case "main_meter": return t().main_meter;
    case "bus": return t().bus;
    case "pv": return t().pv;
    case "battery": return t().storage;
    case "charging": return t().chargers;
    case "load": return t().loads;
    case "sub_meter": return node.device ?? node.id;
  }
}

/** What the picture says, in words: one sentence for each part. */
export function sentences(nodes: readonly FlowNode[]): string[] {
  const words = t();
  return nodes.flatMap((node) => {
    if (node.type === "main_meter") return [];
    const kw = powerOf(node);
    if (kw === null) return node.type === "bus" ? [] : [words.flow_unknown(nodeName(node))];
    const size = withUnit(Math.abs(kw), "kW", locale());
    const idle = node.direction === "idle" || node.direction === "unknown";
    switch (node.type) {
      case "grid": return [idle ? words.flow_grid_idle : kw > 0 ? words.flow_importing(size) : words.flow_exporting(size)];
      case "pv": return [idle ? words.flow_pv_idle : words.flow_pv(size)];
      case "battery": return [idle ? words.flow_battery_idle : kw > 0 ? words.flow_charging(size) : words.flow_discharging(size)];
      case "charging": return [words.flow_chargers(size)];
      case "load": return [words.flow_loads(size)];
      case "bus": return [words.flow_residual(withUnit(kw, "kW", locale()))];
      case "sub_meter": return [`${nodeName(node)}: ${withUnit(kw, "kW", locale())}`];
    }
  });
}
