import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { formatDate, formatNumber } from "../format";
import type { Shape } from "./shape";

const INCREMENTS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 14_400, 21_600, 43_200, 86_400];

interface Colors { text: string; line: string; band: string; grid: string; hatch: string }

/** The tokens as the canvas needs them: `light-dark()` resolved by the element itself. */
function colorsOf(element: HTMLElement): Colors {
  const probe = document.createElement("span");
  element.append(probe);
  const read = (name: string): string => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const colors = { text: read("--muted"), line: read("--trend"), band: read("--trend-band"), grid: read("--hair"), hatch: read("--line") };
  probe.remove();
  return colors;
}

function hatch(color: string, ratio: number): CanvasPattern | string {
  const tile = document.createElement("canvas");
  const size = Math.round(8 * ratio);
  tile.width = size;
  tile.height = size;
  const pen = tile.getContext("2d")!;
  pen.strokeStyle = color;
  pen.globalAlpha = 0.55;
  pen.lineWidth = ratio;
  for (const shift of [-size, 0, size]) {
    pen.beginPath();
    pen.moveTo(shift, size);
    pen.lineTo(shift + size, 0);
    pen.stroke();
  }
  return pen.createPattern(tile, "repeat") ?? color;
}

function draw(plot: uPlot, shape: Shape, colors: Colors, before: boolean): void {
  const { ctx } = plot;
  const { left, top, width, height } = plot.bbox;
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top, width, height);
  ctx.clip();
  if (before) {
    ctx.fillStyle = hatch(colors.hatch, devicePixelRatio);
    for (const hole of shape.holes) {
      const x1 = plot.valToPos(hole.from / 1000, "x", true);
      const x2 = plot.valToPos(hole.to / 1000, "x", true);
      ctx.fillRect(x1, top, Math.max(1, x2 - x1), height);
    }
  } else {
    ctx.fillStyle = colors.line;
    for (const index of shape.lone) {
      const x = plot.valToPos(shape.xs[index]!, "x", true);
      const y1 = plot.valToPos(shape.high[index]!, "y", true);
      const y2 = plot.valToPos(shape.low[index]!, "y", true);
      ctx.fillRect(x - devicePixelRatio, y1 - devicePixelRatio, 2 * devicePixelRatio, y2 - y1 + 2 * devicePixelRatio);
    }
  }
  ctx.restore();
}

export interface ChartProps {
  shape: Shape; before: readonly (number | null)[] | null; from: number; to: number; unit: string; locale: string; zone: string; theme: string;
  onCursor: (index: number | null) => void;
}

/** The canvas alone; what it says in words stands beside it. */
export default function Chart({ shape, before, from, to, unit, locale, zone, theme, onCursor }: ChartProps) {
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = ref.current;
    if (element === null) return undefined;
    const colors = colorsOf(element);
    const font = `12px ${getComputedStyle(element).fontFamily}`;
    const wide = to - from > 12 * 3_600_000;
    const form = to - from < 600_000 ? "seconds" : "time";
    const options: uPlot.Options = {
      width: element.clientWidth,
      height: element.clientHeight,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
      scales: { x: { time: true, range: [from / 1000, to / 1000] } },
      axes: [
        {
          stroke: colors.text, font, grid: { stroke: colors.grid, width: 1 }, ticks: { show: false }, space: wide ? 90 : 70, incrs: INCREMENTS_S,
          values: (_, ticks) => ticks.map((s) => formatDate(s * 1000, form, locale, zone)),
        },
        {
          stroke: colors.text, font, grid: { stroke: colors.grid, width: 1 }, ticks: { show: false }, size: 54,
          values: (_, ticks) => {
            const step = Math.abs((ticks[1] ?? 1) - (ticks[0] ?? 0));
            let places = 0;
            while (places < 4 && Math.abs(step * 10 ** places - Math.round(step * 10 ** places)) > 1e-6) places += 1;
            return ticks.map((tick) => new Intl.NumberFormat(locale, { maximumFractionDigits: places }).format(tick));
          },
        },
      ],
      series: [
        {},
        { stroke: "transparent", points: { show: false } },
        { stroke: "transparent", points: { show: false } },
        { stroke: colors.line, width: 1.75, points: { show: false }, value: (_, value) => formatNumber(value, unit, locale) },
        ...(before === null ? [] : [{ stroke: colors.text, width: 1.25, dash: [6, 4], points: { show: false } }]),
      ],
      bands: [{ series: [1, 2], fill: colors.band }],
      hooks: {
        drawClear: [(plot) => draw(plot, shape, colors, true)],
        draw: [(plot) => draw(plot, shape, colors, false)],
        setCursor: [(plot) => onCursor(plot.cursor.idx ?? null)],
      },
    };
    const plot = new uPlot(options, [shape.xs, shape.high, shape.low, shape.mean, ...(before === null ? [] : [[...before]])], element);
    const watch = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: element.clientHeight }));
    watch.observe(element);
    return () => {
      watch.disconnect();
      plot.destroy();
    };
  }, [shape, before, from, to, unit, locale, zone, theme]);
  return <div class="chart" ref={ref} aria-hidden="true" />;
}
