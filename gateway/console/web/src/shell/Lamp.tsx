import { ageText } from "../components/Age";
import { formatDate } from "../format";
import { locale, t } from "../i18n/language";
import { heardAt, link, now } from "../live/link";
import { siteIds, siteSignal } from "../live/store";

const LATE_AFTER_MS = 10_000;

/** How old what one sees is, in words. Only trouble has colour; the state is also a shape. */
export function Lamp({ site, zone }: { site: string | null; zone: string }) {
  const ids = site === null ? (siteIds.value ?? []) : [site];
  const stamps = ids.map((id) => siteSignal(id).value?.ts).filter((ts): ts is number => typeof ts === "number");
  const ageMs = stamps.length === 0 ? null : now.value - Math.max(...stamps);
  const state = link.value === "live" && ageMs !== null && ageMs > LATE_AFTER_MS ? "late" : link.value;
  const age = ageMs === null ? t().never : ageText(ageMs);
  const text =
    state === "lost" ? t().lamp_lost(heardAt.value === null ? "–" : formatDate(heardAt.value, "seconds", locale(), zone))
    : state === "connecting" ? t().lamp_connecting
    : state === "late" ? t().lamp_late(age)
    : t().lamp_live(age);
  return <span class={`lamp lamp-${state}`}><span class="lamp-dot" aria-hidden="true" /><span>{text}</span></span>;
}
