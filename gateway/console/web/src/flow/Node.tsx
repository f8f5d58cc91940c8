import type { FlowNode } from "../api/types";
import { Icon, type IconName } from "../components/Icon";
import { Mark, type MarkKind } from "../components/Mark";
import { QualityLetter } from "../components/Reading";
import { formatNumber, MISSING, THIN } from "../format";
import { locale, t } from "../i18n/language";
import { deviceUrl } from "../route";
import { powerOf } from "./layout";
import { nodeName } from "./sentences";

const ICONS: Record<FlowNode["type"], IconName> = {
  grid: "grid", main_meter: "meter", bus: "bus", pv: "pv", battery: "battery", charging: "charger", load: "load", sub_meter: "meter",
};

/** Which way, in a word; the sign of the number is left to the arrow. */
function directionWord(node: FlowNode): string {
  const words = t();
  const kw = powerOf(node);
  if (kw === null) return "";
  if (node.type === "grid" || node.type === "main_meter") return node.direction === "idle" ? words.idle : kw > 0 ? words.import : words.export;
  if (node.type === "battery") return node.direction === "idle" ? words.idle : kw > 0 ? words.charge : words.discharge;
  return "";
}

function detail(node: FlowNode): string {
  const words = t();
  const parts = [directionWord(node)];
  if (node.type === "charging" && node.connectors !== undefined) parts.push(words.in_use(node.busy ?? 0, node.connectors));
  if (node.type === "pv" && node.devices) {
    const answering = node.answering ?? node.devices.length;
    parts.push(answering < node.devices.length ? words.units_answering(answering, node.devices.length) : words.units(answering));
  }
  if (node.type === "load" && node.devices && node.devices.length > 0) parts.push(words.sub_meters_count(node.devices.length));
  return parts.filter((part) => part !== "").join(" · ");
}

export function NodeCard({ node, site, worst }: { node: FlowNode; site: string; worst: MarkKind | null }) {
  const kw = powerOf(node);
  const soc = node.soc_pct?.value;
  const only = node.device ?? (node.devices?.length === 1 ? node.devices[0] : undefined);
  const content = (
    <>
      <span class="node-head">
        <Icon name={ICONS[node.type]} size={node.type === "sub_meter" ? 16 : 18} />
        <span class="node-name">{nodeName(node)}</span>
        {worst && <Mark kind={worst} size={18} />}
      </span>
      <span class={`node-value${kw === null ? " node-missing" : ""}`}>
        {kw === null ? MISSING : formatNumber(Math.abs(kw), "kW", locale())}
        {kw !== null && <span class="node-unit">{THIN}{"kW"}</span>}
        {node.power && <QualityLetter quality={node.power.quality} />}
      </span>
      {node.type === "battery" && typeof soc === "number" ? (
        <span class="node-detail">
          {directionWord(node)}
          <span class="soc" aria-hidden="true"><span class="soc-fill" style={{ width: `${Math.max(0, Math.min(100, soc))}%` }} /></span>
          <span>{formatNumber(soc, "%", locale())}{THIN}{"%"}</span>
        </span>
      ) : node.type === "sub_meter" ? null : <span class="node-detail">{detail(node)}</span>}
    </>
  );
  const shape = `node node-${node.type}${kw === null ? " node-unknown" : ""}`;
  return only === undefined
    ? <div class={shape}>{content}</div>
    : <a class={shape} href={deviceUrl(site, only)}>{content}</a>;
}
