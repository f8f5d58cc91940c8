import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Alert, FlowNode, Site } from "../api/types";
import { Empty } from "../components/States";
import type { MarkKind } from "../components/Mark";
import { withUnit } from "../format";
import { locale, t } from "../i18n/language";
import { openAlerts } from "../live/store";
import { layoutFlow, powerOf, type Layout, type Line } from "./layout";
import { NodeCard } from "./Node";
import { sentences } from "./sentences";

const NARROW = 640;
const RANKS: MarkKind[] = ["critical", "high", "medium", "low"];

/** The worst open alert of a part's devices that is not suppressed. */
function worstOf(node: FlowNode, alerts: readonly Alert[]): MarkKind | null {
  const devices = new Set([...(node.devices ?? []), ...(node.device === null ? [] : [node.device])]);
  const found = alerts.filter((alert) => devices.has(alert.device) && alert.suppressed === null).map((alert) => alert.severity);
  return RANKS.find((rank) => (found as string[]).includes(rank)) ?? null;
}

function Wire({ line }: { line: Line }) {
  const vertical = line.x1 === line.x2;
  const x = (line.x1 + line.x2) / 2;
  const y = (line.y1 + line.y2) / 2;
  const size = line.width / 2 + 6;
  const sign = line.toward * (vertical ? Math.sign(line.y2 - line.y1) : Math.sign(line.x2 - line.x1));
  const head = vertical
    ? `M${x - size} ${y - sign * size * 0.6}L${x} ${y + sign * size * 0.8}L${x + size} ${y - sign * size * 0.6}Z`
    : `M${x - sign * size * 0.6} ${y - size}L${x + sign * size * 0.8} ${y}L${x - sign * size * 0.6} ${y + size}Z`;
  return (
    <g class={line.unknown ? "wire wire-unknown" : line.toward === 0 ? "wire" : "wire wire-flowing"}>
      <line x1={line.x1} y1={line.y1} x2={line.x2} y2={line.y2} stroke-width={line.toward === 0 ? 2 : line.width} />
      {line.toward !== 0 && <path d={head} class="wire-head" />}
    </g>
  );
}

function Diagram({ layout, site, alerts, bus }: { layout: Layout; site: string; alerts: readonly Alert[]; bus: FlowNode | undefined }) {
  const residual = bus === undefined ? null : powerOf(bus);
  return (
    <div class="flow" style={{ height: `${layout.height}px` }}>
      <svg class="flow-lines" width={layout.width} height={layout.height} viewBox={`0 0 ${layout.width} ${layout.height}`} aria-hidden="true">
        {layout.lines.map((line) => <Wire key={line.id} line={line} />)}
        <line class="flow-bus" x1={layout.bus.x1} x2={layout.bus.x2} y1={layout.bus.y} y2={layout.bus.y} />
      </svg>
      {residual !== null && (
        <span class="flow-residual" title={t().residual_why} style={{ top: `${layout.bus.y}px`, left: `${layout.bus.x1}px` }}>
          {t().residual} <b>{withUnit(residual, "kW", locale())}</b>
        </span>
      )}
      {layout.boxes.map(({ node, x, y, width, height }) => (
        <div key={node.id} class="flow-box" style={{ left: `${x}px`, top: `${y}px`, width: `${width}px`, height: `${height}px` }}>
          <NodeCard node={node} site={site} worst={worstOf(node, alerts)} />
        </div>
      ))}
    </div>
  );
}

const ARROWS: Record<FlowNode["direction"], string> = { to_bus: "→", from_bus: "←", idle: "·", unknown: "?" };

function List({ nodes, site, alerts }: { nodes: readonly FlowNode[]; site: string; alerts: readonly Alert[] }) {
  return (
    <ul class="flow-list">
      {nodes.filter((node) => node.type !== "bus").map((node) => (
        <li key={node.id} class={`flow-row flow-row-${node.type}`}>
          <span class="flow-arrow" aria-hidden="true">{ARROWS[node.direction]}</span>
          <NodeCard node={node} site={site} worst={worstOf(node, alerts)} />
        </li>
      ))}
      {nodes.filter((node) => node.type === "bus" && powerOf(node) !== null).map((node) => (
        <li key={node.id} class="flow-row flow-row-residual">
          <span>{t().residual}</span><b class="tabular">{withUnit(powerOf(node), "kW", locale())}</b>
        </li>
      ))}
    </ul>
  );
}

/** Who makes and who takes power now. */
export function Flow({ site }: { site: Site }) {
  const ref = useRef<HTMLDivElement>(null);
  const width = useSignal(0);
  useLayoutEffect(() => {
    const element = ref.current;
    if (element === null) return undefined;
    width.value = element.clientWidth;
    const watch = new ResizeObserver(() => {
      width.value = element.clientWidth;
    });
    watch.observe(element);
    return () => watch.disconnect();
  }, []);
  const nodes = site.flow.nodes;
  const alerts = [...openAlerts.value.values()].filter((alert) => alert.site === site.id);
  const parts = nodes.filter((node) => node.type !== "bus");
  return (
    <div class="flow-frame">
      <div ref={ref}>
        {parts.length === 0 ? <Empty title={t().flow_none} />
          : width.value === 0 ? null
          : width.value < NARROW ? <List nodes={nodes} site={site.id} alerts={alerts} />
          : <Diagram layout={layoutFlow(nodes, width.value)} site={site.id} alerts={alerts} bus={nodes.find((node) => node.type === "bus")} />}
      </div>
      {parts.length > 0 && (
        <details class="twin">
          <summary>{t().flow_text}</summary>
          <ul>{sentences(nodes).map((line) => <li key={line}>{line}</li>)}</ul>
        </details>
      )}
    </div>
  );
}
