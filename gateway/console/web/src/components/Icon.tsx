/** Line drawings, 24 x 24. They never stand alone: a word or a label is always beside them. */
const DRAWINGS = {
  sites: "M3 21V10l9-6 9 6v11M3 21h18M9 21v-6h6v6",
  alerts: "M12 3.5 21.5 20h-19ZM12 10v4.5M12 17.2v.3",
  tickets: "M5 3.5h14v17H5ZM8.5 8.5h7M8.5 12.5h7M8.5 16.5h4",
  grid: "M12 3v18M7 21l5-18 5 18M5 8h14M6.5 12.5h11M5 8v2M19 8v2",
  pv: "M5 5h14l2.5 11h-19ZM12 5v11M4 10.5h16M12 16v4M8 20h8",
  battery: "M3 7h16v10H3ZM19 10h2.5v4H19M7 10v4M11 10v4",
  charger: "M5 21V4h9v17M3.5 21h12M7.5 7.5h4M14 11h2.5V17a1.8 1.8 0 0 0 3.6 0V9.5L17.5 7",
  meter: "M4 4h16v16H4ZM8 15a4.5 4.5 0 1 1 8 0M12 13l2.2-3",
  load: "M3 21V11l9-7 9 7v10ZM13 9l-3.5 5h4L11 18.5",
  weather: "M12 7.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9ZM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4",
  gateway: "M4 13h16v7H4ZM8 16.5h.2M12 16.5h4M12 13V9M8.5 8a5 5 0 0 1 7 0M6 5.4a8.6 8.6 0 0 1 12 0",
  bus: "M3 12h18M7 12V7M12 12v5M17 12V7M5 3.5h4V7H5ZM10 17h4v3.5h-4ZM15 3.5h4V7h-4Z",
  warning: "M12 3.5 21.5 20h-19ZM12 10v4.5M12 17.2v.3",
  user: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4 21a8 8 0 0 1 16 0",
  sun: "M12 7.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9ZM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5Z",
  auto: "M12 3a9 9 0 1 0 0 18ZM12 3a9 9 0 0 1 0 18",
  keyboard: "M3 6h18v12H3ZM6.5 9.5h.2M10 9.5h.2M13.5 9.5h.2M17 9.5h.2M6.5 14.5h11",
  out: "M14 4H5v16h9M10 12h11M17 8l4 4-4 4",
  handover: "M4 12h13M12 6l6 6-6 6M20 4v16",
  bell: "M6 17V11a6 6 0 0 1 12 0v6l2 2H4ZM10 21h4",
  trend: "M3 20h18M4 15l5-5 4 4 7-8",
  wall: "M3 4h18v12H3ZM9 20h6M12 16v4",
  more: "M5 12h.2M12 12h.2M19 12h.2",
  pause: "M9 5v14M15 5v14",
  right: "m9 5 7 7-7 7",
  left: "m15 5-7 7 7 7",
  file: "M6 3h8l4 4v14H6ZM14 3v4h4",
  find: "M10.5 4a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13ZM15.5 15.5 21 21",
  check: "m4.5 12.5 5 5 10-11",
  close: "m6 6 12 12M18 6 6 18",
} as const;
export type IconName = keyof typeof DRAWINGS;

export const iconOfKind = (kind: string): IconName =>
  kind === "inverter" ? "pv" : kind in DRAWINGS ? (kind as IconName) : "meter";

export function Icon({ name, size = 20 }: { name: IconName; size?: number }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" width={size} height={size} aria-hidden="true">
      <path d={DRAWINGS[name]} />
    </svg>
  );
}
