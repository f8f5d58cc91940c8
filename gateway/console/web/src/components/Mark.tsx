import { t, word } from "../i18n/language";

export type MarkKind = "critical" | "high" | "medium" | "low" | "shelved" | "unknown" | "journal";

const SHAPES: Record<MarkKind, { path: string; letter: string; y: number }> = {
  critical: { path: "M12 1.6 22.4 12 12 22.4 1.6 12Z", letter: "A", y: 15.7 },
  high: { path: "M12 2 22.6 21.5H1.4Z", letter: "B", y: 18.8 },
  medium: { path: "M2.5 2.5h19v19h-19Z", letter: "C", y: 15.9 },
  low: { path: "M12 1.8a10.2 10.2 0 1 1 0 20.4 10.2 10.2 0 0 1 0-20.4Z", letter: "D", y: 15.8 },
  shelved: { path: "M12 1.8 22.4 9.4 18.4 21.6H5.6L1.6 9.4Z", letter: "P", y: 16.4 },
  unknown: { path: "M2.5 2.5h19v19h-19Z", letter: "?", y: 16 },
  journal: { path: "M2.5 7h19v10h-19Z", letter: "", y: 16 },
};

export const markName = (kind: MarkKind): string =>
  kind === "shelved" ? t().shelved : kind === "unknown" ? t().state_unknown : word("severity", kind);

/** Shape, letter and fill: any two may fail (grey print, colour blindness, small size), the third still tells. */
export function Mark({ kind, size = 20, name }: { kind: MarkKind; size?: number; name?: string | null }) {
  const shape = SHAPES[kind];
  const label = name === undefined ? markName(kind) : name;
  return (
    <svg class={`mark mark-${kind}`} viewBox="0 0 24 24" width={size} height={size}
      {...(label === null ? { "aria-hidden": true } : { role: "img", "aria-label": label })}>
      <path d={shape.path} class="mark-shape" />
      {kind === "unknown" && <path d="M2.5 9 9 2.5M2.5 17 17 2.5M4 21.5 21.5 4M12 21.5 21.5 12" class="mark-hatch" />}
      <text x="12" y={shape.y} text-anchor="middle" class="mark-letter">{shape.letter}</text>
    </svg>
  );
}

/** Open alerts by shape and number; nothing where there are none. */
export function Marks({ counts, size = 18 }: { counts: Record<string, number>; size?: number }) {
  const kinds: MarkKind[] = ["critical", "high", "medium", "low", "shelved"];
  return (
    <span class="marks">
      {kinds.filter((kind) => (counts[kind] ?? 0) > 0).map((kind) => (
        <span class="marks-one" key={kind}>
          <Mark kind={kind} size={size} name={t().open_alerts_of(markName(kind), counts[kind]!)} />
          <span aria-hidden="true">{counts[kind]}</span>
        </span>
      ))}
    </span>
  );
}
